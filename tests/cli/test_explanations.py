"""`altlas-runner explain` and its pages: each says what is true, and its example triggers the code."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from altlas_runner.alt_file.code_pages import code_page
from altlas_runner.alt_file.diagnostics import CODES
from altlas_runner.cli.explain import all_pages, explain
from tests.cli.test_golden_files import validated

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "diagnostics.md"


def example_of(code: str) -> tuple[str, str]:
    """The language and the text of the first block."""
    found = re.search(r"\n## Example\n\n```(json|python)\n(.*?)\n?```\n", code_page(code), re.DOTALL)
    assert found is not None
    return found[1], found[2]


def codes_that_the_example_gives(code: str) -> set[str]:
    language, text = example_of(code)
    if language == "json":
        return {diagnostic.code for diagnostic in validated(text)}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, code, "exec"), {})
    return {line.split()[0] for line in printed.getvalue().splitlines()}


@pytest.mark.parametrize("code", CODES)
def test_a_page_has_its_title_an_example_and_a_way_to_mend_it(code: str) -> None:
    page = code_page(code)
    assert page.startswith(f"# {code}: {CODES[code]}\n\n")
    assert re.findall(r"^## .*$", page, re.MULTILINE) == ["## Example", "## How to mend it"]
    assert page.endswith(".\n")
    assert max(map(len, page.splitlines())) <= 120


@pytest.mark.parametrize("code", list(CODES))
def test_the_example_triggers_the_code_and_no_other(code: str) -> None:
    assert codes_that_the_example_gives(code) == {code}


def test_the_document_holds_every_page_as_it_is_now() -> None:
    """ALTLAS_REGENERATE=1 writes it anew, as `altlas-runner explain --all > docs/diagnostics.md` does."""
    if os.environ.get("ALTLAS_REGENERATE"):
        DOCUMENT.write_text(all_pages())
    assert DOCUMENT.read_text() == all_pages()


def test_every_link_of_the_contents_leads_to_a_heading() -> None:
    links = re.findall(r"\(#([^)]*)\)", all_pages())
    headings = re.findall(r"^## (.*)$", all_pages(), re.MULTILINE)
    assert links == [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
    assert len(links) == len(CODES)


@pytest.mark.parametrize("written", ["ALT021", "alt021", "alt21", "21"])
def test_a_code_may_be_written_loosely(written: str) -> None:
    done = CliRunner().invoke(explain, [written])
    assert (done.exit_code, done.stdout) == (0, code_page("ALT021"))


def test_without_a_code_all_are_listed() -> None:
    done = CliRunner().invoke(explain, [])
    assert done.exit_code == 0
    assert "ALT021  error    dependency not in the file\n" in done.stdout
    assert "ALT110  warning  unknown field\n" in done.stdout
    assert all(code in done.stdout for code in CODES)
    assert CliRunner().invoke(explain, ["--all"]).stdout == all_pages()


def test_json_holds_the_same() -> None:
    every = json.loads(CliRunner().invoke(explain, ["--json"]).stdout)
    assert [row["code"] for row in every] == list(CODES)
    one = json.loads(CliRunner().invoke(explain, ["ALT110", "--json"]).stdout)
    assert one in every
    assert (one["severity"], one["title"]) == ("warning", "unknown field")
    assert one["page"] == code_page("ALT110")


@pytest.mark.parametrize(
    ("written", "hint"),
    [("ALT1111", 'did you mean "ALT111"'), ("nonsense", "lists all codes"), ("../../x", "lists all codes")],
)
def test_an_unknown_code_is_a_usage_error_with_a_hint(written: str, hint: str) -> None:
    done = CliRunner().invoke(explain, [written])
    assert (done.exit_code, done.stdout) == (2, "")
    assert hint in done.stderr
