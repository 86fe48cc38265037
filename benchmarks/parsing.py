"""What parsing and full validation cost, beside what only reads JSON, checks a schema, or sorts a graph.

`python -m benchmarks.parsing chain` prints what a million tasks cost in a process of its own; `text chain` their text.
"""

import gc
import json
import random
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

import jsonschema
import networkx
import orjson

from altlas_runner import AltParser
from altlas_runner.alt_file import alt_file_schema
from altlas_runner.cli.rendering import full
from altlas_runner.errors import AltParseError
from benchmarks.alt_files import documents, text
from benchmarks.measure import Row, cpu_seconds, in_child, rows

COUNT = 100_000
MANY = 1_000_000
FEW = COUNT // 20
MOST_BYTES_A_TASK = 4096
OURS = "AltParser"


def run() -> list[Row]:
    table: list[Row] = []
    for order, paused_bound, collected_bound in (("dependencies first", 3.5, 1.6), ("any order", 4.5, 2.6)):
        document = documents("layered", COUNT)
        if order == "any order":
            random.Random(1).shuffle(document["tasks"])
        content = json.dumps(document).encode()
        del document
        subjects: dict[str, Callable[[], Any]] = {
            "orjson.loads": partial(orjson.loads, content),
            "json.loads": partial(json.loads, content),
            OURS: partial(AltParser().parse_from_string, content),
        }
        for collector, bound in ((False, paused_bound), (True, collected_bound)):
            name = f"{COUNT:,} {order}{', collector on' if collector else ''}"
            table += rows(name, cpu_seconds(subjects, 4, collector=collector), COUNT, "orjson.loads", {OURS: bound})
    return table + _late_error_rows() + _graph_rows() + _schema_rows() + _million_rows()


def _late_error_rows() -> list[Row]:
    """From the text to the rendered diagnostic, with the mistake in the last task of a file of 33 MB."""
    count = 107_000
    document = documents("layered", count)
    content = json.dumps(document).encode()
    mistakes: dict[str, dict[str, Any]] = {
        "unknown dependency": {"dependencies": ["task_unknown"]},
        "wrong type": {"timeout_seconds": "soon"},
        "number out of range": {"parameters": {"temperature": float("inf")}},
        "unknown reference": {"parameters": {"prompt": "Sum up ${{ tasks.task_unknown.output }}"}},
    }
    tasks = document["tasks"]
    texts = {"syntax error": content[:-3]}
    for name, fields in mistakes.items():
        texts[name] = json.dumps({**document, "tasks": [*tasks[:-1], {**tasks[-1], **fields}]}).encode()
    texts["number out of range"] = texts["number out of range"].replace(b"Infinity", b"1e400")
    first = {**tasks[0], "dependencies": [tasks[-1]["id"]]}
    texts["circle"] = json.dumps({**document, "tasks": [first, *tasks[1:]]}).encode()
    subjects: dict[str, Callable[[], Any]] = {"no error": partial(AltParser().parse_from_string, content)}
    subjects.update((name, partial(_rendered, wrong)) for name, wrong in texts.items())
    bounds = dict.fromkeys(texts, 3.0)
    return rows("error in the last task, 33 MB", cpu_seconds(subjects, 3), count, "no error", bounds)


def _rendered(content: bytes) -> tuple[str, AltParseError]:
    """The text, and the error: it holds what was read, so freeing that is counted here as little as elsewhere."""
    try:
        AltParser().parse_from_string(content)
    except AltParseError as error:
        return full(error.diagnostics, content.decode(), "late.alt.json"), error
    raise AssertionError("the file has no error")


def _graph_rows() -> list[Row]:
    tasks = documents("layered", COUNT)["tasks"]
    edges = [(dependency, task["id"]) for task in tasks for dependency in task["dependencies"]]
    content = text("layered", COUNT)
    subjects: dict[str, Callable[[], Any]] = {
        "graphlib": lambda: list(
            TopologicalSorter({task["id"]: task["dependencies"] for task in tasks}).static_order()
        ),
        "networkx": lambda: list(networkx.topological_sort(networkx.DiGraph(edges))),
        "AltParser, all of it": lambda: AltParser().parse_from_string(content),
    }
    return rows(f"only sort the graph of {COUNT:,}", cpu_seconds(subjects, 2), COUNT, "graphlib")


def _schema_rows() -> list[Row]:
    document, content = documents("layered", FEW), text("layered", FEW)
    validator = jsonschema.Draft202012Validator(alt_file_schema())
    subjects: dict[str, Callable[[], Any]] = {
        "jsonschema": lambda: validator.is_valid(document),
        OURS: lambda: AltParser().parse_from_string(content),
    }
    return rows(f"check {FEW:,} by JSON Schema", cpu_seconds(subjects, 2), FEW, "jsonschema")


def _million_rows() -> list[Row]:
    table: list[Row] = []
    for shape in ("chain", "fan-out", "layered"):
        measured = in_child("benchmarks.parsing", shape)
        name = f"{MANY:,} {shape}"
        seconds = {"orjson.loads": measured["orjson"], OURS: measured["ours"]}
        table += rows(name, seconds, MANY, "orjson.loads", {OURS: 3.5})
        memory = measured["bytes"] / MANY
        bound = f"{MOST_BYTES_A_TASK:,} bytes a task"
        ratio = memory / MOST_BYTES_A_TASK
        table.append(Row(name, f"{OURS}, memory", memory, None, bound, ratio, 1.0, "bytes a task"))
    return table


def _measure_million(shape: str) -> dict[str, float]:
    """CPU seconds of orjson and of our parser with the collector paused, and the most memory that ours held.

    The text is made by a process of its own, so that the greatest size of this one is that of parsing. Then both take
    turns: in a fresh process page faults were 40 to 75 % of orjson's time and 25 to 55 % of ours.
    """
    command = [sys.executable, "-m", "benchmarks.parsing", "text", shape]
    content = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    subjects: dict[str, Callable[[], Any]] = {
        "ours": partial(AltParser().parse_from_string, content),
        "orjson": partial(orjson.loads, content),
    }
    gc.disable()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    subjects["ours"]()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {**cpu_seconds(subjects, 3), "bytes": most * 1024.0}


if __name__ == "__main__":
    if sys.argv[1] == "text":
        sys.stdout.buffer.write(text(sys.argv[2], MANY))
    else:
        print(json.dumps(_measure_million(sys.argv[1])))
