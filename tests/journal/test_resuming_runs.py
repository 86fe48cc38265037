"""Runs that are given up, or fail, and go on later: through `Runner`, with real files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import AltFile, LastFile, Outcome, RunnerConfig, TaskAttempt
from altlas_runner.alt_file.selection import Selection
from altlas_runner.errors import AltValidationError, BundleError, ConfigurationError, JournalError
from altlas_runner.last_file import read_artifact, read_output
from altlas_runner.results import TaskResult, Usage
from altlas_runner.run_journal import look_into_run
from altlas_runner.runner import Runner
from altlas_runner.runs import list_runs
from altlas_runner.task_manager import Event, RunFinished, RunStarted, TaskFinished, TaskStarted
from altlas_runner.task_manager.journal import JOURNAL_NAME, Database
from altlas_runner.task_manager.journal.resuming import ResumePlan
from altlas_runner.testing import alt_file_of

DIAMOND = (
    {"id": "top"},
    {"id": "left", "dependencies": ["top"], "parameters": {"of": "${{ tasks.top.output.text }}"}},
    {"id": "right", "dependencies": ["top"]},
    {"id": "end", "dependencies": ["left", "right"]},
)


class Service:
    """An executor that says what it was asked, and stops the whole run when it is told to.

    Args:
        stops_at: the run is given up when this task is asked for.
        fails: how these tasks end.
    """

    def __init__(self, stops_at: str = "", fails: Mapping[str, Outcome] | None = None) -> None:
        self.asked: list[tuple[str, int, str]] = []
        self.contexts: dict[str, Mapping[str, Any]] = {}
        self.tasks: dict[str, Any] = {}
        self.run: asyncio.Task[Any] | None = None
        self._stops_at = stops_at
        self._fails = fails or {}

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        task_id = attempt.task.id
        self.asked.append((task_id, attempt.number, attempt.idempotency_key.partition(":")[2]))
        self.contexts[task_id] = attempt.context
        self.tasks[task_id] = attempt.task
        if task_id == self._stops_at:
            assert self.run is not None
            self.run.cancel()
            await asyncio.sleep(60)
        if task_id in self._fails:
            return self._fails[task_id]
        return Outcome.completed({"text": f"of {task_id}"}, usage=Usage(1, 2))

    @property
    def ids(self) -> list[str]:
        return [task_id for task_id, _, _ in self.asked]


def config(directory: Path, **fields: Any) -> RunnerConfig:
    fields = {"journal": True, "generate_graphs": False, "max_concurrent_tasks": 1, **fields}
    return RunnerConfig(output_dir=directory, **fields)


def give_up(directory: Path, alt: AltFile, service: Service, **given: Any) -> Path:
    """Run until the service stops the run; returns the bundle that is left."""

    async def main() -> None:
        service.run = asyncio.ensure_future(Runner(config(directory), executor=service).execute(alt, **given))
        with pytest.raises(asyncio.CancelledError):
            await service.run

    asyncio.run(main())
    (bundle,) = directory.iterdir()
    return bundle


def give_up_resume(bundle: Path, service: Service, **given: Any) -> None:
    """Go on until the service stops the run."""

    async def main() -> None:
        service.run = asyncio.ensure_future(Runner(config(bundle.parent), executor=service).resume(bundle, **given))
        with pytest.raises(asyncio.CancelledError):
            await service.run

    asyncio.run(main())


def go_on(bundle: Path, service: Service, alt: AltFile | None = None, **given: Any) -> LastFile:
    return asyncio.run(Runner(config(bundle.parent), executor=service).resume(bundle, alt, **given))


def execute(directory: Path, alt: AltFile, service: Service, **given: Any) -> tuple[LastFile, Path]:
    runner = Runner(config(directory), executor=service)
    last_file = asyncio.run(runner.execute(alt, **given))
    return last_file, runner.bundle_path(last_file)


def shape(last_file: LastFile) -> dict[str, Any]:
    """Everything but ids of the run, times and attempts."""
    timeless: dict[str, Any] = {
        "execution_time_ms": 0,
        "retry_count": 0,
        "started_at": None,
        "completed_at": None,
        "attempts": [],
    }
    results = [asdict(replace(result, **timeless)) for result in last_file.task_results]
    runner = {**last_file.metadata["runner"], "provenance": None}
    summary = last_file.summary.partition(", in ")[0]
    return {"results": results, "runner": runner, "status": last_file.status, "summary": summary}


# -- going on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stops_at", ["top", "left", "right", "end"])
def test_a_run_that_was_given_up_anywhere_comes_to_the_same_end(tmp_path: Path, stops_at: str) -> None:
    alt = alt_file_of(*DIAMOND)
    whole, _ = execute(tmp_path / "whole", alt, Service())
    first, second = Service(stops_at), Service()
    bundle = give_up(tmp_path / "cut", alt, first)
    assert not (bundle / "result.last").exists()
    resumed = go_on(bundle, second)
    assert shape(resumed) == shape(whole)
    assert resumed == LastFile.from_path(bundle)
    assert sorted({*first.ids[:-1], *second.ids}) == sorted([*first.ids[:-1], *second.ids]), "nothing was paid twice"
    assert second.asked[0] == (stops_at, 2, stops_at), "the same idempotency key"
    attempts = resumed.get_task_result(stops_at).attempts  # type: ignore[union-attr]
    assert [(each.number, each.status, each.error_code) for each in attempts] == [
        (1, "cancelled", "IN_DOUBT"),
        (2, "completed", None),
    ]
    assert resumed.execution_started <= resumed.task_results[0].started_at  # type: ignore[operator]
    assert second.contexts.get("end", {"left": 0, "right": 0}).keys() == {"left", "right"}
    if stops_at == "left":
        assert second.tasks["left"].parameters == {"of": "of top"}, "an output from before is put in the place"


def test_the_journal_says_the_same_as_the_last_file(tmp_path: Path) -> None:
    flaky = Outcome.failed("FLAKY", "try again", retry="yes", usage=Usage(5, 0))
    alt = alt_file_of(*DIAMOND, {"id": "sad", "retry_count": 0}, {"id": "after", "dependencies": ["sad"]})
    last_file, bundle = execute(tmp_path, alt, Service(fails={"sad": flaky}))
    record, description = look_into_run(bundle)
    assert {task_id: asdict(result) for task_id, result in record.results.items()} == {
        result.task_id: asdict(result) for result in last_file.task_results
    }
    assert (record.in_doubt, record.attempts) == ({}, {})
    assert record.ended is not None
    assert (record.ended.task_count, record.ended.completed) == (6, 4)
    assert description.run_id == last_file.id
    assert [path.name for path in sorted(bundle.iterdir())] == [JOURNAL_NAME, "report.html", "result.last"]


def test_a_run_without_a_journal_leaves_nothing_when_it_is_given_up(tmp_path: Path) -> None:
    async def main() -> None:
        service = Service("left")
        runner = Runner(config(tmp_path, journal=False), executor=service)
        service.run = asyncio.ensure_future(runner.execute(alt_file_of(*DIAMOND)))
        with pytest.raises(asyncio.CancelledError):
            await service.run

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_has_ended_is_left_as_it_is(tmp_path: Path) -> None:
    last_file, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    before = (bundle / "result.last").read_bytes()
    service = Service()
    assert go_on(bundle, service) == last_file
    assert service.asked == []
    assert (bundle / "result.last").read_bytes() == before


def test_a_last_file_that_was_not_written_any_more_is_made_from_the_journal(tmp_path: Path) -> None:
    last_file, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    (bundle / "result.last").unlink()
    (entry,) = list_runs(tmp_path)
    assert entry.state == "interrupted"
    assert go_on(bundle, Service()) == last_file
    (entry,) = list_runs(tmp_path)
    assert (entry.state, entry.task_count, entry.completed) == ("finished", 4, 4)


def test_failed_tasks_run_again_when_asked_for(tmp_path: Path) -> None:
    broken = {"left": Outcome.failed("DOWN", "not today", usage=Usage(7, 0))}
    alt = alt_file_of(*DIAMOND)
    last_file, bundle = execute(tmp_path, alt, Service(fails=broken))
    assert last_file.status == "partial_success"
    service = Service()
    assert go_on(bundle, service) == last_file
    assert service.asked == []
    mended = go_on(bundle, service, failed=True)
    assert mended.status == "success"
    assert service.asked == [("left", 2, "left"), ("end", 1, "end")]
    left = mended.get_task_result("left")
    assert left is not None
    assert [each.error_code for each in left.attempts] == ["DOWN", None]
    assert left.usage == Usage(8, 2), "what was paid before counts"


def test_what_a_first_try_used_counts_when_it_is_made_again(tmp_path: Path) -> None:
    _, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    for times in (2, 3):
        left = go_on(bundle, Service(), only=["left"]).get_task_result("left")
        assert left is not None
        assert len(left.attempts) == times
        assert left.usage == Usage(times, 2 * times)


def test_what_refers_to_a_task_that_runs_alone_keeps_its_result(tmp_path: Path) -> None:
    before, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    give_up_resume(bundle, Service("top"), only=["top"])
    service = Service()
    after = go_on(bundle, service)
    assert service.asked == [("top", 3, "top:1")]
    assert after.status == "success"
    assert after.get_task_result("left") == before.get_task_result("left")


def test_a_resume_that_was_interrupted_knows_why_its_tasks_run(tmp_path: Path) -> None:
    _, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    give_up_resume(bundle, Service("left"), from_tasks=["left"])
    plans: list[ResumePlan] = []
    last_file = go_on(bundle, Service(), on_plan=plans.append)
    assert plans[0].why == {
        "left": "attempt 2 was under way when the run was interrupted",
        "end": "an earlier resume took its result back, and was interrupted before it ran again",
    }
    end = last_file.get_task_result("end")
    assert end is not None
    assert end.usage == Usage(2, 4)


def test_a_cancelled_run_goes_on(tmp_path: Path) -> None:
    runner = Runner(config(tmp_path), executor=Service())

    def cancel(event: Event) -> None:
        if isinstance(event, TaskFinished) and event.task_id == "top":
            runner.cancel("enough")

    last_file = asyncio.run(runner.execute(alt_file_of(*DIAMOND), on_event=cancel))
    assert [each.status for each in last_file.task_results][1:] == ["cancelled"] * 3
    service = Service()
    assert go_on(runner.bundle_path(last_file), service).status == "success"
    assert set(service.ids) == {"left", "right", "end"}


def test_tasks_in_doubt_fail_when_they_must_not_be_tried_again(tmp_path: Path) -> None:
    bundle = give_up(tmp_path, alt_file_of(*DIAMOND), Service("left"))
    service = Service()
    last_file = go_on(bundle, service, in_doubt="fail")
    assert [(each.task_id, each.status, each.error_code) for each in last_file.task_results] == [
        ("top", "completed", None),
        ("left", "failed", "IN_DOUBT"),
        ("right", "completed", None),
        ("end", "skipped", "DEPENDENCY_NOT_COMPLETED"),
    ]
    assert service.ids == ["right"]


def test_only_the_tasks_of_the_selection_go_on(tmp_path: Path) -> None:
    bundle = give_up(tmp_path, alt_file_of(*DIAMOND), Service("left"), selection=Selection(until=["left"]))
    last_file = go_on(bundle, Service())
    assert [each.task_id for each in last_file.task_results] == ["top", "left"]
    assert last_file.metadata["runner"]["selection"] == ["top", "left"]


def test_observers_are_told_what_happens_now_and_how_much_was_before(tmp_path: Path) -> None:
    bundle = give_up(tmp_path, alt_file_of(*DIAMOND), Service("left"))
    events: list[Event] = []
    go_on(bundle, Service(), on_event=events.append)
    assert isinstance(events[0], RunStarted)
    assert (events[0].task_count, events[0].kept) == (4, 1)
    assert [each.task_id for each in events if isinstance(each, TaskFinished)] == ["left", "right", "end"]
    assert [each.number for each in events if isinstance(each, TaskStarted)] == [2, 1, 1]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].completed == 4


# -- another file -----------------------------------------------------------------------------------------------------


def test_a_changed_task_and_what_depends_on_it_run_again_with_another_key(tmp_path: Path) -> None:
    """A service that remembers the old key would give the old answer."""
    alt = alt_file_of(*DIAMOND, {"id": "other"})
    _, bundle = execute(tmp_path, alt, Service())
    changed = alt_file_of(DIAMOND[0], {**DIAMOND[1], "description": "better"}, *DIAMOND[2:], {"id": "other"})
    told: list[dict[str, str]] = []
    service = Service()
    last_file = go_on(bundle, service, changed, on_plan=lambda plan: told.append(plan.why))
    assert service.asked == [("left", 2, "left:1"), ("end", 2, "end:1")]
    assert list(told[0]) == ["left", "end"]
    assert last_file.metadata["runner"]["tasks"][1]["description"] == "better"
    again = Service()
    go_on(bundle, again)
    assert again.asked == [], "the journal has the new file"


def test_a_run_that_dies_while_it_runs_a_changed_file_goes_on_with_that(tmp_path: Path) -> None:
    _, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    changed = alt_file_of({**DIAMOND[0], "description": "better"}, *DIAMOND[1:])

    async def main() -> None:
        service = Service("left")
        service.run = asyncio.ensure_future(Runner(config(tmp_path), executor=service).resume(bundle, changed))
        with pytest.raises(asyncio.CancelledError):
            await service.run

    asyncio.run(main())
    service = Service()
    last_file = go_on(bundle, service)
    assert service.asked == [("left", 3, "left:1"), ("right", 2, "right:1"), ("end", 2, "end:1")]
    assert last_file.status == "success"


def test_strict_refuses_a_file_that_changes_what_has_ended(tmp_path: Path) -> None:
    _, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    changed = alt_file_of({**DIAMOND[0], "description": "better"}, *DIAMOND[1:])
    with pytest.raises(ConfigurationError, match='"top", because its definition changed: description'):
        go_on(bundle, Service(), changed, strict=True)
    assert go_on(bundle, Service(), alt_file_of(*DIAMOND), strict=True).status == "success"


def test_a_file_with_errors_is_refused_and_the_run_can_still_go_on(tmp_path: Path) -> None:
    bundle = give_up(tmp_path, alt_file_of(*DIAMOND), Service("left"))
    with pytest.raises(AltValidationError):
        go_on(bundle, Service(), alt_file_of({"id": "a", "dependencies": ["a"]}))
    assert go_on(bundle, Service()).status == "success"


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_a_resume_asks_for_the_file_when_a_key_of_it_is_needed(tmp_path: Path) -> None:
    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"], "parameters": {"api_key": "planted-key-1"}})
    bundle = give_up(tmp_path, alt, Service("b"))
    assert all(b"planted-key" not in path.read_bytes() for path in bundle.iterdir())
    with pytest.raises(ConfigurationError, match=r'\("b"\): give the ALT file again'):
        go_on(bundle, Service())
    service = Service()
    assert go_on(bundle, service, alt).status == "success"
    assert service.tasks["b"].parameters == {"api_key": "planted-key-1"}
    assert service.asked == [("b", 2, "b")], "the key is no change"
    assert all(b"planted-key" not in path.read_bytes() for path in bundle.iterdir())


def test_a_resume_asks_for_inputs_that_hold_a_secret(tmp_path: Path) -> None:
    alt = alt_file_of({"id": "a", "description": "with ${{ inputs.token }} and ${{ inputs.topic }}"})
    inputs = {"token": "planted-key-2", "topic": "tea"}
    bundle = give_up(tmp_path, alt, Service("a"), inputs=inputs)
    with pytest.raises(ConfigurationError, match="give them again: token"):
        go_on(bundle, Service())
    service = Service()
    assert go_on(bundle, service, inputs={"token": "planted-key-2"}).status == "success"
    assert service.tasks["a"].description == "with planted-key-2 and tea"


def test_an_input_that_is_used_as_a_key_is_not_kept_whatever_its_name(tmp_path: Path) -> None:
    alt = alt_file_of(
        {"id": "a", "parameters": {"api_key": "${{ inputs.from.vault }}", "region": "${{ inputs.from.region }}"}},
        {"id": "b", "dependencies": ["a"]},
    )
    echo = {"a": Outcome.completed({"seen": "planted-key-6"})}
    given = {"from": {"vault": "planted-key-6", "region": "north"}}
    bundle = give_up(tmp_path, alt, Service("b", echo), inputs=given)
    assert all(b"planted-key" not in path.read_bytes() for path in bundle.iterdir())
    with pytest.raises(ConfigurationError, match=r"inputs hold secrets, .* give them again: from"):
        go_on(bundle, Service(), from_tasks=["a"])
    service = Service()
    give_up_resume(bundle, Service("b"), inputs=given)
    assert go_on(bundle, service).status == "success"
    assert service.ids == ["b"], "a key that is given again is no change"
    go_on(bundle, service, inputs={"from": {"vault": "planted-key-6", "region": "south"}})
    assert service.ids[1:] == ["a", "b"]
    assert all(b"planted-key" not in path.read_bytes() for path in bundle.iterdir())


def test_an_output_that_is_used_as_a_key_is_not_kept_but_made_again(tmp_path: Path) -> None:
    alt = alt_file_of(
        {"id": "login"},
        {"id": "use", "dependencies": ["login"], "parameters": {"auth": {"token": "${{ tasks.login.output.key }}"}}},
    )
    answers = {"login": Outcome.completed({"key": "planted-key-4", "for": "planted-key-4 it is"})}
    bundle = give_up(tmp_path, alt, Service("use", answers))
    assert all(b"planted-key" not in path.read_bytes() for path in bundle.iterdir())
    service = Service(fails=answers)
    assert go_on(bundle, service).status == "success"
    assert service.asked == [("login", 2, "login"), ("use", 2, "use")]
    assert service.tasks["use"].parameters == {"auth": {"token": "planted-key-4"}}
    assert all(b"planted-key" not in path.read_bytes() for path in bundle.iterdir())


def test_what_is_given_an_output_that_is_used_as_a_key_elsewhere_is_given_the_true_one(tmp_path: Path) -> None:
    alt = alt_file_of(
        {"id": "login"},
        {"id": "use", "dependencies": ["login"], "parameters": {"token": "${{ tasks.login.output.key }}"}},
        {"id": "reads", "dependencies": ["login", "use"]},
    )
    answers = {"login": Outcome.completed({"key": "planted-key-5"})}
    bundle = give_up(tmp_path, alt, Service("reads", answers))
    service = Service(fails=answers)
    assert go_on(bundle, service).status == "success"
    assert service.ids == ["login", "reads"]
    assert service.contexts["reads"]["login"] == {"key": "planted-key-5"}


# -- artifacts --------------------------------------------------------------------------------------------------------


def test_artifacts_of_what_was_given_up_make_room_for_those_of_the_next_attempt(tmp_path: Path) -> None:
    def answer(task_id: str) -> Outcome:
        return Outcome.completed({"artifacts": [{"name": "a.txt", "content": f"of {task_id}"}]})

    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})
    bundle = give_up(tmp_path, alt, Service("b", {"a": answer("a")}))
    (bundle / "artifacts" / "b").mkdir()
    (bundle / "artifacts" / "b" / "a.txt").write_text("nobody told the journal")
    last_file = go_on(bundle, Service(fails={"b": answer("b")}))
    artifacts = last_file.get_all_artifacts()
    assert [each.path for each in artifacts] == ["artifacts/a/a.txt", "artifacts/b/a.txt"]
    assert [read_artifact(bundle, each) for each in artifacts] == [b"of a", b"of b"]


def test_a_large_output_is_whole_for_who_refers_to_it_after_a_resume(tmp_path: Path) -> None:
    text = "x" * (2 << 20)
    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"], "description": "${{ tasks.a.output }}"})
    bundle = give_up(tmp_path, alt, Service("b", {"a": Outcome.completed(text)}))
    service = Service()
    last_file = go_on(bundle, service)
    assert service.tasks["b"].description == text
    assert read_output(bundle, last_file.task_results[0]) == text


# -- refused, and failing ---------------------------------------------------------------------------------------------


def test_a_run_that_goes_on_is_refused_by_the_number_of_its_process(tmp_path: Path) -> None:
    refused: list[str] = []

    def look(event: Event) -> None:
        if isinstance(event, TaskStarted) and event.task_id == "end":
            (entry,) = list_runs(tmp_path)
            refused.append(entry.state)

    async def main() -> None:
        runner = Runner(config(tmp_path), executor=Service())
        run = asyncio.ensure_future(runner.execute(alt_file_of(*DIAMOND), on_event=look))
        while not list(tmp_path.glob(f"*/{JOURNAL_NAME}")):
            await asyncio.sleep(0)
        (bundle,) = tmp_path.iterdir()
        with pytest.raises(JournalError, match=r"process \d+ has it"):
            await Runner(config(tmp_path), executor=Service()).resume(bundle)
        assert (await run).status == "success"

    asyncio.run(main())
    assert refused == ["running"]


@pytest.mark.parametrize("what", ["nothing", "no directory", "no journal"])
def test_what_cannot_be_resumed_is_refused_and_says_why(tmp_path: Path, what: str) -> None:
    if what != "no directory":
        (tmp_path / "last_1").mkdir()
    if what == "no journal":
        (tmp_path / "last_1" / "result.last").write_text("{}")
    with pytest.raises(JournalError, match="no such bundle" if what == "no directory" else "no journal"):
        go_on(tmp_path / "last_1", Service())
    assert not list(tmp_path.glob("*/journal*"))


def test_a_bundle_goes_on_elsewhere_but_under_no_other_name(tmp_path: Path) -> None:
    bundle = give_up(tmp_path / "here", alt_file_of(*DIAMOND), Service("left"))
    renamed = bundle.rename(bundle.with_name("mine"))
    with pytest.raises(JournalError, match=f"was renamed: .* {bundle.name}"):
        go_on(renamed, Service())
    (tmp_path / "there").mkdir()
    moved = renamed.rename(tmp_path / "there" / bundle.name)
    assert go_on(moved, Service()).id == bundle.name


@pytest.mark.parametrize("how", ["from inside", "by a link"])
def test_a_bundle_may_be_named_in_any_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    bundle = give_up(tmp_path / "output", alt_file_of(*DIAMOND), Service("left"))
    link = tmp_path / "output" / "latest"
    link.symlink_to(bundle.name)
    assert [entry.directory for entry in list_runs(tmp_path / "output")] == [bundle], "a link is no second run"
    monkeypatch.chdir(bundle)
    last_file = go_on(Path() if how == "from inside" else link, Service())
    assert (last_file.id, last_file.status) == (bundle.name, "success")
    assert LastFile.from_path(bundle) == last_file


def test_a_damaged_journal_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    _, bundle = execute(tmp_path, alt_file_of(*DIAMOND), Service())
    content = (bundle / JOURNAL_NAME).read_bytes()
    place = content.index(b"of left")
    broken = content[:place] + b"OF" + content[place + 2 :]
    (bundle / JOURNAL_NAME).write_bytes(broken)
    with pytest.raises(JournalError, match="is damaged: its checksum differs; altlas-runner show --recover"):
        go_on(bundle, Service())
    assert (bundle / JOURNAL_NAME).read_bytes() == broken
    assert [path.name for path in sorted(bundle.iterdir())] == [JOURNAL_NAME, "report.html", "result.last"]


def test_when_the_journal_fails_nothing_more_starts_and_what_could_not_be_written_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Database, content: bytes) -> None:
        if b'["done","top"' in content:
            raise JournalError(self.path, "cannot be written: database or disk is full")
        add(self, content)

    add = Database.add
    monkeypatch.setattr(Database, "add", full)
    service = Service()
    last_file, bundle = execute(tmp_path, alt_file_of(*DIAMOND), service)
    assert service.ids == ["top"]
    assert [(each.status, each.error_code) for each in last_file.task_results] == [
        ("failed", "JOURNAL_IO"),
        *[("cancelled", "JOURNAL_IO")] * 3,
    ]
    assert "could not be written down" in last_file.task_results[0].error  # type: ignore[operator]
    assert "database or disk is full" in last_file.task_results[1].error  # type: ignore[operator]
    assert last_file.metadata["runner"]["warnings"][0].startswith("JOURNAL_IO: ")
    monkeypatch.undo()
    again = Service()
    assert go_on(bundle, again).status == "success"
    assert again.asked[0] == ("top", 2, "top"), "its result was told to nobody who was to remember it"


def test_a_journal_that_cannot_be_made_is_found_before_the_first_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Database, content: bytes) -> None:
        raise JournalError(self.path, "cannot be written: database or disk is full")

    monkeypatch.setattr(Database, "add", full)
    service = Service()
    with pytest.raises(BundleError, match="disk is full"):
        execute(tmp_path, alt_file_of(*DIAMOND), service)
    assert service.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("years", [-1, 1])
def test_a_clock_that_jumps_changes_no_decision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, years: int) -> None:
    import time

    alt = alt_file_of(*DIAMOND[:2], {**DIAMOND[2], "timeout_seconds": 3600}, DIAMOND[3])
    bundle = give_up(tmp_path, alt, Service("right"))
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + years * 31_536_000)
    service = Service()
    last_file = go_on(bundle, service)
    assert service.ids == ["right", "end"]
    assert last_file.status == "success"
    assert LastFile.from_path(bundle) == last_file


def test_results_do_not_depend_on_who_is_listening(tmp_path: Path) -> None:
    """Without observers, and with a journal alone, results are made in short; they must say the same."""

    def timeless(results: Sequence[TaskResult]) -> list[tuple[Any, ...]]:
        return [(each.task_id, each.status, each.output, len(each.attempts), each.usage) for each in results]

    seen: list[Callable[[Event], None] | None] = [None, lambda event: None]
    ends = [execute(tmp_path / str(n), alt_file_of(*DIAMOND), Service(), on_event=o)[0] for n, o in enumerate(seen)]
    assert timeless(ends[0].task_results) == timeless(ends[1].task_results)


def test_settings_and_inputs_stand_in_the_journal_without_secrets(tmp_path: Path) -> None:
    runner = Runner(config(tmp_path, ai_api_key="planted-key-3", ai_default_model="m1"), executor=Service())
    last_file = asyncio.run(runner.execute(alt_file_of({"id": "a", "description": "planted-key-3"})))
    bundle = runner.bundle_path(last_file)
    _, description = look_into_run(bundle)
    assert description.settings["ai_default_model"] == "m1"
    assert "planted-key-3" not in json.dumps(description.alt_file)
    assert b"planted-key-3" not in (bundle / JOURNAL_NAME).read_bytes()
