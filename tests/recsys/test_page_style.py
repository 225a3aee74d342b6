"""The colours of the page can be read, by day and by night."""

from __future__ import annotations

import re

import pytest

from suffuse.recsys.page_style import STYLE, VARIABLES


def colours(sheet: str) -> dict[str, str]:
    """The variables of a part of the sheet."""
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6})", sheet))


LIGHT, DARK = (colours(part) for part in STYLE.split("@media (prefers-color-scheme: dark)"))


def luminance(colour: str) -> float:
    """Relative luminance of a colour, as the contrast rule of WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """From 1, the same, to 21, black on white."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("sheet", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "panel", "note"])
@pytest.mark.parametrize("words", ["ink", "soft"])
def test_words_stand_out(sheet: dict[str, str], ground: str, words: str) -> None:
    """Text has the contrast of 4.5 that WCAG 2 asks for, on every ground."""
    assert contrast(sheet[words], sheet[ground]) >= 4.5


@pytest.mark.parametrize("sheet", [LIGHT, DARK], ids=["light", "dark"])
def test_marks_stand_out(sheet: dict[str, str]) -> None:
    """Lines of pictures have the contrast of 3, links that of text."""
    for mark in ("first", "second", "faint"):
        assert contrast(sheet[mark], sheet["panel"]) >= 3.0, mark
    assert contrast(sheet["first"], sheet["paper"]) >= 4.5


def test_both_sheets_have_every_variable() -> None:
    """Whatever a picture may stand for is there by day and by night."""
    wanted = {variable.removeprefix("var(--").rstrip(")") for variable in VARIABLES.values()}
    assert wanted <= set(LIGHT)
    assert set(LIGHT) == set(DARK)
