"""The events of a run as they are kept for those who follow it."""

import asyncio

import pytest

from altlas_runner.server.event_log import EventLog


def test_events_are_numbered_and_given_from_any_number_on() -> None:
    log = EventLog()
    for name in "abcde":
        log.add(name)
    assert (log.first, log.last) == (1, 5)
    assert log.since(0, 10) == (1, list("abcde"))
    assert log.since(2, 2) == (3, ["c", "d"])
    assert log.since(5, 10) == (6, [])


def test_the_oldest_go_when_there_are_too_many_and_numbers_stay() -> None:
    log = EventLog(most_bytes=10)
    for number in range(100):
        log.add(f"{number:04d}")
    assert (log.first, log.last) == (99, 100)
    assert log.since(0, 10) == (99, ["0098", "0099"])
    assert log.size == 8


def test_numbers_begin_where_they_are_told_to() -> None:
    log = EventLog(before=40)
    assert (log.first, log.last) == (41, 40)
    log.add("a")
    log.add("b")
    assert log.since(40, 10) == (41, ["a", "b"])
    assert log.since(41, 10) == (42, ["b"])


def test_one_event_is_kept_however_long_it_is() -> None:
    log = EventLog(most_bytes=1)
    log.add("long")
    assert log.since(0, 10) == (1, ["long"])


def test_whoever_waits_is_woken_by_an_event_and_by_the_end() -> None:
    async def main() -> None:
        log = EventLog()
        waiting = [asyncio.create_task(log.changed(0)) for _ in range(3)]
        await asyncio.sleep(0)
        log.add("a")
        await asyncio.wait_for(asyncio.gather(*waiting), 10)
        await asyncio.wait_for(log.changed(0), 10)
        late = asyncio.create_task(log.changed(1))
        gone = asyncio.create_task(log.changed(1))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert not late.done()
        log.end()
        await asyncio.wait_for(late, 10)

    asyncio.run(main())
