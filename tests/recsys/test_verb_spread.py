"""``suffuse spread`` on real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import suffuse as sf
from suffuse.recsys.cli import app
from suffuse.recsys.preference_spread import spread

Run = Callable[..., Result]
SPREAD = ("spread", "model", "--seed-user", "u000003", "--times", "0,1", "--out", "spread")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb in a folder with fitted models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    world = sf.datasets.make_social_world(n_users=80, n_items=60, rng=0)
    model = sf.SocialDiffusion(sf.Popularity(), damping=0.3, memory=1.0, background=0.01)
    model.fit(world.interactions, social=world.social).save("model")
    sf.Popularity().fit(world.interactions).save("plain")

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return call


def refused(result: Result, *words: str) -> None:
    """Exit code 2, one sentence on the error stream with these words, and no traceback."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr, result.stderr


def test_two_tables_a_picture_and_a_sentence(run: Run) -> None:
    """What the library says, and files that hold it."""
    result = run(*SPREAD)
    assert result.exit_code == 0, result.output
    found = spread(sf.load_model("model"), "u000003", [0.0, 1.0])
    assert result.stdout.splitlines()[0] == found.sentence()
    users = pd.read_parquet("spread/users.parquet")
    assert users.iloc[0]["user_id"] == "u000003"
    assert users["amount at 1"].sum() == pytest.approx(1.0)
    curve = pd.read_csv("spread/curve.csv")
    assert curve["time"].tolist() == pytest.approx(found.moments.tolist())
    assert Path("spread/spread.png").read_bytes()[:4] == b"\x89PNG"


def test_bad_input_is_one_sentence(run: Run) -> None:
    """Nothing is written, or written over."""
    refused(run(*SPREAD[:4], "--times", "0,soon", "--out", "spread"), "got '0,soon'")
    refused(run("spread", "model", "--seed-user", "eve", "--out", "spread"), "got 'eve'")
    refused(run("spread", "plain", "--seed-user", "u000003", "--out", "spread"), "must have ties")
    refused(run("spread", "gone", "--seed-user", "u000003", "--out", "spread"), "got 'gone'")
    assert not Path("spread").exists()
    Path("spread").mkdir()
    Path("spread/curve.csv").write_text("mine")
    refused(run(*SPREAD), "must not hold curve.csv yet", "--force")
    assert run(*SPREAD, "--force").exit_code == 0
    assert Path("spread/curve.csv").read_text() != "mine"
