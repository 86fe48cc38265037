"""What the tests know of a journal from outside: where it is, and how many results of a task it has."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path

__all__ = ["JOURNAL", "results_in"]

JOURNAL = "journal.sqlite3"


def results_in(bundle: Path) -> Counter[str]:
    """How many results the journal has of each task, without those that were taken back."""
    connection = sqlite3.connect(f"{(bundle / JOURNAL).as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT content FROM entries ORDER BY number").fetchall()
    finally:
        connection.close()
    found: Counter[str] = Counter()
    for (content,) in rows:
        for line in content.splitlines():
            for kind, *values in json.loads(line.partition(b" ")[2]):
                if kind == "done":
                    found[values[0]] += 1
                elif kind == "task":
                    found[values[0]["task_id"]] += 1
                elif kind == "reopened":
                    found.subtract(values[0])
    return found
