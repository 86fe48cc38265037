"""Importing the room costs little: what only bundles need is loaded when a bundle is made."""

import subprocess
import sys


def test_importing_the_room_loads_neither_jinja2_nor_graphviz() -> None:
    program = (
        "import sys, altlas_runner.last_file as room; room.LastFile, room.LastFileGenerator, room.render_report; "
        "heavy = {'jinja2', 'markupsafe', 'graphviz', 'aiohttp', 'jsonschema', 'click', 'rich'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
