"""Keys never show, and nothing that is no key is torn apart."""

import asyncio
import json
import logging
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner import AltFile, Outcome, Runner, RunnerConfig, Task, TaskAttempt
from altlas_runner.log_records import redacted
from altlas_runner.redaction import Redactor, is_key_like, redact_key_like, secrets_in
from altlas_runner.task_manager import Event


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "API-KEY",
        "apiKey",
        "X-Api-Key",
        "Authorization",
        "proxy-authorization",
        "access_token",
        "accessToken",
        "authToken",
        "PASSWORD",
        "db_password",
        "client_secret",
        "clientsecret",
        "Set-Cookie",
        "cookie",
        "aws_secret_access_key",
    ],
)
def test_names_of_keys_are_known_in_any_case_and_spelling(name: str) -> None:
    assert is_key_like(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "tokens", "tokenizer", "secretary", "key", "keyboard", "passage", "author"]
)
def test_names_that_only_look_alike_are_no_keys(name: str) -> None:
    assert not is_key_like(name)


def test_values_under_key_like_names_are_replaced_at_any_depth() -> None:
    value = {"headers": [{"Authorization": "Bearer abc"}], "max_tokens": 5, "token": None}
    assert redact_key_like(value) == {"headers": [{"Authorization": "[redacted]"}], "max_tokens": 5, "token": None}


def test_short_texts_of_a_file_are_not_looked_for_everywhere() -> None:
    assert secrets_in({"cookie": "recipe", "password": "correct horse"}) == {"correct horse"}


def test_a_redactor_finds_the_longest_secret_first() -> None:
    assert Redactor(["secret", "secret-long"]).text("a secret-long b secret") == "a [redacted] b [redacted]"


def test_observers_and_bundles_never_see_a_key_of_the_file_that_a_service_echoes(tmp_path: Path) -> None:
    class Echo:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            key = (attempt.task.parameters or {})["api_key"]
            attempt.emit("delta", {"text": key})
            if attempt.task.id == "fails":
                return Outcome.failed("X", f"bad key {key}")
            return Outcome.completed({"you sent": key})

    key = "planted-key-12345"
    tasks = [Task(id=name, description="x", parameters={"api_key": key}) for name in ("works", "fails")]
    events: list[Event] = []
    runner = Runner(RunnerConfig(output_dir=tmp_path, generate_graphs=False), executor=Echo())
    last_file = asyncio.run(runner.execute(AltFile(id="f", title="F", tasks=tasks), on_event=events.append))
    written = b"".join(path.read_bytes() for path in runner.bundle_path(last_file).iterdir())
    assert key not in repr(events) + repr(last_file)
    assert key.encode() not in written
    assert len(events) >= 8


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=6, max_size=40)


@given(secret=SECRETS, before=st.text(max_size=7), behind=st.text(max_size=7))
def test_a_secret_is_found_in_every_form_and_wherever_it_stands(secret: str, before: str, behind: str) -> None:
    redactor = Redactor([secret])
    whole = before + secret + behind
    encoded = [encode(whole.encode()).decode() for encode in (b64encode, urlsafe_b64encode)]
    forms = [
        *(
            whole,
            before + quote(secret, safe="") + behind,
            before + quote_plus(secret) + behind,
            _in_lower_case(quote(whole)),
        ),
        *(encoded, [text.rstrip("=") for text in encoded]),
        *(json.dumps(whole), json.dumps(whole, ensure_ascii=False)),
        "".join(f"%{byte:02x}" for byte in whole.encode()),
    ]
    for form in forms:
        for text in [form] if isinstance(form, str) else form:
            assert "[redacted]" in redactor.text(text)


def _in_lower_case(encoded: str) -> str:
    return re.sub("%..", lambda digits: digits[0].lower(), encoded)


@given(secret=SECRETS, texts=st.lists(st.text(max_size=20), max_size=5))
def test_what_holds_no_secret_stays_the_very_same_object(secret: str, texts: list[str]) -> None:
    value = {"texts": texts, "deep": [{"n": 1.5, "none": None, "text": "".join(texts)}]}
    redactor = Redactor([secret])
    if "[redacted]" not in str(redactor.value(value)):
        assert redactor.value(value) is value


def test_base64_of_user_and_password_shows_neither_a_part_of_the_password() -> None:
    for user in ("u", "us", "use", "user"):
        header = b64encode(f"{user}:correct-horse".encode()).decode()
        seen = Redactor(["correct-horse"]).text(f"Basic {header}")
        kept = seen.partition("[redacted]")[0].removeprefix("Basic ")
        assert b"c" not in b64decode(kept[: len(kept) // 4 * 4]).removeprefix(user.encode())
        assert seen.endswith("[redacted]")


def test_short_words_around_a_secret_are_not_torn_apart() -> None:
    redactor = Redactor(["sk-1234567890"])
    text = "50% off, 1+1=2, c2stMTIzNDU2 is near"
    assert redactor.text(text) is text or redactor.text(text) == text


@pytest.mark.parametrize("name", ["altlas_runner", "altlas_runner.handlers"])
def test_logs_show_no_secret_while_a_run_goes_on(name: str, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger(name)
    with redacted(Redactor(["planted-key-1"])):
        log.warning("asked with %s", "planted-key-1")
        try:
            raise ValueError("planted-key-1 does not fit")
        except ValueError:
            log.exception("it failed")
    assert "planted" not in caplog.text
    assert caplog.text.count("[redacted]") == 3  # also in the quoted line of code
    assert "ValueError" in caplog.text


def test_whoever_is_given_a_value_is_told_the_secrets_in_it_and_no_others() -> None:
    redactor = Redactor(["s3cret one", "another-key"])
    assert redactor.found_in({"text": ["use s3cret one", 7]}) == ["s3cret one"]
    assert redactor.found_in({"another%2Dkey": None}) == ["another-key"]
    assert redactor.found_in({"text": "nothing"}) == []
    assert Redactor(()).found_in("s3cret one") == []
