"""Hypothesis strategies for ALT files: graphs, tasks, documents as JSON values, and files.

They are small, and rich in what goes wrong: ids that look like renamed ones or need quoting, dependencies behind their
dependents, references in deep places, texts that only look like references, fields that are null or absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from altlas_runner.alt_file import AltFile, Task

__all__ = ["alt_files", "documents", "graphs", "json_values", "tasks"]

Document = dict[str, Any]
Graph = dict[str, list[str]]

_IDS = ("a", "b", "c", "1_a", "1_b", "1_b_2", "2_a", "0_c", "my id", "é", "a.b", 'say "x"', "tasks", "-", "\\n")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+")
_PATHS = st.sampled_from(["", ".rows", ".rows[0].name", '["my key"][2]'])
_LITERALS = st.sampled_from(["", "Do it. ", "$${{ tasks.a.output }} ", "costs $5 {{ a }} ", "é\n"])

_SOME_EMPTY = st.sampled_from(["Do it", "Write", "", "\u2003\n"])
_STRINGS = st.text(st.characters(codec="utf-8"))
_PRIORITIES = st.sampled_from(["low", "medium", "high", "critical", None])
_TAGS = st.none() | st.lists(st.sampled_from(["x", "y"]), max_size=2)
_TIMES = st.sampled_from(
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01t12:00:00.123456789+05:30",
        "0001-01-01 00:00:00",
        "9999-12-31T23:59:59.9-23:59",
    ]
)


@cache
def json_values(*, max_leaves: int = 6) -> SearchStrategy[Any]:
    """Any JSON value that UTF-8 can say: null, booleans, finite numbers, texts, and arrays and objects of them."""
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _STRINGS
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_STRINGS, inner, max_size=3),
        max_leaves=max_leaves,
    )


@st.composite
def graphs(draw: st.DrawFn, *, min_size: int = 0, max_size: int = 6, ids: Sequence[str] = _IDS) -> Graph:
    """Sound graphs: the dependencies of each task by id, without a circle, in any order of the file.

    Args:
        draw: given by Hypothesis.
        min_size: the fewest tasks.
        max_size: the most tasks, at most as many as there are ids.
        ids: what ids are taken from.
    """
    size = min(max_size, len(ids))
    names = draw(st.lists(st.sampled_from(ids), min_size=min_size, max_size=size, unique=True))
    graph = {
        name: draw(st.lists(st.sampled_from(names[:place]), max_size=3, unique=True)) if place else []
        for place, name in enumerate(names)
    }
    return {name: graph[name] for name in draw(st.permutations(names))}


def documents(*, sound: bool = True) -> SearchStrategy[Document]:
    """ALT files as JSON values, with right types everywhere.

    Args:
        sound: without errors (there may be warnings), and with output references that can be resolved. Else any mistake
            of meaning may be there, many at once or a single one, and no references.
    """
    return _sound_documents() if sound else _random_documents() | _nearly_sound_documents()


def alt_files(*, sound: bool = True) -> SearchStrategy[AltFile]:
    """The same as models, with `created_at` only where the document has it."""
    return documents(sound=sound).map(AltFile.model_validate)


def tasks() -> SearchStrategy[Task]:
    """Tasks that are sound and depend on no other."""
    required = st.fixed_dictionaries({"id": st.sampled_from(_IDS), "description": st.just("Do it")})
    return st.builds(lambda *fields: Task.model_validate(fields[0] | fields[1]), required, _further_fields())


@cache
def _json_objects() -> SearchStrategy[Document]:
    return st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values(), max_size=3)


@cache
def _further_fields() -> SearchStrategy[Document]:
    """What a task may have beside id, description and dependencies."""
    return st.fixed_dictionaries(
        {},
        optional={
            "parameters": st.none() | _json_objects(),
            "timeout_seconds": st.none() | st.sampled_from([0, 1, 7200, 7201, 10**30]),
            "retry_count": st.none() | st.sampled_from([0, 20, 21, 255]),
            "status": st.sampled_from(["pending", "failed", None]),
            "priority": _PRIORITIES,
            "tags": _TAGS,
            "timeout": json_values(),  # an unknown field
        },
    )


def _files_of(built: SearchStrategy[list[Document]], texts: SearchStrategy[str]) -> SearchStrategy[Document]:
    return st.fixed_dictionaries(
        {"id": texts, "title": texts, "tasks": built},
        optional={
            "version": texts,
            "created_at": _TIMES,
            "description": st.none() | texts,
            "mode": st.sampled_from(["normal", "DREAM", "Explore", "cHAOS"]),
            "persona": st.none() | texts,
            "metadata": st.none() | _json_objects(),
            "priority": _PRIORITIES,
            "tags": _TAGS,
            "expected_completion_time": st.none() | st.integers(0, 3),
            "author": json_values(),  # an unknown field
        },
    )


def _text_with_reference(draw: st.DrawFn, ids: list[str]) -> str:
    """Text around a reference to one of these tasks, or without one."""
    before = draw(_LITERALS)
    if not ids or not draw(st.booleans()):
        return before + "Write"
    name = draw(st.sampled_from(ids))
    is_plain = _PLAIN_ID.fullmatch(name) is not None and draw(st.booleans())
    place = f".{name}" if is_plain else f"[{json.dumps(name, ensure_ascii=draw(st.booleans()))}]"
    space = draw(st.sampled_from(["", " ", "  "]))
    return f"{before}${{{{{space}tasks{place}.output{draw(_PATHS)}{space}}}}}{draw(_LITERALS)}"


@st.composite
def _sound_tasks(draw: st.DrawFn) -> list[Document]:
    built = []
    for name, dependencies in draw(graphs()).items():
        fields: Document = {"id": name, "description": _text_with_reference(draw, dependencies)}
        if bool(dependencies) or draw(st.booleans()):
            fields["dependencies"] = dependencies
        fields |= draw(_further_fields())
        if bool(dependencies) and draw(st.booleans()):
            text, key = _text_with_reference(draw, dependencies), _text_with_reference(draw, dependencies)
            fields["parameters"] = {
                "text": text,
                "deep": [{"list": [text], key: 1}],
                **(fields.get("parameters") or {}),
            }
        built.append(fields)
    return built


def _sound_documents() -> SearchStrategy[Document]:
    return _files_of(_sound_tasks(), st.sampled_from(["f", "Write it", "é"]))


@cache
def _random_tasks() -> SearchStrategy[Document]:
    ids = st.sampled_from(["a", "b", "c", "d", "é", "", " \t"])
    required = {"id": ids, "description": _SOME_EMPTY}
    dependencies = st.none() | st.lists(ids | st.just("zz"), max_size=3)
    known = st.fixed_dictionaries(required, optional={"dependencies": dependencies})
    return st.builds(lambda *fields: fields[0] | fields[1], known, _further_fields())


def _random_documents() -> SearchStrategy[Document]:
    """Documents in which nothing fits together."""
    return _files_of(st.lists(_random_tasks(), max_size=5), _SOME_EMPTY)


@st.composite
def _nearly_sound_documents(draw: st.DrawFn) -> Document:
    """Documents that are sound but for one thing or two, or for none."""
    ids = draw(st.permutations([f"t{place}" for place in range(draw(st.integers(1, 6)))]))
    rows = [
        draw(st.lists(st.sampled_from(ids[:place]), min_size=1, max_size=3, unique=True)) if place else []
        for place in range(len(ids))
    ]
    if draw(st.booleans()):
        draw(st.sampled_from(rows)).append(draw(st.sampled_from([*ids, "zz"])))
    built: list[Document] = [
        {"id": name, "description": "Do it", **({"dependencies": row} if row else {})}
        for name, row in zip(ids, rows, strict=True)
    ]
    if draw(st.booleans()):
        field, value = [*draw(_random_tasks()).items()][-1]
        draw(st.sampled_from(built))[field] = value
    return {"id": "f", "title": "A file", "tasks": draw(st.permutations(built))}
