"""The strategies for ALT files give what they promise, and only they need Hypothesis."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import Phase, given, settings

from altlas_runner.alt_file import AltFile, AltParser, Task, TaskGraph
from altlas_runner.testing import alt_files, documents, graphs, tasks
from tests.alt_file.alt_documents import Document, codes_and_paths, document


def test_importing_the_helpers_does_not_import_hypothesis() -> None:
    code = "import sys, altlas_runner.testing as t; t.FakeExecutor(); print('hypothesis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_helper_is_an_attribute_error() -> None:
    import altlas_runner.testing

    with pytest.raises(AttributeError, match="no attribute 'alt_flies'"):
        _ = altlas_runner.testing.alt_flies


@given(documents())
def test_sound_documents_have_no_errors(content: Document) -> None:
    assert [code for code, _ in codes_and_paths(content) if not code.startswith("ALT1")] == []


@pytest.mark.slow
def test_unsound_documents_have_every_mistake() -> None:
    seen: set[str] = set()

    @settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate])
    @given(documents(sound=False))
    def look(content: Document) -> None:
        seen.update(code for code, _ in codes_and_paths(content))

    look()
    errors = {"ALT001", "ALT002", "ALT003", "ALT010", "ALT011", "ALT012", "ALT020", "ALT021", "ALT022", "ALT023"}
    assert seen >= errors | {f"ALT{number}" for number in range(101, 111)}


@given(documents(sound=False))
def test_unsound_documents_have_right_types(content: Document) -> None:
    AltParser().with_strict_validation(False).parse_from_string(json.dumps(content))


@given(graphs(min_size=2, max_size=4, ids=("a", "b", "c", "d")))
def test_graphs_have_no_circle(rows: dict[str, list[str]]) -> None:
    graph = TaskGraph.from_names(list(rows), rows.values())
    assert 2 <= len(graph.order) == len(rows) <= 4
    assert [[graph.ids[index] for index in row] for row in graph.dependencies] == list(rows.values())


@given(tasks())
def test_a_task_alone_makes_a_sound_file(task: Task) -> None:
    content = document(json.loads(task.model_dump_json(exclude_unset=True)))
    assert [code for code, _ in codes_and_paths(content) if not code.startswith("ALT1")] == []


@given(alt_files())
def test_files_are_models_of_sound_documents(alt_file: AltFile) -> None:
    assert [d for d in AltParser().validate(alt_file) if d.severity == "error"] == []
