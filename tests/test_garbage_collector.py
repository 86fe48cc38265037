"""Pausing the garbage collector must not mean that garbage is never collected."""

import gc

import pytest

from altlas_runner import AltParseError, AltParser


def test_what_refused_texts_leave_behind_is_collected() -> None:
    """Exceptions leave cycles; a program that reads file after file must not grow with them."""
    parser = AltParser()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(3000):
        with pytest.raises(AltParseError):
            parser.parse_from_string('{"id": 1}')
    assert len(gc.get_objects()) - before < 20_000
