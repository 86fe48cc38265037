"""Slots that several runs share: a limit for all of them together, and a turn for each."""

import asyncio
from typing import Any

from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.shared_slots import SharedSlots
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import HandlerContext, TaskManager, TaskProgress
from altlas_runner.task_manager.events import Event
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time


def manager(executor: Any, count: int, slots: SharedSlots, name: str = "t", **options: Any) -> TaskManager:
    tasks = [{"id": f"{name}{number}", **options.pop(f"{name}{number}", {})} for number in range(count)]
    return TaskManager(alt_file_of(*tasks), executor, 8, shared_slots=slots, **options)


def test_all_runs_together_have_no_more_attempts_at_one_time_than_there_are_slots() -> None:
    executor = FakeExecutor({f"{name}{number}": 1.0 for name in "ab" for number in range(6)})

    async def main() -> None:
        slots = SharedSlots(3, "CONCURRENCY")
        await asyncio.gather(*(manager(executor, 6, slots, name).run() for name in "ab"))

    run_in_virtual_time(main)
    assert executor.peak == 3
    assert len(executor.started()) == 12


def test_a_large_run_keeps_no_small_one_waiting() -> None:
    executor = FakeExecutor({f"{name}{number}": 1.0 for name in ("large", "small") for number in range(8)})

    async def main() -> None:
        slots = SharedSlots(1, "CONCURRENCY")
        large = asyncio.create_task(manager(executor, 8, slots, "large").run())
        await asyncio.sleep(0.5)
        await manager(executor, 2, slots, "small").run()
        assert not large.done()
        await large

    run_in_virtual_time(main)
    assert executor.started()[:5] == ["large0", "large1", "small0", "large2", "small1"]


def test_who_waits_for_a_slot_is_told_so() -> None:
    events: list[Event] = []
    executor = FakeExecutor({"t0": 1.0, "t1": 1.0})

    async def main() -> None:
        await manager(executor, 2, SharedSlots(1, "CONCURRENCY"), on_event=events.append).run()

    run_in_virtual_time(main)
    told = [(each.task_id, each.kind, dict(each.fields)) for each in events if isinstance(each, TaskProgress)]
    assert told == [("t1", "waits_for_room", {"reason": "CONCURRENCY"}), ("t1", "has_room", {})]


def test_waiting_for_a_slot_counts_against_the_deadline() -> None:
    executor = FakeExecutor({"t0": 5.0, "t1": 1.0})

    async def main() -> list[TaskStatus]:
        slots = SharedSlots(1, "CONCURRENCY")
        results = await manager(executor, 2, slots, t1={"timeout_seconds": 2}).run()
        assert slots.try_enter(), "who gave up waiting holds no slot"
        return [result.status for result in results]

    assert run_in_virtual_time(main) == [TaskStatus.COMPLETED, TaskStatus.TIMEOUT]


def test_a_run_that_is_cancelled_while_it_waits_takes_nobody_s_turn() -> None:
    executor = FakeExecutor({"a0": 3.0, "b0": 1.0, "c0": 1.0})

    async def main() -> list[str]:
        slots = SharedSlots(1, "CONCURRENCY")
        managers = [manager(executor, 1, slots, name) for name in "abc"]
        running = [asyncio.create_task(each.run()) for each in managers]
        await asyncio.sleep(1)
        managers[1].cancel()
        return [result.status for results in await asyncio.gather(*running) for result in results]

    assert run_in_virtual_time(main) == ["completed", "cancelled", "completed"]
    assert executor.started() == ["a0", "c0"]


def test_handlers_need_a_slot_too() -> None:
    running = peak = 0

    async def slow(context: HandlerContext) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(1)
        running -= 1

    async def main() -> None:
        tasks = [{"id": f"t{number}", "parameters": {"task_type": "slow"}} for number in range(4)]
        slots = SharedSlots(2, "CONCURRENCY")
        await TaskManager(alt_file_of(*tasks), None, 8, handlers={"slow": slow}, shared_slots=slots).run()

    run_in_virtual_time(main)
    assert peak == 2


def test_an_attempt_that_raises_gives_its_slot_back() -> None:
    class Raising:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            raise ValueError(attempt.task.id)

    async def main() -> None:
        slots = SharedSlots(1, "CONCURRENCY")
        results = await manager(Raising(), 3, slots).run()
        assert [result.error_code for result in results] == ["EXECUTOR_ERROR"] * 3
        assert slots.try_enter()
        assert not slots.try_enter()

    run_in_virtual_time(main)
