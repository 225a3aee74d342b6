"""Fairness within a ranking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from suffuse.recsys import prefix_fairness as prefix

RANKING = st.lists(st.integers(0, 2), min_size=1, max_size=8)


@settings(deadline=None, max_examples=60)
@given(RANKING, st.sampled_from([0.0, 1e-7]), st.booleans())
def test_ndkl_by_its_definition(groups: list[int], smoothing: float, own: bool) -> None:
    """Beginning by beginning against scipy; trailing empty places change nothing."""
    n = max(groups) + 1 if own else 3
    shares = np.bincount(groups, minlength=n) / len(groups)
    target = shares if own else np.array([0.5, 0.25, 0.25])
    total = scale = 0.0
    for r in range(1, len(groups) + 1):
        seen = np.bincount(groups[:r], minlength=n) / r + smoothing
        fair = target + smoothing
        positive = seen > 0
        apart = (seen[positive] * np.log(seen[positive] / fair[positive])).sum()
        total += apart / math.log2(r + 1)
        scale += 1 / math.log2(r + 1)
    given_target = None if own else target
    found = prefix.ndkl([[*groups, -1], [*groups, -1]], given_target, smoothing=smoothing)
    assert found == pytest.approx([total / scale] * 2, abs=1e-9)


def test_ndkl_at_its_ends() -> None:
    """A perfect mix of one is 0; an empty list and a group without a share are NaN."""
    assert prefix.ndkl([[0, 0]], [1.0]).tolist() == [0.0]
    found = prefix.ndkl([[-1, -1], [0, 1]], [1.0, 0.0])
    assert np.isnan(found).all()
    assert np.isfinite(prefix.ndkl([[0, 1]], [1.0, 0.0], smoothing=1e-7)).all()
    with pytest.raises(ValueError, match="must have a share in target, 1; got 1"):
        prefix.ndkl([[1]], [1.0])
    with pytest.raises(ValueError, match="shape \\(n_lists, length\\)"):
        prefix.ndkl([0, 1])


@settings(deadline=None, max_examples=60)
@given(RANKING)
def test_rank_parity_pair_by_pair(groups: list[int]) -> None:
    """Mixed pairs won over mixed pairs; all pairs are won by somebody."""
    won, pairs = np.zeros(3), np.zeros(3)
    for above in range(len(groups)):
        for below in range(above + 1, len(groups)):
            if groups[above] != groups[below]:
                won[groups[above]] += 1
                pairs[[groups[above], groups[below]]] += 1
    found = prefix.rank_parity(groups, 3)
    for group in range(3):
        expected = won[group] / pairs[group] if pairs[group] else math.nan
        assert found[group] == pytest.approx(expected, nan_ok=True)


def test_rank_parity_needs_groups() -> None:
    """An empty place has no rank."""
    with pytest.raises(ValueError, match="at least 0; got -1"):
        prefix.rank_parity([0, -1], 1)


def test_beginnings_by_the_binomial_distribution() -> None:
    """By hand; protected items first are the best there can be."""
    assert prefix.prefix_fairness([True, False], 0.5) == pytest.approx((1 + 0.75) / 2)
    assert prefix.prefix_fairness([False, False], 0.5) == pytest.approx((0.5 + 0.25) / 2)
    marks = [False, True, False, True]
    by_hand = [stats.binom(r + 1, 0.3).cdf(sum(marks[: r + 1])) for r in range(4)]
    assert prefix.prefix_fairness(marks, 0.3) == pytest.approx(np.mean(by_hand))
    assert prefix.prefix_fairness([True, True], 0.5) == 1.0
    assert math.isnan(prefix.prefix_fairness([], 0.5))
