"""A line of a source as a terminal can show it, and how far from its left edge a span begins. Pure.

Whatever a file holds, the columns are counted right and the terminal obeys nothing: tabs become spaces, characters that
act instead of showing become `⟨U+001B⟩`, a long line becomes the part around the span.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from altlas_runner.last_file.visible_text import text_width

__all__ = ["Excerpt", "excerpt", "shown"]

_WIDEST = 120
_MOST_BEFORE = 60
_LONGEST_NAME = 300
_TAB = "    "
_JOINERS = "\u200c\u200d"
_SKIN_TONES = ("\U0001f3fb", "\U0001f3ff")
_LEFT_TO_RIGHT = "\u200e"
_RIGHT_TO_LEFT = ("R", "AL", "AN")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a line.

    Attributes:
        text: the line or the part of it around the span.
        indent: terminal columns before the span.
        width: terminal columns of the span, at least 1.
    """

    text: str
    indent: int
    width: int


def excerpt(line: str, start: int, end: int) -> Excerpt:
    r"""The part of a line around the span from `start` to `end` (code points from 0, end exclusive).

    At most 120 columns are shown; an ellipsis stands for the rest.

    Example:
        >>> excerpt('\t"a"', 1, 4)
        Excerpt(text='    "a"', indent=4, width=3)
    """
    left, right = max(0, start - _WIDEST), min(len(line), start + _WIDEST)  # no more than this can fit
    cells = [_cell(line[place - 1 : place], line[place]) for place in range(left, right)]
    widths = [text_width(cell) for cell in cells]
    first, last = 0, len(cells)
    if right - left < len(line) or sum(widths) > _WIDEST:
        before = sum(widths[: start - left])
        while before > _MOST_BEFORE or (first < start - left and widths[first] == 0):
            before -= widths[first]
            first += 1
        room = _WIDEST - before
        last = start - left
        while last < len(cells) and widths[last] <= room:
            room -= widths[last]
            last += 1
    before_it = "…" if left + first > 0 else ""
    after_it = "…" if left + last < len(line) else ""
    return Excerpt(
        _isolated(before_it + "".join(cells[first:last]) + after_it),
        len(before_it) + sum(widths[first : start - left]),
        max(1, sum(widths[start - left : min(end - left, last)]) + (len(after_it) if end - left > last else 0)),
    )


def shown(text: str) -> str:
    """A name or a message, made safe for a terminal; of more than 300 characters the middle is left out."""
    if len(text) > _LONGEST_NAME:
        text = f"{text[: _LONGEST_NAME // 2]}…{text[-_LONGEST_NAME // 2 :]}"
    return "".join(_cell(before, char) for before, char in zip(" " + text, text, strict=False))


def _cell(before: str, char: str) -> str:
    """A character as it is shown after another one."""
    if " " <= char <= "~":
        return char
    if char == "\t":
        return _TAB
    in_a_word = unicodedata.category(before or " ")[0] in "LM"
    if "\ufe00" <= char <= "\ufe0f" and not in_a_word:
        return ""  # picks the picture or the text form of an emoji: terminals disagree about the width of the picture
    acts = not char.isprintable() and not (char in _JOINERS and in_a_word)
    varies = "\ufe00" <= char <= "\ufe0f" or _SKIN_TONES[0] <= char <= _SKIN_TONES[1]
    return f"⟨U+{ord(char):04X}⟩" if acts or varies else char


def _isolated(text: str) -> str:
    """The text with a mark before it and after each run of right-to-left letters.

    A terminal that turns such runs around then turns around nothing else: names in one list keep their order.
    """
    classes = [unicodedata.bidirectional(char) for char in text]
    if not any(each in _RIGHT_TO_LEFT for each in classes):
        return text
    pieces = [_LEFT_TO_RIGHT]
    in_run = False
    for char, each in zip(text, classes, strict=True):
        if in_run and each not in _RIGHT_TO_LEFT and each not in ("NSM", "BN"):  # these belong to the letter before
            pieces.append(_LEFT_TO_RIGHT)
            in_run = False
        pieces.append(char)
        in_run = in_run or each in _RIGHT_TO_LEFT
    return "".join([*pieces, _LEFT_TO_RIGHT] if in_run else pieces)
