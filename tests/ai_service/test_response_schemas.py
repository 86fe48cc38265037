"""`parameters.response_schema`: the answer is parsed, checked, and asked for once more when it does not fit."""

import asyncio
import json
import threading
import time
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig, effort
from altlas_runner.ai_service.anthropic import AnthropicFormat
from altlas_runner.ai_service.effort import Effort, TooMuchEffortError
from altlas_runner.alt_file import Task
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from altlas_runner.statuses import TaskStatus
from tests.ai_service.fault_server import Behaviour, FaultServer, answer_json, attempt_for
from tests.ai_service.test_wire_format_openai import CALL, completion

SCHEMA = {"type": "object", "properties": {"total": {"type": "integer", "minimum": 1}}, "required": ["total"]}


def execute(
    *behaviours: Behaviour, schema: Any = SCHEMA, protocol: str = "openai", **parameters: Any
) -> tuple[TaskResult, FaultServer]:
    async def main() -> tuple[TaskResult, FaultServer]:
        async with FaultServer(*behaviours) as server:
            config = AiServiceConfig(base_url=server.url, protocol=protocol)
            policy = RetryPolicy(max_retries=3, base_seconds=0.001)
            async with AiServiceClient(config, retry_policy=policy) as client:
                task = Task(id="t", description="Add up", parameters={"response_schema": schema, **parameters})
                return await client.execute_task(task), server

    return asyncio.run(main())


def says(text: str, finish_reason: str = "stop", **message: Any) -> Behaviour:
    return answer_json(completion(text, finish_reason, **message))


@pytest.mark.parametrize(
    "text", ['{"total": 5}', ' {"total": 5}\n', '```json\n{"total": 5}\n```', '```\n{"total": 5}```']
)
def test_an_answer_that_fits_is_parsed_into_the_output(text: str) -> None:
    result, _ = execute(says(text))
    assert result.output == {"text": text, "model": "small-1", "finish_reason": "stop", "json": {"total": 5}}


def test_the_schema_is_told_to_the_model_and_asked_of_the_service() -> None:
    _, server = execute(says('{"total": 5}'))
    sent = server.requests[0].json
    assert sent["messages"][0]["content"].endswith(
        "Answer with JSON alone, which satisfies this JSON Schema: "
        '{"type": "object", "properties": {"total": {"type": "integer", "minimum": 1}}, "required": ["total"]}'
    )
    assert sent["response_format"] == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}
    assert "response_schema" not in sent["messages"][1]["content"]
    attempt = attempt_for(Task(id="t", description="x", parameters={"response_schema": SCHEMA}))
    assert "JSON Schema" in AnthropicFormat().request(AiServiceConfig(), attempt).body["system"]


def test_a_response_format_of_the_task_is_sent_as_it_is() -> None:
    _, server = execute(says('{"total": 5}'), response_format={"type": "json_object"})
    assert server.requests[0].json["response_format"] == {"type": "json_object"}


def test_a_mismatch_is_told_to_the_model_once() -> None:
    result, server = execute(says('{"total": 0}'), says('{"total": 5}'))
    assert (result.status, result.output["json"]) == (TaskStatus.COMPLETED, {"total": 5})
    assert result.attempts[0].error_code == "AI_BAD_RESPONSE"
    assert result.attempts[0].error == (
        "the answer does not satisfy response_schema: $.total: 0 is less than the minimum of 1"
    )
    first, second = (request.json["messages"][1]["content"] for request in server.requests)
    assert first == "Add up"
    assert second == f"Add up\n\nYour answer before this one could not be used: {result.attempts[0].error}. " + (
        "Answer again and mend that."
    )
    assert result.usage is not None
    assert result.usage.input_tokens == 24  # both attempts were paid for


def test_a_mismatch_is_told_also_when_the_service_was_down_in_between() -> None:
    result, server = execute(says('{"total": 0}'), answer_json({"error": "tired"}, 503), says('{"total": 5}'))
    assert result.status is TaskStatus.COMPLETED
    told = ["0 is less than the minimum of 1" in request.json["messages"][1]["content"] for request in server.requests]
    assert told == [False, True, True]


