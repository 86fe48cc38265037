"""Importing the package costs next to nothing: the heavy libraries are loaded when they are needed."""

import subprocess
import sys

import pytest

HEAVY = {"aiohttp", "jinja2", "jsonschema", "graphviz", "click", "rich", "yaml", "xllamacpp", "pydantic_settings"}
HEAVY |= {"prometheus_client"}


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import altlas_runner", set()),
        ("from altlas_runner import AltParser, validate_alt_file, TaskManager, TaskResult, LastFile", set()),
        ("from altlas_runner import AiServiceConfig, AiServiceClient, LastFileGenerator", set()),
        ("import altlas_runner.capi, altlas_runner.ffi", set()),
        ("from altlas_runner import Runner, RunnerConfig", {"pydantic_settings"}),
        ("import altlas_runner.server", {"pydantic_settings", "aiohttp"}),
        ("from altlas_runner.cli.main import all_commands; all_commands()", {"pydantic_settings", "click"}),
    ],
)
def test_importing_loads_no_heavy_library(statement: str, allowed: set[str]) -> None:
    code = f"import sys; {statement}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert HEAVY.intersection(loaded) <= allowed


def test_the_bare_import_loads_not_even_pydantic() -> None:
    code = "import sys, altlas_runner; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_public_name_can_be_imported() -> None:
    import altlas_runner

    for name in altlas_runner.__all__:
        assert getattr(altlas_runner, name) is not None
    assert set(altlas_runner.__all__) <= set(dir(altlas_runner))


def test_an_unknown_name_is_an_attribute_error() -> None:
    import altlas_runner

    with pytest.raises(AttributeError, match="no attribute 'Alt'"):
        _ = altlas_runner.Alt
