"""The parts of a page: files of this package, and how scripts become one. Other pages share the look of the report."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

__all__ = ["LOOK", "SYMBOLS", "joined_scripts", "page_part", "policy_hash"]

LOOK = "look.css"
"""Tones, type, buttons and verdicts of every page; the style sheet of a page follows it."""
SYMBOLS = "symbols.svg"
"""The symbols of statuses, for the beginning of a page's body."""


@cache
def page_part(name: str) -> str:
    """The text of a file beside this one, such as `look.css` or `script/elements.js`."""
    return files("altlas_runner.last_file.report").joinpath(name).read_text(encoding="utf-8")


def joined_scripts(scripts: Iterable[str]) -> str:
    """Scripts as one, with names of their own; a later one may use what an earlier one has."""
    return "\n".join(['"use strict";', "(() => {", *scripts, "})();"])


@cache
def policy_hash(text: str) -> str:
    """How a content security policy names a style sheet or a script that stands in the page."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
