"""Sizes of tables in files, counted without holding them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.datasets import file_sizes
from suffuse.datasets.file_sizes import sizes_in_files
from suffuse.datasets.table_sizes import TableSizes

WORLD = sf.datasets.make_social_world(100, 60, rng=0)
PEOPLE = len(
    set(WORLD.interactions["user_id"])
    | set(WORLD.social["source_id"])
    | set(WORLD.social["target_id"])
)
EXPECTED = TableSizes(
    PEOPLE,
    WORLD.interactions["item_id"].nunique(),
    len(WORLD.interactions),
    2 * len(WORLD.social),
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_rows_and_distinct_ids(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users of both files count once; parquet is read in pieces, which join."""
    monkeypatch.setattr(file_sizes, "_BATCH", 13)
    rows, ties = tmp_path / f"rows.{suffix}", tmp_path / f"ties.{suffix}"
    sf.datasets.write_table(WORLD.interactions, rows)
    sf.datasets.write_table(WORLD.social, ties)
    assert sizes_in_files(rows, ties) == EXPECTED
    once = sizes_in_files(rows, ties, directed=True)
    assert once.n_ties == len(WORLD.social)
    alone = sizes_in_files(rows)
    assert alone.n_users == WORLD.interactions["user_id"].nunique()
    assert alone.n_ties == 0


def test_numbers_of_two_widths_and_unusual_columns(tmp_path: Path) -> None:
    """An id is the same in 32 and in 64 bits; columns are named as in a fit."""
    rows, ties = tmp_path / "rows.parquet", tmp_path / "ties.parquet"
    pd.DataFrame({"who": np.arange(5, dtype=np.int32), "what": [7] * 5}).to_parquet(rows)
    pd.DataFrame({"fan": np.arange(3, 8), "idol": np.arange(4, 9)}).to_parquet(ties)
    found = sizes_in_files(
        rows,
        ties,
        columns={"user_id": "who", "item_id": "what"},
        social_columns={"source_id": "fan", "target_id": "idol"},
    )
    assert found == TableSizes(9, 1, 5, 10)


def test_rows_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each column, from none to all."""
    monkeypatch.setattr(file_sizes, "_BATCH", 13)
    WORLD.interactions.to_parquet(tmp_path / "rows.parquet")
    heard: list[tuple[str, int, int]] = []
    sizes_in_files(tmp_path / "rows.parquet", tell=lambda *news: heard.append(news))
    for column in ("user_id", "item_id"):
        done = [step[1] for step in heard if step[0] == f"counting ids, {column}"]
        assert (done[0], done[-1]) == (0, len(WORLD.interactions))
        assert done == sorted(done)


def test_files_that_are_none(tmp_path: Path) -> None:
    """The sentences of a fit."""
    with pytest.raises(FileNotFoundError, match=r"rows\.parquet"):
        sizes_in_files(tmp_path / "rows.parquet")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "bare.parquet")
    with pytest.raises(ValueError, match="user_id"):
        sizes_in_files(tmp_path / "bare.parquet")
