"""Many small ALT files, and what runs them without a service."""

import asyncio
import json
import os
import resource
from pathlib import Path
from typing import Any

from altlas_runner import HandlerContext, HandlerError, Runner, RunnerConfig, handler
from altlas_runner.batch import BatchRow, BatchSummary
from altlas_runner.batch.index import rows_of


@handler("word")
async def word(context: HandlerContext) -> dict[str, Any]:
    """Answer at once; write down that the task was run."""
    if (log := context.parameters.get("log")) is not None:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{context.parameters['file']}\n".encode())
        os.close(descriptor)
    await asyncio.sleep(context.parameters.get("seconds", 0))
    while (gate := context.parameters.get("until")) is not None and not Path(gate).exists():
        await asyncio.sleep(0.02)
    if context.parameters.get("fails"):
        raise HandlerError("no such word", error_code="NO_WORD")
    return {"text": f"a word about {context.task.id}"}


@handler("spoil")
async def spoil(context: HandlerContext) -> None:
    """See to it that the bundle cannot be written."""
    Path(context.parameters["out"], "unfinished", context.run.run_id, "result.last", "x").mkdir(parents=True)


@handler("memory")
async def memory(context: HandlerContext) -> int:
    """How much memory this process has used at most, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@handler("pid", process=True)
def pid(context: HandlerContext) -> int:
    """Which process this is."""
    return os.getpid()


def alt_text(file_id: str, tasks: int = 2, **parameters: Any) -> str:
    """A file of so many tasks in a row."""
    given = {"task_type": "word", "file": file_id, **parameters}
    return json.dumps(
        {
            "id": file_id,
            "title": file_id,
            "tasks": [
                {
                    "id": f"t{number}",
                    "description": "say a word",
                    "dependencies": [f"t{number - 1}"] if number else None,
                    "parameters": given,
                }
                for number in range(tasks)
            ],
        }
    )


def write_files(directory: Path, count: int, tasks: int = 2, **parameters: Any) -> list[Path]:
    """So many files, in order."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"f{number:05}.alt.json" for number in range(count)]
    for path in paths:
        path.write_text(alt_text(path.name.removesuffix(".alt.json"), tasks, **parameters))
    return paths


def runner_into(output_dir: Path, **options: Any) -> Runner:
    config = RunnerConfig(output_dir=output_dir, generate_graphs=False, max_concurrent_tasks=4, **options)
    return Runner(config, handlers=[word, memory, pid, spoil])


def run_batch(files: list[Path], output_dir: Path, **options: Any) -> BatchSummary:
    """Run a batch to its end."""
    return asyncio.run(runner_into(output_dir).execute_many(files, **options))


def rows_in(output_dir: Path) -> list[BatchRow]:
    return list(rows_of(output_dir / "index.jsonl"))


def bundles_in(output_dir: Path) -> set[str]:
    """The names of all directories there: nothing else than bundles may stand beside the index."""
    return {each.name for each in output_dir.iterdir() if each.is_dir()}
