"""A task whose task_type has a handler runs in Python; all others go to the executor."""

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from altlas_runner import ConfigurationError, HandlerContext, HandlerError, Outcome, TaskStatus, Usage, handler
from altlas_runner.alt_file import AltFile, Task
from altlas_runner.execution import TaskAttempt
from altlas_runner.task_manager import Event, TaskManager, TaskProgress
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time
from tests.handlers.running import run_tasks, task


def test_tasks_of_a_handlers_type_run_in_python_and_others_go_to_the_executor() -> None:
    executor = FakeExecutor(default_duration=0.0)
    handlers = {"double": lambda context: context.parameters["n"] * 2}
    doubled, unknown, plain = run_tasks(
        handlers,
        task("double", "a", parameters={"n": 21}),
        task("translate", "b"),
        Task(id="c", description="say hello"),
        executor=executor,
    )
    assert (doubled.status, doubled.output) == (TaskStatus.COMPLETED, 42)
    assert (unknown.output, plain.output) == ({"task": "b"}, {"task": "c"})
    assert sorted(executor.started()) == ["b", "c"]


def test_the_outputs_of_handlers_and_of_the_executor_reach_each_other() -> None:
    def seen(context: HandlerContext) -> dict[str, Any]:
        return {"sees": dict(context.outputs)}

    first = Task(id="first", description="first")
    last = Task(id="last", description="${{ tasks.middle.output.sees.first.task }}", dependencies=["middle"])
    executor = FakeExecutor(default_duration=0.0)
    _, middle, _ = run_tasks({"seen": seen}, first, task("seen", "middle", dependencies=["first"]), last,
                             executor=executor)  # fmt: skip
    assert middle.output == {"sees": {"first": {"task": "first"}}}
    assert executor.calls[-1].attempt.context == {"middle": middle.output}
    assert executor.calls[-1].attempt.task.description == "first"


def test_an_async_handler_runs_in_the_loop_and_a_plain_one_in_a_thread_of_its_own() -> None:
    async def in_loop(context: HandlerContext) -> bool:
        await asyncio.sleep(0)
        return threading.current_thread() is threading.main_thread()

    def in_thread(context: HandlerContext) -> bool:
        return threading.current_thread().name.startswith("handler ")

    class Both:
        async def __call__(self, context: HandlerContext) -> str:
            return "called"

    results = run_tasks(
        {"loop": in_loop, "thread": in_thread, "object": Both()},
        task("loop", "a"), task("thread", "b"), task("object", "c"),
    )  # fmt: skip
    assert [result.output for result in results] == [True, True, "called"]


def test_plain_handlers_run_side_by_side() -> None:
    """Each waits for the other: one after the other they would never end."""
    meeting = threading.Barrier(2, timeout=20)
    results = run_tasks({"meet": lambda context: meeting.wait() >= 0}, task("meet", "a"), task("meet", "b"),
                        max_concurrency=2)  # fmt: skip
    assert [result.output for result in results] == [True, True]


def test_without_an_executor_every_task_needs_a_handler() -> None:
    with pytest.raises(ConfigurationError, match=r'task "b" is of the type "resise".*did you mean "resize"\?'):
        TaskManager(alt_file_of(task("resize"), task("resise", "b")), None, handlers={"resize": print})
    with pytest.raises(ConfigurationError, match='task "a" has no task_type'):
        TaskManager(alt_file_of({"id": "a"}), None)


def test_the_context_says_what_is_asked_and_how_much_time_is_left() -> None:
    seen: list[HandlerContext] = []

    async def look(context: HandlerContext) -> None:
        seen.append(context)
        assert context.remaining_seconds is not None
        assert 0 < context.remaining_seconds <= 60

    alt = AltFile(
        id="x", title="X", persona="a pirate", metadata={"k": 1},
        tasks=[task("look", parameters={"n": "${{ inputs.n }}"}, timeout_seconds=60)],
    )  # fmt: skip
    manager = TaskManager(alt, None, handlers={"look": look}, inputs={"n": 5})
    (result,) = asyncio.run(manager.run())
    (context,) = seen
    assert result.status is TaskStatus.COMPLETED
    assert (context.parameters["n"], context.task.id, context.attempt, context.outputs) == (5, "a", 1, {})
    assert (context.run.persona, context.run.metadata, context.run.run_id) == ("a pirate", {"k": 1}, manager.run_id)
    assert context.idempotency_key == f"{manager.run_id}:a"
    assert not context.cancelled
    with pytest.raises(AttributeError):
        context.attempt = 2  # type: ignore[misc]


