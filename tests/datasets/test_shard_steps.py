"""The steps from files to shards, one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from suffuse.datasets import shard_steps
from suffuse.datasets.columns import INTERACTION_COLUMNS, SOCIAL_COLUMNS
from suffuse.datasets.shard_batches import read_batches
from suffuse.datasets.shard_cuts import even_cuts
from suffuse.datasets.shard_sources import Chunk, open_source
from suffuse.datasets.shard_steps import (
    ShardPlan,
    choose_cuts,
    gather_items,
    split_rows,
    split_ties,
    survey_rows,
    survey_ties,
)

ROWS = {"user": [3, 1, 3, 3, 8], "item": ["x", "y", "x", "z", "y"]}
TIES = {"source": [1, 8, 5, 9, 1], "target": [8, 3, 5, 1, 3], "weight": [1.0, 2.0, 1.0, 0.0, 4.0]}


@pytest.fixture
def chunks(tmp_path: Path) -> tuple[Chunk, Chunk]:
    """One chunk of interactions and one of ties, and a folder for what lies between steps."""
    (tmp_path / "out" / "work").mkdir(parents=True)
    pd.DataFrame(ROWS).to_parquet(tmp_path / "rows.parquet")
    pd.DataFrame(TIES).to_parquet(tmp_path / "ties.parquet")
    rows = open_source(tmp_path / "rows.parquet", INTERACTION_COLUMNS, ("user_id", "item_id"), None)
    ends = ("source_id", "target_id")
    ties = open_source(tmp_path / "ties.parquet", SOCIAL_COLUMNS, ends, None)
    return rows.chunks(rows.kinds)[0], ties.chunks(ties.kinds)[0]


def plan_of(folder: Path, *, directed: bool) -> ShardPlan:
    """Return a plan for two shards of these tables."""
    return ShardPlan(str(folder / "out"), 2, "int64", "text", None, directed, 5, 5, 1, 1)


@pytest.mark.parametrize("directed", [False, True])
def test_cuts_are_those_of_the_whole_table(
    directed: bool, chunks: tuple[Chunk, Chunk], tmp_path: Path
) -> None:
    """As long as everything fits into the sample: rows, ends of ties that count, and one each."""
    plan = plan_of(tmp_path, directed=directed)
    survey_rows(plan, chunks[0], 0)
    survey_ties(plan, chunks[1], 0)
    assert gather_items(plan)[0] == 3
    ends = [TIES["source"]] if directed else [TIES["source"], TIES["target"]]
    people = sorted({*ROWS["user"], *TIES["source"], *TIES["target"]})
    loads = [1 + sum(column.count(one) for column in (ROWS["user"], *ends)) for one in people]
    cut = even_cuts(np.array(loads), 2)[1]
    for at_most in (False, True):
        assert choose_cuts(plan, at_most).to_pylist() == [people[cut]]
    many = replace(plan, n_shards=len(people) + 1)
    assert choose_cuts(many, True).to_pylist() == people[1:]
    with pytest.raises(ValueError, match="n_shards must be at most the number of users"):
        choose_cuts(many, False)


def test_a_sample_of_rows_stands_for_all(chunks: tuple[Chunk, Chunk], tmp_path: Path) -> None:
    """One row out of every few, never one that is not there, whatever the chances."""
    with mock.patch.object(shard_steps, "_SAMPLE", 5):
        plan = plan_of(tmp_path, directed=False)
        survey_rows(plan, chunks[0], 0)
        [batch] = read_batches(plan.work("sample-rows", 0))
    # 5 rows and 10 ends of ties: one of every three
    assert len(batch) in (1, 2)
    assert set(batch.column(0).to_pylist()) <= set(ROWS["user"])


def test_rows_and_ties_go_to_the_shards_of_their_users(
    chunks: tuple[Chunk, Chunk], tmp_path: Path
) -> None:
    """Undirected ties to both, with everybody whom they name; those left out go nowhere."""
    plan = plan_of(tmp_path, directed=False)
    survey_rows(plan, chunks[0], 0)
    gather_items(plan)
    firsts = pa.array([4])
    for _ in range(2):  # a call that is repeated writes the same
        split_rows(plan, chunks[0], 0, firsts)
        assert split_ties(plan, chunks[1], 0, firsts) == (3, 1, 1)
    split = [batch.to_pydict() for batch in read_batches(plan.work("rows", 0))]
    assert split == [{"user": [3, 1, 3, 3], "item": [0, 1, 0, 2]}, {"user": [8], "item": [1]}]
    named = [batch.column(0).to_pylist() for batch in read_batches(plan.work("named", 0))]
    assert named == [[1, 3], [5, 8, 9]]
    ties = [
        sorted(zip(*batch.to_pydict().values(), strict=True))
        for batch in read_batches(plan.work("ties", 0))
    ]
    assert ties == [
        [(1, 3, 4.0), (3, 1, 4.0)],
        [(1, 8, 1.0), (3, 8, 2.0)],
        [(8, 1, 1.0), (8, 3, 2.0)],
        [],
    ]
