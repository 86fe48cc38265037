"""The files of the page, as far as a program can judge them."""

import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from altlas_runner.server.models import RunState, TaskCounts
from altlas_runner.server.page_files import POLICY, SCRIPTS
from tests.loopback import LoopbackService
from tests.server.running import RunningServer, running_server

PAGE = files("altlas_runner.server").joinpath("page")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One that has a token, asked by somebody who does not."""
    output_dir = tmp_path_factory.mktemp("page_files") / "output"
    with (
        LoopbackService() as service,
        running_server(output_dir, service.url, token="a-token-that-nobody-guesses") as server,
    ):
        server.token = None
        yield server


def given(server: RunningServer, path: str) -> str:
    reply = server.ask("GET", path)
    assert reply.status == 200
    return reply.body.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/", "text/html"), ("/assets/page.css", "text/css"), ("/assets/page.js", "text/javascript")],
)
def test_each_is_open_to_everybody_and_under_the_policy(server: RunningServer, path: str, media_type: str) -> None:
    reply = server.ask("GET", path)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == f"{media_type}; charset=utf-8"
    assert reply.headers["Content-Security-Policy"] == POLICY
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


def test_the_policy_lets_nothing_in_but_files_and_answers_of_the_own_service() -> None:
    policy = dict(part.split(" ", 1) for part in POLICY.split("; "))
    assert policy.pop("img-src") == "data:", "the empty icon"
    assert policy.pop("script-src") == policy.pop("style-src") == policy.pop("connect-src") == "'self'"
    assert policy.pop("require-trusted-types-for") == "'script'", "no text can become markup, whatever a script does"
    assert set(policy.values()) == {"'none'"}
    assert {"default-src", "base-uri", "form-action", "frame-ancestors", "trusted-types"} == set(policy)


@pytest.mark.slow
def test_nothing_in_the_page_is_inline(server: RunningServer) -> None:
    page = given(server, "/")
    assert re.findall(r"<script[^>]*>[^<]", page) == []
    assert "<style" not in page
    assert re.findall(r"\s(?:on\w+|style)=", page) == []
    assert set(re.findall(r'(?:src|href)="([^"#][^"]*)"', page)) == {"data:,", "assets/page.css", "assets/page.js"}


@pytest.mark.slow
def test_the_script_never_reads_a_text_as_markup(server: RunningServer) -> None:
    script = given(server, "/assets/page.js")
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser")
    assert [word for word in (*forbidden, "XMLHttpRequest", "WebSocket", "sendBeacon") if word in script] == []
    assert script.count("fetch(") == 1, "every request goes the same way"


@pytest.mark.slow
def test_the_style_sheet_has_the_look_of_the_report_and_no_colour_of_its_own(server: RunningServer) -> None:
    style = given(server, "/assets/page.css")
    look = files("altlas_runner.last_file.report").joinpath("look.css").read_text(encoding="utf-8")
    assert style.startswith(look)
    own = style.removeprefix(look)
    assert re.findall(r"#[0-9a-f]{3,8}\b", own) == []
    assert set(re.findall(r"rgb\([^)]*\)", own)) <= {"rgb(0 0 0 / 0.25)", "rgb(0 0 0 / 0.35)"}, "shadows"
    assert "url(" not in style
    assert "@import" not in style


def test_every_script_that_lies_there_is_part_of_the_page() -> None:
    assert {file.name.removesuffix(".js") for file in PAGE.joinpath("script").iterdir()} == set(SCRIPTS)


def test_the_page_has_a_word_for_every_status_of_runs_and_counts_every_status_of_tasks() -> None:
    script = PAGE.joinpath("script", "statuses.js").read_text(encoding="utf-8")
    words = re.search(r"RUN_WORDS = \{(.*?)\};", script, re.DOTALL)
    order = re.search(r"TASK_ORDER = \[(.*?)\];", script)
    assert words is not None
    assert order is not None
    assert set(re.findall(r"(\w+):", words[1])) == {state.value for state in RunState}
    assert set(re.findall(r"\w+", order[1])) >= set(TaskCounts.model_fields)


@pytest.mark.slow
def test_the_page_names_nothing_by_a_path_from_the_root(server: RunningServer) -> None:
    """It may lie below a path of another application."""
    assert re.findall(r"""(?:href|src)=["']/|["'`]/(?:api|runs|views|assets)/""", given(server, "/")) == []
    assert re.findall(r"""["'`]/(?:api|runs|views|assets)/""", given(server, "/assets/page.js")) == []
