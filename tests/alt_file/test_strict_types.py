"""Nothing is converted from one type to another, and every wrong type is said in plain words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from altlas_runner.alt_file import AltFile, AltMode, AltParser, Priority, Task
from altlas_runner.errors import AltFormatError
from altlas_runner.statuses import TaskStatus
from tests.alt_file.alt_documents import Document, codes_and_paths, document, task, validated

WRONG_FILE_VALUES: dict[str, list[Any]] = {
    "id": [None, 5, True, ["f"], {}],
    "version": [None, 1.0, 1],
    "created_at": [
        None,
        0,
        1700000000,
        1.5,
        True,
        "",
        "0",
        "1700000000",
        "2026-03-01",
        "2026-03-01T12:00",
        "2026-03-01T12:00Z",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T12:00:60Z",
        "2026-03-01T12:00:00+24:00",
        "2026-03-01T12:00:00+0100",
        "2026-03-01T12:00:00Z\n",
        " 2026-03-01T12:00:00Z",
        "٢٠٢٦-03-01T12:00:00Z",
    ],
    "title": [None, 5],
    "description": [5, []],
    "mode": [None, 1, "wild", " normal", ""],
    "persona": [5],
    "tasks": [None, {}, "a", 5],
    "metadata": [[], "x", 5],
    "priority": ["HIGH", 1, "urgent", True],
    "tags": ["x", [1], [None], {}],
    "expected_completion_time": ["5", -1, 5.0, 5.5, True, False],
}
WRONG_TASK_VALUES: dict[str, list[Any]] = {
    "id": [None, 5],
    "description": [None, 5],
    "dependencies": ["a", [5], {}, 0, False],
    "parameters": [[], "x", 0],
    "timeout_seconds": ["5", -1, 5.0, True, "0"],
    "retry_count": [256, -1, 1.0, True, "3"],
    "status": ["done", 5, "PENDING", True],
    "priority": ["High", 2],
    "tags": ["x", [[]]],
}


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in WRONG_FILE_VALUES.items() for v in values])
def test_a_wrong_value_of_the_file_is_one_diagnostic_in_plain_words(field: str, value: Any) -> None:
    assert_one_wrong_type(document(task("a"), **{field: value}), f"/{field}", field)


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in WRONG_TASK_VALUES.items() for v in values])
def test_a_wrong_value_of_a_task_is_one_diagnostic_in_plain_words(field: str, value: Any) -> None:
    assert_one_wrong_type(document(task("a", **{field: value})), f"/tasks/0/{field}", field)


def assert_one_wrong_type(content: Document, path: str, field: str) -> None:
    (diagnostic,) = validated(content)
    assert diagnostic.code == "ALT303"
    assert diagnostic.path in (path, f"{path}/0")
    assert field in diagnostic.message
    assert " must be " in diagnostic.message
    assert ", not " in diagnostic.message
    with pytest.raises(AltFormatError):
        AltParser().with_strict_validation(False).parse_from_string(json.dumps(content))


@pytest.mark.parametrize(
    ("content", "message", "help_text"),
    [
        (
            document(task("b", timeout_seconds="5")),
            'timeout_seconds of task "b" must be a whole number of seconds, 0 or more, or null, not the string "5"',
            "write 5 without quotes",
        ),
        (document(task("b", retry_count=2.0)), None, "write 2"),
        (document(task("b", priority="hihg")), None, 'did you mean "high"?'),
        (document(task("b"), mode="drem"), None, 'did you mean "dream"?'),
        (document(task("b"), tags="x"), None, 'write ["x"]'),
        (document(task("b", tags=["x", 5])), 'tags[1] of task "b" must be a string, not the number 5', None),
        (document({"id": "b"}), 'task "b" has no "description"', 'add "description": a string'),
        (document({"description": "d"}), 'tasks[0] has no "id"', 'add "id": a string'),
        ({"id": "f", "tasks": []}, 'the file has no "title"', 'add "title": a string'),
        (document(None), "tasks[0] must be an object, not null", None),  # type: ignore[arg-type] # wrong on purpose
    ],
)
def test_the_message_says_what_where_and_how_to_mend_it(
    content: Document, message: str | None, help_text: str | None
) -> None:
    diagnostic = next(d for d in validated(content) if d.code == "ALT303")
    assert message in (None, diagnostic.message)
    assert diagnostic.help == help_text


def test_all_wrong_types_are_reported_together() -> None:
    content = {"id": 1, "title": None, "tasks": [{"id": True}, 5, task("a", retry_count=300)], "mode": "x"}
    assert codes_and_paths(content) == [
        ("ALT303", "/id"),
        ("ALT303", "/title"),
        ("ALT303", "/tasks/0"),
        ("ALT303", "/tasks/0/id"),
        ("ALT303", "/tasks/1"),
        ("ALT105", "/tasks/2/id"),
        ("ALT303", "/tasks/2/retry_count"),
        ("ALT303", "/mode"),
    ]


def parsed(**fields: Any) -> AltFile:
    return AltParser().parse_from_string(json.dumps(document(task("a"), **fields)))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01t12:00:00z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01 12:00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01T12:00:00.1239999+05:30", datetime(2026, 3, 1, 6, 30, 0, 123999, tzinfo=UTC)),
        ("2026-03-01T12:00:00.9999999999Z", datetime(2026, 3, 1, 12, 0, 0, 999999, tzinfo=UTC)),
        ("2024-02-29T00:00:00-00:00", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2000-02-29T00:00:00Z", datetime(2000, 2, 29, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_rfc3339_writes_them(text: str, time: datetime) -> None:
    assert parsed(created_at=text).created_at == time


def test_a_time_without_zone_is_utc_from_code_too() -> None:
    alt_file = AltFile(id="f", title="t", tasks=[], created_at=datetime(2026, 3, 1))
    assert alt_file.created_at == datetime(2026, 3, 1, tzinfo=UTC)
    zone = timezone(timedelta(hours=2))
    assert AltFile(id="f", title="t", tasks=[], created_at=datetime(2026, 3, 1, tzinfo=zone)).created_at.tzinfo == zone


def test_a_file_without_time_was_made_now() -> None:
    before = datetime.now(UTC)
    assert before <= parsed().created_at <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["dream", "DREAM", "dReAm"])
def test_the_mode_is_read_in_any_letter_case(text: str) -> None:
    assert parsed(mode=text).mode is AltMode.DREAM


def test_defaults_are_those_of_the_contract() -> None:
    alt_file = parsed()
    assert (alt_file.version, alt_file.mode, alt_file.priority) == ("1.0", AltMode.NORMAL, None)
    assert alt_file.tasks[0] == Task(id="a", description="Do it")
    assert alt_file.tasks[0].status is TaskStatus.PENDING


def test_code_may_write_enums_as_strings() -> None:
    made = AltFile.model_validate(
        {"id": "f", "title": "t", "tasks": [{"id": "a", "description": "d", "priority": "high"}]}
    )
    assert made.tasks[0].priority is Priority.HIGH


def test_tasks_are_found_by_what_they_are() -> None:
    alt_file = AltParser().parse_from_string(
        json.dumps(
            document(
                task("a", tags=["x"], priority="low"),
                task("b", "a", status="failed"),
                task("c", "a", "b", tags=["x", "y"], status=None, dependencies=["a", "b"]),
                priority="high",
            )
        )
    )

    def ids(tasks: list[Task]) -> list[str]:
        return [each.id for each in tasks]

    found = alt_file.get_task("b")
    assert found is not None
    assert found.id == "b"
    assert alt_file.get_task("z") is None
    assert ids(alt_file.get_root_tasks()) == ["a"]
    assert ids(alt_file.get_dependent_tasks("a")) == ["b", "c"]
    assert ids(alt_file.get_tasks_by_tag("x")) == ["a", "c"]
    assert ids(alt_file.get_tasks_by_priority(Priority.HIGH)) == ["b", "c"]
    assert ids(alt_file.get_tasks_by_priority("low")) == ["a"]
    assert ids(alt_file.get_tasks_by_status(TaskStatus.PENDING)) == ["a", "c"]
    assert ids(alt_file.get_tasks_by_status("failed")) == ["b"]
