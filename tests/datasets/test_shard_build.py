"""The last steps to shards."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from suffuse.datasets import shard_build, shard_steps
from suffuse.datasets.columns import INTERACTION_COLUMNS, SOCIAL_COLUMNS
from suffuse.datasets.shard_build import build_shard, code_ties
from suffuse.datasets.shard_sources import open_source


@pytest.mark.parametrize("looked_up", [1, 100])
def test_two_shards_by_hand(looked_up: int, tmp_path: Path) -> None:
    """Users in order, rows merged, targets among all users, however few are looked up at a time."""
    out = tmp_path / "out"
    for part in ("work", "user_ids", "interactions", "social"):
        (out / part).mkdir(parents=True)
    rows = pd.DataFrame({"user": list("bdbb"), "item": [1, 0, 1, 0], "weight": [1.0, 2, 4, 0]})
    ties = pd.DataFrame({"source": list("bdda"), "target": list("dbba"), "weight": [1.0, 3, 2, 1]})
    rows.to_parquet(tmp_path / "rows.parquet")
    ties.to_parquet(tmp_path / "ties.parquet")
    kinds = ("text", "int64"), ("text", "text")
    ends = ("user_id", "item_id"), ("source_id", "target_id")
    plan = shard_steps.ShardPlan(str(out), 2, "text", "int64", "float64", True, 4, 4, 1, 1)
    sources = [
        open_source(tmp_path / f"{name}.parquet", known, pair, None).chunks(kind)
        for name, known, pair, kind in zip(
            ("rows", "ties"), (INTERACTION_COLUMNS, SOCIAL_COLUMNS), ends, kinds, strict=True
        )
    ]
    firsts = pa.array(["c"], pa.large_string())
    shard_steps.survey_rows(plan, sources[0][0], 0)
    shard_steps.gather_items(plan)
    shard_steps.split_rows(plan, sources[0][0], 0, firsts)
    shard_steps.split_ties(plan, sources[1][0], 0, firsts)
    with mock.patch.object(shard_build, "_LOOKED_UP", looked_up):
        built = [build_shard(plan, shard, 2) for shard in range(2)]
        coded = [code_ties(plan, shard, [0, 2, 3]) for shard in range(2)]
    # a has only a tie to a; b has two rows of one pair, and one of weight 0; d has one row
    facts = [(one.n_users, one.n_row_users, one.n_named) for one in built]
    assert facts == [(2, 1, 2), (1, 1, 1)]
    assert [(one.n_rows, one.n_merged, one.n_zero) for one in built] == [(1, 1, 1), (1, 0, 0)]
    first = pd.read_parquet(out / "interactions" / "part-00000.parquet").to_dict("list")
    assert first == {"user": [1], "item": [1], "weight": [5.0]}
    assert [n for n, _ in coded] == [1, 1]
    found = [pd.read_parquet(out / "social" / f"part-0000{i}.parquet") for i in range(2)]
    assert found[0].to_dict("list") == {"source": [1], "target": [2]}
    assert found[1].to_dict("list") == {"source": [0], "target": [1], "weight": [3.0]}
    assert found[1]["target"].dtype == np.int32
