"""One timer bounds all attempts of a service, and takes no cancellation of somebody else for its own."""

import asyncio
from collections.abc import Callable

import pytest

from altlas_runner.ai_service.overdue import Overdue
from altlas_runner.testing import run_in_virtual_time


async def bounded(overdue: Overdue, until: float, seconds: float) -> str:
    """Sleep within a bound, and say how that ended."""
    task = asyncio.current_task()
    assert task is not None
    overdue.enter(task, until)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if overdue.leave(task):
            return f"stopped at {asyncio.get_running_loop().time():g}"
        raise
    overdue.leave(task)
    return f"done at {asyncio.get_running_loop().time():g}"


def run(main: Callable[[Overdue, asyncio.AbstractEventLoop], object]) -> object:
    async def started() -> object:
        loop = asyncio.get_running_loop()
        return await main(Overdue(loop), loop)  # type: ignore[misc]

    return run_in_virtual_time(started)


def test_each_is_stopped_at_its_own_instant_and_the_others_go_on() -> None:
    async def main(overdue: Overdue, loop: asyncio.AbstractEventLoop) -> list[str]:
        bounds = ((5.0, 9.0), (2.0, 9.0), (7.0, 1.0), (2.0, 3.0), (8.0, 8.5), (9.0, 0.0))
        return await asyncio.gather(*(bounded(overdue, until, seconds) for until, seconds in bounds))

    assert run(main) == ["stopped at 5", "stopped at 2", "done at 1", "stopped at 2", "stopped at 8", "done at 0"]


def test_a_bound_that_has_passed_stops_at_once() -> None:
    async def main(overdue: Overdue, loop: asyncio.AbstractEventLoop) -> str:
        await asyncio.sleep(3)
        return await bounded(overdue, 1.0, 5.0)

    assert run(main) == "stopped at 3"


@pytest.mark.parametrize("instant", [1.0, 2.0])
def test_a_cancellation_by_somebody_else_goes_on_also_at_the_same_instant(instant: float) -> None:
    async def main(overdue: Overdue, loop: asyncio.AbstractEventLoop) -> str:
        task = asyncio.ensure_future(bounded(overdue, 2.0, 5.0))
        await asyncio.sleep(0)
        loop.call_at(instant, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        return "passed on"

    assert run(main) == "passed on"


def test_what_was_stopped_here_can_be_cancelled_again_later() -> None:
    async def main(overdue: Overdue, loop: asyncio.AbstractEventLoop) -> list[str]:
        async def twice() -> list[str]:
            first = await bounded(overdue, 1.0, 5.0)
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            return [first, await bounded(overdue, 4.0, 5.0)]

        return await asyncio.ensure_future(twice())

    assert run(main) == ["stopped at 1", "stopped at 4"]


def test_nobody_is_stopped_after_it_was_closed() -> None:
    async def main(overdue: Overdue, loop: asyncio.AbstractEventLoop) -> str:
        loop.call_at(1.0, overdue.close)
        return await bounded(overdue, 2.0, 5.0)

    assert run(main) == "done at 5"
