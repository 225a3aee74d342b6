"""Unfairness of predicted ratings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys import rating_fairness as fair

FOUR = [
    fair.value_unfairness,
    fair.absolute_unfairness,
    fair.underestimation_unfairness,
    fair.overestimation_unfairness,
]
RATINGS = st.floats(1, 5)
ITEMS = st.lists(st.tuples(RATINGS, RATINGS, RATINGS, RATINGS), min_size=1, max_size=6)


def test_the_four_by_hand() -> None:
    """Two items: over by 1 against under by 1, and right against over by 1."""
    sides = ([4.0, 3.0], [3.0, 3.0], [2.0, 4.0], [3.0, 3.0])
    assert [measure(*sides) for measure in FOUR] == [1.5, 0.5, 0.5, 1.0]


@settings(deadline=None, max_examples=60)
@given(ITEMS)
def test_laws_of_the_four(items: list[tuple[float, ...]]) -> None:
    """Groups swapped give the same; value is at most under plus over; the same group gives 0."""
    y, r, other_y, other_r = (np.array(side) for side in zip(*items, strict=True))
    value, absolute, under, over = (measure(y, r, other_y, other_r) for measure in FOUR)
    swapped = [measure(other_y, other_r, y, r) for measure in FOUR]
    assert [value, absolute, under, over] == pytest.approx(swapped)
    assert absolute <= value + 1e-12
    assert value <= under + over + 1e-12
    assert [measure(y, r, y, r) for measure in FOUR] == [0.0] * 4


def test_items_that_one_group_did_not_rate_are_left_out() -> None:
    """NaN takes its item out; with none left there is no value."""
    sides = ([4.0, math.nan], [3.0, 3.0], [2.0, 4.0], [3.0, 3.0])
    assert fair.value_unfairness(*sides) == 2.0
    assert math.isnan(fair.value_unfairness([math.nan], [1.0], [1.0], [1.0]))
    with pytest.raises(ValueError, match=r"must have one length; got \[1, 2, 1, 1\]"):
        fair.value_unfairness([1.0], [1.0, 2.0], [1.0], [1.0])


def test_item_means_from_rows() -> None:
    """Two ratings of one item within the group, one outside, an item without any."""
    inside = [True, True, False]
    group, others = fair.item_means([0, 0, 0], [5.0, 3.0, 1.0], inside, 2)
    assert group == pytest.approx([4.0, math.nan], nan_ok=True)
    assert others == pytest.approx([1.0, math.nan], nan_ok=True)
    with pytest.raises(ValueError, match="must have one shape"):
        fair.item_means([0], [1.0, 2.0], [True], 1)


def test_nonparity_of_predictions_and_of_means() -> None:
    """Means of all predictions, or the means themselves; an empty side is no side."""
    assert fair.nonparity_unfairness([4.0, 3.0], [2.0]) == 1.5
    assert fair.nonparity_unfairness(3.5, 3.0) == 0.5
    assert math.isnan(fair.nonparity_unfairness([], [1.0]))


def test_differential_fairness_by_hand() -> None:
    """(1 + 1) / (4 + 2) against (0 + 1) / (4 + 2), and an item that both get alike."""
    found = fair.differential_fairness([[1.0, 3.0], [0.0, 3.0]], [4, 4])
    assert found == pytest.approx(math.log(2) / 2)
    three = fair.differential_fairness([[1.0], [0.0], [3.0]], [4, 4, 4])
    assert three == pytest.approx(math.log(4))
    assert math.isnan(fair.differential_fairness([[1.0]], [4]))
    with pytest.raises(ValueError, match="one row per group, 2; got shape"):
        fair.differential_fairness([[1.0]], [4, 4])
