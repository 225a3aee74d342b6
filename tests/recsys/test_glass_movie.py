"""The animation, and the verb that makes it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from suffuse.datasets.planting import WorldShape
from suffuse.datasets.synthetic import make_social_world
from suffuse.recsys.cli import app
from suffuse.recsys.glass_movie import film
from suffuse.recsys.glass_story import tell


def small_world() -> pd.DataFrame:
    """Ties of some forty friends."""
    return make_social_world(48, 60, shape=WorldShape(mean_degree=4.0), rng=0).social


@pytest.mark.parametrize("social", [False, True])
def test_a_film(tmp_path: Path, social: bool) -> None:
    """As many frames as moments, all of one size, and the picture changes."""
    ties = small_world() if social else None
    story = tell(celsius=20.0, centimetres=10.0, cells=16, n_moments=5, social=ties)
    film(story, tmp_path / "new" / "glass.gif")
    with Image.open(tmp_path / "new" / "glass.gif") as image:
        assert image.n_frames == 5
        seen = set()
        for number in range(5):
            image.seek(number)
            assert min(image.size) > 300
            seen.add(image.convert("RGB").tobytes())
    assert len(seen) == 5


def test_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words without a terminal, an animation on request, and nothing written over."""
    monkeypatch.chdir(tmp_path)
    plain = CliRunner().invoke(app, ["glass", "--moments", "30"])
    assert plain.exit_code == 0, plain.output
    assert "left alone: 99 % mixed after" in plain.stdout
    arguments = ["glass", "--social", "--moments", "4", "--movie", "glass.gif"]
    social = CliRunner().invoke(app, arguments)
    assert social.exit_code == 0, social.output
    assert "friends" in social.stdout
    assert (tmp_path / "glass.gif").stat().st_size > 10_000
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 2
    assert "--movie must not exist yet" in again.stderr


def test_the_verb_has_help() -> None:
    """With an example that the verb understands."""
    result = CliRunner().invoke(app, ["glass", "--help"], env={"COLUMNS": "100"})
    assert result.exit_code == 0
    assert "suffuse glass --social --movie glass.gif" in result.stdout


def test_the_verb_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boiling water, in one sentence."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["glass", "--temperature", "120"])
    assert result.exit_code == 2
    assert "temperature must be from 0 to 100 C" in result.stderr
