"""Where the key comes from: the environment, a file, or a program such as a keyring; none of them shows it."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import ConfigurationError, LastFile, Runner, RunnerConfig
from altlas_runner import api_key as sources
from altlas_runner.testing import alt_file_of

KEY = "sk-planted-0123456789"


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNNER_AI_API_KEY", "RUNNER_AI_API_KEY_FILE", "RUNNER_AI_API_KEY_COMMAND", "RUNNER_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def printing(text: str) -> list[str]:
    return [sys.executable, "-c", f"print({text!r})"]


def key_of(config: RunnerConfig) -> str | None:
    key = config.ai_service().api_key
    return key.get_secret_value() if key else None


def test_a_key_in_a_file_is_taken_without_the_white_space_around_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"\n  {KEY}\r\n")
    assert key_of(RunnerConfig(ai_api_key_file=tmp_path / "key")) == KEY


def test_a_key_is_what_a_program_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_AI_API_KEY_COMMAND", json.dumps(printing(KEY)))
    assert key_of(RunnerConfig()) == KEY


def test_the_key_itself_wins_over_the_file_and_that_over_the_program(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-the-file")
    sources: dict[str, Any] = {"ai_api_key_file": tmp_path / "key", "ai_api_key_command": printing("from-the-program")}
    assert key_of(RunnerConfig(ai_api_key="given", **sources)) == "given"
    assert key_of(RunnerConfig(**sources)) == "from-the-file"


def test_a_program_is_run_once_and_not_before_a_run_needs_it(tmp_path: Path) -> None:
    count = tmp_path / "count"
    program = f"import pathlib; p = pathlib.Path({str(count)!r}); p.open('a').write('x'); print({KEY!r})"
    config = RunnerConfig(ai_api_key_command=[sys.executable, "-c", program])
    assert not count.exists()
    assert [key_of(config), key_of(config)] == [KEY, KEY]
    assert count.read_text() == "x"


def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    config = RunnerConfig(ai_api_key_command=["echo", f"key;touch${{IFS}}{tmp_path}/made"])
    assert key_of(config) == f"key;touch${{IFS}}{tmp_path}/made"
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"import sys; print('{KEY}', file=sys.stderr); sys.exit(3)", r"failed with exit code 3"),
        ("print()", "gives no key"),
        ("import sys; sys.stdout.buffer.write(b'\\xff\\xfe')", "gives no key"),
        (f"print('{KEY} two words')", "ai_api_key: must be printable ASCII|api_key: must be printable"),
        (f"print('{KEY}' * 10_000)", "gives no key"),
    ],
)
def test_a_program_that_gives_no_key_is_named_and_nothing_of_what_it_said(
    code: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        RunnerConfig(ai_api_key_command=[sys.executable, "-c", code]).ai_service()
    assert KEY not in str(caught.value) + "".join(capfd.readouterr())
    assert caught.value.__cause__ is None


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="the key command no-such-program cannot be run: No such file"):
        RunnerConfig(ai_api_key_command=["no-such-program"]).ai_service()


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "COMMAND_SECONDS", 0.2)
    with pytest.raises(ConfigurationError, match=r"the key command sleep did not end within 0\.2 s"):
        RunnerConfig(ai_api_key_command=["sleep", "60"]).ai_service()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"the key file .*none cannot be read: No such file"):
        RunnerConfig(ai_api_key_file=tmp_path / "none").ai_service()


def test_the_service_to_fall_back_on_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_AI_FALLBACK_API_KEY", KEY)
    config = RunnerConfig(ai_fallback={"base_url": "http://spare:1", "protocol": "openai"})
    fallback = config.ai_service().fallback
    assert fallback is not None
    assert fallback.api_key is not None
    assert fallback.api_key.get_secret_value() == KEY
    assert KEY in config.ai_service().secrets()
    assert KEY not in repr(config) + config.model_dump_json()


def test_secrets_of_that_service_show_in_no_text_of_the_configuration() -> None:
    secrets = {"api_key": KEY, "extra_headers": {"X-Key": KEY}, "proxy": f"http://me:{KEY}@proxy:1"}
    further = {"base_url": "http://last:1", **secrets}
    config = RunnerConfig(ai_fallback={"base_url": "http://spare:1", "fallback": further, **secrets})
    assert KEY not in repr(config) + str(config) + config.model_dump_json() + repr(config.ai_service())
    fallback = config.ai_service().fallback
    assert fallback is not None
    assert fallback.api_key is not None
    assert fallback.api_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ai_fallback": {"base_url": "nowhere"}}, r"ai_fallback: base_url: must be a URL"),
        ({"ai_fallback": {"modle": "x"}}, r"ai_fallback: modle: there is no such setting"),
        ({"ai_proxy": "socks5://host:1"}, r"ai_proxy: must be a URL"),
        ({"ai_extra_headers": {"X A": "v"}}, r"ai_extra_headers: a header name"),
        ({"ai_requests_per_minute": 0}, r"ai_requests_per_minute: input should be greater"),
        ({"max_cost": 1.0}, r"max_cost: a limit of the cost needs prices"),
    ],
)
def test_a_setting_of_the_service_that_does_not_fit_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RunnerConfig(**values)


def test_a_run_that_needs_no_key_does_not_look_for_one(tmp_path: Path) -> None:
    config = RunnerConfig(ai_api_key_file=tmp_path / "none", output_dir=tmp_path, generate_graphs=False)
    alt_file = alt_file_of({"id": "a", "parameters": {"task_type": "seven"}})
    last_file = asyncio.run(Runner(config, handlers={"seven": lambda task: 7}).execute(alt_file))
    assert last_file.task_results[0].output == 7
    with pytest.raises(ConfigurationError, match="cannot be read"):
        asyncio.run(Runner(config).execute(alt_file))


def test_a_key_that_stands_in_the_configuration_does_not_show_in_a_run_that_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNNER_AI_API_KEY", KEY)
    config = RunnerConfig(output_dir=tmp_path, generate_graphs=False)
    alt_file = alt_file_of({"id": "a", "parameters": {"task_type": "tell"}})
    last_file = asyncio.run(Runner(config, handlers={"tell": lambda task: f"it is {KEY}"}).execute(alt_file))
    assert last_file.task_results[0].output == "it is [redacted]"


@pytest.mark.parametrize("kept", [False, True])
def test_the_event_loop_goes_on_while_a_program_tells_the_key(tmp_path: Path, kept: bool) -> None:
    """The program ends when somebody in the loop lets it."""
    code = (
        "import pathlib, sys, time\n"
        "for _ in range(1000):\n"
        "    if pathlib.Path(sys.argv[1]).exists(): print('key-1234'); sys.exit()\n"
        "    time.sleep(0.01)\n"
        "sys.exit(3)"
    )
    gate = tmp_path / "gate"
    config = RunnerConfig(
        ai_api_key_command=[sys.executable, "-c", code, str(gate)],
        ai_service_url="http://127.0.0.1:9",
        ai_max_retries=0,
        output_dir=tmp_path / "out",
        generate_graphs=False,
    )

    async def run() -> LastFile:
        if not kept:
            return await Runner(config).execute(alt_file_of({"id": "a"}))
        async with Runner(config) as runner:
            return await runner.execute(alt_file_of({"id": "a"}))

    async def main() -> LastFile:
        running = asyncio.create_task(run())
        await asyncio.sleep(0.05)
        gate.touch()
        return await running

    assert asyncio.run(main()).task_results[0].error_code == "AI_CONNECT"


def test_a_runner_that_is_entered_looks_for_no_key_until_a_service_is_asked(tmp_path: Path) -> None:
    config = RunnerConfig(ai_api_key_file=tmp_path / "absent", output_dir=tmp_path / "out", generate_graphs=False)

    async def main() -> LastFile:
        async with Runner(config, handlers={"here": lambda context: "done"}) as runner:
            last_file = await runner.execute(alt_file_of({"id": "a", "parameters": {"task_type": "here"}}))
            with pytest.raises(ConfigurationError, match="key file"):
                await runner.execute(alt_file_of({"id": "a"}))
            return last_file

    assert asyncio.run(main()).task_results[0].output == "done"
