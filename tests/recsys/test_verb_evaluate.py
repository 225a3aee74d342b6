"""``suffuse evaluate`` on files: groups, the model's own ablation, the page, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import suffuse as sf
from suffuse.recsys.cli import app

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables, a fitted model and its lists."""
    place = tmp_path_factory.mktemp("evaluate")
    world = sf.datasets.make_social_world(n_users=160, n_items=60, rng=0)
    train, test = sf.datasets.split_random(world.interactions, rng=0)
    model = sf.SocialDiffusion(sf.ALS(n_factors=4), damping=0.4, memory=1.0, background=0.1)
    model.fit(train, social=world.social).save(place / "model")
    sf.ALS(n_factors=4).fit(train).save(place / "plain")
    model.recommend(k=5).to_parquet(place / "recs.parquet")
    sf.Popularity().fit(train).recommend(k=5).to_parquet(place / "popular.parquet")
    train.to_parquet(place / "train.parquet")
    test.to_parquet(place / "test.parquet")
    world.social.to_parquet(place / "social.parquet")
    users = pd.DataFrame({"user_id": model.user_ids_})
    users["half"] = np.where(np.arange(len(users)) % 2, "odd", "even")
    users.to_csv(place / "users.csv", index=False)
    users.assign(other=1).to_csv(place / "two.csv", index=False)
    items = pd.DataFrame({"movieId": model.item_ids_, "kind": "new"})
    items.to_csv(place / "items.csv", index=False)
    return place


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Evaluate the lists, in an empty folder beside the tables."""
    for file in folder.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*options: str, recs: str = "recs.parquet") -> Result:
        tables = ("--test", "test.parquet", "--train", "train.parquet")
        return CliRunner().invoke(app, ["evaluate", recs, *tables, *options])

    return call


def direct(folder: Path, **options: object) -> sf.Report:
    """The same evaluation in Python."""
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("test", "train")}
    recs = pd.read_parquet(folder / "recs.parquet")
    return sf.evaluate(recs, tables["test"], train=tables["train"], **options)


def refused(result: Result, *words: str) -> None:
    """Exit code 2 and one sentence with these words."""
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.stderr, result.stderr


def test_everything_at_once(run: Run, folder: Path, tmp_path: Path) -> None:
    """Groups, graph and model; numbers on the screen and in the table are those of Python."""
    result = run(
        "--user-groups", "users.csv", "--item-groups", "items.csv", "--social", "social.parquet",
        "--model", "model", "--metrics", "ndcg@5,coverage@5", "--out", "values.csv",
        "--report", "report.html",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    labels = pd.read_csv(folder / "users.csv").set_index("user_id")["half"]
    report = direct(folder, metrics=["ndcg@5", "coverage@5"], user_groups=labels)
    values = pd.read_csv(tmp_path / "values.csv").set_index("metric")["value"]
    for row in report.to_frame().itertuples():
        assert values[row.metric] == pytest.approx(row.value)
    for row in report.group_frame().itertuples():
        assert f"{row.value:.4f}" in result.stdout
    for words in (
        "2 groups of users", "served than the other users", "“new” are 100.0", "page: report.html",
        "Against the same model without the social graph, ndcg@5 changes by",
    ):  # fmt: skip
        assert words in result.stdout.replace("\N{NO-BREAK SPACE}", " "), words
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("Evaluation of recs.parquet", "users.csv", "damping", "SocialDiffusion"):
        assert words in page, words


def test_the_ablation_is_that_of_the_model(run: Run, folder: Path) -> None:
    """Without a baseline, the difference is to the lists of the model's base."""
    result = run("--model", "model", "--metrics", "ndcg@5")
    assert result.exit_code == 0, result.output
    base = sf.load_model(folder / "model").base_.recommend(k=5)
    row = direct(folder, metrics=["ndcg@5"], baseline=base).difference_frame().iloc[0]
    assert f"{row['value']:.4f}" in result.stdout.split("difference to the same model")[1]


def test_a_baseline_of_ones_own_comes_first(run: Run, folder: Path) -> None:
    """With --baseline and --model the difference is to the file."""
    result = run("--model", "model", "--baseline", "popular.parquet", "--metrics", "ndcg@5")
    popular = pd.read_parquet(folder / "popular.parquet")
    row = direct(folder, metrics=["ndcg@5"], baseline=popular).difference_frame().iloc[0]
    assert f"{row['value']:.4f}" in result.stdout.split("difference to popular.parquet")[1]


def test_a_model_without_a_graph_has_no_ablation(run: Run, tmp_path: Path) -> None:
    """Its settings are on the page, and nothing is compared."""
    result = run("--model", "plain", "--report", "report.html")
    assert result.exit_code == 0, result.output
    assert "difference to" not in result.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "n_factors" in page
    assert "Without the graph" not in page


def test_the_label_can_be_chosen(run: Run) -> None:
    """A table of several columns needs --user-label; one that is not there is refused."""
    options = ("--user-groups", "two.csv", "--metrics", "ndcg@5")
    refused(run(*options), "--user-label", "['half', 'other']", "None")
    refused(run(*options, "--user-label", "age"), "'age'")
    chosen = run(*options, "--user-label", "half")
    assert chosen.exit_code == 0, chosen.output
    assert "even" in chosen.stdout
    refused(run("--user-label", "half"), "--user-groups")
    refused(run("--item-groups", "users.csv"), "item_id")


def test_presets_are_passed_on(run: Run, folder: Path) -> None:
    """--compat changes the definitions, and an unknown one is refused."""
    options = ("--metrics", "ndcg@5", "--compat")
    result = run(*options, "rectools", "--out", "values.csv")
    assert result.exit_code == 0, result.output
    assert "definitions of rectools" in result.stdout
    row = direct(folder, metrics=["ndcg@5"], compat="rectools").to_frame().iloc[0]
    assert pd.read_csv("values.csv")["value"][0] == pytest.approx(row["value"])
    refused(run(*options, "nobody"), "nobody", "recbole")


def test_small_groups_are_not_compared(run: Run) -> None:
    """--min-group-size is the evaluation's."""
    result = run("--user-groups", "users.csv", "--min-group-size", "500")
    assert result.exit_code == 0, result.output
    assert "large enough (500 users) to be compared" in result.stdout


def test_what_cannot_be_written_is_refused_first(run: Run, tmp_path: Path) -> None:
    """A page that is there already, no folder, no .html: before the lists are read."""
    (tmp_path / "mine.html").write_text("mine")
    nowhere = {"recs": "nowhere.parquet"}
    refused(run("--report", "mine.html", **nowhere), "mine.html", "--force")
    refused(run("--report", "no/page.html", **nowhere), "no/page.html", "existing folder")
    refused(run("--report", "page.pdf", **nowhere), "page.pdf", ".html")
    assert (tmp_path / "mine.html").read_text() == "mine"
    assert run("--report", "mine.html", "--force").exit_code == 0
    assert "<!doctype html>" in (tmp_path / "mine.html").read_text(encoding="utf-8")
