"""A page for each diagnostic code: what it means, a small example that triggers it, how to mend it."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["code_page"]


def code_page(code: str) -> str:
    """The page of a code in `CODES`, as Markdown; its first line is the heading.

    Raises:
        FileNotFoundError: there is no such code.
    """
    return (files(__name__) / f"{code}.md").read_text("utf-8")
