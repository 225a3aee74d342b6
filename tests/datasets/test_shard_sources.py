"""Parquet files, their chunks and their pieces."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets import shard_sources
from suffuse.datasets.columns import INTERACTION_COLUMNS
from suffuse.datasets.shard_sources import Source, open_source, pieces

ENDS = ("user_id", "item_id")


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=3),
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_chunks_hold_every_row_once_and_in_order(
    sizes: list[int], group: int, chunk: int, piece: int
) -> None:
    """Whole row groups, as many as fit; each chunk knows at which row of its file it begins."""
    with (
        TemporaryDirectory() as place,
        mock.patch.object(shard_sources, "_CHUNK", chunk),
        mock.patch.object(shard_sources, "_PIECE", piece),
    ):
        for i, n in enumerate(sizes):
            frame = pd.DataFrame({"user": np.arange(n), "item": i, "rating": np.arange(n) / 2})
            frame.to_parquet(Path(place) / f"{i}.parquet", row_group_size=group)
        source = open_source(place, INTERACTION_COLUMNS, ENDS, None)
        assert source.n_rows == sum(sizes)
        found = []
        for one in source.chunks(("int32", "int64")):
            some = list(pieces(one))
            assert max(len(part.first) for part in some) <= piece
            users = [user for part in some for user in part.first.to_pylist()]
            assert users == list(range(one.start, one.start + len(users)))
            assert len(users) <= max(chunk, group)
            assert str(some[0].first.type) == "int32"
            found += [(int(Path(one.path).stem), user) for user in users]
            weights = np.concatenate([part.weights for part in some if part.weights is not None])
            assert weights.tolist() == [user / 2 for user in users]
        assert found == [(i, user) for i, n in enumerate(sizes) for user in range(n)]


def test_what_is_known_before_a_row_is_read(tmp_path: Path) -> None:
    """Names of columns, kinds of ids, the type of the weights; hidden files are no parts."""
    frame = pd.DataFrame({"user": ["a"], "item": np.array([1], np.int16)})
    frame.assign(weight=np.float32(1)).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "_metadata.parquet").write_text("")
    source = open_source(tmp_path, INTERACTION_COLUMNS, ENDS, None)
    path = str(tmp_path / "a.parquet")
    columns = ("user", "item", "weight")
    assert source == Source((path,), columns, ("text", "int16"), "float32", ((1,),))
    frame.assign(weight=1.0).to_parquet(tmp_path / "b.parquet")
    assert open_source(tmp_path, INTERACTION_COLUMNS, ENDS, None).weights == "float64"


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    """Is named when its rows are read."""
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"user": np.arange(5000) ** 2, "item": np.arange(5000)})
    frame.to_parquet(path, compression="zstd")
    [chunk] = open_source(path, INTERACTION_COLUMNS, ENDS, None).chunks(("int64", "int64"))
    content = bytearray(path.read_bytes())
    content[100:3000] = bytes(2900)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"must be a readable .parquet file; .*a.parquet' is not"):
        list(pieces(chunk))