def test_a_handler_can_be_tried_by_hand_with_no_more_than_a_task() -> None:
    @handler("halve")
    def halve(context: HandlerContext) -> int:
        context.emit("halving")
        return int(context.parameters["n"]) // 2

    context = HandlerContext(task("halve", parameters={"n": 8}))
    assert halve(context) == 4
    assert (context.remaining_seconds, context.cancelled) == (None, False)


def test_progress_from_a_thread_reaches_the_observer_on_the_loops_thread() -> None:
    told: list[tuple[str, Any, bool]] = []

    def observe(event: Event) -> None:
        if isinstance(event, TaskProgress):
            told.append((event.kind, event.fields, threading.current_thread() is threading.main_thread()))

    def report(context: HandlerContext) -> None:
        context.emit("rows", done=3, of=10)
        time.sleep(0.05)

    run_tasks({"report": report}, task("report"), on_event=observe)
    assert told == [("rows", {"done": 3, "of": 10}, True)]


def test_what_a_handler_logs_names_its_task(caplog: pytest.LogCaptureFixture) -> None:
    def say(context: HandlerContext) -> None:
        context.log.warning("half of %s", "it")

    with caplog.at_level(logging.WARNING):
        run_tasks({"say": say}, task("say", "50% \n off"))
    assert [record.getMessage() for record in caplog.records] == ['task "50% \\n off": half of it']


