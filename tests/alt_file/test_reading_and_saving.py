"""From a path to a file and back: nothing lost, nothing added, and errors that say which file."""

from __future__ import annotations

import gc
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from altlas_runner.alt_file import AltFile, AltParser, Task, create_sample_alt_file
from altlas_runner.errors import AltFormatError, AltIoError, AltJsonError, AltValidationError
from altlas_runner.testing import documents
from tests.alt_file.alt_documents import Document, document, task

LENIENT = AltParser().with_strict_validation(False)


@pytest.mark.parametrize("name", ["flow.alt", "flow.json", "flow.alt.json", "flow", "flow.JSON"])
def test_json_is_read_under_every_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps(document(task("a"))))
    assert AltParser().parse_from_path(tmp_path / name).tasks == [Task(id="a", description="Do it")]
    assert AltParser().parse_from_path(str(tmp_path / name)).id == "f"


def test_a_relative_path_is_looked_up_in_the_default_dir(tmp_path: Path) -> None:
    parser = AltParser().with_default_dir(tmp_path)
    parser.save_to_path(create_sample_alt_file(), "sample.alt")
    assert (tmp_path / "sample.alt").exists()
    assert parser.parse_from_path("sample.alt").id == "sample"
    assert parser.parse_from_path(tmp_path / "sample.alt").id == "sample"
    with pytest.raises(AltIoError):
        AltParser().parse_from_path("sample.alt")


def test_builders_leave_the_parser_as_it_is(tmp_path: Path) -> None:
    parser = AltParser()
    changed = parser.with_strict_validation(False).with_default_dir(tmp_path)
    assert (parser.strict_validation, parser.default_dir) == (True, None)
    assert (changed.strict_validation, changed.default_dir) == (False, tmp_path)


@pytest.mark.parametrize("name", ["missing.alt", "", "nul\0.alt", "missing/flow.yaml", "x" * 300])
def test_a_file_that_cannot_be_read_is_an_io_error_that_names_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(AltIoError) as caught:
        AltParser().parse_from_path(tmp_path / name)
    (diagnostic,) = caught.value.diagnostics
    assert (caught.value.kind, diagnostic.code) == ("io", "ALT301")
    assert str(tmp_path / name) in diagnostic.message


@pytest.mark.parametrize("name", ["missing/flow.alt", "directory", "nul\0.alt"])
def test_a_file_that_cannot_be_written_is_an_io_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(AltIoError) as caught:
        AltParser().save_to_path(create_sample_alt_file(), tmp_path / name)
    assert caught.value.diagnostics[0].code == "ALT301"
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]


def test_a_strict_parser_raises_every_error_and_warning_of_meaning() -> None:
    text = json.dumps(document(task("a", "b"), task("b", "a"), task("c"), title=""))
    with pytest.raises(AltValidationError) as caught:
        AltParser().parse_from_string(text)
    assert [d.code for d in caught.value.diagnostics] == ["ALT002", "ALT023", "ALT105"]
    assert caught.value.kind == "validation"


def test_a_lenient_parser_lets_errors_of_meaning_pass_and_validate_still_names_them() -> None:
    text = json.dumps(document(task("a", "b"), task("b", "a")))
    alt_file = LENIENT.parse_from_string(text)
    assert [each.id for each in alt_file.tasks] == ["a", "b"]
    assert [d.path for d in LENIENT.validate(alt_file)] == [d.path for d in LENIENT.validate(text)]
    assert [d.code for d in LENIENT.validate(text)] == ["ALT023"]


def test_warnings_alone_never_raise() -> None:
    assert AltParser().parse_from_string(json.dumps(document())).tasks == []


@given(documents() | documents(sound=False))
def test_saving_and_reading_neither_loses_nor_adds_anything(content: Document) -> None:
    alt_file = LENIENT.parse_from_string(json.dumps(content))
    written = alt_file.model_dump_json(exclude_unset=True)
    again = LENIENT.parse_from_string(written)
    assert again.model_copy(update={"created_at": alt_file.created_at}) == alt_file
    assert comparable(json.loads(written)) == comparable(content)


def comparable(content: Any) -> Any:
    """A document with what is one value in two spellings spelt one way."""
    content = dict(content)
    if "created_at" in content:
        text = content["created_at"].upper().replace("789", "")
        time = datetime.fromisoformat(text if text[-1] == "Z" or text[-6] in "+-" else text + "Z")
        content["created_at"] = (time.replace(tzinfo=None), time.utcoffset())
    content["mode"] = content.get("mode", "absent").lower()
    return content


