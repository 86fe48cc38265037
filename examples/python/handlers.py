"""Let Python functions do some of the tasks: a handler for each `task_type`, the rest would go to the AI service.

`hash` keeps a CPU busy, so it runs in a process of its own: a deadline kills it for certain.
"""

import asyncio
import hashlib
from typing import Any

import altlas_runner
from altlas_runner import AltFile, HandlerContext, HandlerError, Task, handler


@handler("fetch")
async def fetch(context: HandlerContext) -> dict[str, Any]:
    """An async function runs in the event loop."""
    await asyncio.sleep(0.1)
    if context.attempt == 1:
        raise ConnectionError("the first attempt always fails")
    return {"text": "the quick brown fox " * context.parameters["times"]}


@handler("count")
def count(context: HandlerContext) -> dict[str, int]:
    """A plain function runs in a thread; what an earlier task produced is in `outputs`, or referred to in the file."""
    text = context.outputs["fetch"]["text"]
    if not text:
        raise HandlerError("there is nothing to count", error_code="EMPTY")  # another attempt would not help
    context.artifacts.write("words.txt", text)  # a file for the bundle
    return {"words": len(text.split())}


@handler("hash", process=True)
def stretch(context: HandlerContext) -> str:
    """A function with `process=True` runs in a process."""
    digest: bytes = context.parameters["text"].encode()
    for _ in range(50_000):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


alt_file = AltFile(
    id="words",
    title="Fetch, count, hash",
    tasks=[
        Task(id="fetch", description="get a text", parameters={"task_type": "fetch", "times": 3}, retry_count=2),
        Task(id="count", description="count", parameters={"task_type": "count"}, dependencies=["fetch"]),
        Task(
            id="hash",
            description="hash the text slowly",
            parameters={"task_type": "hash", "text": "${{ tasks.fetch.output.text }}"},
            dependencies=["fetch"],
            timeout_seconds=60,
        ),
    ],
)

if __name__ == "__main__":  # the process of `hash` loads this file too, and must not run it
    last_file = altlas_runner.run(alt_file, handlers=[fetch, count, stretch], output_dir="output")
    for result in last_file.task_results:
        print(result.task_id, result.status, result.retry_count, result.output or result.error)
