"""A small ALT file to start from."""

from __future__ import annotations

from altlas_runner.alt_file.models import AltFile, Priority, Task

__all__ = ["create_sample_alt_file"]


def create_sample_alt_file() -> AltFile:
    """A valid file of three tasks that wait for each other: task1 → task2 → task3. A new one each time."""
    return AltFile(
        id="sample",
        version="1.0",
        title="Sample ALT file",
        description="Three tasks, each working on what the one before it found.",
        tasks=[
            Task(
                id="task1",
                description="Name three facts about the Moon.",
                timeout_seconds=120,
                retry_count=2,
                tags=["research"],
            ),
            Task(
                id="task2",
                description="Choose the most surprising of these facts and explain it.",
                dependencies=["task1"],
                parameters={"max_tokens": 200},
                priority=Priority.HIGH,
            ),
            Task(
                id="task3",
                description="Write one sentence for children about it.",
                dependencies=["task2"],
                tags=["writing"],
            ),
        ],
        tags=["sample"],
    )
