"""What the `anthropic` format sends and how it reads the answer."""

from typing import Any

import pytest

from altlas_runner.ai_service.anthropic import AnthropicFormat
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome, RunInfo
from altlas_runner.results import Usage
from tests.ai_service.fault_server import Request, answer_json, attempt_for, attempt_once

FUNCTION = {"name": "look_up", "description": "Looks things up.", "parameters": {"type": "object"}}


def message(*content: Any, stop_reason: Any = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "small-1",
        "content": list(content) or [{"type": "text", "text": "Hello."}],
        "stop_reason": stop_reason,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 2, "output_tokens": 3},
        **fields,
    }


def ask(answer: Any, parameters: dict[str, Any] | None = None, **config: Any) -> tuple[Outcome, Request]:
    attempt = attempt_for(
        Task(id="t", description="Greet", parameters=parameters), run=RunInfo("last_1", persona="host")
    )
    return attempt_once(answer_json(answer), attempt=attempt, protocol="anthropic", **config)


def test_the_request_is_a_message() -> None:
    _, request = ask(message(), api_key="sk-1234", model="small", temperature=0.1, max_tokens=50)
    assert (request.method, request.target) == ("POST", "/v1/messages")
    assert request.json == {
        "model": "small",
        "max_tokens": 50,
        "temperature": 0.1,
        "system": "Your role: host.",
        "messages": [{"role": "user", "content": "Greet"}],
        "stream": False,
    }
    assert request.headers["x-api-key"] == "sk-1234"
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers
    assert request.headers["idempotency-key"] == "last_1:t"


def test_without_a_key_there_is_no_header_for_it_and_max_tokens_is_always_sent() -> None:
    _, request = ask(message())
    assert "x-api-key" not in request.headers
    assert request.json["max_tokens"] == 4096


def test_a_temperature_over_one_is_sent_as_one() -> None:
    assert ask(message(), {"temperature": 1.7})[1].json["temperature"] == 1.0


def test_the_output_is_text_model_and_finish_reason_in_the_words_of_openai() -> None:
    outcome, _ = ask(message({"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hello."}))
    assert outcome.output == {"text": "Hello.", "model": "small-1", "finish_reason": "stop"}
    assert outcome.usage == Usage(12, 3)


@pytest.mark.parametrize(
    ("said", "read"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("something_new", "something_new")],
)
def test_reasons_to_stop_are_translated(said: str, read: str) -> None:
    assert AnthropicFormat().outcome(message(stop_reason=said)).output["finish_reason"] == read


def test_tools_are_translated_and_tool_calls_too() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"q": "ü"}}
    native = {"name": "native", "input_schema": {"type": "object"}}
    parameters = {"tools": [{"type": "function", "function": FUNCTION}, native], "tool_choice": "required"}
    outcome, request = ask(message(call, stop_reason="tool_use"), parameters)
    assert request.json["tools"] == [
        {"name": "look_up", "description": "Looks things up.", "input_schema": {"type": "object"}},
        native,
    ]
    assert request.json["tool_choice"] == {"type": "any"}
    assert outcome.output["finish_reason"] == "tool_calls"
    assert outcome.output["tool_calls"] == [
        {"id": "toolu_1", "type": "function", "function": {"name": "look_up", "arguments": '{"q": "ü"}'}}
    ]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
        ({"type": "tool", "name": "f"}, {"type": "tool", "name": "f"}),
    ],
)
def test_a_tool_choice_is_translated(choice: Any, sent: Any) -> None:
    assert ask(message(), {"tool_choice": choice})[1].json["tool_choice"] == sent


@pytest.mark.parametrize(
    ("response_format", "words"),
    [
        ({"type": "json_object"}, "Your role: host. Answer with JSON alone."),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
            'Your role: host. Answer with JSON alone, which satisfies this JSON Schema: {"type": "object"}',
        ),
        ({"type": "text"}, "Your role: host."),
    ],
)
def test_a_response_format_is_told_in_words(response_format: Any, words: str) -> None:
    assert ask(message(), {"response_format": response_format})[1].json["system"] == words


@pytest.mark.parametrize("schema", [{"type": "object"}, None])
def test_a_schema_that_the_answer_is_checked_by_is_told_once(schema: Any) -> None:
    """A task for several services may hold both; their formats differ in which of the two they know."""
    kind = {"type": "json_object"} if schema is None else {"type": "json_schema", "json_schema": {"schema": schema}}
    parameters = {"response_format": kind, "response_schema": {"type": "object"}}
    words = 'Your role: host. Answer with JSON alone, which satisfies this JSON Schema: {"type": "object"}'
    assert ask(message(), parameters)[1].json["system"] == words


def test_two_schemas_that_differ_are_both_told() -> None:
    kind = {"type": "json_schema", "json_schema": {"schema": {"type": "array"}}}
    system = ask(message(), {"response_format": kind, "response_schema": {"maxItems": 3}})[1].json["system"]
    assert '{"maxItems": 3}' in system
    assert '{"type": "array"}' in system


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([], "no object"),
        ({}, "no content"),
        ({"error": {"message": "loading"}}, "loading"),
        (message(content="text"), "no content"),
        (message("text"), "content is no object"),
        (message({"type": "text", "text": 5}), "wrong type"),
        (message({"type": "tool_use", "id": 5, "name": "a", "input": {}}), "wrong type"),
        (message({"type": "text", "text": " "}), "empty"),
        (message(stop_reason=None), "no finish_reason"),
        (message(stop_reason=5), "wrong type"),
        (message(stop_reason="refusal"), "held the answer back"),
        (message({"type": "text", "text": "half"}, stop_reason="pause_turn"), "broke off (finish_reason pause_turn)"),
    ],
)
def test_an_answer_of_the_wrong_shape_is_a_bad_response(answer: Any, says: str) -> None:
    outcome = AnthropicFormat().outcome(answer)
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")
    assert says in (outcome.error or "")


@pytest.mark.parametrize("usage", [None, "many", {}, {"input_tokens": "5"}, {"output_tokens": -1}])
def test_usage_that_makes_no_sense_is_left_out(usage: Any) -> None:
    outcome = AnthropicFormat().outcome(message(usage=usage))
    assert (outcome.ok, outcome.usage) == (True, None)
