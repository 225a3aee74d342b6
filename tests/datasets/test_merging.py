"""Rows in codes: sorted, merged, read from matrices."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.datasets import merging
from suffuse.datasets.merging import (
    Merged,
    Rows,
    matrix_rows,
    merge_pairs,
    merge_rows,
    merge_table,
    row_order,
)

ROW = st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 5), st.integers(-9, 9))


def as_rows(listed: list[tuple[int, int, int, int]]) -> Rows:
    """Return tuples as Rows."""
    first, second, weights, times = (np.array(column) for column in zip(*listed, strict=True))
    return Rows(first.astype(np.int32), second.astype(np.int32), weights.astype(np.float64), times)


@given(st.lists(ROW, min_size=1, max_size=40))
@settings(deadline=None, max_examples=200)
def test_merging_agrees_with_a_dictionary(listed: list[tuple[int, int, int, int]]) -> None:
    """Weights add up, the latest time stays, zeros are counted: the oracle is a Python dict."""
    expected: dict[tuple[int, int], tuple[int, int]] = {}
    for u, i, w, t in listed:
        if w:
            old_w, old_t = expected.get((u, i), (0, t))
            expected[u, i] = (old_w + w, max(old_t, t))
    merged: Merged = merge_rows(as_rows(listed), 4, weights="sum")
    rows = merged.rows
    got = zip(rows.first, rows.second, rows.weights, rows.timestamps, strict=True)
    assert [(u, i, w, t) for u, i, w, t in got] == [
        (*pair, *expected[pair]) for pair in sorted(expected)
    ]
    assert merged.n_zero == sum(w == 0 for *_, w, _ in listed)
    assert merged.n_merged + merged.n_zero + len(expected) == len(listed)


@given(st.lists(ROW, min_size=1, max_size=40))
@settings(deadline=None, max_examples=100)
def test_the_largest_weight_can_be_kept_instead(listed: list[tuple[int, int, int, int]]) -> None:
    """Ties: the oracle is a Python dict again."""
    expected: dict[tuple[int, int], int] = {}
    for u, i, w, _ in listed:
        if w:
            expected[u, i] = max(expected.get((u, i), 0), w)
    rows = merge_rows(as_rows(listed), 4, weights="max").rows
    assert dict(zip(zip(rows.first, rows.second, strict=True), rows.weights, strict=True)) == (
        expected
    )


def test_sorted_rows_need_no_order() -> None:
    """None says: leave them."""
    assert row_order(np.array([0, 0, 2]), np.array([0, 1, 0]), 2) is None


def test_a_sum_of_many_small_weights_is_exact_in_float32() -> None:
    """Sums are taken in double precision: 2**24 + 1 + 1 in float32 would stay 2**24."""
    rows = Rows(np.zeros(3, np.int32), np.zeros(3, np.int32), np.array([2**24, 1, 1], np.float32))
    assert merge_rows(rows, 1, weights="sum").rows.weights[0] == 2**24 + 2


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dok"])
def test_every_sparse_format_is_read(kind: str) -> None:
    """Also the older matrix classes."""
    dense = np.array([[0, 2, 0], [1, 0, 3]])
    for matrix in (sparse.csr_array(dense).asformat(kind), sparse.csr_matrix(dense).asformat(kind)):
        rows, shape = matrix_rows(matrix, "matrix")
        assert shape == (2, 3)
        assert sorted(zip(rows.first, rows.second, rows.weights, strict=True)) == [
            (0, 1, 2.0),
            (1, 0, 1.0),
            (1, 2, 3.0),
        ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_bad_entry_is_named_by_its_place(bad: float) -> None:
    """Row and column are in the sentence."""
    with pytest.raises(ValueError, match=rf"at least 0; got {bad} at \(1, 0\) \(1 such"):
        matrix_rows(sparse.csr_array([[0.0, 1.0], [bad, 0.0]]), "matrix")


def test_a_dense_array_is_refused() -> None:
    """The type is named."""
    with pytest.raises(TypeError, match="scipy sparse array; got ndarray"):
        matrix_rows(np.eye(2), "matrix")


def test_one_dimension_is_refused() -> None:
    """A sparse vector is no table."""
    with pytest.raises(ValueError, match=r"two dimensions; got shape \(2,\)"):
        matrix_rows(sparse.coo_array(np.array([1.0, 2.0])), "matrix")


@given(st.lists(ROW, min_size=1, max_size=40))
@settings(deadline=None, max_examples=100)
def test_large_tables_are_merged_as_small_ones_are(listed: list[tuple[int, int, int, int]]) -> None:
    """By counting instead of sorting, with weights and times, without, and with the order alone."""
    small, rows = merge_rows(as_rows(listed), 4, weights="sum"), as_rows(listed)
    counted = merge_pairs(rows.first.copy(), rows.second.copy(), 5, 4)
    order = row_order(rows.first, rows.second, 4)
    with mock.patch.object(merging, "MANY_ROWS", 1):
        large = merge_table((rows.first, rows.second), (5, 4), rows.weights, rows.timestamps)
        again = merge_pairs(rows.first.copy(), rows.second.copy(), 5, 4)
        large_order = row_order(rows.first, rows.second, 4)
    assert (order is None) == (large_order is None)
    if order is not None and large_order is not None:
        assert order.tolist() == large_order.tolist()
    for one, other in ((small, large), (counted, again)):
        assert (one.n_merged, one.n_zero) == (other.n_merged, other.n_zero)
        for name in ("first", "second", "weights", "timestamps"):
            mine, theirs = getattr(one.rows, name), getattr(other.rows, name)
            assert type(mine) is type(theirs)
            if mine is not None:
                assert mine.dtype == theirs.dtype
                assert mine.tolist() == theirs.tolist()


def test_rows_of_large_tables_are_written_in_pieces() -> None:
    """More users than one piece holds, some of them without a row."""
    first = np.array([700_000, 3, 700_000, 300_000, 3], dtype=np.int32)
    second = np.array([0, 1, 0, 1, 0], dtype=np.int32)
    with mock.patch.object(merging, "MANY_ROWS", 1):
        rows = merge_pairs(first, second, 700_001, 2).rows
    assert rows.first.tolist() == [3, 3, 300_000, 700_000]
    assert rows.second.tolist() == [0, 1, 1, 0]
    assert rows.weights.tolist() == [1.0, 1.0, 1.0, 2.0]
