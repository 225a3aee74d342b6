"""Concentration between the values that lists can reach."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest

from suffuse.recsys import beyond
from suffuse.recsys.reachable import corrected, extreme_exposures, satisfied

MEASURES = [beyond.gini, beyond.jain, beyond.entropy, beyond.coverage]


def reached(lengths: list[int]) -> list[tuple[int, ...]]:
    """All exposures of four items that lists of these lengths can have."""
    counts = {(0, 0, 0, 0)}
    for length in lengths:
        shown = list(combinations(range(4), length))
        counts = {
            tuple(c + (i in row) for i, c in enumerate(count)) for count in counts for row in shown
        }
    return sorted(counts)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("lengths", [[2, 2, 2], [1, 3], [2, 0, 1], [1]])
def test_no_lists_lie_outside_the_extremes(
    measure: Callable[..., float], lengths: list[int]
) -> None:
    """Every way of filling the lists; the ends are reached and the corrected form is in [0, 1]."""
    values = [measure(count) for count in reached(lengths)]
    ends = sorted(measure(each) for each in extreme_exposures(4, lengths))
    assert ends == pytest.approx([min(values), max(values)])
    found = [corrected(measure, count, lengths) for count in reached(lengths)]
    if ends[0] == pytest.approx(ends[1]):
        assert np.isnan(found).all()
    else:
        assert (min(found), max(found)) == (0.0, 1.0)


def test_the_corrected_gini_is_the_same_by_either_way() -> None:
    """The closed bounds of the index, and the extremes themselves."""
    lengths = [2, 3, 1]
    for count in reached(lengths):
        one, other = beyond.gini_corrected(count, lengths), corrected(beyond.gini, count, lengths)
        assert one == pytest.approx(other, abs=1e-12)


def test_satisfied_items_by_hand() -> None:
    """Seven places for four items: one each is enough; nothing shown satisfies nobody."""
    assert satisfied([5, 1, 0, 1]) == 0.75
    assert satisfied([2, 2, 2, 1]) == 1.0
    assert math.isnan(satisfied([0, 0]))
    assert math.isnan(satisfied([]))


def test_lists_longer_than_the_catalogue_are_refused() -> None:
    """As by the bounds of the index."""
    with pytest.raises(ValueError, match="from 0 to n_items, 4; got 5"):
        extreme_exposures(4, [5])
