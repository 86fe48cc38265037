"""Every example and every block of the README works as it stands."""

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from altlas_runner import AltParser, LastFile, RunnerConfig
from altlas_runner.ai_service import Price, PriceTable
from tests.durability.command_line import command_line
from tests.loopback import LoopbackService
from tests.needs import need, need_local_model
from tests.server.running import running_server

ROOT = Path(__file__).parent.parent
PROGRAMS = sorted((ROOT / "examples" / "python").glob("*.py"))
PROGRAMS.remove(ROOT / "examples" / "python" / "ctypes_client.py")  # tests/capi has a library for it
ALT_FILES = sorted((ROOT / "examples" / "alt").iterdir())
README = (ROOT / "README.md").read_text()


def run_program(program: Path, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", program], cwd=cwd, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_example_program_runs_from_any_directory(program: Path, tmp_path: Path) -> None:
    if "local" in program.read_text():
        need_local_model()
    assert run_program(program, tmp_path).strip()


@pytest.mark.slow
def test_the_examples_of_the_page_on_handlers_work_as_they_stand(tmp_path: Path) -> None:
    """Blocks are Python programs, files to be written, or commands, in the order of the page."""
    names = iter(["flow.alt.json", "count.alt.json"])
    page = (ROOT / "docs" / "handlers.md").read_text()
    commands = 0
    for language, block in re.findall(r"```(python|json|console)\n(.*?)```", page, re.DOTALL):
        if language == "json":
            (tmp_path / next(names)).write_text(block)
        elif language == "console":
            for line in block.splitlines():
                words = shlex.split(line.removeprefix("$ altlas-runner "))
                commands += 1
                status, process = command_line().end_of(words, cwd=tmp_path)
                assert status == 0, process.stderr
        else:
            name = re.match("# file: (.*)", block)
            program = tmp_path / (name[1] if name else "program.py")
            program.write_text(block)
            printed = run_program(program, tmp_path)
            for expected in re.findall(r"print\(.*\)  # (.*)", block):
                assert printed == f"{expected}\n"
    assert commands == 2


@pytest.mark.slow
def test_the_examples_of_the_page_on_ai_services_work_as_they_stand(tmp_path: Path) -> None:
    need_local_model()
    page = (ROOT / "docs" / "ai-services.md").read_text()
    (program,), (flow,), (line,) = (
        re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("python", "json", "console")
    )
    (template,) = re.findall(r"```text\n(You are given.*?)```", page, re.DOTALL)
    for name, content in {"client.py": program, "weather.alt.json": flow, "prompt.txt": template}.items():
        (tmp_path / name).write_text(content)
    assert f"this prints `{run_program(tmp_path / 'client.py', tmp_path).strip()}`" in page
    status, process = command_line().end_of(shlex.split(line.removeprefix("$ altlas-runner ")), cwd=tmp_path)
    assert status == 0, process.stderr
    (bundle,) = (tmp_path / "output").iterdir()
    assert isinstance(LastFile.from_path(bundle).task_results[0].output["json"]["wet"], bool)


@pytest.mark.slow
def test_the_python_of_the_readme_runs_and_has_twelve_lines(tmp_path: Path) -> None:
    need_local_model()
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks[0].strip().splitlines()) == 12
    for block in blocks:
        program = tmp_path / "program.py"
        program.write_text(block)
        assert run_program(program, tmp_path).strip()


def test_the_examples_of_the_page_on_limits_and_budgets_work_as_they_stand(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "limits-and-budgets.md").read_text()
    (program_text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"it prints `(.*?)`", page)
    (tmp_path / "program.py").write_text(program_text)
    assert run_program(tmp_path / "program.py", tmp_path) == f"{printed}\n"
    settings, prices = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "runner.toml").write_text(settings)
    (tmp_path / "prices.toml").write_text(prices)
    fallback = RunnerConfig(config_file=tmp_path / "runner.toml").ai_service().fallback
    assert fallback is not None
    assert fallback.model == "spare"
    assert PriceTable.from_file(tmp_path / "prices.toml").price_of("small-2026") == Price(input=0.15, output=0.6)


def test_the_python_of_the_page_on_scheduling_prints_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "scheduling.md").read_text()
    (program_text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"It prints `(.*?)`", page)
    program = tmp_path / "program.py"
    program.write_text(program_text)
    assert run_program(program, tmp_path) == f"{printed}\n"


@pytest.mark.slow
def test_the_python_of_the_page_on_progress_prints_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "progress.md").read_text()
    (program_text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(program_text)
    assert run_program(program, tmp_path) == printed


@pytest.mark.slow
def test_the_examples_of_the_page_on_bundles_work_as_they_stand(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "bundle.md").read_text()
    (program_text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    (commands,) = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(program_text)
    assert run_program(program, tmp_path) == printed
    no_screen = {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    for line in commands.splitlines():
        words = shlex.split(line.removeprefix("$ altlas-runner "))
        status, process = command_line().end_of(words, no_screen, cwd=tmp_path)
        assert (status, line) == (0, line), process.stderr
    assert len(commands.splitlines()) == 8


@pytest.mark.slow
def test_the_examples_of_the_page_on_resuming_work_as_they_stand(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "resume.md").read_text()
    (program_text,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text(program_text)
    assert run_program(program, tmp_path) == printed
    (bundle,) = (tmp_path / "output").iterdir()
    tasks = [{"id": name, "description": "count"} for name in ("one", "two", "three")]
    (tmp_path / "flow.alt.yaml").write_text(json.dumps({"id": "count", "title": "Count", "tasks": tasks}))
    lines = [line for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    with LoopbackService() as ai:
        for line in lines:
            words = shlex.split(line.removeprefix("$ altlas-runner "), comments=True)
            asking = ["--service-url", ai.url, "--handlers", "program:count"] if words[0] == "resume" else []
            words = [word.replace("output/last_…", str(bundle)) for word in (*words, *asking)]
            status, process = command_line().end_of(words, cwd=tmp_path)
            assert (status, line) == (0, line), process.stderr
    assert len(lines) == 7


@pytest.mark.slow
def test_the_examples_of_the_page_on_the_service_work_as_they_stand(tmp_path: Path) -> None:
    """Only the addresses are others, so that several tests can run at one time."""
    page = (ROOT / "docs" / "server.md").read_text()
    client, embedded = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    started, asked = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    need("curl", shutil.which("curl") is not None)
    with LoopbackService() as ai, running_server(tmp_path / "output", ai.url) as server:
        for program, expected in ((client, printed), (embedded, "UP\n")):
            (tmp_path / "program.py").write_text(
                program.replace("http://127.0.0.1:8080", server.url).replace("8081", str(free_port()))
            )
            assert run_program(tmp_path / "program.py", tmp_path) == expected
        words = shlex.split(asked.removeprefix("$ ").replace("http://127.0.0.1:8080", server.url))
        told = json.loads(subprocess.run(words, capture_output=True, check=True, timeout=60).stdout)
        assert told.keys() == json.loads(shown).keys()
        assert told["success_rate"] == 1.0
    assert started.startswith("$ altlas-runner serve ")


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    assert len(README.splitlines()) <= 150
    assert "make demo" in README
    assert "make test" in README


def test_every_file_that_the_readme_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link


@pytest.mark.parametrize("path", ALT_FILES, ids=lambda path: path.name)
def test_the_example_alt_file_has_neither_errors_nor_warnings(path: Path) -> None:
    parser = AltParser()
    parsed = parser.parse_from_path(path)
    assert len(parsed.tasks) >= 4
    assert parser.validate(parsed) == []
