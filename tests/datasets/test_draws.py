"""Weighted draws within groups, distinct pairs, power laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets.draws import (
    GroupSampler,
    contains,
    distinct_pairs,
    distinct_ties,
    power_law,
)


def test_members_are_drawn_by_their_weight_within_the_span() -> None:
    """Observed counts against the exact probabilities, chi-square with 3 and 2 members."""
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    groups = np.array([0, 1, 0, 1, 0])
    sampler = GroupSampler.of(weights, groups, 2)
    n, rng = 60_000, np.random.default_rng(0)
    for first, after, members in ((0, 1, [0, 2, 4]), (1, 2, [1, 3]), (0, 2, [0, 1, 2, 3, 4])):
        drawn = sampler.draw(rng, np.full(n, first), np.full(n, after))
        assert set(drawn.tolist()) == set(members)
        expected = n * weights[members] / weights[members].sum()
        observed = np.bincount(drawn, minlength=5)[members]
        # The 0.999 quantile of chi-square with 4 degrees of freedom is 18.5.
        assert ((observed - expected) ** 2 / expected).sum() < 18.5


def test_only_the_chosen_members_are_drawn() -> None:
    """A sampler of some of the members never returns another one."""
    sampler = GroupSampler.of(np.ones(6), np.array([0, 0, 1, 1, 2, 2]), 3, np.array([1, 4]))
    drawn = sampler.draw(np.random.default_rng(0), np.zeros(99, int), np.full(99, 3))
    assert set(drawn.tolist()) == {1, 4}


@given(st.lists(st.integers(0, 8), min_size=1, max_size=12), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_everybody_gets_as_many_different_partners_as_wanted(wanted: list[int], seed: int) -> None:
    """No repetition, no pair that is taken, the right number each."""
    rng, n_second = np.random.default_rng(seed), 40
    taken = np.arange(len(wanted)) * n_second
    keys = distinct_pairs(
        np.array(wanted), n_second, lambda users: rng.integers(0, n_second, len(users)), taken
    )
    assert (np.diff(keys) > 0).all()
    assert np.bincount(keys // n_second, minlength=len(wanted)).tolist() == wanted
    assert not set(keys.tolist()) & set(taken.tolist())


def test_whoever_cannot_be_served_stays_short() -> None:
    """Five different items out of three: three, and no endless loop."""
    rng = np.random.default_rng(0)
    keys = distinct_pairs(np.array([5]), 3, lambda users: rng.integers(0, 3, len(users)))
    assert keys.tolist() == [0, 1, 2]


@given(st.integers(2, 12), st.integers(0, 60), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_ties_are_distinct_and_lead_to_others(n: int, n_ties: int, seed: int) -> None:
    """low < high, no tie twice, never more than asked for."""
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, n, n_ties)
    keys = distinct_ties(sources, n, lambda who, step: rng.integers(0, n, len(who)))
    assert (np.diff(keys) > 0).all()
    assert (keys // n < keys % n).all()
    assert len(keys) <= min(n_ties, n * (n - 1) // 2)


@given(st.lists(st.integers(), min_size=1), st.lists(st.integers()))
@settings(deadline=None, max_examples=60)
def test_contains_agrees_with_a_set(known: list[int], values: list[int]) -> None:
    """The oracle is a Python set."""
    small = [value % 50 for value in known]
    asked = np.array([value % 60 for value in values], dtype=np.int64)
    got = contains(np.array(sorted(small)), asked)
    assert got.tolist() == [value in set(small) for value in asked.tolist()]


def test_the_tail_is_a_power_law() -> None:
    """P(X > x) = x**-1.5 before scaling: the Hill estimate of the exponent is 1.5 (4 sigma)."""
    n = 40_000
    values = power_law(np.random.default_rng(0), n, np.inf)
    hill = 1 / np.log(values / values.min()).mean()
    assert hill == pytest.approx(1.5, abs=4 * 1.5 / np.sqrt(n))
    capped = power_law(np.random.default_rng(0), n, 10.0)
    assert capped.max() / capped.min() == pytest.approx(10.0, rel=1e-3)
    assert capped.mean() == pytest.approx(1.0)
