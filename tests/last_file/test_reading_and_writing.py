"""result.last as bytes: written the same every time, read back equal, refused with a reason."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile
from altlas_runner.results import Artifact, Usage
from tests.last_file.fabricate import alt_file, broken_diamond, completed, gathered


def document(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gathered(*broken_diamond()).to_json())
    return {**found, **changes}


def read(value: Any) -> LastFile:
    return LastFile.from_json(json.dumps(value).encode())


def test_what_is_written_is_read_back_equal_and_written_again_to_the_same_bytes() -> None:
    file, results = broken_diamond()
    results[2].artifacts = [Artifact("a1", "json", "application/json", 2, "ab" * 32, "artifacts/x.json", "d", {"k": 1})]
    results[2].usage = Usage(3, 4, 0.5)
    results[1].attempts[0].usage = Usage(3, 0)
    results[1].attempts[1].usage = Usage(3, 1, 0.25)
    results[2].metadata = {"n": [1, 2.5, None, True, "ü"]}
    last_file = gathered(file, results)
    content = last_file.to_json()
    again = LastFile.from_json(content)
    assert again == last_file
    assert [attempt.usage for attempt in again.task_results[1].attempts] == [Usage(3, 0), Usage(3, 1, 0.25)]
    assert again.to_json() == content
    assert content.endswith(b"}\n")


def test_the_file_has_the_fields_of_the_contract_and_times_with_z() -> None:
    written = document()
    assert set(written) == {
        "id", "alt_file_id", "title", "description", "execution_started", "execution_completed", "mode", "persona",
        "task_results", "success_rate", "total_execution_time_ms", "execution_graph_path", "metadata", "status",
        "summary", "version",
    }  # fmt: skip
    assert set(written["task_results"][0]) == {
        "task_id", "status", "output", "error", "error_code", "execution_time_ms", "retry_count", "artifacts",
        "metadata", "started_at", "completed_at", "attempts", "usage",
    }  # fmt: skip
    assert written["execution_started"] == "2026-03-02T09:30:00Z"
    assert written["task_results"][0]["attempts"][0]["ended_at"] == "2026-03-02T09:30:01Z"
    assert written["status"] == "partial_success"


def test_a_time_in_another_zone_is_read_as_the_same_instant_in_utc() -> None:
    last_file = read(document(execution_started="2026-03-02T11:30:00+02:00"))
    assert b'"execution_started":"2026-03-02T09:30:00Z"' in last_file.to_json()


def test_a_time_without_zone_is_read_as_utc() -> None:
    assert (
        b'"execution_started":"2026-03-02T09:30:00Z"' in read(document(execution_started="2026-03-02T09:30")).to_json()
    )


def test_a_result_needs_only_task_id_and_status() -> None:
    last_file = read(document(task_results=[{"task_id": "a", "status": "completed"}]))
    assert last_file.task_results[0].attempts == []
    assert last_file.task_results[0].execution_time_ms == 0


def test_a_bundle_from_before_attempts_had_usage_is_read() -> None:
    written = document()
    for result in written["task_results"]:
        for attempt in result["attempts"]:
            del attempt["usage"]
    assert [attempt.usage for attempt in read(written).task_results[1].attempts] == [None, None]


def test_unknown_fields_of_a_later_1_x_are_passed_over() -> None:
    assert read(document(version="1.7", colour="red")).version == "1.7"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"id": ', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a LAST file"),
        (b'{"id": "flow", "title": "t", "tasks": []}', "not a LAST file"),
    ],
)
def test_foreign_content_is_refused_with_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(BundleError, match=reason) as caught:
        LastFile.from_json(content, source="/there/result.last")
    assert caught.value.path == "/there/result.last"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"task_results": [{"task_id": "a", "status": "fine"}]}, "/task_results/0/status"),
        ({"task_results": [{"status": "completed"}]}, "/task_results/0/task_id"),
        ({"success_rate": 2}, "/success_rate"),
        ({"success_rate": "1"}, "/success_rate"),
        ({"execution_started": 0}, "/execution_started"),
        ({"status": None}, "/status"),
        ({"execution_started": "0001-01-01T00:00:00+02:00"}, "years 1 to 9999"),
    ],
)
def test_a_wrong_value_is_refused_and_its_place_is_named(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(BundleError, match=place):
        read(document(**changes))


@pytest.mark.parametrize("changes", [{"version": "2.0"}, {"version": "2.0", "task_results": [{"new": 1}]}])
def test_another_major_version_is_refused_as_such(changes: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"LAST format version '2.0'; this altlas_runner reads 1.x"):
        read(document(**changes))


def test_errors_do_not_repeat_what_the_file_says() -> None:
    with pytest.raises(BundleError) as caught:
        read(document(persona=["sk-secret"]))
    assert "sk-secret" not in str(caught.value)


def test_a_last_file_is_found_by_its_bundle_or_by_its_own_path(tmp_path: Path) -> None:
    last_file = gathered(alt_file({"a": ()}), [completed("a")])
    (tmp_path / "result.last").write_bytes(last_file.to_json())
    assert LastFile.from_path(tmp_path) == LastFile.from_path(str(tmp_path / "result.last")) == last_file


def test_a_directory_without_result_is_refused_as_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no result.last in it"):
        LastFile.from_path(tmp_path)


def test_a_missing_path_is_refused_with_the_systems_reason(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read: No such file or directory") as caught:
        LastFile.from_path(tmp_path / "nowhere")
    assert caught.value.path == str(tmp_path / "nowhere")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.last")
    with pytest.raises(BundleError, match="not a regular file"):
        LastFile.from_path(tmp_path)
