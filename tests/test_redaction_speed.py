"""Looking for secrets costs little, holds up nobody, and finds what the slow and obvious way finds."""

import asyncio
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from altlas_runner import AltFile, Outcome, Runner, RunnerConfig, Task, TaskAttempt, TaskManager
from altlas_runner.redaction import REDACTED, PieceByPiece, Redactor, is_long
from altlas_runner.task_manager import Event, TaskFinished
from altlas_runner.task_manager.discretion import Discretion

KEY = "sk-planted-0123456789-abcdefghij"
LENGTH = 24 * 1024 * 1024

ODD = st.sampled_from([*"%+=", "\r", "\n", "\0", " ", '"', "\\", "/", *"aAfF09", "é", "日", "\U0001f511", "-", "z"])
SECRETS = st.lists(st.text(ODD, min_size=4, max_size=12), min_size=1, max_size=3)


@st.composite
def hostile_texts(draw: st.DrawFn) -> tuple[list[str], str]:
    """Secrets, and a text with them in all forms, mixed within one, among what could hide them."""
    secrets = draw(SECRETS)
    parts: list[str] = []
    for _ in range(draw(st.integers(1, 6))):
        parts.append(draw(st.sampled_from(["%", "%%", "%%%", "%4", "%a", "%\r", "%\n", "==", "=", "+", "%%25", ""])))
        parts.append(draw(st.text(ODD, max_size=3)))
        secret = draw(st.sampled_from(secrets))
        form = draw(st.sampled_from(["mixed", "mixed", "base64", "json", "half"]))
        if form == "mixed":
            parts += [_url_form(character, draw(st.integers(0, 3))) for character in secret]
        elif form == "base64":
            parts.append(b64encode(draw(st.binary(max_size=3)) + secret.encode()).decode())
        elif form == "json":
            parts.append(json.dumps(secret))
        else:
            parts.append(secret[: draw(st.integers(0, len(secret)))])
    return secrets, "".join(parts)


def _url_form(character: str, way: int) -> str:
    encoded = "".join(f"%{byte:02x}" for byte in character.encode())
    return (character, encoded, encoded.upper(), "+" if character == " " else character)[way]


@given(hostile=hostile_texts(), piece=st.sampled_from([1, 7, 64, 65536]))
@example(hostile=(["abcdef-01"], "x%ab%63def-01"), piece=65536)  # a stray % takes two letters of the secret
@example(hostile=(["ab%41cdefg"], "ab%2541c%64efg"), piece=65536)
@example(hostile=(["%%000"], "%%%00%30"), piece=65536)
def test_the_quick_way_finds_what_the_obvious_way_finds(hostile: tuple[list[str], str], piece: int) -> None:
    secrets, text = hostile
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("altlas_runner.redaction.redactor._PIECE", piece)
        redactor = Redactor(secrets)
        pattern = redactor._pattern
        assert pattern is not None
        obvious = pattern.sub(REDACTED, text)
        assert redactor.text(text) == obvious
        value = {"a": [text, {"b": text[::-1]}, 5, None], text: (text,)}
        assert redactor.value(value) == _obvious_value(pattern, value)
        pieces = [text[start : start + piece] for start in range(0, len(text), piece)]
        encoded = b"".join(redactor.stream(each.encode("utf-8", "surrogatepass") for each in pieces))
        in_bytes = re.compile(pattern.pattern.encode())
        assert encoded == in_bytes.sub(REDACTED.encode(), text.encode("utf-8", "surrogatepass"))


def _obvious_value(pattern: re.Pattern[str], value: Any) -> Any:
    if isinstance(value, str):
        return pattern.sub(REDACTED, value)
    if isinstance(value, dict):
        return {_obvious_value(pattern, k): _obvious_value(pattern, v) for k, v in value.items()}
    if isinstance(value, list):
        return [_obvious_value(pattern, item) for item in value]
    if isinstance(value, tuple):
        items = [_obvious_value(pattern, item) for item in value]
        return tuple(items) if items == [*value] else items
    return value


def test_a_value_that_contains_itself_is_looked_through_to_its_end() -> None:
    clean: list[Any] = ["nothing"]
    clean += [clean, clean]
    assert Redactor([KEY]).value(clean) is clean
    dirty: dict[str, Any] = {"key": KEY}
    dirty["itself"] = [dirty, dirty]
    assert Redactor([KEY]).value(dirty) == {"key": REDACTED, "itself": [REDACTED, REDACTED]}
    deep: Any = KEY
    for _ in range(5_000):
        deep = [deep]
    assert KEY not in repr_of(Redactor([KEY]).value(deep))


def repr_of(value: Any) -> str:
    found = []
    while isinstance(value, list):
        value = value[0]
        found.append(value if isinstance(value, str) else "")
    return "".join(found)


