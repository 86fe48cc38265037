"""What the functions mean: those of the original, and the validator beside them."""

import json
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import AltParser, LastFile, __version__
from tests.capi.client import CallFailedError, Client

pytestmark = pytest.mark.slow

FLOW = {
    "id": "flow",
    "title": "Two",
    "tasks": [
        {"id": "a", "description": "first"},
        {"id": "b", "description": "second", "dependencies": ["a"]},
    ],
}


def flow(**fields: Any) -> str:
    return json.dumps(FLOW | fields)


def result(task_id: str, status: str = "completed", **fields: Any) -> str:
    return json.dumps({"task_id": task_id, "status": status, **fields})


def last_file(client: Client, last_id: str) -> LastFile:
    return LastFile.from_json(client("get_last_file_json", last_id))


def test_there_is_no_error_until_a_call_fails_and_after_the_next_one(client: Client) -> None:
    assert client.error() == "No error"
    with pytest.raises(CallFailedError, match="ALT302"):
        client("parse_alt_file", "{")
    assert "ALT302" in client.error()
    assert "ALT302" in client.error()
    client("parse_alt_file", flow())
    assert client.error() == "No error"


def test_parsing_names_every_problem(client: Client) -> None:
    tasks = [{"id": "a", "description": " "}, {"id": "a", "description": "d", "dependencies": ["x"]}]
    with pytest.raises(CallFailedError) as failure:
        client("parse_alt_file", flow(tasks=tasks))
    for code in ("ALT012", "ALT011", "ALT021"):
        assert code in str(failure.value)
    assert "/tasks/1/dependencies/0" in str(failure.value)


def test_results_are_gathered_into_a_last_file_and_a_bundle(client: Client, tmp_path: Path) -> None:
    client("parse_alt_file", flow())
    client("add_task_result", "flow", result("b", "failed", error="no ink"))
    client("add_task_result", "flow", result("a", output={"text": "ü"}))
    last_id = client("generate_last_file", "flow", str(tmp_path / "made" / "here"))
    made = last_file(client, last_id)
    assert [(each.task_id, each.status) for each in made.task_results] == [("a", "completed"), ("b", "failed")]
    assert made.task_results[0].output == {"text": "ü"}
    assert made.id == last_id
    assert made == LastFile.from_path(tmp_path / "made" / "here" / last_id)
    assert (tmp_path / "made" / "here" / last_id / "report.html").exists()


def test_a_second_result_replaces_the_first_and_a_file_parsed_again_keeps_them(client: Client, tmp_path: Path) -> None:
    client("add_task_result", "flow", result("a", "failed"))  # before the file is there
    client("add_task_result", "flow", result("a", output=1))
    client("parse_alt_file", flow())
    client("parse_alt_file", flow(title="Again"))
    made = last_file(client, client("generate_last_file", "flow", str(tmp_path)))
    assert made.title == "Result of Again"
    assert [(each.task_id, each.output) for each in made.task_results] == [("a", 1)]
    assert made.status == "partial_success"


def test_each_generation_has_an_id_of_its_own(client: Client, tmp_path: Path) -> None:
    client("parse_alt_file", flow())
    first, second = (client("generate_last_file", "flow", str(tmp_path)) for _ in range(2))
    assert first != second
    assert last_file(client, first).id == first


def test_a_batch_gives_a_last_id_or_an_error_for_each_file(client: Client, tmp_path: Path) -> None:
    client("parse_alt_file", flow())
    client("parse_alt_file", flow(id="other"))
    made = json.loads(client("batch_process", '["flow", "other", "flow"]', str(tmp_path)))
    assert sorted(made) == ["flow", "other"]
    assert sorted(made.values()) == sorted(path.name for path in tmp_path.iterdir())
    assert last_file(client, made["other"]).alt_file_id == "other"
    refused = json.loads(client("batch_process", '["flow"]', "/dev/null/nowhere"))
    assert refused["flow"].startswith("ERROR: /dev/null/nowhere")
    assert json.loads(client("batch_process", "[]", str(tmp_path))) == {}


def test_a_batch_with_an_unknown_id_writes_nothing(client: Client, tmp_path: Path) -> None:
    client("parse_alt_file", flow())
    with pytest.raises(CallFailedError, match='no ALT file "nobody"'):
        client("batch_process", '["flow", "nobody"]', str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_validator_gives_the_diagnostics_of_the_parser(client: Client) -> None:
    text = '{\n  "id": "f", "titel": "T",\n  "tasks": [{"id": "a", "description": "d", "dependencies": ["b", "b"]}]\n}'
    given = json.loads(client("validate_alt_file", text))
    assert given == [diagnostic.to_dict() for diagnostic in AltParser().validate(text)]
    assert {"ALT303", "ALT110", "ALT021", "ALT109"} <= {each["code"] for each in given}
    assert json.loads(client("validate_alt_file", flow())) == []


def test_a_start_and_a_cleanup_forget_everything(client: Client, tmp_path: Path) -> None:
    client("parse_alt_file", flow())
    last_id = client("generate_last_file", "flow", str(tmp_path))
    client("init")
    with pytest.raises(CallFailedError, match="no ALT file"):
        client("generate_last_file", "flow", str(tmp_path))
    with pytest.raises(CallFailedError, match="no LAST file"):
        client("get_last_file_json", last_id)
    client("cleanup")
    client("cleanup")
    with pytest.raises(CallFailedError, match="runner_init"):
        client("parse_alt_file", flow())


def test_the_version_is_that_of_the_package(client: Client) -> None:
    about = json.loads(client("get_version"))
    assert about["version"] == __version__
    assert sorted(about) == ["authors", "description", "name", "version"]
    major, minor, patch = about["version"].split(".")
    assert client.lib.runner_version_number() == int(major) * 1_000_000 + int(minor) * 1_000 + int(patch)


def test_values_under_key_like_names_do_not_show(client: Client, tmp_path: Path) -> None:
    secret = "k-0123456789"
    tasks = [{"id": "a", "description": "d", "parameters": {"api_key": secret}}]
    client("parse_alt_file", flow(tasks=tasks))
    client("add_task_result", "flow", result("a", "failed", error=f"refused {secret}"))
    last_id = client("generate_last_file", "flow", str(tmp_path))
    assert secret not in client("get_last_file_json", last_id)
    for path in (tmp_path / last_id).iterdir():
        assert secret.encode() not in path.read_bytes()


def test_no_text_is_left_behind(client: Client) -> None:
    before = client.lib.runner_live_strings()
    client("get_version")
    client("validate_alt_file", flow())
    with pytest.raises(CallFailedError):
        client("parse_alt_file", "[")
    assert client.lib.runner_live_strings() == before == 0
