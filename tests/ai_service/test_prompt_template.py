"""The user's own prompt: plain text with references."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.ai_service.prompt_template import PromptTemplate
from altlas_runner.alt_file import Task
from altlas_runner.errors import ConfigurationError, ReferenceNotFoundError
from altlas_runner.execution import RunInfo
from tests.ai_service.fault_server import answer_json, attempt_for, attempt_once

COMPLETION = {"choices": [{"message": {"content": "Fine."}, "finish_reason": "stop"}]}


def filled(text: str, *, context: str = "CONTEXT", outputs: Any = None, **parameters: Any) -> str:
    attempt = attempt_for(
        Task(id="t", description="Summarise.", parameters=parameters),
        run=RunInfo("last_1", mode="dream", persona="poet"),
        context=outputs or {},
    )
    return PromptTemplate(text).filled(attempt, context)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("Plain text, {{ jinja }} and %s stay as they are.", "Plain text, {{ jinja }} and %s stay as they are."),
        ("Do: ${{ inputs.description }}", "Do: Summarise."),
        ("${{ inputs.persona }}/${{ inputs.mode }}", "poet/dream"),
        ("${{ inputs.context }}\n\n${{ inputs.description }}", "CONTEXT\n\nSummarise."),
        ("In ${{ inputs.parameters.language }}", "In French"),
        ("${{ inputs.parameters.limits.lines }} lines", "3 lines"),
        ("${{ inputs.prompt }}.", "."),
        ("First: ${{ tasks.fetch.output.rows[0] }}", "First: a"),
        ("a literal $${{ stays", "a literal ${{ stays"),
    ],
)
def test_references_are_replaced_by_what_they_name(template: str, message: str) -> None:
    outputs = {"fetch": {"rows": ["a", "b"]}}
    assert filled(template, outputs=outputs, language="French", limits={"lines": 3}) == message


def test_what_a_value_holds_is_not_looked_at_for_references() -> None:
    assert filled("${{ inputs.parameters.trap }}", trap="${{ inputs.context }}") == "${{ inputs.context }}"


def test_values_under_key_like_names_are_not_shown_to_the_model() -> None:
    text = filled("${{ inputs.parameters }} ${{ inputs.parameters.api_key }}", api_key="planted")
    assert "planted" not in text


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("fine\n${{ inputs.descripton }}", r"line 2: .*inputs\.descripton.* is not known; there are inputs\.descr"),
        ("${{ env.KEY }}", r"line 1: .* begins with .env."),
        ("\n\n${{ inputs.description", r"line 3: .* is not closed"),
        ("${{ len(inputs.description) }}", r"calls .len. like a function"),
    ],
)
def test_a_reference_that_cannot_be_is_told_with_its_line(template: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        PromptTemplate(template)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff", "is not UTF-8"), (b" \n", "is empty"), (b"a" * (1 << 20) + b"a", "is larger than 1 MiB")],
)
def test_a_file_that_is_no_template_is_told_by_name(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "prompt.txt"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"prompt\.txt {says}"):
        PromptTemplate.read(file)
    with pytest.raises(ConfigurationError, match=r"missing\.txt cannot be read: No such file"):
        PromptTemplate.read(tmp_path / "missing.txt")


def test_the_template_makes_the_users_message_and_the_system_message_stays(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("Im Kontext:\n${{ inputs.context }}\nTu das: ${{ inputs.description }}", encoding="utf-8")
    attempt = attempt_for(run=RunInfo("last_1", persona="poet"), context={"a": "Rain."})
    _, request = attempt_once(answer_json(COMPLETION), attempt=attempt, protocol="openai", prompt_template=file)
    system, user = request.json["messages"]
    assert system["content"] == "Your role: poet."
    assert user["content"] == 'Im Kontext:\n<result task="a">\nRain.\n</result>\nTu das: do it'


def test_a_path_that_this_task_lacks_fails_it_alone_and_nothing_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ReferenceNotFoundError):
        filled("${{ inputs.parameters.language }}")
    file = tmp_path / "prompt.txt"
    file.write_text("${{ inputs.parameters.language }}")

    async def main() -> tuple[str | None, str | None]:
        async with AiServiceClient(AiServiceConfig(protocol="openai", prompt_template=file)) as client:
            outcome = await client.attempt(attempt_for())
        return outcome.error_code, outcome.error

    code, error = asyncio.run(main())
    assert code == "REFERENCE_NOT_FOUND"
    assert "prompt template" in (error or "")


def test_a_template_for_the_altlas_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("${{ inputs.description }}")

    async def enter() -> None:
        async with AiServiceClient(AiServiceConfig(prompt_template=file)):
            pass

    with pytest.raises(ConfigurationError, match="has no use for the protocol altlas"):
        asyncio.run(enter())
