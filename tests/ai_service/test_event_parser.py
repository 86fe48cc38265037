"""Server-sent events: the same events come out however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.ai_service.body import BodyError, BodyTooLargeError
from altlas_runner.ai_service.event_stream import EventParser, ServerSentEvent

lines = st.one_of(
    st.sampled_from(["", "", "data", "data:", "data: a", "data:  b", "event: delta", "event:", ": comment", "id: 7"]),
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8),
)
line_ends = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    return "".join(line + draw(line_ends) for line in draw(st.lists(lines, max_size=25)))


def parsed(*pieces: bytes) -> list[ServerSentEvent]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


def slowly(text: str) -> list[ServerSentEvent]:
    """As the HTML standard words it, with the whole text at hand."""
    events = []
    name = ""
    texts: list[str] = []
    for line in text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        if line == "":
            if texts:
                events.append(ServerSentEvent(name or "message", "\n".join(texts)))
            name, texts = "", []
            continue
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            name = value
        if field == "data":
            texts.append(value)
    return events


@given(texts())
def test_events_are_those_of_the_standard(text: str) -> None:
    assert parsed(text.encode()) == slowly(text)


@given(texts(), st.data())
def test_however_the_bytes_are_cut_the_same_events_come_out(text: str, data: st.DataObject) -> None:
    content = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=10)))
    pieces = [content[start:end] for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)]
    assert parsed(*pieces) == parsed(content) == parsed(*(bytes([byte]) for byte in content))


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_bytes_are_events_or_a_body_error(pieces: list[bytes]) -> None:
    try:
        parsed(*pieces)
    except BodyError as error:
        assert "not UTF-8" in str(error)  # noqa: PT017 - both ends are allowed


def test_an_event_without_its_empty_line_does_not_come_out() -> None:
    assert parsed(b"data: [DONE]\n") == []


def test_a_byte_order_mark_at_the_beginning_is_passed_over() -> None:
    assert parsed(b"\xef\xbb", b"\xbfdata: a\n\n") == [ServerSentEvent("message", "a")]


@pytest.mark.parametrize("end", [b"", b"\n\n"], ids=["open", "ended"])
@pytest.mark.parametrize("line", [b"data: " + b"a" * 95, b"data: a\n" * 13, b"x" * 101, b":" * 101])
def test_an_event_over_the_limit_is_too_large_before_it_has_come_whole(line: bytes, end: bytes) -> None:
    parser = EventParser(limit=100)
    with pytest.raises(BodyTooLargeError):
        parser.feed(line + end)


def test_many_small_events_are_not_too_large_together() -> None:
    parser = EventParser(limit=100)
    assert sum(len(parser.feed(b": still here\n\ndata: a\n\n")) for _ in range(1000)) == 1000


def test_a_huge_stream_takes_time_in_proportion_to_its_length() -> None:
    parser = EventParser()
    content = b"data: " + b"a" * 1_000_000 + b"\n\n"
    events = [event for start in range(0, len(content), 16) for event in parser.feed(content[start : start + 16])]
    assert len(events[0].text) == 1_000_000