def test_a_mismatch_that_stays_fails_the_task_after_two_attempts() -> None:
    result, _ = execute(says("{}"))
    assert (result.status, result.error_code, len(result.attempts)) == (TaskStatus.FAILED, "AI_BAD_RESPONSE", 2)
    assert "'total' is a required property" in (result.error or "")
    assert result.output is None


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (says("five"), "the answer is not JSON ("),
        (says('{"total": 5', "length"), "; it was cut at max_tokens"),
        (says('{"total": 1e999}'), "too large"),
        (says('{"total": 5}{"total": 6}'), "trailing"),
    ],
)
def test_what_is_no_json_is_a_bad_response(behaviour: Behaviour, error: str) -> None:
    result, _ = execute(behaviour)
    assert result.error_code == "AI_BAD_RESPONSE"
    assert error in (result.error or "")


def test_tool_calls_come_before_the_answer_and_are_not_checked() -> None:
    result, _ = execute(says("", "tool_calls", tool_calls=[CALL]))
    assert result.output["tool_calls"] == [CALL]


def test_the_output_itself_is_checked_where_the_service_answers_in_json() -> None:
    result, server = execute(answer_json({"total": "5"}), answer_json({"total": 5}), protocol="altlas")
    assert result.output == {"total": 5}
    assert [request.json.get("previous_error") for request in server.requests] == [None, result.attempts[0].error]
    assert server.requests[0].json["parameters"]["response_schema"] == SCHEMA


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("object", "a schema is an object"),
        ({"type": "objekt"}, "'objekt' is not valid under any of the given schemas"),
        ({"properties": {"a": {"minimum": "1"}}}, "'1' is not of type 'number'"),
        ({"properties": {"a": {"pattern": "("}}}, r"the pattern '(' is no regular expression"),
        ({"pattern": "(?=a)b"}, "without look-around"),
        ({"patternProperties": {"a": {}}}, "patternProperties is not supported"),
    ],
)
def test_a_schema_that_is_none_fails_the_task_and_nothing_is_sent(schema: Any, reason: str) -> None:
    result, server = execute(says("{}"), schema=schema)
    assert (result.error_code, server.requests, len(result.attempts)) == ("AI_BAD_PARAMETER", [], 1)
    assert (result.error or "").startswith("the parameter response_schema cannot be used: ")
    assert reason in (result.error or "")


@pytest.mark.parametrize("schema", [{"$ref": "#/nowhere"}, {"$ref": "#"}, {"$ref": "http://127.0.0.1:1/schema.json"}])
def test_a_schema_that_refers_to_nothing_or_itself_fails_the_task_and_fetches_nothing(schema: Any) -> None:
    result, server = execute(says("{}"), schema=schema)
    assert (result.error_code, len(server.requests)) == ("AI_BAD_PARAMETER", 1)


def test_patterns_are_searched_for_as_json_schema_wants_it() -> None:
    schema = {"type": "array", "items": {"pattern": r"b\d"}}
    assert execute(says('["ab1c", 5]'), schema=schema)[0].status is TaskStatus.COMPLETED
    assert "'ac' does not match" in (execute(says('["ac"]'), schema=schema)[0].error or "")


def test_a_pattern_that_would_take_forever_elsewhere_does_not() -> None:
    start = time.process_time()
    result, _ = execute(says('"' + "a" * 5000 + '!"'), schema={"pattern": "^(a+)+$"})
    assert result.error_code == "AI_BAD_RESPONSE"
    assert time.process_time() - start < 5


def test_without_a_schema_nothing_is_said_about_the_last_answer() -> None:
    async def main() -> list[str]:
        async with FaultServer(says(""), says("Fine.")) as server:
            config = AiServiceConfig(base_url=server.url, protocol="openai")
            async with AiServiceClient(config, retry_policy=RetryPolicy(3, 0.001)) as client:
                await client.execute_task(Task(id="t", description="Add up"))
            return [request.json["messages"][1]["content"] for request in server.requests]

    assert asyncio.run(main()) == ["Add up", "Add up"]


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ([1, 2, "1", True, None, [1], {"a": 1}], True),
        ([0, False], True),
        ([1, 1.0], False),
        ([{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}], False),
        ([[], {}, [{}]], True),
    ],
)
def test_equal_items_are_those_of_json_schema(items: list[Any], unique: bool) -> None:
    schema = {"type": "array", "uniqueItems": True}
    result, _ = execute(*[says(json.dumps(items))] * 2, schema=schema)
    assert (result.status is TaskStatus.COMPLETED) == unique


