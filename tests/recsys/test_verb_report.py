"""``suffuse report`` on real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import suffuse as sf
from suffuse.recsys.cli import app
from suffuse.recsys.report_on_model import ModelReport

Run = Callable[..., Result]
REPORT = ("report", "model", "--test", "test.parquet", "--k", "5")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a verb in a folder with a fitted model, without letting an exception through."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    world = sf.datasets.make_social_world(n_users=80, n_items=60, rng=0)
    train, test = sf.datasets.split_random(world.interactions, rng=0)
    base = sf.SpectralFilter(n_factors=4)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    model.fit(train, social=world.social).save("model")
    train.to_parquet("train.parquet")
    test.to_parquet("test.parquet")
    test.assign(user_id=1).to_parquet("odd.parquet")
    items = pd.DataFrame({"item_id": model.item_ids_, "title": "Song " + model.item_ids_})
    items.to_csv("items.csv", index=False)
    labels = ["north" if place % 3 else "south" for place in range(len(model.user_ids_))]
    pd.DataFrame({"user_id": model.user_ids_, "side": labels}).to_csv("users.csv", index=False)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return call


def refused(result: Result, *words: str) -> None:
    """Exit code 2, one sentence on the error stream with these words, and no traceback."""
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr, result.stderr


def test_a_page_with_everything(run: Run) -> None:
    """Groups, names and the frontier are on it; the terminal says what matters."""
    result = run(
        *REPORT, "--train", "train.parquet", "--user-groups", "users.csv",
        "--item-names", "items.csv", "--out", "r.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    page = Path("r.html").read_text(encoding="utf-8")
    for words in ("Report of model", "north", "Song i000", "Accuracy against fairness", "train"):
        assert words in page, words
    assert "tied at random" in result.stdout
    assert "page: r.html" in result.stdout


def test_without_the_frontier(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page is made of holds none then; a page that is there is replaced when told to."""
    seen: list[ModelReport] = []

    def page(found: ModelReport, **_: object) -> str:
        seen.append(found)
        return "page"

    monkeypatch.setattr("suffuse.recsys.page_on_model.model_page", page)
    Path("r.html").write_text("old", encoding="utf-8")
    quick = (*REPORT, "--no-frontier", "--out", "r.html")
    refused(run(*quick), "--force")
    result = run(*quick, "--force", "--jobs", "1")
    assert result.exit_code == 0, result.output
    assert [found.frontier for found in seen] == [None]
    assert Path("r.html").read_text(encoding="utf-8") == "page"


def test_what_is_refused(run: Run) -> None:
    """No page, ids of another kind, unknown labels, no model."""
    refused(run(*REPORT, "--out", "r.txt"), ".html", "'r.txt'")
    refused(run(*REPORT, "--out", "nowhere/r.html"), "existing folder")
    odd = ("report", "model", "--test", "odd.parquet", "--out", "r.html")
    refused(run(*odd), "one kind", "odd.parquet")
    wrong = ("--user-groups", "users.csv", "--user-label", "age", "--out", "r.html")
    refused(run(*REPORT, *wrong), "--user-label", "'age'")
    refused(run(*REPORT, "--user-label", "age", "--out", "r.html"), "--user-groups")
    refused(run("report", "nowhere", "--test", "test.parquet", "--out", "r.html"), "nowhere")
    assert not Path("r.html").exists()


def test_test_rows_that_were_training_rows_are_noted(run: Run) -> None:
    """The wrong file gives lists that cannot find anything; that is said at once."""
    result = run("report", "model", "--test", "train.parquet", "--no-frontier", "--out", "w.html")
    assert result.exit_code == 0, result.output
    assert "is --test the right file?" in " ".join(result.stderr.split())
