"""Cuts into shards of about the same load."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets.shard_cuts import even_cuts


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.data())
def test_no_range_is_off_by_more_than_the_largest_load(
    loads: list[int], data: st.DataObject
) -> None:
    """Every range holds somebody, all of them hold everybody, and none carries far more."""
    n_shards = data.draw(st.integers(1, len(loads)))
    cuts = even_cuts(np.array(loads), n_shards)
    assert (cuts[0], cuts[-1], len(cuts)) == (0, len(loads), n_shards + 1)
    assert (np.diff(cuts) >= 1).all()
    carried = np.add.reduceat(loads, cuts[:-1])
    # a range of one is as small as ranges can be; next to such ones others lose some
    if (np.diff(cuts) > 1).all():
        assert abs(carried - sum(loads) / n_shards).max() <= max(loads)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 200), st.integers(1, 9))
def test_equal_loads_are_cut_evenly(n: int, n_shards: int) -> None:
    """Ranges differ by one at the most."""
    if n_shards <= n:
        sizes = np.diff(even_cuts(np.ones(n), n_shards))
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize(
    ("loads", "expected"),
    [([9, 1, 1, 1], [0, 1, 4]), ([1, 1, 1, 9], [0, 3, 4]), ([0, 0, 0, 5], [0, 3, 4])],
)
def test_one_large_load(loads: list[int], expected: list[int]) -> None:
    """It stands alone, wherever it is."""
    assert even_cuts(np.array(loads), 2).tolist() == expected


def test_more_ranges_than_loads() -> None:
    """And none at all, are refused."""
    with pytest.raises(ValueError, match="at most the number of users, 2; got 3: take fewer"):
        even_cuts(np.ones(2), 3)
    with pytest.raises(ValueError, match="n_shards must be at least 1; got 0"):
        even_cuts(np.ones(2), 0)
