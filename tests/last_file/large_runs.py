"""Runs of any size that look like real ones: layers of tasks of several kinds, retries, failures, waits, tokens."""

import gc
import heapq
import random
from functools import reduce
from typing import Any

from altlas_runner.last_file import LastFile
from altlas_runner.results import Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import alt_file, at, gathered

_KINDS = ("fetch", "embed", "summarise", "translate", "review")
_WORDS = [
    "the",
    "model",
    "answered",
    "with",
    "a",
    "short",
    "text",
    "about",
    "bicycles",
    "in",
    "cities",
    "and",
    "what",
    "they",
    "cost",
    "per",
    "year",
    "in",
    "health",
    "air",
    "safety",
]
_TROUBLE = (
    ("AI_UPSTREAM", "the service answered 503 (request {})"),
    ("AI_RATE_LIMITED", "the service answered 429: rate limit reached, try again in {} s"),
    ("AI_BAD_RESPONSE", "the answer is not JSON: expected value at line 1 column {}"),
)


def run_of(count: int, *, failing: float = 0.01, after: float = 0.0, slots: int = 16, seed: int = 1) -> LastFile:
    """The LAST file of a made-up run.

    Args:
        count: of tasks; they stand in layers of about the square root of it.
        failing: the share of tasks that fail, whose dependents are skipped.
        after: the share of the tasks, in their order, before which none fails.
        slots: attempts at one time.
        seed: of the random source.
    """
    collecting = gc.isenabled()
    gc.disable()  # a hundred thousand tasks are millions of objects, none of them garbage
    try:
        return _made(count, failing, after, slots, random.Random(seed))
    finally:
        if collecting:
            gc.enable()


def _made(count: int, failing: float, after: float, slots: int, source: random.Random) -> LastFile:
    width = max(2, int(count**0.5))
    layers = max(1, -(-count // width))
    free = [0.0] * slots
    ends: list[float] = []
    tasks: list[dict[str, Any]] = []
    results: list[TaskResult] = []
    for number in range(count):
        layer = number // width
        before = (
            [source.randrange((layer - 1) * width, layer * width) for _ in range(source.randint(1, 3))] if layer else []
        )
        kind = _KINDS[min(layer * len(_KINDS) // layers, len(_KINDS) - 1)]
        model = source.choice(("small-1", "large-2"))
        tasks.append(
            {
                "id": f"{kind}-{number}",
                "description": f"{kind.title()} part {number}: {_text(source, 14)}",
                "dependencies": [tasks[i]["id"] for i in sorted(set(before))],
                "tags": [kind, source.choice(("eu", "us", "apac"))],
                "parameters": {"task_type": kind, "model": model, "prompt": _text(source, 10)},
            }
        )
        broken = next((i for i in before if results[i].status is not TaskStatus.COMPLETED), None)
        if broken is not None:
            reason = f'dependency "{tasks[broken]["id"]}" did not complete'
            results.append(TaskResult(tasks[-1]["id"], TaskStatus.SKIPPED, error=reason, error_code="DEPENDENCY"))
            ends.append(0.0)
            continue
        start = max(heapq.heappop(free), max((ends[i] for i in before), default=0.0))
        fails = number >= after * count and source.random() < failing
        result, end = _result(source, tasks[-1]["id"], model, start, fails)
        heapq.heappush(free, end)
        ends.append(end)
        results.append(result)
    title = {"title": "Bicycles in cities, a survey", "description": "One question fans out into many."}
    return gathered(alt_file(tasks, **title), results, completed_at=at(max(ends, default=0.0)))


def _result(source: random.Random, task_id: str, model: str, start: float, fails: bool) -> tuple[TaskResult, float]:
    tries = 3 if fails else 1 + (source.random() < 0.05)
    code, words = source.choice(_TROUBLE)
    error = words.format(source.randrange(1, 100))
    attempts, now = [], start
    for number in range(1, tries + 1):
        wait = source.uniform(0.5, 3) if number > 1 else 0.0
        begin, now = now + wait, now + wait + source.lognormvariate(0, 0.6)
        bad = fails or number < tries
        status = TaskStatus.FAILED if bad else TaskStatus.COMPLETED
        attempts.append(
            Attempt(
                number, at(begin), at(now), status, code if bad else None, error if bad else None, round(wait * 1000)
            )
        )
    answer: Any = {"text": _text(source, 40).capitalize() + ".", "model": model, "finish_reason": "stop"}
    if source.random() < 0.3:
        answer = {"scores": [round(source.random(), 3) for _ in range(12)], "label": source.choice(_WORDS), "ok": True}
    usage: Usage | None = Usage(
        source.randrange(50, 900), source.randrange(20, 400), 0.005 if model == "large-2" else None
    )
    if tries > 1:  # an answer that is no JSON has its price as well; a service that refuses asks for nothing
        said = [attempt for attempt in attempts if attempt.error_code in (None, "AI_BAD_RESPONSE")]
        for attempt in said:
            attempt.usage = usage
        usage = reduce(Usage.plus, [attempt.usage for attempt in said if attempt.usage]) if said else None
    result = TaskResult(
        task_id,
        TaskStatus.FAILED if fails else TaskStatus.COMPLETED,
        output=None if fails else answer,
        error=error if fails else None,
        error_code=code if fails else None,
        execution_time_ms=round((now - start) * 1000),
        retry_count=tries - 1,
        started_at=at(start),
        completed_at=at(now),
        attempts=attempts,
        usage=usage,
    )
    return result, now


def _text(source: random.Random, words: int) -> str:
    return " ".join(source.choices(_WORDS, k=words))
