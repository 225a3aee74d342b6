"""Exact top-k against a full stable sort."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from suffuse.recsys.topk import NO_ITEM, top_k

Scores = npt.NDArray[np.float32]


def by_full_sort(scores: Scores, k: int) -> tuple[npt.NDArray[np.int64], Scores]:
    """Stable sort of every row by falling score, minus infinity taken for "no item"."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(scores, order, axis=1)
    return np.where(np.isneginf(values), NO_ITEM, order), values


#: few distinct values, so that ties are the rule
VALUES = st.sampled_from([-np.inf, -2.5, -1.0, -0.0, 0.0, 1e-30, 1.0, 2.0, np.inf])
ROWS = st.tuples(st.integers(0, 4), st.integers(1, 24))


@settings(deadline=None, max_examples=300)
@given(arrays(np.float32, ROWS, elements=VALUES), st.integers(1, 30))
def test_equals_a_full_stable_sort(scores: Scores, k: int) -> None:
    """With ties, with items that may not be recommended, with k above the number of items."""
    items, values = top_k(scores, k)
    expected_items, expected_values = by_full_sort(scores, k)
    assert items.shape == (len(scores), min(k, scores.shape[1]))
    np.testing.assert_array_equal(items, expected_items)
    np.testing.assert_array_equal(values, expected_values)


def test_many_items() -> None:
    """Long rows of random scores, a large k."""
    scores = np.random.default_rng(0).standard_normal((5, 3000)).astype(np.float32)
    for k in (1, 20, 2999, 3000):
        items, values = top_k(scores, k)
        expected_items, expected_values = by_full_sort(scores, k)
        np.testing.assert_array_equal(items, expected_items)
        np.testing.assert_array_equal(values, expected_values)


def test_scores_stay_as_they_are() -> None:
    """The input is read only, and may be in any memory order and precision."""
    scores = np.asfortranarray(np.random.default_rng(1).standard_normal((6, 40)))
    scores.setflags(write=False)
    items, _ = top_k(scores, 7)
    np.testing.assert_array_equal(items, by_full_sort(scores.astype(np.float32), 7)[0])


@settings(deadline=None, max_examples=100)
@given(arrays(np.float32, ROWS, elements=VALUES), st.integers(1, 30))
def test_nan_is_refused(scores: Scores, k: int) -> None:
    """Wherever it stands, with the row."""
    if scores.size == 0:
        return
    rng = np.random.default_rng(scores.size)
    row, column = rng.integers(scores.shape[0]), rng.integers(scores.shape[1])
    scores[row, column] = np.nan
    with pytest.raises(ValueError, match=f"scores must not be NaN; got NaN in row {row}$"):
        top_k(scores, k)
