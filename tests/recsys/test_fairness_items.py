"""Exposure of items and of their groups."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from suffuse.recsys import fairness_items as fair

ROWS = st.lists(st.integers(0, 5), unique=True, max_size=4).map(lambda row: (row + [-1] * 4)[:4])
LISTS = st.lists(ROWS, min_size=1, max_size=5).map(np.array)
GROUPS = np.array([0, 1, 1, 2, 2, -1])


def test_models_of_attention() -> None:
    """By hand; the geometric model sums to 1 over all ranks."""
    assert fair.attention("rbp", 3, patience=0.5).tolist() == [1.0, 0.5, 0.25]
    assert fair.attention("geometric", 200, patience=0.5).sum() == pytest.approx(1.0)
    assert fair.attention("log2", 3) == pytest.approx([1.0, 1 / math.log2(3), 0.5])
    assert fair.attention("reciprocal", 2).tolist() == [1.0, 0.5]
    assert fair.attention("none", 2).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="patience must be"):
        fair.attention("rbp", 3, patience=1.0)


@settings(deadline=None, max_examples=60)
@given(LISTS, st.integers(1, 6))
def test_exposure_by_a_loop(lists: npt.NDArray[np.int64], k: int) -> None:
    """Of each item, of each group, per item, as a share; all attention goes somewhere."""
    weights = fair.attention("log2", k)
    expected = np.zeros(6)
    for row in lists.tolist():
        for weight, item in zip(weights, row, strict=False):
            if item >= 0:
                expected[item] += weight
    summed = fair.item_exposure(lists, 6, weights, per_list=False)
    assert summed == pytest.approx(expected)
    assert fair.item_exposure(lists, 6, weights) == pytest.approx(expected / len(lists))
    total = fair.group_exposure(summed, GROUPS, 3)
    assert total == pytest.approx([expected[0], expected[1:3].sum(), expected[3:5].sum()])
    per_item = fair.group_exposure(summed, GROUPS, 3, per="item")
    assert per_item == pytest.approx(total / [1, 2, 2])
    if total.sum() > 0:
        assert fair.group_exposure(summed, GROUPS, 3, per="share").sum() == pytest.approx(1.0)


def test_small_groups_and_bad_arguments() -> None:
    """NaN for groups below the smallest size and without items; what cannot be is refused."""
    found = fair.group_exposure([1.0, 2.0, 3.0], [0, 1, 1], 3, min_size=2)
    assert found == pytest.approx([math.nan, 5.0, math.nan], nan_ok=True)
    with pytest.raises(ValueError, match="per must be"):
        fair.group_exposure([1.0], [0], 1, per="user")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one per item, 1; got 2"):
        fair.group_exposure([1.0], [0, 0], 1)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5))
def test_awrf_is_a_distance_of_distributions(masses: list[tuple[int, int]]) -> None:
    """Half the L1 distance, scipy's Jensen-Shannon, 0 for the target, whatever the labels."""
    p, q = (np.array(side) / sum(side) for side in zip(*masses, strict=True))
    assert fair.awrf(p, q) == pytest.approx(np.abs(p - q).sum() / 2)
    apart = jensenshannon(p, q, base=2) ** 2
    assert fair.awrf(p, q, distance="js") == pytest.approx(apart, abs=1e-9)
    assert fair.awrf(p, q, distance="similarity") == pytest.approx(1 - apart, abs=1e-9)
    assert fair.awrf(p, p) == 0.0
    assert fair.awrf(p[::-1], q[::-1]) == pytest.approx(fair.awrf(p, q))
    assert fair.demographic_parity(p, q).sum() == pytest.approx(0.0, abs=1e-12)


def test_awrf_of_two_groups_and_of_many_lists() -> None:
    """For two groups it is the difference of one share; a row for each list."""
    found = fair.awrf([[0.7, 0.3], [0.5, 0.5]], [0.5, 0.5])
    assert found == pytest.approx([0.2, 0.0])
    with pytest.raises(ValueError, match="distance must be"):
        fair.awrf([1.0], [1.0], distance="kl")  # type: ignore[arg-type]


def test_log_ratios_by_hand() -> None:
    """A quarter, in proportion to merit, of what is realised; never an infinity."""
    assert fair.log_dp(1.0, 4.0) == pytest.approx(-math.log(4))
    assert fair.log_dp(2.0, 2.0) == 0.0
    assert fair.log_eur(2.0, 4.0, 1.0, 2.0) == 0.0
    assert fair.log_eur(2.0, 2.0, 1.0, 2.0) == pytest.approx(math.log(2))
    assert fair.log_rur(1.0, 4.0, 2.0, 4.0) == pytest.approx(-math.log(2))
    for nothing in (
        fair.log_dp(0.0, 1.0),
        fair.log_dp(1.0, 0.0),
        fair.log_eur(1.0, 0.0, 1.0, 1.0),
        fair.log_rur(1.0, 1.0, 0.0, 1.0),
    ):
        assert np.isnan(nothing)
    assert fair.log_dp(0.0, 1.0, smoothing=0.5) == pytest.approx(-math.log(3))
    assert fair.log_dp([1.0, 0.0], [1.0, 1.0]) == pytest.approx([0.0, math.nan], nan_ok=True)


def test_relative_spread_of_probabilities() -> None:
    """RSP by hand; a group without a possible pair is left out."""
    found = fair.ranked_probability([2.0, 1.0, 3.0, 0.0], [10.0, 10.0, 10.0, 0.0])
    assert found == pytest.approx([0.2, 0.1, 0.3, math.nan], nan_ok=True)
    assert fair.relative_spread(found) == pytest.approx(np.std([0.2, 0.1, 0.3]) / 0.2)
    assert fair.relative_spread([0.2, 0.2]) == 0.0
    assert math.isnan(fair.relative_spread([0.0, 0.0]))
    assert math.isnan(fair.relative_spread([0.2, math.nan]))
