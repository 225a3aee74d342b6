"""Whatever a fit is given becomes the shards that one machine's tables are, and once only."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.datasets import ShardedTables, SocialWorld
from suffuse.recsys import cluster_fit, cluster_tables
from suffuse.recsys.cluster import RayCluster
from suffuse.recsys.cluster_tables import Source, sharded
from suffuse.recsys.inputs import training_table
from suffuse.recsys.ties import with_ties

WORLD = sf.datasets.tiny_world()
#: distinct users of the graph and the rows
N_USERS = 6


def cut(source: Source, storage: Path, **options: Any) -> ShardedTables:
    """The shards of a source, by a session of its own."""
    cluster = RayCluster(storage=storage, **options)
    with cluster_fit.session(cluster) as one:
        return sharded(one, cluster, source)


def files(folder: Path, rows: pd.DataFrame, ties: pd.DataFrame) -> Source:
    """The source of two tables as parquet, the first in two parts."""
    (folder / "rows").mkdir()
    rows[::2].to_parquet(folder / "rows" / "a.parquet")
    rows[1::2].to_parquet(folder / "rows" / "b.parquet")
    ties.to_parquet(folder / "ties.parquet")
    return Source(folder / "rows", folder / "ties.parquet", False)


@pytest.fixture(autouse=True)
def here(clusters_here: Callable[..., None]) -> None:
    """Sessions whose tasks are in this process, each called twice; two shards unless asked."""


@pytest.fixture
def cuttings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A note for every time that files are cut."""
    made: list[int] = []
    real = cluster_tables.shard_tables

    def counted(*given: Any, **options: Any) -> ShardedTables:
        made.append(1)
        return real(*given, **options)

    monkeypatch.setattr(cluster_tables, "shard_tables", counted)
    return made


@pytest.mark.parametrize("kind", ["frame", "table", "file"])
@pytest.mark.parametrize(("n", "expected"), [(None, 2), (1, 1), (5, 5)])
def test_shards_are_the_table_of_one_machine(
    tall: SocialWorld, tmp_path: Path, kind: str, n: int | None, expected: int
) -> None:
    """Weights, users whom the graph alone knows, and the order of ids, from memory or files."""
    rows, ties = tall.interactions.copy(), tall.social
    rows = rows[rows["user_id"].str[-1] != "7"].reset_index(drop=True)
    rows["weight"] = np.arange(len(rows)) % 3 + 0.5
    table, adjacency = with_ties(training_table(rows), ties, directed=False)
    given = Source(rows if kind == "frame" else training_table(rows), ties, False)
    if kind == "file":
        given = files(tmp_path, rows, ties)
    found = cut(given, tmp_path / "run", n_shards=n)
    assert (found.n_shards, found.directed) == (expected, False)
    whole = found.to_interactions()
    np.testing.assert_array_equal(whole.user_ids, table.user_ids)
    np.testing.assert_array_equal(whole.item_ids, table.item_ids)
    np.testing.assert_array_equal(whole.matrix.toarray(), table.matrix.toarray())
    held = np.concatenate([found.ties(shard).toarray() for shard in range(expected)])
    np.testing.assert_array_equal(held, adjacency.toarray())


def test_columns_of_a_matrix_stay_as_they_are(tmp_path: Path) -> None:
    """Items that nobody has and users without a row keep their places; ids are positions."""
    cells = np.zeros((5, 7))
    cells[[0, 0, 3], [6, 1, 2]] = 1
    found = cut(Source(sparse.csr_array(cells)), tmp_path / "run", n_shards=5)
    assert (found.n_users, found.n_items, found.directed) == (5, 7, None)
    parts = [found.interactions(shard) for shard in range(5)]
    np.testing.assert_array_equal(np.concatenate([part.toarray() for part in parts]), cells)
    assert [found.ties(shard).nnz for shard in range(5)] == [0] * 5
    np.testing.assert_array_equal(found.item_ids(), np.arange(7))


@pytest.mark.parametrize("directed", [None, False, True])
def test_the_direction_of_ties(tmp_path: Path, directed: bool | None) -> None:
    """One tie binds its source alone, or both; it is told with the shards."""
    ties = pd.DataFrame({"source_id": ["ada"], "target_id": ["zoe"]})
    rows = pd.DataFrame({"user_id": ["ada", "zoe"], "item_id": ["x", "y"]})
    found = cut(Source(rows, ties, directed), tmp_path / "run")
    assert found.directed == bool(directed)
    known = [[0.0, 1.0], [0.0 if directed else 1.0, 0.0]]
    assert np.concatenate([found.ties(0).toarray(), found.ties(1).toarray()]).tolist() == known