@pytest.mark.slow
def test_many_items_of_several_kinds_are_not_compared_each_with_each() -> None:
    """The library would need hours for the answer of a hostile service, and no deadline could stop its thread."""
    items = [*range(60_000), *({"n": number} for number in range(60_000))]
    start = time.process_time()
    result, _ = execute(says(json.dumps(items)), schema={"uniqueItems": True})
    assert result.status is TaskStatus.COMPLETED
    assert time.process_time() - start < 15


def branching(levels: int) -> dict[str, Any]:
    """A schema of a few lines that takes 2 ** levels checks."""
    definitions: dict[str, Any] = {
        f"at{level}": {"allOf": [{"$ref": f"#/$defs/at{level + 1}"}] * 2} for level in range(levels)
    }
    return {"$ref": "#/$defs/at0", "$defs": {**definitions, f"at{levels}": {"type": "object"}}}


@pytest.mark.parametrize("around", [{}, {"$schema": "https://json-schema.org/draft/2020-12/schema"}, {"not": {}}])
def test_references_that_branch_without_end_fail_the_task_and_say_where(
    around: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty levels of two references each would keep a thread busy for an hour."""
    monkeypatch.setattr(effort, "MOST_CHECKS", 20_000)
    schema = {"properties": {"a": {**branching(30), **around}}, "$defs": branching(30)["$defs"]}
    result, server = execute(says('{"a": {}}'), schema=schema)
    assert (result.error_code, len(server.requests)) == ("AI_BAD_PARAMETER", 1)
    assert result.error is not None
    assert "it takes more than 20,000 checks of its keywords; ask for less, with fewer references" in result.error
    assert "The reference '#/$defs/at30' was followed" in result.error


def test_references_that_branch_where_no_keyword_is_checked_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `unevaluatedProperties` leaves over is found by the library in a search of its own."""
    monkeypatch.setattr(effort, "MOST_CHECKS", 20_000)
    definitions: dict[str, Any] = {
        f"at{level}": {"dependentSchemas": {key: {"$ref": f"#/$defs/at{level + 1}"} for key in "ab"}}
        for level in range(30)
    }
    schema = {
        "unevaluatedProperties": False,
        "dependentSchemas": {"a": {"$ref": "#/$defs/at0"}},
        "$defs": {**definitions, "at30": {"type": "object"}},
    }
    result, _ = execute(says('{"a": 1, "b": 2}'), schema=schema)
    assert result.error_code == "AI_BAD_PARAMETER"
    assert "it takes more than 20,000 checks" in (result.error or "")
    assert "was followed" not in (result.error or "")  # only references that the schema itself holds are named


@pytest.mark.slow
def test_a_large_answer_with_a_plain_schema_is_checked_to_its_end() -> None:
    numbers = list(range(1, 100_001))
    result, _ = execute(says(json.dumps(numbers)), schema={"items": {"type": "integer", "minimum": 1}})
    assert result.output["json"] == numbers


def test_the_texts_of_errors_count_as_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library shows the whole value in each of them: a hundred alternatives for a long text took gigabytes."""
    monkeypatch.setattr(effort, "MOST_CHECKS", 20_000)
    schema = {"anyOf": [{"type": "integer"}] * 100}
    result, _ = execute(says(json.dumps("x" * 1_000_000)), schema=schema)
    assert result.error_code == "AI_BAD_PARAMETER"


def test_a_part_that_names_its_own_dialect_is_checked_like_the_rest() -> None:
    """The library goes back to its own engine for patterns there, which may take forever."""
    dialect = "https://json-schema.org/draft/2020-12/schema"
    schema = {"properties": {"a": {"$schema": dialect, "pattern": "^(a+)+$"}}}
    start = time.process_time()
    result, _ = execute(says(json.dumps({"a": "a" * 40 + "!"})), schema=schema)
    assert result.error_code == "AI_BAD_RESPONSE"
    assert time.process_time() - start < 5


def test_a_check_that_nobody_waits_for_any_more_ends() -> None:
    ended = threading.Event()

    def check(effort: Effort) -> None:
        count = effort.counting("type", lambda *_: None)
        try:
            while True:
                list(count(None, None, None, None) or ())
                time.sleep(0.001)
        except TooMuchEffortError:
            ended.set()

    async def main() -> None:
        effort = Effort()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(effort.in_thread(check, effort), 0.1)

    asyncio.run(main())
    assert ended.wait(10)
