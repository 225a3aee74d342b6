"""Intervals of comparisons of groups."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from suffuse.recsys import group_intervals as intervals
from suffuse.recsys.groups import Groups
from suffuse.recsys.list_checks import add_exposure

NAMES = ("a", "b", "c")
MEASURES = ["user_gap", "user_ratio", "user_std", "user_worst", "user_mad"]


def world(
    rng: np.random.Generator, size: int, tilt: float
) -> tuple[npt.NDArray[np.float64], Groups]:
    """Utilities 0 or 1 of three groups; the last is served worse by ``tilt``."""
    codes = np.repeat([0, 1, 2], size)
    served = rng.random(3 * size) < np.where(codes == 2, 0.5 - tilt, 0.5)
    return served.astype(float), Groups(codes, NAMES)


@pytest.mark.parametrize("tilt", [0.0, 0.3])
def test_intervals_hold_the_truth_as_often_as_they_say(tilt: float) -> None:
    """Of 200 samples at least nine in ten, for every comparison, fair or not."""
    rng = np.random.default_rng(1)
    means = np.array([0.5, 0.5, 0.5 - tilt])
    pairs = np.abs(means[:, None] - means[None, :])
    truth = dict(zip(MEASURES, [tilt, 1 - 2 * tilt, means.std(), means.min(), 0.0], strict=True))
    truth["user_mad"] = pairs.sum() / 6
    held = dict.fromkeys(MEASURES, 0)
    for _ in range(200):
        values, groups = world(rng, 60, tilt)
        found = intervals.group_comparisons(values, groups, ci=0.9, random_state=rng)
        for name in MEASURES:
            held[name] += found[name].low <= truth[name] + 1e-12 <= found[name].high + 2e-12
    assert min(held.values()) >= 174, held


def test_a_large_difference_is_sure_and_none_is_not() -> None:
    """The gap of unequal groups is above 0 with confidence, that of equal ones is not."""
    rng = np.random.default_rng(0)
    values, groups = world(rng, 3000, 0.3)
    assert intervals.group_comparisons(values, groups)["user_gap"].low > 0.2
    values, groups = world(rng, 3000, 0.0)
    assert intervals.group_comparisons(values, groups)["user_gap"].low == 0.0


def test_two_groups_have_the_interval_of_their_difference() -> None:
    """About Welch's, on either side of the normal limit of the noise."""
    rng = np.random.default_rng(0)
    for size in (400, 1500):
        codes = np.repeat([0, 1], size)
        values = rng.random(2 * size) + 0.5 * codes
        found = intervals.group_comparisons(values, Groups(codes, NAMES[:2]))["user_gap"]
        welch = stats.ttest_ind(values[size:], values[:size], equal_var=False)
        low, high = welch.confidence_interval(0.95)
        assert found.low == pytest.approx(low, abs=0.1 * (high - low))
        assert found.high == pytest.approx(high, abs=0.1 * (high - low))


def test_identical_groups_and_too_few() -> None:
    """Gap 0, ratio 1, without doubt; one group, small groups and NaN are no comparison."""
    groups = Groups(np.repeat([0, 1], 10), NAMES[:2])
    found = intervals.group_comparisons(np.full(20, 0.5), groups)
    assert found["user_gap"] == (0.0, 0.0, 0.0, 20)
    assert found["user_ratio"] == (1.0, 1.0, 1.0, 20)
    assert found["user_worst"] == (0.5, 0.5, 0.5, 20)
    assert list(found) == MEASURES
    for few in (
        intervals.group_comparisons(np.ones(20), groups, min_size=11),
        intervals.group_comparisons(np.ones(20), Groups(np.zeros(20, int), NAMES[:1])),
    ):
        for estimate in few.values():
            assert np.isnan(estimate[:3]).all()
    nothing = intervals.group_comparisons(np.zeros(20), groups)
    assert np.isnan(nothing["user_ratio"][:3]).tolist() == [True, True, False]


def test_noise_of_the_means() -> None:
    """Its spread is the standard error of the mean, for few users and for many; empty is NaN."""
    rng = np.random.default_rng(0)
    values = rng.random(2040)
    codes = np.repeat([0, 1], [40, 2000])
    noise = intervals.group_noise(values, codes, 3, n_replicates=4000)
    assert np.isnan(noise[:, 2]).all()
    for group, size in ((0, 40), (1, 2000)):
        error = values[codes == group].std(ddof=1) / size**0.5
        assert noise[:, group].std() == pytest.approx(error, rel=0.05)
    same = intervals.group_noise(values, codes, 3, n_replicates=4000)
    assert np.array_equal(noise, same, equal_nan=True)


def test_differences_are_welchs() -> None:
    """Value, interval and p against scipy, group by group, and Holm over the groups."""
    rng = np.random.default_rng(0)
    values, groups = rng.random(90), Groups(np.repeat([0, 1, 2], 30), NAMES)
    frame = intervals.group_differences(values, groups)
    for row, code in zip(frame.to_dict("records"), range(3), strict=True):
        own, rest = values[groups.codes == code], values[groups.codes != code]
        welch = stats.ttest_ind(own, rest, equal_var=False)
        assert row["p"] == pytest.approx(welch.pvalue)
        assert (row["low"], row["high"]) == pytest.approx(tuple(welch.confidence_interval(0.95)))
        assert row["difference"] == pytest.approx(own.mean() - rest.mean())
        assert row["n_users"] == 30
    assert frame["p_holm"].min() == pytest.approx(3 * frame["p"].min())
    one = intervals.group_differences(values, Groups(np.zeros(90, int), NAMES[:1]))
    assert one["difference"].isna().all()


def test_the_interval_of_gini_is_that_of_samples() -> None:
    """The half-width against the spread over 400 samples of the same kind."""
    rng = np.random.default_rng(0)
    samples = [intervals.gini_estimate(rng.random(300) ** 2) for _ in range(400)]
    spread = np.std([sample.value for sample in samples])
    widths = [sample.high - sample.low for sample in samples]
    assert np.mean(widths) == pytest.approx(2 * 1.96 * spread, rel=0.1)
    assert intervals.gini_estimate([0.5]).n == 1
    assert np.isnan(intervals.gini_estimate([0.0, 0.0]).low)


def test_the_interval_of_a_percentile() -> None:
    """It holds the true tenth percentile as often as it says; nobody has none."""
    rng = np.random.default_rng(0)
    found = [intervals.percentile_estimate(rng.random(100)) for _ in range(300)]
    assert sum(each.low <= 0.1 <= each.high for each in found) >= 0.93 * 300
    assert intervals.percentile_estimate([math.nan]).n == 0


def test_errors_of_shares_are_those_of_drawing_users_anew() -> None:
    """Against a bootstrap of whole lists, with lists of different length."""
    rng = np.random.default_rng(0)
    lists = np.argsort(rng.random((300, 6)), axis=1).astype(np.int32)
    lists[rng.random((300, 6)) < 0.2] = -1
    groups = Groups(np.array([0, 0, 1, 1, 2, 2]), NAMES)
    weights = np.array([1.0, 0.6, 0.5, 0.4])
    shares, errors = intervals.share_errors(lists, groups, weights)
    drawn = []
    for _ in range(500):
        exposure = np.zeros(6)
        add_exposure(lists[rng.integers(0, 300, 300)], weights, exposure)
        drawn.append(exposure.reshape(3, 2).sum(axis=1) / exposure.sum())
    assert shares == pytest.approx(np.mean(drawn, axis=0), abs=0.005)
    assert errors == pytest.approx(np.std(drawn, axis=0), rel=0.15)
