"""What the command line hands to a cluster: files by their paths, other tables as they are read."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import suffuse as sf
from suffuse.datasets import Interactions, SocialGraph
from suffuse.recsys.cluster_tables import Source
from suffuse.recsys.cluster_verbs import fit_there, holds_ties, source_of

WORLD = sf.datasets.tiny_world()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The tables of a small world as parquet and as csv, with names of their own for columns."""
    rows = WORLD.interactions.rename(columns={"user_id": "who", "item_id": "what"})
    ties = WORLD.social.rename(columns={"source_id": "ear", "target_id": "mouth"})
    for name, frame in (("rows", rows), ("ties", ties)):
        frame.to_parquet(tmp_path / f"{name}.parquet")
        frame.to_parquet(tmp_path / f"{name}.pq")
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


COLUMNS, SOCIAL = ["user_id=who", "item_id=what"], ["source_id=ear", "target_id=mouth"]


def source(rows: Path, ties: Path | None, *, directed: bool = False) -> Source:
    """The source of two files."""
    return source_of(rows, ties, COLUMNS, SOCIAL, directed=directed)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("suffix", ["parquet", "pq"])
def test_parquet_is_named_and_not_read(files: Path, suffix: str, directed: bool) -> None:
    """The cluster reads it; files that are damaged show that nobody has looked here."""
    paths = files / f"rows.{suffix}", files / f"ties.{suffix}"
    for path in paths:
        path.write_bytes(b"no parquet")
    found = source(*paths, directed=directed)
    assert (found.interactions, found.social, found.directed) == (*paths, directed)
    assert found.columns == {"user_id": "who", "item_id": "what"}
    assert found.social_columns == {"source_id": "ear", "target_id": "mouth"}
    plain = source_of(paths[0], None, [], [], directed=directed)
    assert (plain.social, plain.columns, plain.social_columns) == (None, None, None)


@pytest.mark.parametrize(("rows", "ties"), [("csv", "csv"), ("parquet", "csv"), ("csv", "parquet")])
def test_other_tables_are_read_here(files: Path, rows: str, ties: str) -> None:
    """Both of them where one is no parquet, with the columns that were named."""
    found = source(files / f"rows.{rows}", files / f"ties.{ties}", directed=True)
    assert isinstance(found.interactions, Interactions)
    assert isinstance(found.social, SocialGraph)
    assert len(found.interactions) == len(WORLD.interactions.drop_duplicates())
    assert found.social.n_ties == len(WORLD.social.drop_duplicates())
    assert found.social.directed
    assert found.directed
    assert (found.columns, found.social_columns) == (None, None)


def test_a_table_without_ties_has_no_direction(files: Path) -> None:
    """Whatever the option says."""
    found = source(files / "rows.csv", None, directed=True)
    assert (found.social, found.directed) == (None, None)


def test_folders_are_named(files: Path) -> None:
    """Of parts or of shards; a graph that is read here cannot come beside ties of shards."""
    rows, ties = WORLD.interactions, WORLD.social
    sf.datasets.shard_tables(rows, files / "tied", social=ties, n_shards=2)
    found = source_of(files / "tied", None, [], [], directed=False)
    assert found.interactions == files / "tied"
    with pytest.raises(ValueError, match="social must be left out where the tables hold the ties"):
        source(files / "tied", files / "ties.csv")


def test_which_paths_hold_ties(files: Path) -> None:
    """Shards with at least one tie; neither raw tables, nor shards without, nor nothing."""
    rows, ties = WORLD.interactions, WORLD.social
    sf.datasets.shard_tables(rows, files / "tied", social=ties, n_shards=2)
    sf.datasets.shard_tables(rows, files / "alone", n_shards=2)
    sf.datasets.shard_tables(rows, files / "lonely", social=ties[:0], n_shards=2)
    held = [name for name in ("tied", "alone", "lonely") if holds_ties(files / name)]
    assert held == ["tied"]
    for path in (files, files / "rows.parquet", files / "rows.csv", files / "nowhere"):
        assert not holds_ties(path)


def test_bad_pairs_of_columns(files: Path) -> None:
    """Quoted with the option they came with, before a file is opened."""
    paths = files / "nowhere.parquet", files / "nowhere.pq"
    with pytest.raises(ValueError, match=r"--columns must be .*; got 'who'"):
        source_of(*paths, ["who"], [], directed=False)
    with pytest.raises(ValueError, match=r"--social-columns must be .*; got 'ear'"):
        source_of(*paths, [], ["ear"], directed=False)


@pytest.mark.parametrize("name", ["nowhere", "nowhere.csv", "nowhere.parquet"])
def test_a_file_that_is_not_there(files: Path, name: str) -> None:
    """Said before a cluster is asked for."""
    with pytest.raises(FileNotFoundError, match=rf"existing file or folder; got '.*{name}'"):
        source_of(files / name, None, [], [], directed=False)


def test_a_model_without_ties_is_fitted_and_said(
    clusters_here: Callable[..., None], files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was counted is told; a folder that is there is kept, or written over by word."""
    out = files / "model"
    cluster = sf.RayCluster(n_shards=3, storage=files / "model.run")
    given = source(files / "rows.parquet", None)
    model = sf.ALS(n_factors=2, regularization=0.1, max_iter=2)
    fit_there(model, given, cluster, out, overwrite=False)
    n_users, n_items = (WORLD.interactions[name].nunique() for name in ("user_id", "item_id"))
    n_rows = len(WORLD.interactions.drop_duplicates(["user_id", "item_id"]))
    said = " ".join(capsys.readouterr().out.split())
    told = f"{n_rows} interactions of {n_users} users with {n_items} items, 0 ties as stored, in 3"
    assert told in said
    assert not (files / "model.run").exists()
    before = sorted(path.name for path in out.iterdir())
    with pytest.raises(FileExistsError, match="overwrite"):
        fit_there(model, given, cluster, out, overwrite=False)
    assert sorted(path.name for path in out.iterdir()) == before
    assert (files / "model.run").is_dir()  # for whoever tries again
    fit_there(model, given, cluster, out, overwrite=True)
    known = sf.ALS(n_factors=2, regularization=0.1, max_iter=2).fit(WORLD.interactions)
    pd.testing.assert_frame_equal(sf.load_model(out).recommend(k=2), known.recommend(k=2))
