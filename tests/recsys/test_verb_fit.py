"""``suffuse fit --estimate``: how much memory a fit would take, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import suffuse as sf
from suffuse.recsys.cli import app

Run = Callable[..., Result]
WORLD = sf.datasets.make_social_world(100, 60, rng=0)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``suffuse fit`` in a folder with tables."""
    monkeypatch.chdir(tmp_path)
    WORLD.interactions.to_parquet("rows.parquet")
    WORLD.social.to_parquet("ties.parquet")

    def call(*arguments: str) -> Result:
        given = ("fit", "--interactions", "rows.parquet", "--out", "model", *arguments)
        return CliRunner().invoke(app, list(given))

    return call


def test_an_estimate_fits_and_writes_nothing(run: Run) -> None:
    """The words of the library for the same model and tables, and what there is."""
    given = ("--param", "n_factors=8", "--damping", "0.3", "--memory", "1", "--background", "0.01")
    result = run("--estimate", "--social", "ties.parquet", *given)
    assert result.exit_code == 0, result.output
    base = sf.ALS(n_factors=8)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    expected = model.estimate_memory(WORLD.interactions, social=WORLD.social)
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{len(WORLD.interactions)} interactions of ")
    assert lines[0].endswith(f", {2 * len(WORLD.social)} ties as stored, one for each direction")
    assert lines[1:-1] == str(expected).splitlines()
    assert lines[-1].startswith("free ")
    assert not Path("model").exists()


def test_more_than_there_is_gets_a_note(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the fit itself is refused in one sentence."""
    monkeypatch.setattr("suffuse.recsys.memory.available_bytes", lambda: 1)
    monkeypatch.setattr("suffuse.recsys.memory_by_model.available_bytes", lambda: 1)
    result = run("--estimate")
    assert "note: this is more than there is" in result.stdout
    result = run()
    assert result.exit_code == 2
    assert "error: ALS needs about" in result.stderr
    assert not Path("model").exists()
