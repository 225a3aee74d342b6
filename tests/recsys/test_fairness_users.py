"""Comparisons of groups of users, and of single users."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys import fairness_users as fair

VALUES = st.lists(st.floats(0, 1, allow_subnormal=False), min_size=2, max_size=8)
COMPARISONS = [fair.group_gap, fair.group_std, fair.group_mad, fair.group_deviation]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3)), min_size=1, max_size=20))
def test_group_means_are_those_of_pandas(rows: list[tuple[float, int]]) -> None:
    """Means and sizes; groups below the smallest size and empty groups are NaN."""
    values, groups = zip(*rows, strict=True)
    frame = pd.DataFrame({"value": values, "group": groups}).groupby("group")["value"]
    means = fair.group_means(values, groups, n_groups=5)
    sizes = fair.group_sizes(values, groups, n_groups=5)
    assert np.isnan(means[4])
    assert sizes[4] == 0
    for group, mean in frame.mean().items():
        assert means[group] == pytest.approx(mean)
        assert sizes[group] == frame.size()[group]
    large = fair.group_means(values, groups, n_groups=5, min_size=3)
    assert (np.isnan(large) == (sizes < 3)).all()


def test_users_without_value_or_group_are_left_out() -> None:
    """NaN and a negative code."""
    assert fair.group_means([1.0, math.nan, 5.0, 3.0], [0, 0, -1, 0]).tolist() == [2.0]
    with pytest.raises(ValueError, match="one whole number per value, 1; got"):
        fair.group_means([1.0], [0, 1])
    with pytest.raises(ValueError, match="below n_groups, 1; got 1"):
        fair.group_means([1.0], [1], n_groups=1)


@settings(deadline=None, max_examples=80)
@given(VALUES)
def test_comparisons_by_their_definitions(values: list[float]) -> None:
    """Pair by pair, and against numpy."""
    pairs = [abs(a - b) for a, b in combinations(values, 2)]
    mean = np.mean(values)
    assert fair.group_gap(values) == max(pairs)
    assert fair.group_mad(values) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert fair.group_std(values) == pytest.approx(np.std(values))
    assert fair.group_worst(values) == min(values)
    apart = [abs(value - mean) for value in values]
    assert fair.group_deviation(values) == pytest.approx(np.mean(apart))
    assert fair.group_deviation(values, largest=True) == pytest.approx(max(apart))
    if max(values) > 0:
        assert fair.group_ratio(values) == pytest.approx(min(values) / max(values))
        assert 0 <= fair.group_ratio(values) <= 1


@settings(deadline=None, max_examples=40)
@given(VALUES, st.randoms(use_true_random=False))
def test_the_names_of_groups_do_not_matter(values: list[float], rng: object) -> None:
    """Groups in another order, and a group that is NaN, change nothing."""
    shuffled = values.copy()
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    for measure in [*COMPARISONS, fair.group_worst, fair.group_ratio]:
        assert measure(values) == pytest.approx(measure([*shuffled, math.nan]), nan_ok=True)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_identical_groups_differ_by_nothing(value: float) -> None:
    """Gaps are 0 and the ratio is 1; where all are 0 there is no ratio."""
    for measure in COMPARISONS:
        assert measure([value] * 3) == pytest.approx(0.0, abs=1e-15)
    assert fair.group_ratio([value] * 3) == pytest.approx(1.0 if value else math.nan, nan_ok=True)


def test_fewer_than_two_groups_are_no_comparison() -> None:
    """NaN, never an infinity and never a 0 that looks like fairness."""
    for measure in [*COMPARISONS, fair.group_ratio]:
        for values in ([], [0.5], [0.5, math.nan]):
            assert math.isnan(measure(values))
    assert math.isnan(fair.group_worst([math.nan]))
    assert fair.group_worst([0.5]) == 0.5
    assert math.isnan(fair.group_norm([math.nan]))
    assert fair.group_norm([3.0, 4.0, math.nan]) == 5.0


def test_comparisons_with_the_overall_value() -> None:
    """The farthest group from all users, as difference and as ratio on either side."""
    assert fair.group_gap([0.1, 0.5], overall=0.4) == pytest.approx(0.3)
    assert fair.group_ratio([0.2, 0.5], overall=0.4) == pytest.approx(0.5)
    assert fair.group_ratio([0.8, 0.5], overall=0.4) == pytest.approx(0.5)
    assert math.isnan(fair.group_ratio([0.0, 0.0], overall=0.0))


def test_utility_of_single_users() -> None:
    """Gini leaves NaN out; the lowest percentile is the worst user."""
    assert fair.utility_gini([0, 0.5, math.nan, 1.0]) == pytest.approx(4 / 9)
    assert math.isnan(fair.utility_gini([0.0, 0.0]))
    values = np.arange(11.0)
    assert fair.low_percentile(values) == 1.0
    assert fair.low_percentile([*values, math.nan], percent=0) == 0.0
    assert math.isnan(fair.low_percentile([]))
    with pytest.raises(ValueError, match=r"percent must be a number in \[0, 100\]"):
        fair.low_percentile(values, percent=101)


def test_bias_disparity_by_hand() -> None:
    """Half as much again, a half less, and a category that nobody had."""
    found = fair.bias_disparity([0.75, 0.25, 0.0], [0.5, 0.5, 0.0])
    assert found == pytest.approx([0.5, -0.5, math.nan], nan_ok=True)
