"""The terminal: what a moment looks like, with and without colours."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from suffuse.datasets.planting import WorldShape
from suffuse.datasets.synthetic import make_social_world
from suffuse.diffusion.drawing import DEEP, WATER
from suffuse.recsys import glass_screen
from suffuse.recsys.glass_screen import panel_pixels, picture_size, screen, watch
from suffuse.recsys.glass_story import PERSON, Story, tell


def small_world() -> pd.DataFrame:
    """Ties of some forty friends."""
    return make_social_world(48, 60, shape=WorldShape(mean_degree=4.0), rng=0).social


def short(n_moments: int = 4, *, social: bool = False) -> Story:
    """A small story."""
    ties = small_world() if social else None
    return tell(celsius=20.0, centimetres=10.0, cells=16, n_moments=n_moments, social=ties)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (60, 20), (30, 10)])
@pytest.mark.parametrize("social", [False, True])
def test_a_moment_fits_the_terminal(width: int, height: int, social: bool) -> None:
    """No line is too long and none too many, down to quite small terminals."""
    console = Console(width=width, height=height, file=io.StringIO())
    story, size = short(social=social), picture_size(console)
    for moment in story.moments():
        lines = screen(story, moment, size).plain.splitlines()
        pictures = lines[1:-1]
        assert max(len(line) for line in pictures) <= width
        assert len({len(line) for line in pictures}) == 1
        assert len(lines) <= height or size == 8


def test_the_drop_is_seen() -> None:
    """Thick dye where it fell, clear water elsewhere; later the same colour everywhere."""
    story = short()
    first, *_, last = story.moments()
    pixels = panel_pixels(story.panels[0], first.relative[0], 16)
    assert tuple(pixels[-1, -1]) == WATER
    assert pixels[4, 6].astype(int).sum() < sum(DEEP) + 30
    end = panel_pixels(story.panels[1], last.relative[1], 16).astype(int)
    assert np.ptp(end.reshape(-1, 3), axis=0).max() < 40


def test_people_are_seen() -> None:
    """At first one has it and the others have not; ties lie between them."""
    story = short(social=True)
    first, *_ = story.moments()
    pixels = panel_pixels(story.panels[1], first.relative[1], 40).reshape(-1, 3)
    colours = {tuple(int(part) for part in pixel) for pixel in pixels}
    assert {WATER, PERSON, glass_screen._TIE} <= colours
    assert any(sum(colour) < sum(DEEP) + 30 for colour in colours)


def test_without_colours() -> None:
    """Shades of characters instead; no half blocks."""
    story = short()
    text = screen(story, next(story.moments()), 16, colours=False).plain
    assert "▀" not in text
    assert "@" in text


def test_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal every moment is drawn; elsewhere the story is gone through in silence."""
    monkeypatch.setattr(glass_screen, "_FRAME_SECONDS", 0.0)
    terminal = Console(
        width=80, height=24, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    watch(short(), terminal)
    assert isinstance(terminal.file, io.StringIO)
    shown = terminal.file.getvalue()
    assert "left alone" in shown
    assert "even, and it stays even" in shown
    pipe = Console(file=io.StringIO())
    watch(short(), pipe)
    assert isinstance(pipe.file, io.StringIO)
    assert pipe.file.getvalue() == ""
