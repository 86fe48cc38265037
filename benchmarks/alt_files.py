"""ALT files for benchmarks, always the same: a chain, a fan, layers."""

import json
import random
from typing import Any

WIDTH = 100


def documents(shape: str, count: int) -> dict[str, Any]:
    """An ALT document of this many tasks: `chain`, `fan-out`, or `layered` (each needs 1 to 3 of the layer before)."""
    source = random.Random(count)
    tasks = []
    for index in range(count):
        if shape == "chain":
            dependencies = [index - 1] if index else []
        elif shape == "fan-out":
            dependencies = [0] if index else []
        else:
            layer = index // WIDTH * WIDTH
            before = range(max(layer - WIDTH, 0), layer)
            dependencies = source.sample(before, source.randint(1, 3)) if before else []
        tasks.append(
            {
                "id": f"task_{index:07}",
                "description": f"Summarize document number {index} in three sentences and name its author",
                "dependencies": [f"task_{dependency:07}" for dependency in dependencies],
                "parameters": {"temperature": 0.5, "prompt": "Answer briefly and in plain words"},
                "timeout_seconds": 60,
                "retry_count": 2,
                "priority": "medium",
            }
        )
    return {"id": "benchmark", "title": f"{shape} {count}", "tasks": tasks}


def text(shape: str, count: int) -> bytes:
    """The same as JSON."""
    return json.dumps(documents(shape, count)).encode()