def test_a_saved_file_holds_the_fields_that_were_set_and_unknown_ones(tmp_path: Path) -> None:
    content = document(
        task("a", extra={"x": [1.0, None]}), description=None, created_at="2026-03-01T12:00:00+02:00", own="é"
    )
    AltParser().save_to_path(AltParser().parse_from_string(json.dumps(content)), tmp_path / "out.alt")
    text = (tmp_path / "out.alt").read_text(encoding="utf-8")
    assert json.loads(text) == content
    assert "é" in text
    assert text.endswith("}\n")


def test_a_file_made_by_code_is_saved_and_read_back(tmp_path: Path) -> None:
    sample = create_sample_alt_file()
    sample.tasks[0].tags = ["changed"]
    AltParser().save_to_path(sample, tmp_path / "sample.alt")
    assert AltParser().parse_from_path(tmp_path / "sample.alt").tasks == sample.tasks


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), object(), "\ud800"])
def test_what_json_cannot_say_is_not_saved_and_nothing_is_written(tmp_path: Path, value: Any) -> None:
    alt_file = AltFile(id="f", title="t", tasks=[Task(id="a", description="d", parameters={"x": value})])
    with pytest.raises((AltFormatError, AltJsonError)):
        AltParser().save_to_path(alt_file, tmp_path / "out.alt")
    assert list(tmp_path.iterdir()) == []
    assert [d.severity for d in AltParser().validate(alt_file)] == ["error"]


def test_wrong_types_put_in_by_code_are_found_by_validate() -> None:
    alt_file = create_sample_alt_file()
    alt_file.tasks[1].timeout_seconds = "5"  # type: ignore[assignment] # wrong on purpose
    assert [(d.code, d.path) for d in AltParser().validate(alt_file)] == [("ALT303", "/tasks/1/timeout_seconds")]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("text", [json.dumps(document(task("a"))), "{"])
def test_parsing_leaves_the_garbage_collector_as_it_was(enabled: bool, text: str) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        AltParser().validate(text)
        try:
            AltParser().parse_from_string(text)
        except AltJsonError:
            assert text == "{"
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_the_workloads_parse_without_errors() -> None:
    folder = os.environ.get("ALTLAS_WORKLOADS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("the workloads are not here (ALTLAS_WORKLOADS names their folder)")
    files = [
        path for kind in ("agent-plans", "runner", "wfinstances") for path in sorted(Path(folder, kind).glob("*.json"))
    ]
    assert len(files) > 100
    for path in files:
        alt_file = AltParser().parse_from_path(path)
        assert alt_file.tasks
        assert json.loads(alt_file.model_dump_json(exclude_unset=True)) == json.loads(path.read_text()), path


def nested(levels: int, inside: str = "0") -> str:
    return '{"a": ' * levels + inside + "}" * levels


@pytest.mark.parametrize("inside", ["0", "{}", "[]"])
@pytest.mark.parametrize("levels", range(194, 202))
def test_what_is_saved_can_be_read_again_or_is_not_saved(levels: int, inside: str, tmp_path: Path) -> None:
    """Translating a segment and merging put metadata on deeper levels than they were written on."""
    plain = f'{{"id": "f", "title": "t", "tasks": [], "metadata": {nested(levels, inside)}}}'
    segment = f'{{"id": "a", "task_type": "t", "content": "c", "metadata": {nested(levels - 3, inside)}}}'
    dialect = f'{{"id": "f", "command": "c", "segments": [{segment}]}}'
    for text in (plain, dialect):
        try:
            alt_file = AltParser().parse_from_string(text)
        except AltFormatError:
            continue
        for whole in (alt_file, AltParser().merge_alt_files([alt_file], "Merged")):
            try:
                AltParser().save_to_path(whole, tmp_path / "deep.alt")
            except AltFormatError as error:
                (diagnostic,) = error.diagnostics
                assert (diagnostic.code, diagnostic.path.split("/")[1]) == ("ALT306", "metadata")
                with pytest.raises(AltFormatError):
                    AltParser().parse_from_string(whole.model_dump_json(exclude_unset=True))
            else:
                assert AltParser().parse_from_path(tmp_path / "deep.alt").metadata == whole.metadata
