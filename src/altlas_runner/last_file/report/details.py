"""Everything about one task, and how much of it fits into the page."""

from __future__ import annotations

import re
from heapq import nlargest
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.artifacts.previews import PICTURES, Preview, read_preview
from altlas_runner.last_file.report.commands import command_to_look
from altlas_runner.last_file.report.excerpts import Excerpt, excerpt_of
from altlas_runner.last_file.report.formats import format_size
from altlas_runner.last_file.report.packing import packed
from altlas_runner.last_file.report.run_record import ID_LENGTH, NEVER, RunRecord
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from altlas_runner.results import Artifact, TaskResult, Usage

__all__ = ["CHUNK", "FULL", "detail_chunks", "detail_of", "notable_tasks", "preview_excerpt"]

CHUNK = 500
"""Tasks in one chunk."""

FULL = 20_000
"""Characters shown of a text or value of a notable task."""

_LISTED = 50
_DIGEST_FROM = 400
_FACTS, _FACT_LENGTH = 12, 80
# Limits for notable tasks and for others, tried in this order until everything fits. Texts shorter than 150 characters
# would be smaller than what must be said about the rest.
_LADDER = (
    (FULL, FULL),
    (FULL, 4_000),
    (FULL, 1_000),
    (FULL, 400),
    (FULL, 150),
    (8_000, 0),
    (2_000, 0),
    (500, 0),
)
_SAMPLES = 4
_IMAGE_BYTES = 64_000
_NOTABLE_FAILURES, _NOTABLE = 300, 100
_DATA_IMAGE = re.compile(r"data:(image/(?:png|jpeg|gif|webp));base64,([A-Za-z0-9+/]+={0,2})")


