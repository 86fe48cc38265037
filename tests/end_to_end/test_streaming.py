"""`run --stream`: what services tell while they answer is seen, and what stands in the bundle is complete."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.durability.command_line import command_line
from tests.loopback import Answer, LoopbackService

pytestmark = pytest.mark.slow

KEY, SECRET = "sk-planted-1234567890", "hidden-7654321"
FLOW = {
    "id": "flow",
    "title": "Flow",
    "tasks": [
        {"id": "story", "description": "tell", "parameters": {"headers": {"Authorization": f"Bearer {SECRET}"}}},
        {"id": "end", "description": "go on", "dependencies": ["story"], "retry_count": 0},
    ],
}


def streamed(*events: tuple[str, Any]) -> Answer:
    body = "".join(f"event: {name}\ndata: {json.dumps(value)}\n\n" for name, value in events)
    return lambda _: web.Response(text=body, content_type="text/event-stream")


def run(
    path: Path, service: LoopbackService, *more: str, flow: dict[str, Any] = FLOW
) -> tuple[int, list[dict[str, Any]], dict[str, Any], str]:
    """Exit code, events, LAST file, and every byte that was written."""
    alt = path / "flow.alt.json"
    alt.write_text(json.dumps(flow))
    options = ("--no-graphs", "--service-url", service.url, "-o", str(path / "out"), "--progress", "json", *more)
    status, process = command_line().end_of(["run", alt, *options], {"RUNNER_AI_API_KEY": KEY})
    (bundle,) = (path / "out").iterdir()
    written = (
        process.stdout
        + process.stderr
        + "".join(file.read_bytes().decode(errors="replace") for file in bundle.rglob("*") if file.is_file())
    )
    events = [json.loads(line) for line in process.stderr.splitlines()]
    return status, events, json.loads((bundle / "result.last").read_text()), written


def test_deltas_are_events_and_the_outputs_are_whole(tmp_path: Path) -> None:
    story = f"Once upon a time there was {KEY}, and {SECRET}. The end."
    deltas = [("delta", {"text": letter}) for letter in story]
    answers = {"story": streamed(*deltas, ("result", {"text": story})), "end": streamed(("result", [1, 2]))}
    with LoopbackService(answers) as service:
        code, events, last, written = run(tmp_path, service, "--stream")
    assert code == 0
    assert [request["stream"] for request in service.requests] == [True, True]
    told = [event for event in events if event["event"] == "task_progress"]
    assert {(event["task_id"], event["kind"]) for event in told} == {("story", "delta")}
    text = "".join(event["fields"]["text"] for event in told)
    assert text == "Once upon a time there was [redacted], and [redacted]. The end."
    assert [result["output"] for result in last["task_results"]] == [{"text": text}, [1, 2]]
    assert KEY not in written
    assert SECRET not in written


@pytest.mark.parametrize("secret", ["correct horse battery staple", "пароль-дня", "schön und gut"])
def test_a_secret_of_several_words_does_not_show_piece_by_piece(tmp_path: Path, secret: str) -> None:
    task = {"id": "story", "description": "tell", "parameters": {"password": secret}, "retry_count": 0}
    story = f"It says {secret}, and {secret}"
    broken_off = f"and so it is {secret[:-1]}"
    answers = {
        "story": streamed(*[("delta", {"text": letter}) for letter in story], ("result", story)),
        "broken": streamed(*[("delta", {"text": letter}) for letter in broken_off]),
    }
    flow = {**FLOW, "tasks": [task, {**task, "id": "broken"}]}
    with LoopbackService(answers) as service:
        code, events, last, written = run(tmp_path, service, "--stream", flow=flow)
    assert code == 1
    told = [event for event in events if event["event"] == "task_progress"]
    texts = {
        task_id: "".join(event["fields"]["text"] for event in told if event["task_id"] == task_id)
        for task_id in answers
    }
    assert texts["story"] == last["task_results"][0]["output"] == "It says [redacted], and [redacted]"
    assert broken_off.startswith(texts["broken"])
    assert secret[:-1] not in texts["broken"]
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written


def test_a_stream_that_breaks_off_fails_its_task_and_leaves_no_part_of_it(tmp_path: Path) -> None:
    answers = {"story": streamed(("result", 1)), "end": streamed(("delta", {"text": "half an answer "}))}
    with LoopbackService(answers) as service:
        code, events, last, _ = run(tmp_path, service, "--stream")
    assert code == 1
    assert any(event["event"] == "task_progress" for event in events)
    result = last["task_results"][1]
    assert (result["status"], result["error_code"], result["output"]) == ("failed", "AI_STREAM_TRUNCATED", None)
    assert "half an answer" not in json.dumps(last)


def test_without_the_option_nothing_is_streamed(tmp_path: Path) -> None:
    with LoopbackService() as service:
        code, events, _, _ = run(tmp_path, service, "--no-stream")
    assert code == 0
    assert [request["stream"] for request in service.requests] == [False, False]
    assert not any(event["event"] == "task_progress" for event in events)


def test_a_prompt_template_that_cannot_be_used_is_exit_code_2(tmp_path: Path) -> None:
    alt, template = tmp_path / "flow.alt.json", tmp_path / "prompt.txt"
    alt.write_text(json.dumps(FLOW))
    template.write_text("Do\n${{ inputs.descripton }}")
    options = ("--protocol", "openai", "-o", str(tmp_path / "o"), "--prompt-template", str(template))
    status, process = command_line().end_of(["run", alt, *options])
    assert status == 2
    assert f"the prompt template {template}, line 2: ${{{{ inputs.descripton }}}} is not known" in process.stderr
    assert not (tmp_path / "o").exists()
