"""The look of the report, as far as a program can judge it."""

import re
from importlib.resources import files

import pytest

from altlas_runner.last_file.report.page_parts import page_part

CSS = page_part("look.css") + page_part("style.css")
PAGES = [
    files("altlas_runner").joinpath(name).read_text(encoding="utf-8")
    for name in ("last_file/table_page.css", "last_file/comparison/page.css", "batch/page.css")
]


def palettes() -> dict[str, dict[str, str]]:
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS)
    return {"light": {name: light for name, light, _ in found}, "dark": {name: dark for name, _, dark in found}}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_a_contrast_of_at_least_4_5(theme: str) -> None:
    colours = palettes()[theme]
    tones = ("ok", "bad", "late", "stop", "skip", "run")
    pairs = [(text, ground) for text in ("text", "muted", "link", "mark") for ground in ("page", "surface", "sunken")]
    pairs += [(tone, ground) for tone in tones for ground in (f"{tone}-soft", "surface")]
    pairs += [("text", f"{tone}-soft") for tone in tones]
    weak = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


def test_no_colour_stands_outside_the_palette() -> None:
    assert len(palettes()["light"]) > 20
    rules = re.sub(r"(?s):root \{.*?\n\}", "", CSS)
    assert set(re.findall(r"#[0-9a-f]{3,8}\b", rules)) <= {"#ffffff"}, "paper is white"


def test_the_page_has_rules_for_phones_and_for_paper() -> None:
    assert "@media (max-width: 760px)" in CSS
    assert "@media print" in CSS
    assert "overflow-wrap: anywhere" in CSS


def test_other_pages_take_every_colour_from_the_report() -> None:
    rules = re.sub(r"(?s)@media print \{.*?\n\}", "", "".join(PAGES))
    assert set(re.findall(r"#[0-9a-f]{3,8}\b", rules)) == set()
    names = {*re.findall(r"var\(--([\w-]+)", rules)}
    assert len(names) > 8
    assert names <= {*re.findall(r"--([\w-]+):", CSS)}
