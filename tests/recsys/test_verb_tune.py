"""``suffuse tune`` on real files, and what it says to bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

import suffuse as sf
from suffuse.recsys import settings_search, store, verb_tune

Run = Callable[..., Result]
WORLD = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
TABLE = ("--interactions", "train.parquet", "--out", "model", "--bases", "ease")
ONCE = ("--max-trials", "1")
SOCIAL = ("--social", "social.parquet")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the verb in a folder with two files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    WORLD.interactions.to_parquet(tmp_path / "train.parquet")
    WORLD.social.to_parquet(tmp_path / "social.parquet")
    app = typer.Typer()
    app.command()(verb_tune.tune_verb)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return call


def left(folder: Path) -> list[str]:
    """What lies in the folder besides the two files."""
    return sorted({path.name for path in folder.iterdir()} - {"train.parquet", "social.parquet"})


def test_a_model_and_its_trials(run: Run, tmp_path: Path) -> None:
    """The saved model is that of the search with the same seed; the table has every trial."""
    result = run(
        "--interactions", "train.parquet", "--out", "model", "--bases", "spectral, EASE",
        "--max-trials", "3", "--seed", "2", "--trials", "trials.csv", "--jobs", "1", *SOCIAL,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "what the graph changes" in result.stdout
    assert "model: model" in result.stdout
    found = sf.tune(
        WORLD.interactions, WORLD.social, bases=["SpectralFilter", "EASE"], n_trials=3,
        random_state=2, n_jobs=1,
    )  # fmt: skip
    model = sf.load_model(tmp_path / "model")
    assert model.settings == found.settings
    expected = found.model.fit(WORLD.interactions, social=WORLD.social).recommend(k=5)
    assert model.recommend(k=5).equals(expected)
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert trials["ndcg@20"].tolist() == pytest.approx(found.trials["ndcg@20"].tolist())
    assert f"the best of {len(trials)} trials" in result.stdout
    assert left(tmp_path) == ["model", "trials.csv"]


def test_the_chosen_trial_is_on_the_first_row(run: Run, tmp_path: Path) -> None:
    """Trials are shown by their lead, not by how easy the draw was that they were judged on."""
    result = run(*TABLE, "--max-trials", "4", "--trials", "trials.parquet")
    assert result.exit_code == 0, result.output
    trials = pd.read_parquet(tmp_path / "trials.parquet")
    chosen = trials.loc[trials["state"] == "chosen", "trial"].item()
    shown = [line for line in result.stdout.splitlines() if "│" in line and "EASE" in line]
    assert len(shown) == 4
    assert shown[0].split("│")[1].strip() == str(chosen)


def test_without_a_graph_and_with_one_of_nobody(run: Run, tmp_path: Path) -> None:
    """Both give the lists of the base model."""
    assert run(*TABLE, *ONCE).exit_code == 0
    alone = sf.load_model(tmp_path / "model")
    assert isinstance(alone, sf.EASE)
    (tmp_path / "nobody.csv").write_text("source_id,target_id\n")
    result = run(*TABLE, *ONCE, "--social", "nobody.csv", "--force")
    assert result.exit_code == 0, result.output
    model = sf.load_model(tmp_path / "model")
    assert isinstance(model, sf.SocialDiffusion)
    assert model.recommend(k=5).equals(alone.recommend(k=5))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--budget", "0"), ("--budget must be", "(0, inf)", "got 0.0")),
        (("--budget", "nan"), ("--budget must be", "got nan")),
        (("--budget", "-5"), ("--budget must be", "got -5.0")),
        (("--max-trials", "0"), ("--max-trials must be", "at least 1", "got 0")),
        (("--bases", "magic"), ("--bases", "'magic'", "spectral")),
        (("--bases", "ease,"), ("--bases", "''")),
        (("--seed", "-1"), ("random_state", "-1")),
        (("--jobs", "0"), ("n_jobs", "got 0")),
        (("--trials", "trials.xlsx"), ("--trials", "trials.xlsx", ".parquet")),
        (("--trials", "train.parquet"), ("--trials", "train.parquet", "--force")),
        (("--interactions", "nowhere.csv"), ("nowhere.csv",)),
        (("--social", "train.parquet"), ("target_id",)),
    ],
)
def test_bad_options_are_one_sentence(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Exit code 2, no traceback, and nothing is written."""
    result = run(*TABLE, *ONCE, *arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stderr.count("error:") == 1
    assert len(result.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in result.stderr, result.stderr
    assert left(tmp_path) == []


def test_a_table_that_is_too_small(run: Run, tmp_path: Path) -> None:
    """A sentence with the way out."""
    (tmp_path / "one.csv").write_text("user_id,item_id\na,x\n")
    result = run("--interactions", "one.csv", "--out", "model")
    assert result.exit_code == 2
    assert "several items" in result.stderr
    assert not (tmp_path / "model").exists()


def test_what_exists_is_kept(run: Run, tmp_path: Path) -> None:
    """The refusal comes before the search; a search that fails leaves the old model."""
    assert run(*TABLE, *ONCE).exit_code == 0
    before = (tmp_path / "model" / "manifest.json").read_bytes()
    result = run(*TABLE, *ONCE)
    assert result.exit_code == 2
    assert "--force" in result.stderr
    assert run(*TABLE, "--force", "--budget", "0").exit_code == 2
    assert (tmp_path / "model" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "place", [(settings_search, "tune"), (sf.SocialDiffusion, "fit"), (store, "_write_part")]
)
def test_an_interruption_leaves_nothing(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str]
) -> None:
    """In the search, in the last fit, or halfway through the writing: as the message says."""

    def stop(*_: Any, **__: Any) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(*place, stop)
    result = run(*TABLE, *ONCE, *SOCIAL, "--trials", "trials.csv")
    assert result.exit_code == 130
    assert "nothing was written" in result.stderr
    assert "Traceback" not in result.output
    assert left(tmp_path) == []


def test_help_has_an_example() -> None:
    """A command that could be typed, and the verb is one of the command line."""
    from suffuse.recsys.cli import app

    result = CliRunner().invoke(app, ["tune", "--help"])
    assert result.exit_code == 0
    assert "suffuse tune --interactions" in result.stdout.split("Options")[0]


def test_a_narrow_terminal_shows_which_base_won(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No column is cut at 80 characters, and the settings are written out."""
    monkeypatch.setenv("COLUMNS", "80")
    result = run(*TABLE[:-2], "--bases", "spectral,ease", "--max-trials", "4")
    assert result.exit_code == 0, result.output
    header = next(line for line in result.stdout.splitlines() if "family" in line)
    assert [cell.strip() for cell in header.strip("\u2503").split("\u2503")] == list(
        verb_tune.SHOWN
    )
    assert "SpectralFilter \u2502" in result.stdout
    assert "base: EASE(regularization=" in result.stdout