LARGE: dict[str, Callable[[], Any]] = {
    "one text": lambda: {"text": "lorem ipsum dolor " * (LENGTH // 18)},
    "a text full of percent signs": lambda: {"text": "50% of 1+1 dolor " * (LENGTH // 17)},
    "a text all in URL-encoding": lambda: {"text": "%61" * (LENGTH // 3)},
    "short texts": lambda: {"texts": ["abcde"] * (LENGTH // 8)},
    "numbers": lambda: {"numbers": list(range(LENGTH // 8))},
    "objects": lambda: [{"name": f"n {n}", "value": "x" * 150, "n": n} for n in range(LENGTH // 192)],
}


@pytest.mark.slow
@pytest.mark.parametrize("make", LARGE.values(), ids=LARGE.keys())
def test_looking_through_a_large_answer_costs_a_few_times_its_json(make: Callable[[], Any]) -> None:
    """The search that this replaced took 20 to 40 times as long as `json.dumps` where a text holds percent signs."""
    value, redactor = make(), Redactor([KEY, f"Bearer {KEY}"])
    began = time.process_time()
    json.dumps(value)
    dumped = time.process_time() - began
    began = time.process_time()
    assert redactor.value(value) is value
    assert time.process_time() - began < 10 * dumped


@pytest.mark.parametrize(
    ("value", "long"),
    [
        ("x" * 1000, False),
        ({"text": "x" * 1000, "more": [1, 2, {"deep": None}]}, False),
        ("x" * 300_000, True),
        ([["x" * 2000] * 200], True),
        ({"numbers": list(range(100_000))}, True),
        ([{}] * 100_000, True),
    ],
)
def test_only_what_takes_long_to_look_through_is_long(value: Any, long: bool) -> None:
    assert is_long(value) == long


class Answers:
    """An executor with one output."""

    def __init__(self, output: Any) -> None:
        self.output = output

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        return Outcome.completed(self.output)


class Counting(Redactor):
    """Counts how often it looks through a value of the size of an answer, and on which thread."""

    def __init__(self) -> None:
        super().__init__([KEY])
        self.looked = 0

    def value(self, value: Any) -> Any:
        if is_long(value):
            self.looked += 1
            with pytest.raises(RuntimeError):  # no loop waits for it
                asyncio.get_running_loop()
        return super().value(value)


def test_a_long_output_is_looked_through_once_and_off_the_loop_however_many_observe() -> None:
    output = {"text": "x" * 400_000, "key": KEY}
    seen: list[list[Event]] = [[], [], []]
    redactor = Counting()
    alt_file = AltFile(id="f", title="F", tasks=[Task(id="t", description="x")])
    manager = TaskManager(
        alt_file, Answers(output), on_event=[each.append for each in seen], discretion=Discretion(redactor)
    )
    (result,) = asyncio.run(manager.run())
    assert result.output == output  # what depends on the task gets it whole
    assert redactor.looked == 1
    for events in seen:
        (finished,) = [event for event in events if isinstance(event, TaskFinished)]
        assert finished.result.output == {"text": "x" * 400_000, "key": REDACTED}


def test_what_an_output_became_after_it_was_looked_through_is_looked_through_again() -> None:
    """An executor may answer late, when its task has ended otherwise."""
    redactor = Redactor([KEY])
    discretion = Discretion(redactor)
    asyncio.run(discretion.look_through("t", ["x" * 400_000]))
    (result,) = asyncio.run(
        TaskManager(AltFile(id="f", title="F", tasks=[Task(id="t", description="x")]), Answers(KEY)).run()
    )
    (told,) = discretion.told([TaskFinished(result.completed_at, "t", result)])  # type: ignore[arg-type]
    assert isinstance(told, TaskFinished)
    assert told.result.output == REDACTED


@pytest.mark.slow
@pytest.mark.parametrize("echoes", [False, True])
def test_a_large_answer_neither_holds_the_loop_nor_costs_an_observer_its_place(tmp_path: Path, echoes: bool) -> None:
    text = "50% of 1+1 is %61 " * (LENGTH // 18)
    output = {"text": text + (f" {KEY}" if echoes else "")}
    events: list[Event] = []
    longest = 0.0

    async def main() -> None:
        nonlocal longest
        config = RunnerConfig(output_dir=tmp_path, generate_graphs=False, ai_api_key=KEY)
        runner = Runner(config, executor=Answers(output))
        tasks = [Task(id="t", description="x")]
        running = asyncio.create_task(runner.execute(AltFile(id="f", title="F", tasks=tasks), on_event=events.append))
        while not any(isinstance(event, TaskFinished) for event in events):
            began = time.thread_time()  # of the loop's own thread: what others do to this machine does not count
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - began)
        await running

    asyncio.run(main())
    (finished,) = [event for event in events if isinstance(event, TaskFinished)]
    assert (finished.result.output == output) != echoes
    assert KEY not in finished.result.output["text"]
    assert longest < 0.1


def test_pieces_without_a_secret_pass_without_the_slow_search() -> None:
    searched: list[str] = []

    def may_find(text: str) -> bool:
        searched.append(text)
        return "k" in text

    pieces = PieceByPiece(re.compile("key"), may_find, 3, "#")
    assert [pieces.add("abc"), pieces.add("dke"), pieces.add("y"), pieces.finish()] == ["a", "bcd", "#", ""]
    assert searched == ["abc", "bcdke", "key"]
