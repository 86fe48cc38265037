"""`last-file.schema.json`: published, and what every bundle of these tests is held against (tests/conftest.py)."""

import json
from importlib.resources import files
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator, ValidationError

from altlas_runner.cli.schema import schema
from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.json_schema import last_file_schema, schema_text
from tests.last_file.bundles import validator
from tests.last_file.fabricate import broken_diamond, gathered


def document(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gathered(*broken_diamond()).to_json())
    return {**found, **changes}


def test_the_published_schema_is_up_to_date() -> None:
    published = files("altlas_runner.last_file").joinpath("last-file.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "write the output of altlas_runner.last_file.json_schema.schema_text() into it"


def test_the_command_prints_the_schemas_of_both_kinds_of_files() -> None:
    assert json.loads(CliRunner().invoke(schema, ["--last"]).stdout) == last_file_schema()
    assert json.loads(CliRunner().invoke(schema, []).stdout)["title"] == "ALT file"


def test_the_schema_is_a_schema_and_accepts_what_is_written() -> None:
    Draft202012Validator.check_schema(last_file_schema())
    validator().validate(document())


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "2.0"},
        {"version": 1},
        {"status": "fine"},
        {"success_rate": 1.5},
        {"total_execution_time_ms": -1},
        {"task_results": [{"task_id": "a"}]},
        {"task_results": [{"task_id": "a", "status": "well"}]},
        {"task_results": [{"task_id": "a", "status": "completed", "artifacts": [{"id": "x"}]}]},
        {"metadata": None},
        {"id": None},
    ],
)
def test_what_the_schema_refuses_is_not_read_either(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validator().validate(document(**changes))
    with pytest.raises(BundleError):
        LastFile.from_json(json.dumps(document(**changes)))
