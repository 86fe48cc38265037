"""Documents for the tests: plain ones, and Hypothesis strategies for ALT files sound and unsound."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from altlas_runner.alt_file import AltParser, Diagnostic

Document = dict[str, Any]


def document(*tasks: Document, **fields: Any) -> Document:
    """A sound file around these tasks."""
    return {"id": "f", "title": "A file", "tasks": list(tasks), **fields}


def task(task_id: str, *dependencies: str, **fields: Any) -> Document:
    """A sound task."""
    built: Document = {"id": task_id, "description": "Do it"}
    if dependencies:
        built["dependencies"] = list(dependencies)
    return {**built, **fields}


def validated(content: Document) -> list[Diagnostic]:
    return AltParser().validate(json.dumps(content))


def codes_and_paths(content: Document) -> list[tuple[str, str]]:
    return [(diagnostic.code, diagnostic.path) for diagnostic in validated(content)]


names = st.sampled_from(["a", "b", "c", "d", "é", "", " \t"])
texts = st.sampled_from(["Do it", "Write", "", "\u2003\n"])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=6,
)
json_objects = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), json_values, max_size=3)
priorities = st.sampled_from(["low", "medium", "high", "critical", None])
tag_lists = st.none() | st.lists(st.sampled_from(["x", "y"]), max_size=2)
times = st.sampled_from(
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01t12:00:00.123456789+05:30",
        "0001-01-01 00:00:00",
        "9999-12-31T23:59:59.9-23:59",
    ]
)

tasks = st.fixed_dictionaries(
    {"id": names, "description": texts},
    optional={
        "dependencies": st.none() | st.lists(names | st.just("zz"), max_size=3),
        "parameters": st.none() | json_objects,
        "timeout_seconds": st.none() | st.sampled_from([0, 1, 7200, 7201, 10**30]),
        "retry_count": st.none() | st.sampled_from([0, 20, 21, 255]),
        "status": st.sampled_from(["pending", "failed", None]),
        "priority": priorities,
        "tags": tag_lists,
        "timeout": json_values,
    },
)
alt_files = st.fixed_dictionaries(
    {"id": texts, "title": texts, "tasks": st.lists(tasks, max_size=5)},
    optional={
        "version": texts,
        "created_at": times,
        "description": st.none() | texts,
        "mode": st.sampled_from(["normal", "DREAM", "Explore", "cHAOS"]),
        "persona": st.none() | texts,
        "metadata": st.none() | json_objects,
        "priority": priorities,
        "tags": tag_lists,
        "expected_completion_time": st.none() | st.integers(0, 3),
        "author": json_values,
    },
)
"""Files with right types everywhere, and every mistake of meaning."""


@st.composite
def _nearly_sound_files(draw: st.DrawFn) -> Document:
    size = draw(st.integers(1, 6))
    ids = draw(st.permutations([f"t{i}" for i in range(size)]))
    rows = [
        draw(st.lists(st.sampled_from(ids[:i]), min_size=1, max_size=3, unique=True)) if i else [] for i in range(size)
    ]
    if draw(st.booleans()):
        draw(st.sampled_from(rows)).append(draw(st.sampled_from([*ids, "zz"])))
    built = [task(task_id, *row) for task_id, row in zip(ids, rows, strict=True)]
    if draw(st.booleans()):
        draw(st.sampled_from(built)).update(draw(tasks.map(lambda fields: dict([*fields.items()][-1:]))))
    return document(*draw(st.permutations(built)))


nearly_sound_files = _nearly_sound_files()
"""Files that are sound but for one thing or two."""