def test_one_user_is_one_shard(tmp_path: Path) -> None:
    """Where nobody has asked for more; who asks is told how many there are."""
    rows = pd.DataFrame({"user_id": ["ada", "ada"], "item_id": ["x", "y"]})
    assert cut(Source(rows), tmp_path / "run").n_shards == 1
    with pytest.raises(ValueError, match="n_shards must be at most the number of users, 1; got 2"):
        cut(Source(rows), tmp_path / "run", n_shards=2)


def test_one_user_in_a_file_is_one_shard(tmp_path: Path) -> None:
    """As in memory, a number that nobody asked for is not too large."""
    pd.DataFrame({"user_id": ["ada"], "item_id": ["x"]}).to_parquet(tmp_path / "one.parquet")
    assert cut(Source(tmp_path / "one.parquet"), tmp_path / "run").n_shards == 1


def test_files_are_cut_once(tmp_path: Path, cuttings: list[int]) -> None:
    """A run that goes on takes its shards; what they were made of, or a word, makes them anew."""
    source = files(tmp_path, WORLD.interactions, WORLD.social)
    storage = tmp_path / "run"

    def count(given: Source = source, **options: Any) -> int:
        cut(given, storage, **options)
        return len(cuttings)

    first = cut(source, storage).fingerprint
    assert count() == 1
    assert cut(source, storage).fingerprint == first
    assert count(resume=False) == 2
    assert count(n_shards=3) == 3
    assert count(Source(tmp_path / "rows", directed=False)) == 4
    assert count(Source(tmp_path / "rows", tmp_path / "ties.parquet", True)) == 5
    assert count(source) == 6
    os.utime(tmp_path / "rows" / "b.parquet", ns=(0, 0))
    assert count() == 7
    (tmp_path / "rows" / "b.parquet").unlink()
    assert count() == 8
    assert cut(source, storage).fingerprint != first
    assert len(cuttings) == 8


def test_tables_that_took_the_place_of_files_are_not_taken_for_them(tmp_path: Path) -> None:
    """Files, then a frame in the same storage, then the files again: the shards are theirs."""
    source = files(tmp_path, WORLD.interactions, WORLD.social)
    first = cut(source, tmp_path / "run").fingerprint
    other = WORLD.interactions.assign(user_id=WORLD.interactions["user_id"] + " II")
    assert cut(Source(other), tmp_path / "run").fingerprint != first
    assert cut(source, tmp_path / "run").fingerprint == first


def test_shards_are_taken_as_they_are(tmp_path: Path) -> None:
    """Opened or by their path, with their own number or none; the storage takes nothing."""
    rows, ties = WORLD.interactions, WORLD.social
    tables = sf.datasets.shard_tables(rows, tmp_path / "tables", social=ties, n_shards=3)
    for given in (tables, tables.folder, str(tables.folder)):
        for n in (None, 3):
            found = cut(Source(given), tmp_path / "run", n_shards=n)
            assert (found.folder, found.fingerprint) == (tables.folder, tables.fingerprint)
    with pytest.raises(ValueError, match=r"that of the tables, 3; got 6: leave it out, or make"):
        cut(Source(tables), tmp_path / "run", n_shards=6)
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize(
    ("source", "error", "sentence"),
    [
        (
            Source("no.parquet"),
            FileNotFoundError,
            "path must be an existing file or folder; got '.*no.parquet",
        ),
        (Source("rows", WORLD.social), TypeError, "social must be parquet files where the inter"),
        (Source(WORLD.interactions, "ties.parquet"), TypeError, "social must be .*; got str"),
        (Source("ties.parquet"), ValueError, "must have a column 'user_id'; got columns"),
        (Source("rows", columns={"user_id": "who"}), ValueError, r"must be a column .*; got 'who'"),
        (Source(WORLD.interactions[:0]), ValueError, "at least one row; got an empty table"),
        (Source(3), TypeError, "interactions must be .*; got int"),
    ],
)
def test_what_is_no_table(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: Source,
    error: type[Exception],
    sentence: str,
) -> None:
    """One sentence each; no shards are left, and none are taken by whoever comes next."""
    good = files(tmp_path, WORLD.interactions, WORLD.social)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=sentence):
        cut(source, tmp_path / "run")
    assert not list((tmp_path / "run").iterdir())
    assert cut(good, tmp_path / "run").n_users == N_USERS
