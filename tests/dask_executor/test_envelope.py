"""What driver and worker say to each other, and what a worker must not run."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner import Task, TaskAttempt
from altlas_runner.dask_executor.envelope import (
    Call,
    MismatchError,
    Reply,
    TaskCall,
    attempt_of,
    check_digest,
    open_call,
    open_reply,
    payload_of,
    seal_call,
    seal_reply,
)
from altlas_runner.execution import RunInfo

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
CALL = TaskCall("last_1", "a", 2, "last_1:a", "add", "module", None, "add", "process", "0" * 64, 5.0, "{}", ["s3cret"])


@given(JSON)
def test_calls_and_replies_arrive_as_they_were_sent(body: object) -> None:
    call = Call("key", "topic", body)
    assert open_call(seal_call(call)) == (call, None)
    reply = Reply("key", "done", "tcp://worker", 0.5, body)
    assert open_reply(seal_reply(reply)) == reply


@given(JSON, JSON)
def test_an_attempt_arrives_as_it_was_sent(parameter: object, output: object) -> None:
    task = Task.model_validate({"id": "ä", "description": "d", "parameters": {"p": parameter}})
    run = RunInfo("last_1", "chaos", "a pirate", {"m": 1}, {"ä": 2})
    sent = TaskAttempt(task, 2, run, context={"other": output})
    came = attempt_of(CALL, payload_of(sent))
    assert (came.task, came.number, came.run, came.context) == (task, 2, run, {"other": output})
    assert came.idempotency_key == sent.idempotency_key


def test_a_task_call_arrives_as_it_was_sent() -> None:
    assert TaskCall.from_json(json.loads(json.dumps(CALL.to_json()))) == CALL


@pytest.mark.parametrize(("field", "value"), [("protocol", 0), ("library", "0.0.0")])
def test_a_call_of_another_version_is_refused(field: str, value: object) -> None:
    content = json.loads(seal_call(Call("key", "topic", None)))
    content[field] = value
    call, refusal = open_call(json.dumps(content).encode())
    assert call.key == "key"
    assert refusal is not None
    assert "install the same version on both" in refusal


def test_a_handler_that_is_another_one_is_refused() -> None:
    check_digest(CALL.handler, CALL.place, CALL.digest, "0" * 64)
    with pytest.raises(MismatchError, match="not the same on this worker"):
        check_digest(CALL.handler, CALL.place, "1" * 64, "0" * 64)
