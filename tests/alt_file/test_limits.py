"""Files over a limit are refused with the limit and what was there, before they can do harm."""

from pathlib import Path

import pytest

from altlas_runner.alt_file import AltFile, AltParser, Diagnostic, Limits
from altlas_runner.errors import AltFormatError

CHAIN = b"""{"id": "f", "title": "t",
 "tasks": [{"id": "a", "description": "d"}, {"id": "b", "description": "d", "dependencies": ["a"]}]}"""


def refused(parser: AltParser, source: bytes | Path) -> Diagnostic:
    with pytest.raises(AltFormatError) as caught:
        parser.parse_from_path(source) if isinstance(source, Path) else parser.parse_from_string(source)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "ALT306"
    return diagnostic


def test_a_text_over_the_size_limit_is_refused(tmp_path: Path) -> None:
    parser = AltParser().with_limits(Limits(size_bytes=len(CHAIN) - 1))
    (tmp_path / "f.alt").write_bytes(CHAIN)
    for source in (CHAIN, tmp_path / "f.alt"):
        assert refused(parser, source).message == f"the file is larger than {len(CHAIN) - 1} bytes"
    assert [each.code for each in parser.validate(CHAIN)] == ["ALT306"]
    assert AltParser().with_limits(Limits(size_bytes=len(CHAIN))).parse_from_string(CHAIN).id == "f"


def test_a_device_without_end_is_read_no_further_than_the_limit() -> None:
    assert (
        "larger than 1,000,000 bytes"
        in refused(AltParser().with_limits(Limits(size_bytes=1_000_000)), Path("/dev/zero")).message
    )


def test_too_many_tasks_are_refused_where_they_stand() -> None:
    parser = AltParser().with_limits(Limits(tasks=1))
    diagnostic = refused(parser, CHAIN)
    assert parser.validate(CHAIN) == [diagnostic]
    assert (diagnostic.message, diagnostic.line, diagnostic.column) == ("the file has 2 tasks; 1 are the limit", 2, 11)


def test_too_many_segments_are_refused_where_they_stand() -> None:
    segments = b'[{"id": "a", "task_type": "t", "content": "c"}, {"id": "b", "task_type": "t", "content": "c"}]'
    document = b'{"id": "s", "command": "c", "language": "en",\n "segments": ' + segments + b"}"
    assert len(AltParser().parse_from_string(document).tasks) == 2
    diagnostic = refused(AltParser().with_limits(Limits(tasks=1)), document)
    assert (diagnostic.message, diagnostic.line) == ("the file has 2 tasks; 1 are the limit", 2)


def test_too_many_dependencies_are_refused() -> None:
    diagnostic = refused(AltParser().with_limits(Limits(dependencies=0)), CHAIN)
    assert diagnostic.message == "the file has 1 dependencies; 0 are the limit"


def test_the_defaults_let_a_million_tasks_through() -> None:
    limits = Limits()
    assert limits.size_problem(400_000_000) is None
    assert limits.count_problems(AltFile(id="f", title="t", tasks=[]), limits.size_bytes) == []
    assert limits.tasks >= 1_000_000
