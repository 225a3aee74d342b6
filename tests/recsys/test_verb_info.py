"""``suffuse info`` on folders."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import suffuse as sf
from suffuse.recsys.cli import app
from suffuse.recsys.sharded_model import shard_model

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the verb in a folder with a saved model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    model = sf.SocialDiffusion(sf.EASE(), damping=0.3, memory=1.0, background=0.01)
    model.fit(world.interactions, social=world.social).save("model")

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["info", *arguments])

    return call


def test_a_model_in_words(run: Run) -> None:
    """What it is, its sizes, its settings, its parts, and that all of it is whole."""
    result = run("model")
    assert result.exit_code == 0, result.output
    model = sf.load_model("model")
    for words in (
        "SocialDiffusion(base=EASE(regularization=200.0",
        f"120 users, 60 items, {model.interactions_.nnz:,} rows, {model.social_.nnz:,} ties",
        "normalization: symmetric",
        "base_.item_weights_",
        f"format 2, written by suffuse {sf.__version__}",
        "15 files, all whole (sha256)",
    ):
        assert words in result.stdout
    assert "…" not in result.stdout


def test_the_ablation_fits_a_narrow_terminal(run: Run) -> None:
    """Of a model whose settings a hold-out chose."""
    world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    sf.SocialDiffusion(sf.EASE()).fit(world.interactions, social=world.social).save("auto")
    result = run("auto")
    assert "what the graph changed on the hold-out" in result.stdout
    assert "…" not in result.stdout


def test_json_for_programs(run: Run) -> None:
    """Nothing but JSON on the output."""
    found = json.loads(run("model", "--json").stdout)
    assert found["class"] == "SocialDiffusion"
    assert found["whole"] is True
    assert {"users", "items", "rows", "ties", "settings", "ablation", "versions"} <= set(found)
    assert all(len(file["sha256"]) == 64 for file in found["files"])


def test_a_damaged_model_ends_with_one(run: Run) -> None:
    """It is described, the part is named, and a script can tell."""
    victim = next(Path("model").glob("item_weights_*"))
    victim.write_bytes(victim.read_bytes()[:-1])
    result = run("model")
    assert result.exit_code == 1
    assert "damaged" in result.stdout
    assert f"not whole: part model/{victim.name} is damaged" in result.stdout
    found = run("model", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["whole"] is False


def test_what_is_no_model_ends_with_two(run: Run) -> None:
    """One sentence."""
    result = run("nowhere")
    assert result.exit_code == 2
    assert "the model must be a folder; got 'nowhere'" in result.stderr
    assert "Traceback" not in result.output


def test_help_has_an_example() -> None:
    """A command that could be typed."""
    result = CliRunner().invoke(app, ["info", "--help"])
    assert result.exit_code == 0
    assert "suffuse info model/" in result.stdout


def test_shards_are_told_in_one_line(run: Run) -> None:
    """As many files as there are; a damaged one in a line of its own."""
    world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    model = sf.ALS(n_factors=4, regularization=1.0).fit(world.interactions)
    shard_model(model, "shards", n_shards=3)
    result = run("shards")
    assert result.exit_code == 0, result.output
    assert "format 3, written by" in result.stdout
    lines = [line for line in result.stdout.splitlines() if "user_factors_" in line]
    assert len(lines) == 1
    assert "3 files" in lines[0]
    victim = next(Path("shards").glob("user_factors_*"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    result = run("shards")
    assert result.exit_code == 1
    lines = [line for line in result.stdout.splitlines() if "user_factors_" in line]
    assert sum("damaged" in line for line in lines) >= 1
    assert sum("2 files" in line for line in lines) == 1
