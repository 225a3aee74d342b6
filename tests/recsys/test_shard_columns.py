"""Rows by item, put together from shards, are the transpose of the whole."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.recsys import shard_columns
from suffuse.recsys.matrices import Csr
from suffuse.recsys.shard_columns import (
    Columns,
    columns_of,
    confidences,
    joined_columns,
    weighted,
)


def table(seed: int, shape: tuple[int, int], *, with_weights: bool) -> Csr:
    """Some rows, read-only, with empty ones and empty columns among them."""
    rng = np.random.default_rng(seed)
    cells = (rng.random(shape) < 0.4) * (rng.uniform(0.2, 4.0, shape) if with_weights else 1.0)
    cells[rng.random(shape[0]) < 0.2] = 0
    cells[:, rng.random(shape[1]) < 0.2] = 0
    rows: Csr = sparse.csr_array(cells.astype(np.float32))
    for array in (rows.data, rows.indices, rows.indptr):
        array.setflags(write=False)
    return rows


def block(rows: Csr, starts: Any, cuts: Any, place: int, *, with_weights: bool) -> Any:
    """One of the blocks of items, as its worker puts it together; every confidence is 2.5."""
    shards = [rows[first:last] for first, last in pairwise(starts)]
    parts = [columns_of(one, cuts, with_weights=with_weights)[place] for one in shards]
    factor = np.full(cuts[place + 1] - cuts[place], 2.5, np.float32)
    return joined_columns(parts, starts, 2.5 if with_weights else factor)


@pytest.mark.parametrize("with_weights", [False, True])
@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_users=st.integers(0, 12),
    n_items=st.integers(1, 9),
    inner=st.lists(st.integers(0, 12), max_size=5),
    item_cuts=st.lists(st.integers(0, 9), max_size=3),
)
def test_blocks_are_rows_of_the_transpose(
    with_weights: bool,
    seed: int,
    n_users: int,
    n_items: int,
    inner: list[int],
    item_cuts: list[int],
) -> None:
    """Bit by bit and in the same order, with shards without users and more shards than users."""
    rows = table(seed, (n_users, n_items), with_weights=with_weights)
    starts = (0, *sorted(min(cut, n_users) for cut in inner), n_users)
    cuts = [0, *sorted(min(cut, n_items) for cut in item_cuts), n_items]
    wanted: Any = sparse.csr_array((rows * np.float32(2.5)).T)
    wanted.sort_indices()
    for place, (first, last) in enumerate(pairwise(cuts)):
        known = wanted[first:last]
        found = block(rows, starts, cuts, place, with_weights=with_weights)
        assert found.shape == (last - first, n_users)
        for name in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(found, name), getattr(known, name))
        assert (found.data.dtype, found.indices.dtype) == (np.float32, np.int32)
        assert found.indptr.dtype == np.int32
        found.data[:] = 0  # the solver refuses arrays that cannot be written


@pytest.mark.parametrize("cuts", [(0, 2, 4), (0, 2, 2)])
def test_a_block_that_nobody_holds(cuts: tuple[int, ...]) -> None:
    """Cells with weights elsewhere, and none here: empty rows, as where there are no weights."""
    rows: Csr = sparse.csr_array(np.array([[2, 3, 0, 0], [0, 5, 0, 0]], np.float32))
    for with_weights in (False, True):
        found = block(rows, (0, 1, 2), cuts, 1, with_weights=with_weights)
        assert found.shape == (cuts[2] - cuts[1], 2)
        assert found.nnz == 0


def test_a_confidence_for_each_item() -> None:
    """Where the cells have no weights, the discount of their item stands in their place."""
    rows = table(3, (9, 6), with_weights=False)
    factor = np.arange(1, 7, dtype=np.float32)
    parts = [columns_of(shard, (0, 6), with_weights=False)[0] for shard in (rows[:2], rows[2:])]
    found = joined_columns(parts, (0, 2, 9), factor)
    np.testing.assert_array_equal(found.toarray(), (rows.toarray() * factor).T)


def test_what_travels_is_counted() -> None:
    """Four bytes for each cell and item, four more for a weight; users are those of the shard."""
    rows = table(5, (8, 6), with_weights=True)
    for with_weights in (False, True):
        parts = columns_of(rows[3:], (0, 2, 6), with_weights=with_weights)
        assert sum(part.nbytes for part in parts) == 4 * (6 + rows[3:].nnz * (1 + with_weights))
        for part in parts:
            assert [array.dtype for array in part] == [np.int32, np.int32, np.float32]
            assert part.users.max(initial=0) < 5


@pytest.mark.parametrize("piece", [1, 3, 1 << 22])
def test_a_discount_is_rounded_once(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    """A product of double precision, cell by cell, however many are taken at a time."""
    monkeypatch.setattr(shard_columns, "_CELLS", piece)
    rows = table(1, (7, 5), with_weights=True)
    scale = np.random.default_rng(2).uniform(0.1, 1.0, 5)
    found = weighted(rows, scale)
    wanted = (rows.toarray().astype(np.float64) * scale).astype(np.float32)
    np.testing.assert_array_equal(found.toarray(), wanted)
    assert found.dtype == np.float32
    assert weighted(rows, None) is rows
    empty: Csr = sparse.csr_array((0, 5), dtype=np.float32)
    assert weighted(empty, scale).shape == (0, 5)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_confidences_are_what_implicit_takes(index: Any) -> None:
    """Of the older kind, in 32 bits, with arrays of its own that can be written to."""
    narrow = table(4, (7, 5), with_weights=True)
    parts = (narrow.data, narrow.indices.astype(index), narrow.indptr.astype(index))
    rows: Csr = sparse.csr_array(parts, shape=narrow.shape)
    found = confidences(rows, 40.0)
    assert isinstance(found, sparse.csr_matrix)
    assert found.indices.dtype == found.indptr.dtype == np.int32
    np.testing.assert_array_equal(found.toarray(), narrow.toarray() * np.float32(40))
    for array in (found.data, found.indices, found.indptr):
        array[:] = 0
    np.testing.assert_array_equal(rows.toarray(), narrow.toarray())


def test_more_cells_than_32_bits_count() -> None:
    """Refused with the way out, by user and by item."""
    many: Any = SimpleNamespace(nnz=2**31)
    with pytest.raises(
        ValueError, match=r"a shard must have fewer than 2\^31 rows; got 2147483648"
    ):
        confidences(many, 1.0)
    with pytest.raises(ValueError, match=r"a block of items must have .*: take more shards"):
        shard_columns._narrow(np.array([0, 2**31]))
    empty = np.empty(0, np.int32)
    none = joined_columns([Columns(empty, empty, empty.astype(np.float32))], (0, 0), empty)
    assert none.shape == (0, 0)
