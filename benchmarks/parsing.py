"""What parsing and full validation cost, beside what only reads JSON, checks a schema, or sorts a graph."""

import gc
import json
import random
from collections.abc import Callable
from functools import partial
from graphlib import TopologicalSorter
from typing import Any

import jsonschema
import networkx
import orjson

from altlas_runner import AltParser
from altlas_runner.alt_file import alt_file_schema
from benchmarks.alt_files import documents, text
from benchmarks.measure import Row, cpu_seconds, rows

COUNT = 100_000


def run() -> list[Row]:
    table: list[Row] = []
    parser = AltParser()
    for order, paused_bound, collected_bound in (("dependencies first", 3.5, 1.6), ("any order", 4.5, 2.6)):
        document = documents("layered", COUNT)
        if order == "any order":
            random.Random(1).shuffle(document["tasks"])
        content = json.dumps(document).encode()
        subjects: dict[str, Callable[[], Any]] = {
            "orjson.loads": partial(orjson.loads, content),
            "json.loads": partial(json.loads, content),
            "AltParser": partial(parser.parse_from_string, content),
        }
        for collector, bound in ((False, paused_bound), (True, collected_bound)):
            seconds = cpu_seconds(subjects, 4, collector=collector)
            name = f"parse {COUNT:,}, {order}{', collector on' if collector else ''}"
            table += rows(name, seconds, COUNT, "orjson.loads", {"AltParser": bound})
        gc.collect()
    return table + _graph_rows() + _schema_rows()


def _graph_rows() -> list[Row]:
    tasks = documents("layered", COUNT)["tasks"]
    edges = [(dependency, task["id"]) for task in tasks for dependency in task["dependencies"]]
    subjects: dict[str, Callable[[], Any]] = {
        "graphlib": lambda: list(
            TopologicalSorter({task["id"]: task["dependencies"] for task in tasks}).static_order()
        ),
        "networkx": lambda: list(networkx.topological_sort(networkx.DiGraph(edges))),
    }
    seconds = cpu_seconds(subjects, 2)
    content = text("layered", COUNT)
    seconds["AltParser, all of it"] = cpu_seconds({"": lambda: AltParser().parse_from_string(content)}, 2)[""]
    return rows(f"only sort the graph of {COUNT:,}", seconds, COUNT, "graphlib")


def _schema_rows() -> list[Row]:
    few = COUNT // 20
    document, content = documents("layered", few), text("layered", few)
    validator = jsonschema.Draft202012Validator(alt_file_schema())
    subjects: dict[str, Callable[[], Any]] = {
        "jsonschema": lambda: validator.is_valid(document),
        "AltParser": lambda: AltParser().parse_from_string(content),
    }
    return rows(f"check {few:,} by JSON Schema", cpu_seconds(subjects, 2), few, "jsonschema")