def notable_tasks(record: RunRecord) -> set[int]:
    """The tasks that get all the room: failed first, then retried, slowest and costliest ones."""
    usages = [None if result is None else result.usage for result in record.results]
    everyone = range(len(record))
    chosen = set(record.failed()[:_NOTABLE_FAILURES])
    chosen.update(nlargest(_NOTABLE, (t for t in everyone if len(record.tries[t]) > 1), lambda t: len(record.tries[t])))
    chosen.update(nlargest(_NOTABLE // 2, everyone, record.duration))
    priced = {t: usage.cost or 0.0 for t, usage in enumerate(usages) if usage and usage.cost}
    chosen.update(nlargest(_NOTABLE // 2, priced, lambda t: priced[t]))
    return chosen


def detail_chunks(record: RunRecord, *, budget: int) -> list[str]:
    """The details of all tasks in packed chunks of 500, each text as long as the budget allows.

    Args:
        record: the run.
        budget: characters for all chunks together. Only a run in which the shortest texts do not fit exceeds it.
    """
    notable = notable_tasks(record)
    parts = [range(first, min(first + CHUNK, len(record))) for first in range(0, len(record), CHUNK)]
    rung = 0
    sample = parts[:: max(1, len(parts) // _SAMPLES)]
    while len(parts) > _SAMPLES and rung < len(_LADDER) - 1:
        size = sum(len(_chunk(record, part, notable, _LADDER[rung])) for part in sample)
        if size * len(parts) / len(sample) <= 0.95 * budget:
            break
        rung += 1
    while True:
        chunks = [_chunk(record, part, notable, _LADDER[rung]) for part in parts]
        if sum(map(len, chunks)) <= budget or rung == len(_LADDER) - 1:
            return chunks
        rung += 1


def _chunk(record: RunRecord, part: Sequence[int], notable: Set[int], limits: tuple[int, int]) -> str:
    return packed([detail_of(record, task, limits[task not in notable]) for task in part])


def detail_of(record: RunRecord, task: int, limit: int) -> dict[str, Any]:
    """The details of a task, each text and value cut to `limit` characters; what there is none of is left out."""
    note, result = record.notes[task], record.results[task]
    detail: dict[str, Any] = {}
    place = f"/metadata/runner/tasks/{task}"
    digest = limit >= _DIGEST_FROM  # 100,000 tasks with three of them would be 13 MB of digests
    if note.description:
        detail["description"] = excerpt_of(note.description, limit, f"{place}/description", digest=digest)
    if note.dependencies:
        detail["dependencies"] = record.graph.dependencies[task][:_LISTED]
        if len(note.dependencies) != len(detail["dependencies"]):
            detail["more_dependencies"] = len(note.dependencies) - len(detail["dependencies"])
    if note.tags:
        detail["tags"] = [_cut(tag, ID_LENGTH) for tag in note.tags[:_LISTED]]
    if note.parameters:
        detail["parameters"] = excerpt_of(note.parameters, limit, f"{place}/parameters", digest=digest)
    if task in record.causes:
        detail["cause"] = record.causes[task]
    if result is not None:
        if result.status in (TaskStatus.FAILED, TaskStatus.TIMEOUT):
            detail["command"] = command_to_look(record, task)
        _add_result(detail, result, f"/task_results/{record.positions[task]}", limit)
        if any(places := [_cut(attempt.service or "", ID_LENGTH) for attempt in result.attempts]):
            detail["places"] = places
        usages = record.usages(task)
        if len(usages) > 1 and any(usages):
            detail["usages"] = [usage and _usage(usage) for usage in usages]
        if record.starts[task] != NEVER:
            detail["waited"] = record.starts[task] - record.ready[task]
    return detail


def _add_result(detail: dict[str, Any], result: TaskResult, place: str, limit: int) -> None:
    if result.error_code:
        detail["code"] = _cut(result.error_code, ID_LENGTH)
    if result.error:
        detail["error"] = excerpt_of(result.error, limit, f"{place}/error")
    if result.output is not None or result.status is TaskStatus.COMPLETED:
        detail.update(_output(result.output, f"{place}/output", limit))
    if len(result.attempts) > 1 or any(a.status is not TaskStatus.COMPLETED for a in result.attempts):
        detail["reasons"] = [
            [_cut(a.error_code or "", ID_LENGTH), _cut(a.error or "", 4 * ID_LENGTH), a.wait_before_ms]
            for a in result.attempts
        ]
    if result.usage is not None:
        detail["usage"] = _usage(result.usage)
    if result.artifacts:
        detail["artifacts"] = [_artifact(artifact, limit) for artifact in result.artifacts[:_LISTED]]
    if result.metadata:
        detail["metadata"] = excerpt_of(result.metadata, limit, f"{place}/metadata")


def _usage(usage: Usage) -> list[Any]:
    return [usage.input_tokens, usage.output_tokens, usage.cost]


def _output(output: Any, place: str, limit: int) -> dict[str, Any]:
    """The output as text, as JSON and as facts: the answer of a model is a text and what stands beside it."""
    found: dict[str, Any] = {}
    if images := _images(output):
        found["images"] = images
    if isinstance(output, dict) and isinstance(output.get("text"), str):
        found["answer"] = excerpt_of(output["text"], limit, f"{place}/text")
        rest = {key: value for key, value in output.items() if key != "text"}
        if len(rest) <= _FACTS and all(_is_short(key) and _is_short(value) for key, value in rest.items()):
            found["facts"] = [[key, str(value)] for key, value in rest.items()]
            return found
        output = rest
    excerpt: Excerpt = excerpt_of(output, limit, place)
    found["output"] = excerpt
    return found


def _is_short(value: Any) -> bool:
    return not isinstance(value, dict | list) and len(str(value)) <= _FACT_LENGTH


def _images(output: Any) -> list[tuple[str, str]]:
    """The small pictures in an output: data addresses, and `content_base64` beside an image type."""
    values: list[Any] = [output]
    if isinstance(output, dict):
        offered = output.get("artifacts")
        values = [*output.values(), *(offered if isinstance(offered, list) else ())]
    found = [_image(value) for value in values if isinstance(value, dict) or _starts_as_image(value)]
    return [image for image in found if image is not None and len(image[1]) <= _IMAGE_BYTES][:_FACTS]


def _starts_as_image(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("data:image/")


def _image(value: Any) -> tuple[str, str] | None:
    if isinstance(value, dict):
        return _offered_image(value)
    match = _DATA_IMAGE.fullmatch(value)
    return (match[1], match[2]) if match else None


def _offered_image(offer: Mapping[str, Any]) -> tuple[str, str] | None:
    mime_type, content = offer.get("mime_type"), offer.get("content_base64")
    if mime_type in PICTURES and isinstance(content, str):
        return _image(f"data:{mime_type};base64,{content}")
    return None


def _artifact(artifact: Artifact, limit: int) -> list[Any]:
    facts = [
        _cut(artifact.path, 4 * ID_LENGTH),
        artifact.artifact_type,
        _cut(artifact.mime_type, ID_LENGTH),
        artifact.size_bytes,
        _cut(artifact.sha256, 64),
        _cut(artifact.description or "", ID_LENGTH),
    ]
    preview = read_preview(artifact)
    if preview is None:
        return facts
    if preview.picture:
        return [*facts, {"picture": preview.picture} if limit >= FULL else {"note": "Its preview is left out here."}]
    return [*facts, preview_excerpt(preview, artifact, limit)]


def preview_excerpt(preview: Preview, artifact: Artifact, limit: int) -> Excerpt:
    """The text of a preview, and what of the artifact it is."""
    text = preview.text[:limit]
    found: Excerpt = {"text": text, "json": True} if preview.is_json else {"text": text}
    if preview.is_shortened or len(text) < len(preview.text):
        found["note"] = f"The first {len(text):,} characters of {format_size(artifact.size_bytes)}."
    return found


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else shortened(text, limit)
