"""Sharded tables opened and read."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from suffuse.datasets import Interactions, ShardedTables, SocialGraph, open_tables, shard_tables
from suffuse.datasets.sharded_tables import is_sharded, part_name, seal


@pytest.fixture
def tables(tmp_path: Path) -> ShardedTables:
    """Three shards of four users, one of whom has only ties."""
    rows = pd.DataFrame(
        {"user": ["a", "b", "b", "d"], "item": [9, 7, 9, 7], "weight": [1.0, 2.0, 1.0, 1.0]}
    )
    ties = pd.DataFrame({"source": ["a", "c"], "target": ["d", "a"], "weight": [1.0, 0.5]})
    return shard_tables(rows, tmp_path / "tables", social=ties, directed=True, n_shards=3)


def test_one_shard_at_a_time(tables: ShardedTables) -> None:
    """Rows of a shard are those of its users; columns are all items, or all users."""
    again = open_tables(tables.folder)
    assert again.fingerprint == tables.fingerprint
    assert (again.n_shards, again.n_users, again.n_items) == (3, 4, 2)
    assert again.item_ids().tolist() == [7, 9]
    assert again.item_ids().dtype == np.int64
    ids = [again.user_ids(shard).tolist() for shard in range(3)]
    assert np.concatenate(ids).tolist() == ["a", "b", "c", "d"]
    dense = np.vstack([again.interactions(shard).toarray() for shard in range(3)])
    assert dense.tolist() == [[0, 1], [2, 1], [0, 0], [1, 0]]
    ties = np.vstack([again.ties(shard).toarray() for shard in range(3)])
    assert ties.tolist() == [[0, 0, 0, 1], [0] * 4, [0.5, 0, 0, 0], [0] * 4]
    for shard in range(3):
        assert again.interactions(shard).shape == (len(ids[shard]), 2)
        assert again.interactions(shard).nnz == again.n_rows[shard]
        assert again.ties(shard).nnz == again.n_ties[shard]
        assert again.ties(shard).dtype == np.float64
    assert repr(again) == "ShardedTables(3 shards, 4 rows, 4 users, 2 items, 2 ties as stored)"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_type_of_weights_is_that_of_the_table(dtype: str, tmp_path: Path) -> None:
    """Also where all are 1, and none is written."""
    rows = pd.DataFrame({"user": [1, 2], "item": [1, 1], "weight": np.ones(2, dtype)})
    tables = shard_tables(rows, tmp_path / "t", n_shards=2)
    assert tables.interactions(1).dtype == Interactions.from_frame(rows).matrix.dtype == dtype
    assert tables.ties(1).shape == (1, 2)
    assert tables.to_social() is None


def test_a_folder_may_move(tables: ShardedTables, tmp_path: Path) -> None:
    """Names within it are relative, and what is open can be pickled."""
    shutil.copytree(tables.folder, tmp_path / "copy")
    copy = pickle.loads(pickle.dumps(open_tables(tmp_path / "copy")))
    shutil.rmtree(tables.folder)
    assert copy.fingerprint == tables.fingerprint
    assert copy.to_interactions().n_rows == 4


def test_a_graph_without_anybody(tmp_path: Path) -> None:
    """Is one without a tie, whatever its ids are."""
    rows = Interactions.from_frame(pd.DataFrame({"user": [1, 2], "item": [1, 1]}))
    nobody = SocialGraph.from_frame(pd.DataFrame({"source": [], "target": []}), directed=False)
    social = shard_tables(rows, tmp_path / "t", social=nobody, n_shards=2).to_social()
    assert social is not None
    assert (social.n_nodes, social.n_ties, social.directed) == (2, 0, False)


@pytest.mark.parametrize("shard", [-1, 3])
def test_a_shard_that_is_not_there(tables: ShardedTables, shard: int) -> None:
    """Is refused by everything that reads one."""
    for read in (tables.interactions, tables.ties, tables.user_ids):
        with pytest.raises(ValueError, match=f"shard must be from 0 to 2; got {shard}"):
            read(shard)


@pytest.mark.parametrize("table", ["user_ids", "interactions", "social"])
def test_a_damaged_part_is_named(tables: ShardedTables, table: str) -> None:
    """A missing file and one of another size when it is opened, a changed byte when it is read."""
    path = tables.folder / part_name(table, 1)
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(ValueError, match=r"whole; '.*part-00001.parquet' is not: it is missing"):
        open_tables(tables.folder)
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match=f"bytes where {len(content)} were written: write them"):
        open_tables(tables.folder)
    path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    damaged = open_tables(tables.folder)
    read = {"user_ids": damaged.user_ids, "interactions": damaged.interactions}
    with pytest.raises(ValueError, match=rf"{table}/part-00001.parquet' is not: its sha256"):
        read.get(table, damaged.ties)(1)
    path.unlink()
    with pytest.raises(ValueError, match="is not: No such file or directory"):
        read.get(table, damaged.ties)(1)


def test_a_changed_record_is_refused(tables: ShardedTables) -> None:
    """By its seal; a later format by its number; other files are none."""
    path = tables.folder / "tables.json"
    record = json.loads(path.read_text())
    assert record["sha256"] == seal(record) == tables.fingerprint
    path.write_text(json.dumps({**record, "n_items": 3}))
    with pytest.raises(ValueError, match=r"tables.json' is not: its sha256 is not"):
        open_tables(tables.folder)
    path.write_text(json.dumps({**record, "format": 2}))
    with pytest.raises(ValueError, match=r"must be of format 1; .* is of 2: write them again"):
        open_tables(tables.folder)
    path.write_text("[1]")
    with pytest.raises(ValueError, match="it has no seal"):
        open_tables(tables.folder)
    path.write_text("{")
    with pytest.raises(ValueError, match="it is no JSON"):
        open_tables(tables.folder)
    assert is_sharded(tables.folder)
    path.unlink()
    assert not is_sharded(tables.folder)
    with pytest.raises(
        FileNotFoundError, match=r"has no tables.json: write them with shard_tables"
    ):
        open_tables(tables.folder)
