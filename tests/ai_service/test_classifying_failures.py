"""The pure parts of classification: Retry-After in its three forms, what a service says about its error."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.ai_service.body import BodyError, BodyReader, BodyTooLargeError, parse_json
from altlas_runner.ai_service.failures import (
    classify_status,
    plain_text,
    retry_after_seconds,
    service_message,
    shorten,
)

NOW = datetime(2026, 11, 1, 9, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
        ({"Retry-After": "Sun, 01 Nov 2026 09:00:30 -0000"}, 30.0),
        ({"Retry-After": format_datetime(NOW - timedelta(hours=1), usegmt=True)}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"retry-after-ms": "soon", "Retry-After": "7"}, 7.0),
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "NaN"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "Sun, 99 Nov 99999 09:00:30 GMT"}, None),
    ],
)
def test_retry_after_is_understood_in_its_three_forms_and_else_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_seconds(headers, now=NOW) == seconds


@given(st.text(), st.text())
def test_no_retry_after_makes_a_wait_that_is_negative_or_without_end(value: str, milliseconds: str) -> None:
    seconds = retry_after_seconds({"Retry-After": value, "retry-after-ms": milliseconds}, now=NOW)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b'{"error": {"message": "no such model"}}', "application/json", "no such model"),
        (b'{"error": "no such model"}', "application/json", "no such model"),
        (b'{"detail": "Not Found"}', "application/json", "Not Found"),
        (b'{"message": "slow down"}', "application/json", "slow down"),
        (b'[{"error": {"message": "in a list"}}]', "application/json", "in a list"),
        (b'{"detail": [{"msg": "field required"}]}', "application/json", '{"detail": [{"msg": "field required"}]}'),
        (b"upstream gone", "text/plain", "upstream gone"),
        (b"<html><title>502 Bad\nGateway</title>", "text/html", "a page of HTML, “502 Bad\nGateway”"),
        (b"<html><body>", "text/html", "a page of HTML"),
        (b"\xff\xfe", "", "��"),
        (b"", "", ""),
    ],
)
def test_the_services_own_words_are_found(body: bytes, content_type: str, said: str) -> None:
    assert service_message(body, content_type) == said


@given(status=st.integers(300, 999), body=st.binary(max_size=200))
def test_every_status_and_body_gives_a_failure_with_code_and_text(status: int, body: bytes) -> None:
    outcome = classify_status(status, {}, body, now=NOW)
    assert not outcome.ok
    assert (outcome.error_code or "").startswith("AI_")
    assert str(status) in (outcome.error or "")


@given(st.text(max_size=2000))
def test_an_error_text_is_one_short_line_that_every_file_can_hold(text: str) -> None:
    cleaned = shorten(plain_text(text))
    assert len(cleaned) <= 500
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode()


@given(pieces=st.lists(st.binary(max_size=50), max_size=20), limit=st.integers(0, 300))
def test_a_body_is_whole_or_too_large(pieces: list[bytes], limit: int) -> None:
    def read() -> bytes:
        reader = BodyReader("", limit)
        return b"".join(part for piece in pieces for part in reader.read(piece))

    whole = b"".join(pieces)
    if len(whole) <= limit:
        assert read() == whole
    else:
        with pytest.raises(BodyTooLargeError):
            read()


def test_bytes_behind_a_compressed_body_are_refused() -> None:
    import gzip

    reader = BodyReader("gzip", 1000)
    with pytest.raises(BodyError, match="followed by more bytes"):
        list(reader.read(gzip.compress(b"{}") + b"more"))


@pytest.mark.parametrize("body", [b"1e308", b'"1e999"', b"12345678901234567890", b"\xef\xbb\xbf{}"])
def test_json_at_the_edge_of_what_is_allowed_is_taken(body: bytes) -> None:
    assert parse_json(body) is not None


@pytest.mark.slow
def test_json_of_too_many_small_parts_is_too_large() -> None:
    with pytest.raises(BodyTooLargeError, match="250,000 objects and arrays"):
        parse_json(b"[" + b"[]," * 250_000 + b"1]")
    assert len(parse_json(b"[" + b"[]," * 249_999 + b"1]")) == 250_000
    with pytest.raises(BodyTooLargeError, match="4,000,000 values"):
        parse_json(b"[" + b"1," * 4_000_001 + b"1]")
    names = b"{" + b",".join(b'"%d" : 1' % number for number in range(500_000)) + b"}"
    assert len(parse_json(names)) == 500_000
    with pytest.raises(BodyTooLargeError, match="500,000 names"):
        parse_json(b"[" + names + b',{"one":1}]')


def test_a_long_text_with_many_commas_and_colons_is_no_large_json() -> None:
    text = 'at 12:30, "yes": he said, ' * 150_000
    assert parse_json(json.dumps(text).encode()) == text


@pytest.mark.parametrize("body", [b"1e309", b"[-1e400]", b'{"a": {"b": 1E+999}}', b"1" * 400 + b".0"])
def test_a_number_that_overflows_is_refused_wherever_it_stands(body: bytes) -> None:
    with pytest.raises(ValueError, match="too large"):
        parse_json(body)
