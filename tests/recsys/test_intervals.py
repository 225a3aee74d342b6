"""Intervals and tests, against scipy, by enumeration and by law."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from suffuse.recsys import intervals

VALUES = np.random.default_rng(0).beta(0.5, 2.0, 400)


def test_the_normal_interval_is_that_of_scipy() -> None:
    """Users without a value do not count."""
    low, high = stats.norm.interval(0.9, VALUES.mean(), stats.sem(VALUES))
    found = intervals.normal_interval([*VALUES, np.nan], ci=0.9)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.n == 400


@pytest.mark.parametrize("size", [400, 20_000])
def test_the_bootstrap_agrees_with_scipy(size: int) -> None:
    """Few distinct values and many, which are grouped."""
    values = np.random.default_rng(1).beta(0.5, 2.0, size)
    found = intervals.bootstrap_interval(values, n_replicates=4000)
    if size == 400:
        other = stats.bootstrap(
            (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
        ).confidence_interval
        expected = (other.low, other.high)
    else:
        expected = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    width = expected[1] - expected[0]
    assert found.low == pytest.approx(expected[0], abs=0.06 * width)
    assert found.high == pytest.approx(expected[1], abs=0.06 * width)


def test_grouping_keeps_the_spread() -> None:
    """A hundred thousand distinct values: the replicates vary as the mean does."""
    values = np.random.default_rng(3).standard_gamma(0.3, 100_000)
    means = intervals.bootstrap_means(values, n_replicates=4000)
    assert means.mean() == pytest.approx(values.mean(), abs=4 * stats.sem(values) / 60)
    assert means.std() == pytest.approx(stats.sem(values), rel=0.05)


def test_the_bootstrap_covers() -> None:
    """Of 300 samples about 95 % have the true mean inside."""
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(300):
        found = intervals.bootstrap_interval(rng.binomial(5, 0.3, 200), n_replicates=300)
        inside += found.low <= 1.5 <= found.high
    assert 0.90 <= inside / 300 <= 0.99


def test_clusters_of_one_are_the_plain_interval() -> None:
    """Up to the factor between n and n - 1, which both have."""
    plain = intervals.normal_interval(VALUES)
    alone = intervals.clustered_interval(VALUES, np.arange(len(VALUES)))
    assert (alone.low, alone.high) == pytest.approx((plain.low, plain.high))


def test_copies_add_nothing_to_what_is_known() -> None:
    """Every user four times: the plain interval halves, the clustered one does not."""
    values, clusters = np.repeat(VALUES, 4), np.repeat(np.arange(len(VALUES)), 4)
    plain, honest = (
        intervals.normal_interval(VALUES),
        intervals.clustered_interval(values, clusters),
    )
    assert (honest.low, honest.high) == pytest.approx((plain.low, plain.high))
    naive = intervals.normal_interval(values)
    assert naive.high - naive.low < 0.51 * (plain.high - plain.low)
    with pytest.raises(ValueError, match="clusters must be one per value"):
        intervals.clustered_interval([1.0], [1, 2])


@pytest.mark.parametrize("values", [[], [np.nan], [0.5]])
def test_too_few_users(values: list[float]) -> None:
    """NaN where nothing can be said, and no warning."""
    for found in (
        intervals.normal_interval(values),
        intervals.clustered_interval(values, np.zeros(len(values))),
    ):
        assert np.isnan(found.low)
    assert np.isnan(intervals.paired_t(np.array(values)[:0]))
    assert np.isnan(intervals.sign_flip([]))
    assert np.isnan(intervals.effect_size([1.0]))


def test_paired_t_is_that_of_scipy() -> None:
    """Two-sided."""
    other = VALUES[::-1] * 1.02
    expected = stats.ttest_rel(VALUES, other).pvalue
    assert intervals.paired_t(VALUES - other) == pytest.approx(expected)


@settings(deadline=None, max_examples=20)
@given(arrays(np.float64, st.integers(1, 7), elements=st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.0])))
def test_sign_flips_agree_with_all_of_them(differences: np.ndarray) -> None:
    """The share of the assignments of signs whose sum is as far from 0."""
    sums = [
        abs(float(np.dot(signs, differences)))
        for signs in itertools.product([-1, 1], repeat=len(differences))
    ]
    exact = np.mean(np.array(sums) >= abs(float(differences.sum())) - 1e-12)
    assert intervals.sign_flip(differences) == pytest.approx(exact, abs=0.025)


def test_sign_flips_of_many_values_agree_with_t() -> None:
    """Grouped values keep their spread."""
    differences = np.random.default_rng(5).normal(0.0, 1.0, 30_000)
    expected = intervals.paired_t(differences)
    assert 0.02 < expected < 0.9
    assert intervals.sign_flip(differences) == pytest.approx(expected, abs=0.02)


def test_a_p_value_is_never_zero() -> None:
    """``(b + 1) / (n + 1)``: what was found is one of the assignments."""
    assert intervals.sign_flip(np.ones(500), n_flips=99) == 0.01


def test_holm_by_hand_and_bounds() -> None:
    """Between the p value and Bonferroni's; NaN does not count as a test."""
    given_p = np.array([0.04, 0.01, np.nan, 0.03, 0.5])
    found = intervals.holm(given_p)
    assert found[[0, 1, 3, 4]].tolist() == pytest.approx([0.09, 0.04, 0.09, 0.5])
    assert np.isnan(found[2])
    assert intervals.holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_effect_size() -> None:
    """Mean over standard deviation; 0 where nothing differs; not defined without spread."""
    assert intervals.effect_size([0.0, 2.0, 4.0]) == pytest.approx(1.0)
    assert intervals.effect_size([0.0, 0.0]) == 0.0
    assert np.isnan(intervals.effect_size([0.1, 0.1, 0.1]))
    assert intervals.paired_t([0.1, 0.1, 0.1]) < 1e-12


@pytest.mark.parametrize("ci", [0.0, 1.0, 95])
def test_bad_levels_are_refused(ci: float) -> None:
    """95 is not 0.95."""
    with pytest.raises(ValueError, match=rf"ci must be a number in \(0, 1\); got {ci}"):
        intervals.normal_interval(VALUES, ci=ci)
