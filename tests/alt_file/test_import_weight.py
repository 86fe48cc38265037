"""Importing the input room stays cheap."""

from __future__ import annotations

import subprocess
import sys


def test_importing_and_parsing_json_load_no_heavy_package() -> None:
    code = (
        "import sys; from altlas_runner.alt_file import AltParser, create_sample_alt_file, alt_file_schema;"
        "alt_file_schema(); AltParser().validate(create_sample_alt_file());"
        "print(*{'aiohttp', 'jinja2', 'jsonschema', 'graphviz', 'click', 'rich', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
