"""`altlas-runner explain`: what a diagnostic code means, with an example and how to mend it."""

from __future__ import annotations

import json
import re

import click

from altlas_runner.alt_file import Diagnostic
from altlas_runner.alt_file.code_pages import code_page
from altlas_runner.alt_file.diagnostics import CODES
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.cli.main import EXIT_USAGE, fail

__all__ = ["all_pages", "explain"]

_INTRODUCTION = """\
# Diagnostics

What `altlas-runner validate` and `AltParser` report, code by code. ALT1xx are warnings: the file runs all the same. All
others are errors. `altlas-runner explain ALT021` shows the page of one code in the terminal, and
`altlas-runner explain --all` printed this one.
"""


_LOOSELY_WRITTEN = re.compile(r"^(?:ALT)?([0-9]{1,3})$")


@click.command()
@click.argument("code", required=False)
@click.option("--all", "everything", is_flag=True, help="Print the pages of all codes, as one Markdown document.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: of CODE, or an array of all codes.")
def explain(code: str | None, everything: bool, as_json: bool) -> None:
    """Explain the diagnostic CODE, such as ALT021; without CODE, list all codes."""
    if code is None:
        if as_json:
            click.echo(json.dumps([_as_dict(known) for known in CODES], indent=2))
        else:
            click.echo(all_pages() if everything else _list(), nl=False)
        return
    known = _LOOSELY_WRITTEN.sub(lambda match: f"ALT{int(match[1]):03}", code.upper())
    if known not in CODES:
        suggestion = Spelling(CODES).help(known) or "altlas-runner explain lists all codes"
        fail(EXIT_USAGE, f"there is no code {code!r}; {suggestion}")
    click.echo(json.dumps(_as_dict(known), indent=2) if as_json else code_page(known).rstrip())


def all_pages() -> str:
    """Every page in one Markdown document, with a table of contents."""
    contents = ["| code | | what |", "|---|---|---|"]
    contents += [f"| [{code}](#{_anchor(code)}) | {_severity(code)} | {title} |" for code, title in CODES.items()]
    pages = [code_page(code).replace("\n## ", "\n### ").replace("# ", "## ", 1) for code in CODES]
    return "\n".join([_INTRODUCTION, *contents, "", "\n".join(pages)])


def _list() -> str:
    rows = [f"{code}  {_severity(code):<7}  {title}\n" for code, title in CODES.items()]
    return "".join(rows) + "\naltlas-runner explain CODE says more.\n"


def _as_dict(code: str) -> dict[str, str]:
    return {"code": code, "severity": _severity(code), "title": CODES[code], "page": code_page(code)}


def _severity(code: str) -> str:
    return Diagnostic(code, "").severity


def _anchor(code: str) -> str:
    """The anchor that Markdown gives to the heading of a page."""
    heading = f"{code}: {CODES[code]}".lower().replace(" ", "-")
    return "".join(char for char in heading if char.isalnum() or char in "-_")
