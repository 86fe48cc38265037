"""What the `openai` format sends and how it reads the answer."""

from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceConfig
from altlas_runner.ai_service.chat_answer import ChatChunks, chat_outcome
from altlas_runner.ai_service.openai import chat_body
from altlas_runner.ai_service.wire_format import ParameterError
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome
from altlas_runner.results import Usage
from tests.ai_service.fault_server import Request, answer_json, attempt_for, attempt_once

CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"q": "a"}'}}


def completion(content: Any = "Hello.", finish_reason: Any = "stop", **message: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "small-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
    }


def ask(answer: Any, parameters: dict[str, Any] | None = None, **config: Any) -> tuple[Outcome, Request]:
    attempt = attempt_for(Task(id="t", description="Greet", parameters=parameters))
    return attempt_once(answer_json(answer), attempt=attempt, protocol="openai", **config)


def test_the_request_is_a_chat_completion() -> None:
    _, request = ask(completion(), api_key="sk-1234", model="small", temperature=0.1, max_tokens=50, seed=3)
    assert (request.method, request.target) == ("POST", "/chat/completions")
    assert request.json == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Greet"},
        ],
        "temperature": 0.1,
        "max_tokens": 50,
        "seed": 3,
        "stream": False,
    }
    assert request.headers["authorization"] == "Bearer sk-1234"
    assert request.headers["idempotency-key"] == "last_1:t"


def test_what_is_not_set_is_not_sent() -> None:
    _, request = ask(completion())
    assert set(request.json) == {"model", "messages", "temperature", "stream"}


def test_settings_among_the_parameters_shape_the_request_and_are_not_shown_to_the_model() -> None:
    parameters = {
        "model": "mine",
        "temperature": 0,
        "max_tokens": 7,
        "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "look_up"}}],
        "tool_choice": "auto",
    }
    _, request = ask(completion(), {**parameters, "concurrency_group": "gpu"})
    assert {name: request.json[name] for name in parameters} == parameters
    assert "concurrency_group" not in request.json
    assert request.json["messages"][1]["content"] == "Greet"


def test_a_response_format_of_a_wrong_type_is_refused_before_anything_is_sent() -> None:
    attempt = attempt_for(Task(id="t", description="x", parameters={"response_format": "json"}))
    with pytest.raises(ParameterError, match="response_format"):
        chat_body(AiServiceConfig(), attempt, max_context_chars=10)


def test_the_output_is_text_model_and_finish_reason() -> None:
    outcome, _ = ask(completion())
    assert outcome.output == {"text": "Hello.", "model": "small-1", "finish_reason": "stop"}
    assert outcome.usage == Usage(12, 3)


def test_an_answer_cut_at_max_tokens_says_so() -> None:
    assert chat_outcome(completion("Hel", "length")).output["finish_reason"] == "length"


def test_tool_calls_come_through_intact() -> None:
    outcome = chat_outcome(completion(None, "tool_calls", tool_calls=[CALL]))
    assert outcome.output == {"text": "", "model": "small-1", "finish_reason": "tool_calls", "tool_calls": [CALL]}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([], "no object"),
        ({}, "no choices"),
        ({"choices": []}, "no choices"),
        ({"choices": None}, "no choices"),
        ({"choices": ["x"]}, "no choices"),
        ({"error": {"message": "model is loading"}}, "model is loading"),
        ({"error": "model is loading"}, "model is loading"),
        ({"choices": [{"finish_reason": "stop"}]}, "no message"),
        (completion(5), "wrong type"),
        (completion("x", 5), "wrong type"),
        (completion("x", tool_calls="y"), "wrong type"),
        (completion("x", None), "no finish_reason"),
        (completion(""), "empty (finish_reason stop)"),
        (completion(" \n", "length"), "empty (finish_reason length)"),
        (completion(None), "empty"),
        (completion("x", "content_filter"), "held the answer back"),
        (completion("half an ans", "error"), "broke off (finish_reason error)"),
        (completion("half an ans", "abort"), "broke off (finish_reason abort)"),
        (completion(None, refusal="I will not"), "refused: I will not"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_a_bad_response(answer: Any, says: str) -> None:
    outcome = chat_outcome(answer)
    assert (outcome.ok, outcome.error_code, outcome.retry) == (False, "AI_BAD_RESPONSE", "once")
    assert says in (outcome.error or "")


def test_an_empty_answer_over_http_is_a_failure_whose_tokens_count() -> None:
    outcome, _ = ask(completion(""))
    assert (outcome.error_code, outcome.usage) == ("AI_BAD_RESPONSE", Usage(12, 3))


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        (None, None),
        ("many", None),
        ({}, None),
        ({"prompt_tokens": "12", "completion_tokens": True}, None),
        ({"prompt_tokens": -1, "completion_tokens": 3}, Usage(0, 3)),
        ({"prompt_tokens": 12}, Usage(12, 0)),
    ],
)
def test_usage_is_read_as_far_as_it_makes_sense(usage: Any, read: Usage | None) -> None:
    outcome = chat_outcome({**completion(), "usage": usage})
    assert outcome.ok
    assert outcome.usage == read


def test_chunks_of_a_stream_add_up_to_the_whole_completion() -> None:
    chunks = ChatChunks()
    for delta in (
        {"role": "assistant", "content": None},
        {"content": "Hel"},
        {"content": "lo."},
        {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "look_up", "arguments": '{"q":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ' "a"}'}}]},
    ):
        chunks.add({"model": "small-1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    assert chat_outcome(chunks.whole()).error_code == "AI_BAD_RESPONSE"  # not complete without its end
    chunks.add({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.add({"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}})
    outcome = chat_outcome(chunks.whole())
    assert outcome.output == {"text": "Hello.", "model": "small-1", "finish_reason": "stop", "tool_calls": [CALL]}
    assert outcome.usage == Usage(12, 3)
