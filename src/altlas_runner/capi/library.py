"""What the library keeps between calls, and what its functions do, in terms of Python: no pointer comes this far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from altlas_runner.alt_file import AltFile, AltParser
from altlas_runner.alt_file.diagnostics import Diagnostic, quoted
from altlas_runner.errors import AltFormatError, AltlasRunnerError
from altlas_runner.last_file import LastFile, LastFileGenerator
from altlas_runner.redaction import Redactor
from altlas_runner.results import TaskResult

if TYPE_CHECKING:
    from altlas_runner.capi.host_executor import HostTask
    from altlas_runner.capi.host_progress import HostProgressCall

__all__ = ["Library"]


@dataclass(slots=True)
class _Kept:
    """Everything since `runner_init`. Each dict is changed in single steps, so threads need no lock."""

    alt_files: dict[str, AltFile] = field(default_factory=dict)
    results: dict[str, dict[str, TaskResult]] = field(default_factory=dict)
    last_files: dict[str, LastFile] = field(default_factory=dict)


class Library:
    """The functions of the header. They raise, and return values; the binding makes C of both."""

    def __init__(self) -> None:
        self._kept = _Kept()

    def forget(self) -> None:
        """Begin anew. What a call on another thread is doing goes on with what it has."""
        self._kept = _Kept()

    def parse_alt_file(self, text: bytes) -> None:
        """Keep an ALT file under its id."""
        alt_file = AltParser().parse_from_string(text)
        if "\0" in alt_file.id:
            problem = "the id holds the character U+0000, which no text of C can hold"
            raise AltFormatError([Diagnostic("ALT303", problem, "/id", help="take it out")])
        self._kept.alt_files[alt_file.id] = alt_file

    def validate_alt_file(self, text: bytes) -> str:
        """The diagnostics as a JSON array."""
        return json.dumps([diagnostic.to_dict() for diagnostic in AltParser().validate(text)])

    def add_task_result(self, alt_id: str, text: bytes) -> None:
        """Keep a result for `generate_last_file`."""
        try:
            result = _task_results().validate_json(text, strict=True)
        except ValidationError as error:
            raise AltlasRunnerError(f"this is no task result: {_reasons(error)}") from error
        if not result.status.is_terminal:
            raise AltlasRunnerError(
                f"this is no task result: status is {result.status}, but a result says how a task ended: "
                "completed, failed, timeout, cancelled or skipped"
            )
        self._kept.results.setdefault(alt_id, {})[result.task_id] = result

    def generate_last_file(self, alt_id: str, output_dir: str) -> str:
        """Write the bundle of the results so far; returns its id."""
        kept = self._kept
        return self._generate(kept, self._alt_file(kept, alt_id), output_dir)

    def get_last_file_json(self, last_id: str) -> bytes:
        """A LAST file as its `result.last` has it."""
        last_file = self._kept.last_files.get(last_id)
        if last_file is None:
            raise AltlasRunnerError(
                f"there is no LAST file {quoted(last_id)}; runner_init and runner_cleanup forget all"
            )
        return last_file.to_json().removesuffix(b"\n")

    def batch_process(self, alt_ids_json: bytes, output_dir: str) -> str:
        """`generate_last_file` for each id; a bundle that cannot be written does not keep the others back."""
        kept = self._kept
        try:
            ids = _ids().validate_json(alt_ids_json, strict=True)
        except ValidationError as error:
            raise AltlasRunnerError(f"the ALT ids must be a JSON array of texts: {_reasons(error)}") from error
        alt_files = [self._alt_file(kept, alt_id) for alt_id in dict.fromkeys(ids)]
        last_ids = {}
        for alt_file in alt_files:
            try:
                last_ids[alt_file.id] = self._generate(kept, alt_file, output_dir)
            except AltlasRunnerError as error:
                last_ids[alt_file.id] = f"ERROR: {error}"
        return json.dumps(last_ids)

    def execute_alt_file(
        self,
        alt_id: str,
        options_json: bytes | None,
        output_dir: str,
        *,
        on_event: HostProgressCall | None = None,
        host_task: HostTask | None = None,
    ) -> str:
        """Run the tasks and write the bundle; returns its id."""
        from altlas_runner.capi.running import execute  # loads configuration and event loop, which not everybody needs

        kept = self._kept
        alt_file = self._alt_file(kept, alt_id)
        last_file = execute(alt_file, options_json, output_dir, on_event=on_event, host_task=host_task)
        kept.last_files[last_file.id] = last_file
        return last_file.id

    def _alt_file(self, kept: _Kept, alt_id: str) -> AltFile:
        alt_file = kept.alt_files.get(alt_id)
        if alt_file is None:
            raise AltlasRunnerError(f"there is no ALT file {quoted(alt_id)}; parse it with runner_parse_alt_file first")
        return alt_file

    def _generate(self, kept: _Kept, alt_file: AltFile, output_dir: str) -> str:
        from altlas_runner.config import RunnerConfig

        config = RunnerConfig()
        generator = (
            LastFileGenerator(output_dir)
            .with_graphs(config.generate_graphs)
            .with_compression(config.compress_artifacts)
        )
        results = list(kept.results.get(alt_file.id, {}).values())
        last_file = generator.generate(alt_file, results, redactor=Redactor(config.ai_service().secrets()))
        kept.last_files[last_file.id] = last_file
        return last_file.id


@cache
def _task_results() -> TypeAdapter[TaskResult]:
    return TypeAdapter(TaskResult)


@cache
def _ids() -> TypeAdapter[list[str]]:
    return TypeAdapter(list[str])


def _reasons(error: ValidationError) -> str:
    """What does not fit and where. Values are not shown."""
    reasons = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place = "".join(f"/{part}" for part in problem["loc"])
        reasons.append(f"{place}: {problem['msg']}" if place else problem["msg"])
    return "; ".join(reasons)
