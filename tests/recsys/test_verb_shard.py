"""``suffuse shard`` on real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import suffuse as sf
from suffuse.recsys.cli import app

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the verb in a folder with tables, without letting an exception through."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    world = sf.datasets.make_social_world(n_users=80, n_items=60, rng=0)
    half = len(world.interactions) // 2
    Path("rows").mkdir()
    world.interactions[:half].to_parquet("rows/a.parquet")
    world.interactions[half:].to_parquet("rows/b.parquet")
    world.interactions.to_csv("rows.csv", index=False)
    world.social.to_parquet("ties.parquet")

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["shard", *arguments])
        assert "Traceback" not in result.output
        return result.exit_code, result.output

    return call


def test_folders_of_parts_become_shards(run: Run) -> None:
    """What is read is said, and what is written can be opened."""
    given = ("--interactions", "rows", "--social", "ties.parquet", "--shards", "3")
    code, text = run(*given, "--out", "tables")
    assert code == 0
    tables = sf.datasets.open_tables("tables")
    assert tables.n_shards == 3
    assert tables.directed is False
    assert f"{sum(tables.n_rows)} interactions of 80 users with {tables.n_items} items" in text
    assert f"{sum(tables.n_ties) // 2} undirected ties" in text
    assert "shards: 3, of " in text
    assert text.strip().endswith("tables: tables")
    code, text = run(*given, "--out", "tables")
    assert code == 2
    assert (
        "folder must not exist yet; got 'tables': choose another, or overwrite it (--force)" in text
    )
    assert run(*given, "--directed", "--out", "tables", "--force")[0] == 0
    assert sf.datasets.open_tables("tables").directed is True


def test_text_files_are_read_in_memory(run: Run) -> None:
    """And give the shards that parquet gives."""
    assert run("--interactions", "rows", "--shards", "2", "--out", "one")[0] == 0
    code, text = run("--interactions", "rows.csv", "--shards", "2", "--out", "two")
    assert code == 0
    assert "ties" not in text
    first, second = (sf.datasets.open_tables(name) for name in ("one", "two"))
    assert first.starts == second.starts
    assert (first.to_interactions().matrix != second.to_interactions().matrix).nnz == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (
            ("--interactions", "rows", "--shards", "81"),
            "--shards must be at most the number of users, 76; got 81",
        ),
        (
            ("--interactions", "rows", "--shards", "0"),
            "--shards must be a whole number of at least 1; got 0",
        ),
        (("--interactions", "no", "--shards", "2"), "path must be an existing file; got 'no'"),
        (("--interactions", "no.xlsx", "--shards", "2"), "path must end in one of"),
        (("--interactions", "no.parquet", "--shards", "2"), "an existing file or folder; got"),
        (
            ("--interactions", "ties.parquet", "--shards", "2"),
            "say which one it is with --columns user_id=",
        ),
        (
            ("--interactions", "rows", "--social", "rows", "--shards", "2"),
            "say which one it is with --social-columns target_id=",
        ),
    ],
)
def test_bad_input_is_answered_in_a_sentence(
    arguments: tuple[str, ...], what: str, run: Run
) -> None:
    """Exit code 2, and no folder."""
    code, text = run(*arguments, "--out", "tables")
    assert code == 2
    assert what in text
    assert not Path("tables").exists()