# -- failures --------------------------------------------------------------------------------------------------------


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class LowestError(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("wrong width"), "ValueError: wrong width"),
        (KeyError("width"), "KeyError: 'width'"),
        (SystemExit(3), "SystemExit: 3"),
        (StopIteration("over"), "StopIteration: over"),
        (LowestError("deep"), "LowestError: deep"),
        (asyncio.CancelledError("mine"), "CancelledError: mine"),
        (UnprintableError(), "UnprintableError: its text cannot be shown"),
        (TimeoutError(), "TimeoutError"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("is_async", [True, False])
def test_whatever_a_handler_raises_fails_its_task_alone(error: BaseException, text: str, is_async: bool) -> None:
    def plain(context: HandlerContext) -> None:
        raise error

    async def coroutine(context: HandlerContext) -> None:
        raise error

    bad, good = run_tasks({"bad": coroutine if is_async else plain, "good": lambda _: 1},
                          task("bad"), task("good", "b"))  # fmt: skip
    if is_async and isinstance(error, StopIteration):  # Python itself does not let it out of a coroutine
        text = "RuntimeError: coroutine raised StopIteration"
    assert (bad.status, bad.error_code, bad.error) == (TaskStatus.FAILED, "HANDLER_FAILED", text)
    assert (good.status, bad.retry_count) == (TaskStatus.COMPLETED, 0)


def test_a_null_retry_count_of_a_handlers_task_means_no_retry_whatever_the_executor_does() -> None:
    failing = Outcome.failed("X", "x", retry="yes")
    executor = FakeExecutor(outcomes={"b": [failing]}, max_retries=2)
    calls: list[int] = []

    async def bad(context: HandlerContext) -> None:
        calls.append(context.attempt)
        raise ValueError

    alt = alt_file_of(task("bad"), {"id": "b"})

    async def main() -> None:
        a, b = await TaskManager(alt, executor, handlers={"bad": bad}, seed=1).run()
        assert (a.retry_count, b.retry_count) == (0, 2)

    run_in_virtual_time(main)
    assert calls == [1]


def test_a_handler_is_tried_again_as_often_as_its_task_says() -> None:
    async def third_time_lucky(context: HandlerContext) -> int:
        if context.attempt < 3:
            raise ConnectionError("not yet")
        return context.attempt

    async def main() -> None:
        manager = TaskManager(alt_file_of(task("lucky", retry_count=5)), None, handlers={"lucky": third_time_lucky})
        (result,) = await manager.run()
        assert (result.output, result.retry_count) == (3, 2)
        assert [each.error for each in result.attempts] == ["ConnectionError: not yet"] * 2 + [None]

    run_in_virtual_time(main)


def test_a_handler_can_say_that_another_attempt_is_useless_or_must_wait() -> None:
    async def useless(context: HandlerContext) -> None:
        raise HandlerError("the file is empty", error_code="EMPTY")

    async def busy(context: HandlerContext) -> str:
        if context.attempt == 1:
            raise HandlerError("come back", retry=True, retry_after=500.0)
        return "done"

    alt = alt_file_of(task("useless", retry_count=5), task("busy", "b", retry_count=5))

    async def main() -> None:
        a, b = await TaskManager(alt, None, handlers={"useless": useless, "busy": busy}).run()
        assert (a.status, a.error_code, a.error, a.retry_count) == (TaskStatus.FAILED, "EMPTY", "the file is empty", 0)
        assert (b.output, b.retry_count) == ("done", 1)
        assert b.attempts[1].wait_before_ms >= 500_000

    run_in_virtual_time(main)


def test_a_handler_may_return_an_outcome() -> None:
    def paid(context: HandlerContext) -> Outcome:
        return Outcome.completed({"ok": True}, usage=Usage(10, 20, 0.25))

    def refused(context: HandlerContext) -> Outcome:
        return Outcome.failed("REFUSED", "not today")

    a, b = run_tasks({"paid": paid, "refused": refused}, task("paid"), task("refused", "b"))
    assert (a.output, a.usage) == ({"ok": True}, Usage(10, 20, 0.25))
    assert (b.status, b.error_code, b.error) == (TaskStatus.FAILED, "REFUSED", "not today")


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def _endless() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"items": [1, {"when": time.localtime}]}, "the output.items[1].when is a builtin_function_or_method"),
        ({1, 2}, "the output is a set, which JSON does not have"),
        (float("nan"), "the output is nan, which JSON does not have"),
        ({"a": float("inf")}, "the output.a is inf"),
        ({1: 2}, "the output has the key 1; keys of JSON objects are texts"),
        (b"bytes", "the output is a bytes"),
        (object(), "the output is a object"),
        (_deep(400), "nested deeper than 150 levels"),
        (_endless(), "contains itself"),
        ((i for i in range(3)), "the output is a generator"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_output_that_is_no_json_fails_the_task_and_says_where(value: Any, text: str) -> None:
    (result,) = run_tasks({"odd": lambda _: value}, task("odd", retry_count=3))
    assert (result.status, result.error_code, result.retry_count) == (TaskStatus.FAILED, "HANDLER_OUTPUT", 0)
    assert text in (result.error or "")
    (result,) = run_tasks({"odd": lambda _: Outcome.completed(value)}, task("odd"))
    assert result.error_code == "HANDLER_OUTPUT"


def test_tuples_become_lists_and_what_the_handler_keeps_cannot_change_the_result() -> None:
    kept = {"sizes": (1, 2)}

    def give(context: HandlerContext) -> Any:
        return kept

    (result,) = run_tasks({"give": give}, task("give"))
    kept["sizes"] = (3, 4)
    assert result.output == {"sizes": [1, 2]}


def test_a_plain_function_that_returns_a_coroutine_is_told_to_be_async() -> None:
    async def inner() -> int:
        return 1

    (result,) = run_tasks({"odd": lambda _: inner()}, task("odd"))
    assert (result.error_code, "async def" in (result.error or "")) == ("HANDLER_OUTPUT", True)


def test_a_reference_cannot_choose_the_handler() -> None:
    """What a service answers must not decide which code runs."""
    executor = FakeExecutor(outcomes={"a": [Outcome.completed("danger")]}, default_duration=0.0)
    chooses = task("${{ tasks.a.output }}", "b", dependencies=["a"])
    _, b = run_tasks({"danger": lambda _: 1 / 0}, Task(id="a", description="a"), chooses, executor=executor)
    assert b.output == {"task": "b"}
    attempt: TaskAttempt = executor.calls[-1].attempt
    assert (attempt.task.parameters or {})["task_type"] == "danger"
