"""What a handler returns or prints is kept as it is, whatever it is."""

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from altlas_runner import Outcome, Usage
from altlas_runner.handlers.json_values import json_copy
from altlas_runner.handlers.kept_output import KeptOutput
from altlas_runner.handlers.messages import packed, read
from altlas_runner.handlers.outcomes import outcome_from_json, outcome_to_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
OUTCOMES = st.one_of(
    st.builds(
        lambda output, tokens: Outcome.completed(output, artifacts=[{"path": "x"}], usage=tokens),
        JSON,
        st.none() | st.builds(Usage, st.integers(0, 9), st.integers(0, 9), st.none() | st.floats(0, 9)),
    ),
    st.builds(Outcome.held, st.floats(0, 9), st.text()),
    st.builds(
        lambda code, text, retry: Outcome.failed(code, text, retry=retry, retry_after=1.5),
        st.text(), st.text(), st.sampled_from(["no", "once", "yes"]),
    ),
)  # fmt: skip


@given(JSON)
def test_a_copy_of_a_json_value_is_equal_and_of_the_same_types(value: object) -> None:
    assert json.dumps(json_copy(value, "it")) == json.dumps(value)


@given(OUTCOMES)
def test_an_outcome_travels_between_processes_unchanged(outcome: Outcome) -> None:
    async def travel() -> Outcome:
        reader = asyncio.StreamReader()
        reader.feed_data(packed(outcome_to_json(outcome)))
        return outcome_from_json(await read(reader))

    assert asyncio.run(travel()) == outcome


@given(st.lists(st.binary(max_size=40)), st.integers(0, 60))
def test_beginning_and_end_of_an_output_are_kept_however_it_comes_in_pieces(pieces: list[bytes], limit: int) -> None:
    async def keep() -> KeptOutput:
        output = KeptOutput(limit)
        for piece in pieces:
            output.data_received(piece)
        return output

    whole = b"".join(pieces)
    output = asyncio.run(keep())
    assert output.cut == max(0, len(whole) - limit)
    if not output.cut:
        assert output.text() == whole.decode(errors="replace")
    else:
        head, tail = limit - limit // 2, limit // 2
        assert output.text().startswith(whole[:head].decode(errors="replace"))
        assert output.text().endswith(whole[len(whole) - tail :].decode(errors="replace"))
