"""The user's own prompt: a file of plain text with references, never code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from altlas_runner.alt_file.references import Template, parse_template
from altlas_runner.alt_file.resolving import resolve_text
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import TaskAttempt
from altlas_runner.redaction import redact_key_like

__all__ = ["NAMES", "PromptTemplate"]

NAMES = ("description", "prompt", "persona", "mode", "parameters", "context")
"""What `${{ inputs.… }}` may name: of the task its description, `parameters.prompt` and parameters; of the file its
persona and mode; and the outputs of the dependencies as they stand in the usual prompt."""

MAX_TEMPLATE_BYTES = 1024 * 1024


class PromptTemplate:
    """Makes the user's message of a conversation. What the values themselves hold is not looked at for references.

    Raises:
        ConfigurationError: a reference is malformed or names what there is not; the message says in which line.

    Example:
        >>> PromptTemplate("Answer in French: ${{ inputs.description }}")
        PromptTemplate('Answer in French: ${{ inputs.description }}')
    """

    def __init__(self, text: str, place: str = "the prompt template") -> None:
        self._text = text
        template = parse_template(text)
        for start, reason in _problems(template):
            raise ConfigurationError(f"{place}, line {text.count(chr(10), 0, start) + 1}: {reason}")

    def __repr__(self) -> str:
        return f"PromptTemplate({self._text!r})"

    @classmethod
    def read(cls, path: Path) -> PromptTemplate:
        """The template in a file.

        Raises:
            ConfigurationError: the file cannot be read, is no text or larger than 1 MiB, or a reference is wrong.
        """
        try:
            with path.open("rb") as file:
                content = file.read(MAX_TEMPLATE_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(f"the prompt template {path} cannot be read: {error.strerror}") from error
        if len(content) > MAX_TEMPLATE_BYTES:
            raise ConfigurationError(f"the prompt template {path} is larger than 1 MiB")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"the prompt template {path} is not UTF-8 ({error})") from error
        if not text.strip():
            raise ConfigurationError(f"the prompt template {path} is empty")
        return cls(text, f"the prompt template {path}")

    def filled(self, attempt: TaskAttempt, context: str) -> str:
        """The message for an attempt.

        Args:
            attempt: the task, its run and the outputs of its dependencies.
            context: these outputs as one text.

        Raises:
            ReferenceNotFoundError: a path leads to nothing in this task.
        """
        parameters = attempt.task.parameters or {}
        prompt = parameters.get("prompt")
        inputs: dict[str, Any] = {
            "description": attempt.task.description,
            "prompt": "" if prompt is None else prompt,
            "persona": attempt.run.persona or "",
            "mode": attempt.run.mode,
            "parameters": redact_key_like(parameters),
            "context": context,
        }
        return resolve_text(self._text, attempt.context, inputs)


def _problems(template: Template) -> list[tuple[int, str]]:
    """What is wrong with the references, each with where it begins."""
    found = [(problem.start, f"{problem.source} {problem.reason}; {problem.help}") for problem in template.problems]
    names = ", ".join(f"inputs.{name}" for name in NAMES)
    found += [
        (reference.start, f"{reference.source} is not known; there are {names} and tasks.<id>.output")
        for reference in template.references
        if reference.root == "inputs" and reference.name not in NAMES
    ]
    return sorted(found)
