"""ALT files for the tests of durability, and the service that counts what is asked of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from altlas_runner import LastFile
from altlas_runner.last_file import read_artifact
from tests.loopback import LoopbackService

__all__ = ["Call", "CountingService", "Ledger", "layered_flow", "outcome_of", "write"]

REFUSED, BUSY = "refused", "busy"


def layered_flow(count: int, seed: int, *, artifacts: bool = True, refused: bool = False) -> dict[str, Any]:
    """An ALT file of `count` tasks in layers of random width, each after some tasks of the layer before.

    Args:
        count: of tasks.
        seed: of everything random.
        artifacts: whether every seventh task gives a file away.
        refused: whether the service refuses the task in the middle, so that what depends on it is skipped.
    """
    chance = random.Random(seed)
    tasks: list[dict[str, Any]] = []
    before: list[str] = []
    layer: list[str] = []
    width = 1
    for number in range(count):
        task_id = f"t{number}"
        task: dict[str, Any] = {"id": task_id, "description": f"do {task_id}"}
        if before:
            needed = sorted(chance.sample(before, min(len(before), chance.randint(1, 3))))
            task["dependencies"] = needed
            task["parameters"] = {"after": f"${{{{ tasks.{needed[0]}.output.task }}}}"}
        parameters = task.setdefault("parameters", {"first": True})
        if artifacts and number % 7 == 3:
            parameters["artifacts"] = 2
        if refused and number == count // 2:
            parameters[REFUSED] = True
        tasks.append(task)
        layer.append(task_id)
        if len(layer) == width:
            before, layer, width = layer, [], chance.randint(1, 6)
    return {"id": f"flow-{seed}", "title": f"Flow {seed}", "tasks": tasks}


def write(path: Path, document: Mapping[str, Any]) -> Path:
    path.write_text(json.dumps(document))
    return path


@dataclass(frozen=True, slots=True)
class Call:
    """One request that the service got.

    Attributes:
        task_id: the task.
        key: what the idempotency key has behind the run id.
        number: how many requests for the task there were in this run, this one included.
        context: the outputs of the direct dependencies, as the request had them.
    """

    task_id: str
    key: str
    number: int
    context: Mapping[str, Any]


@dataclass(slots=True)
class Ledger:
    """What the service saw of one run."""

    calls: list[Call] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """The calls by task."""
        return Counter(call.task_id for call in self.calls)

    def acknowledged(self) -> dict[str, set[int]]:
        """The tasks whose results a dependent was called with: the numbers of the calls that made these results."""
        found: dict[str, set[int]] = defaultdict(set)
        for call in self.calls:
            for task_id, output in call.context.items():
                found[task_id].add(output["call"])
        return found


class CountingService(LoopbackService):
    """A service on loopback that keeps count by run and task; its outputs say which call made them.

    Args:
        delay: greatest number of seconds that an answer takes; the delays are random.
        seed: of the delays.
        already: how many calls of each task it says it had before the first.

    Attributes:
        ledgers: what it saw, by run id.
        gate: asked, on the service's thread, whether a task may be answered now; it is asked again until it may.
    """

    def __init__(self, delay: float = 0.0, seed: int = 0, *, already: int = 0) -> None:
        super().__init__()
        self.ledgers: defaultdict[str, Ledger] = defaultdict(Ledger)
        self.gate: Callable[[str], bool] = lambda task_id: True
        self._longest = delay
        self._already = already
        self._chance = random.Random(seed)

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = await request.json()
        task_id = body["task_id"]
        run_id, _, key = unquote(request.headers["Idempotency-Key"]).partition(":")
        assert key.partition(":")[0] == task_id, "an edition may follow the task's id, nothing else"
        ledger = self.ledgers[run_id]
        number = self._already + ledger.counts()[task_id] + 1
        ledger.calls.append(Call(task_id, key, number, body["context"]))
        await asyncio.sleep(self._chance.uniform(0, self._longest))
        while not self.gate(task_id):
            await asyncio.sleep(0.005)
        parameters = body["parameters"] or {}
        if parameters.get(REFUSED):
            return web.json_response({"error": "not this one"}, status=400)
        if number <= parameters.get(BUSY, 0):
            return web.json_response({"error": "later"}, status=503)
        output: dict[str, Any] = {"task": task_id, "call": number, "after": parameters.get("after")}
        if files := parameters.get("artifacts"):
            output["artifacts"] = [
                {"name": f"{each}.txt", "content": f"file {each} of {task_id}\n" * 40} for each in range(files)
            ]
        return web.json_response(output)


_OF_ATTEMPTS = {"started_at", "completed_at", "execution_time_ms", "attempts", "retry_count", "usage"}
_SECONDS = re.compile(r", in [0-9.]+ s")
_OF_TIMES = {"id", "execution_started", "execution_completed", "total_execution_time_ms"}


def outcome_of(bundle: Path) -> dict[str, Any]:
    """What a LAST file says, without times, attempts, its command and who made an output; artifacts are whole."""
    last_file = LastFile.from_path(bundle)
    document = json.loads((bundle / "result.last").read_bytes())
    document = {name: value for name, value in document.items() if name not in _OF_TIMES}
    document["summary"] = _SECONDS.sub("", document["summary"])
    document["task_results"] = [
        {name: value for name, value in result.items() if name not in _OF_ATTEMPTS}
        for result in document["task_results"]
    ]
    del document["metadata"]["runner"]["provenance"]["command"]
    text = json.dumps(document).replace(last_file.id, "<id>")
    outcome: dict[str, Any] = json.loads(text)
    for artifact in last_file.get_all_artifacts():
        assert hashlib.sha256(read_artifact(bundle, artifact)).hexdigest() == artifact.sha256
    for result in outcome["task_results"]:
        if isinstance(result["output"], dict):
            result["output"].pop("call", None)
    return outcome
