"""Lists as columns of parquet: what is read back is what recommend gives."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest

from suffuse.recsys.list_columns import ListColumns
from suffuse.recsys.topk import NO_ITEM

LISTS = (
    np.array([[2, 0], [1, NO_ITEM], [NO_ITEM, NO_ITEM]], np.int32),
    np.array([[0.5, 0.25], [0.75, -np.inf], [-np.inf, -np.inf]], np.float32),
)
DAYS = [datetime.date(2020, 1, day) for day in (1, 2, 3)]
IDS: dict[str, npt.NDArray[Any]] = {
    "texts": np.array(["ada", "bo", "cy"], object),
    "numbers": np.array([7, 8, 9]),
    "small numbers": np.array([7, 8, 9], np.uint8),
    "halves": np.array([0.5, 1.5, 2.5]),
    "moments": np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "datetime64[ns]"),
    "days": np.array(DAYS, object),
    "numbers as objects": np.array([7, 8, 9], object),
}


def frame(users: npt.NDArray[Any], items: npt.NDArray[Any]) -> pd.DataFrame:
    """The lists above by hand."""
    return pd.DataFrame(
        {
            "user_id": users[[0, 0, 1]],
            "item_id": items[[2, 0, 1]],
            "score": np.array([0.5, 0.25, 0.75], np.float32),
            "rank": np.array([1, 2, 1], np.int64),
        }
    )


@pytest.mark.parametrize("users", list(IDS))
@pytest.mark.parametrize("items", ["texts", "numbers", "days"])
def test_any_kind_of_ids_comes_back(users: str, items: str, tmp_path: Path) -> None:
    """As from a frame that pandas writes: same values, same types, no categories."""
    columns = ListColumns(IDS[users], IDS[items])
    path = tmp_path / "lists.parquet"
    with columns.writer(path) as writer:
        writer.write_table(columns.table(slice(0, 3), LISTS))
    expected = frame(IDS[users], IDS[items])
    expected.to_parquet(tmp_path / "frame.parquet", index=False)
    wanted = pd.read_parquet(tmp_path / "frame.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(path), wanted, check_exact=True)


def test_a_block_counts_from_its_own_first_user(tmp_path: Path) -> None:
    """Two blocks are two row groups, in order, and only items that are named are stored."""
    users, items = IDS["texts"], np.array([f"item {n}" for n in range(5000)], object)
    columns = ListColumns(users, items)
    assert len(columns) == 3
    path = tmp_path / "lists.parquet"
    with columns.writer(path) as writer:
        for place in range(3):
            block = slice(place, place + 1)
            writer.write_table(columns.table(block, (LISTS[0][block], LISTS[1][block])))
    assert pq.read_metadata(path).num_row_groups == 3
    assert pd.read_parquet(path)["user_id"].tolist() == ["ada", "ada", "bo"]
    assert pd.read_parquet(path)["item_id"].tolist() == ["item 2", "item 0", "item 1"]
    assert path.stat().st_size < 5000


PAIR = np.empty(1, object)
PAIR[0] = (1, 2)


@pytest.mark.parametrize(
    ("ids", "word"),
    [
        (np.array([1, "a"], object), "1"),
        (np.array([1, 2.5], object), r"1 \(they change type"),
        (PAIR, r"\(1, 2\)"),
    ],
)
def test_ids_that_parquet_would_change_are_refused(ids: npt.NDArray[Any], word: str) -> None:
    """Mixtures and tuples; the message quotes one."""
    with pytest.raises(TypeError, match=rf"user_id must be of one type .*got ids like {word}"):
        ListColumns(ids, IDS["texts"])


def test_uuids_come_as_they_are_or_not_at_all() -> None:
    """Some versions of pyarrow know them; the others refuse."""
    ids = np.array([uuid.UUID(int=1)], object)
    try:
        columns = ListColumns(ids, IDS["texts"])
    except TypeError:
        return
    lists = (np.array([[0]], np.int32), np.array([[1.0]], np.float32))
    assert columns.table(slice(0, 1), lists)["user_id"].to_pylist() == ids.tolist()
