"""How sure comparisons of groups are: between groups of users, of one utility, of exposure.

The gap between the best and the worst of several groups is never 0 in a sample, even where all
are served alike, and resampling only adds to it. So intervals of comparisons are made the other
way round: the noise of the groups' means is drawn, and what the comparison makes of noise alone
says how far it can be off. Such an interval holds whichever groups turn out best and worst.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from .fairness_users import (
    group_gap,
    group_mad,
    group_means,
    group_ratio,
    group_sizes,
    group_std,
    group_worst,
    low_percentile,
    utility_gini,
)
from .groups import Groups
from .inputs import checked_count, checked_number
from .intervals import bootstrap_means, holm
from .list_checks import Codes, Values, add_group_moments, item_table, ratio

#: users of a group from which on the noise of its mean is drawn as normal
_N_NORMAL = 1000
_N_REPLICATES = 1000


class Estimate(NamedTuple):
    """A number with its confidence interval and how many it rests on."""

    value: float
    low: float
    high: float
    n: int


def group_noise(
    values: npt.ArrayLike,
    groups: npt.ArrayLike,
    n_groups: int,
    *,
    n_replicates: int = _N_REPLICATES,
    random_state: int | np.random.Generator | None = 0,
) -> Values:
    """How far the mean of each group is off when its users are drawn anew.

    Bootstrap within the group; for more than 1000 users from its limit, the normal distribution.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A metric per user; NaN is left out.
    groups : array_like of int, shape (n_users,)
        The group of each user.
    n_groups : int
        Number of groups.
    n_replicates : int
        How often users are drawn.
    random_state : int, Generator or None
        Where the draws come from.

    Returns
    -------
    ndarray of shape (n_replicates, n_groups)
        NaN for a group without users.

    Examples
    --------
    >>> group_noise([1.0, 1.0, 2.0], [0, 0, 1], 2, n_replicates=2).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    rng = np.random.default_rng(random_state)
    numbers, codes = item_table(values, "values"), np.asarray(groups)
    noise = np.full((checked_count("n_replicates", n_replicates), n_groups), np.nan)
    known = ~np.isnan(numbers)
    for group in range(n_groups):
        own = numbers[(codes == group) & known]
        if len(own) > _N_NORMAL:
            error = float(own.std(ddof=1)) / len(own) ** 0.5
            noise[:, group] = rng.normal(0.0, error, n_replicates)
        elif len(own):
            means = bootstrap_means(own, n_replicates=n_replicates, random_state=rng)
            # a mean of few users varies too little by n / (n - 1) when they are drawn anew
            wider = (len(own) / max(len(own) - 1, 1)) ** 0.5
            noise[:, group] = wider * (means - own.mean())
    return noise


def group_comparisons(
    values: npt.ArrayLike,
    groups: Groups,
    *,
    ci: float = 0.95,
    min_size: int = 10,
    random_state: int | np.random.Generator | None = 0,
) -> dict[str, Estimate]:
    """Gap, ratio, std, worst and mad of the groups' mean utilities, with intervals.

    For gap, std and mad, which obey the triangle inequality, the value T lies within ``T(noise)``
    of the truth; for worst and ratio every group's mean lies within the largest noise of all
    groups. ``ci`` is the share of replicates in which it does, for all groups at once.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A utility per user; NaN is left out.
    groups : Groups
        The group of each user.
    ci : float in (0, 1)
        Confidence level.
    min_size : int
        Groups with fewer users are left out.
    random_state : int, Generator or None
        Where the draws come from.

    Returns
    -------
    dict of str to Estimate
        Keys ``user_gap, user_ratio, user_std, user_worst, user_mad``; all NaN for fewer than two
        groups.

    Examples
    --------
    >>> groups = Groups(np.repeat([0, 1], 50), ("new", "old"))
    >>> found = group_comparisons(np.repeat([0.0, 1.0], 50), groups)
    >>> found["user_gap"]
    Estimate(value=1.0, low=1.0, high=1.0, n=100)
    """
    level = checked_number("ci", ci, high=1.0, above=True, below=True)
    n_groups = len(groups.names)
    means = group_means(values, groups.codes, n_groups=n_groups, min_size=min_size)
    kept = ~np.isnan(means)
    n = int(group_sizes(values, groups.codes, n_groups=n_groups)[kept].sum())
    measures = {"gap": group_gap, "std": group_std, "mad": group_mad}
    if kept.sum() < 2:
        nothing = Estimate(float("nan"), float("nan"), float("nan"), n)
        return {f"user_{name}": nothing for name in ("gap", "ratio", "std", "worst", "mad")}
    noise = group_noise(values, groups.codes, n_groups, random_state=random_state)[:, kept]
    ordered = np.sort(noise, axis=1)
    apart = {
        "gap": ordered[:, -1] - ordered[:, 0],
        "std": noise.std(axis=1),
        "mad": _mean_differences(ordered),
    }
    found = {}
    for name, measure in measures.items():
        value, off = measure(means), float(np.quantile(apart[name], level))
        found[f"user_{name}"] = Estimate(value, max(value - off, 0.0), value + off, n)
    off = float(np.quantile(np.abs(noise).max(axis=1), level))
    worst, best = group_worst(means), float(np.nanmax(means))
    least = float(np.nanmin(item_table(values, "values")))
    found["user_worst"] = Estimate(worst, max(worst - off, min(least, 0.0)), worst + off, n)
    lowest = max(worst - off, 0.0) / (best + off) if best + off > 0 else float("nan")
    highest = min((worst + off) / (best - off), 1.0) if best > off else 1.0
    found["user_ratio"] = Estimate(group_ratio(means), lowest, max(highest, lowest), n)
    order = ("gap", "ratio", "std", "worst", "mad")
    return {f"user_{name}": found[f"user_{name}"] for name in order}


def group_differences(
    values: npt.ArrayLike, groups: Groups, *, ci: float = 0.95, min_size: int = 10
) -> pd.DataFrame:
    """Each group beside all other users: who is served worse, by how much, how surely.

    Welch's t interval and test of the difference of means; ``p_holm`` stays valid when all groups
    are looked at (Holm).

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A utility per user; NaN is left out.
    groups : Groups
        The group of each user.
    ci : float in (0, 1)
        Confidence level of each interval by itself.
    min_size : int
        With fewer users in the group, or outside of it, the row is NaN.

    Returns
    -------
    DataFrame
        Columns ``group, value, rest, difference, low, high, p, p_holm, n_users``; negative
        differences are groups that are served worse than the rest.

    Examples
    --------
    >>> groups = Groups(np.repeat([0, 1], 10), ("new", "old"))
    >>> found = group_differences(np.tile([0.0, 1.0], 10), groups)
    >>> found["difference"].tolist(), found["p_holm"].tolist()
    ([0.0, 0.0], [1.0, 1.0])
    """
    level = checked_number("ci", ci, high=1.0, above=True, below=True)
    numbers = item_table(values, "values")
    known = ~np.isnan(numbers)
    rows = []
    for code, label in enumerate(groups.names):
        inside = groups.codes == code
        rows.append(
            (label, *_welch(numbers[inside & known], numbers[~inside & known], level, min_size))
        )
    columns = ["group", "value", "rest", "difference", "low", "high", "p", "n_users"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.insert(7, "p_holm", holm(frame["p"].to_numpy(dtype=np.float64)))
    return frame


def gini_estimate(values: npt.ArrayLike, *, ci: float = 0.95) -> Estimate:
    """Gini index of the utility of single users, with its normal interval.

    Standard error by linearisation (Davidson, J. Econometrics 150 (2009), eq. 19).

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A utility of at least 0 per user; NaN is left out.
    ci : float in (0, 1)
        Confidence level.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> gini_estimate([0.0, 1.0] * 200).value
    0.5
    """
    z = NormalDist().inv_cdf(0.5 + checked_number("ci", ci, high=1.0, above=True, below=True) / 2)
    numbers = item_table(values, "values")
    ordered = np.sort(numbers[~np.isnan(numbers)])
    n, value = len(ordered), utility_gini(ordered)
    if n < 2 or np.isnan(value):
        return Estimate(value, float("nan"), float("nan"), n)
    places = np.arange(1, n + 1)
    pull = -(value + 1) * ordered + (2 * places - 1) / n * ordered - 2 / n * np.cumsum(ordered)
    half = z * float(np.sqrt(((pull - pull.mean()) ** 2).sum())) / (n * float(ordered.mean()))
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0), n)


def percentile_estimate(
    values: npt.ArrayLike, *, percent: float = 10.0, ci: float = 0.95
) -> Estimate:
    """A percentile of the utility, between two order statistics.

    How many of n users fall below the true percentile is binomial, which needs no assumption on
    the utility.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A utility per user; NaN is left out.
    percent : float in [0, 100]
        Which percentile.
    ci : float in (0, 1)
        Confidence level.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> percentile_estimate(np.arange(101.0))
    Estimate(value=10.0, low=4.0, high=16.0, n=101)
    """
    level = checked_number("ci", ci, high=1.0, above=True, below=True)
    value, numbers = low_percentile(values, percent=percent), item_table(values, "values")
    ordered = np.sort(numbers[~np.isnan(numbers)])
    n = len(ordered)
    if n == 0:
        return Estimate(value, float("nan"), float("nan"), 0)
    below = float(stats.binom.ppf(0.5 - level / 2, n, percent / 100)) - 1
    above = float(stats.binom.ppf(0.5 + level / 2, n, percent / 100))
    low, high = (int(min(max(place, 0), n - 1)) for place in (below, above))
    return Estimate(value, float(ordered[low]), float(ordered[high]), n)


def share_errors(items: Codes, groups: Groups, weights: Values) -> tuple[Values, Values]:
    """Each group's share of the attention of all lists, and the standard error of that share.

    A share is a ratio of sums over users, ``sum_u x_ug / sum_u x_u``; the error is that of its
    linear part, ``sqrt(sum_u (x_ug - s_g x_u)^2) / sum_u x_u``.

    Parameters
    ----------
    items : ndarray of int32, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    groups : Groups
        The group of each item.
    weights : ndarray of shape (k,)
        Attention of each rank.

    Returns
    -------
    shares, errors : ndarray of shape (n_groups,)
        NaN where all lists are empty.

    Examples
    --------
    >>> lists = np.array([[0], [1], [0], [1]], np.int32)
    >>> shares, errors = share_errors(lists, Groups(np.array([0, 1]), ("a", "b")), np.ones(1))
    >>> shares.tolist(), errors.tolist()
    ([0.5, 0.5], [0.25, 0.25])
    """
    n = len(groups.names)
    sums, squares, products = np.zeros(n), np.zeros(n + 1), np.zeros(n)
    add_group_moments(items, groups.codes, weights, sums, squares, products)
    total = float(sums.sum())
    shares = ratio(sums, total)
    variance = squares[:n] - 2 * shares * products + shares**2 * squares[n]
    return shares, ratio(np.sqrt(np.maximum(variance, 0.0)), total)


def _mean_differences(ordered: Values) -> Values:
    """Mean absolute difference of two different entries of each ascending row."""
    n = ordered.shape[1]
    return np.asarray(ordered @ (2 * np.arange(1, n + 1) - n - 1) / (n * (n - 1) / 2))


def _welch(
    own: Values, rest: Values, level: float, min_size: int
) -> tuple[float, float, float, float, float, float, int]:
    """Means, their difference, its interval and p, and how many are in the group."""
    if min(len(own), len(rest)) < max(min_size, 2):
        return (*(float("nan"),) * 6, len(own))
    spread, other = float(own.var(ddof=1)) / len(own), float(rest.var(ddof=1)) / len(rest)
    apart, error = float(own.mean() - rest.mean()), (spread + other) ** 0.5
    if error == 0.0:
        p = 1.0 if apart == 0.0 else 0.0
        return float(own.mean()), float(rest.mean()), apart, apart, apart, p, len(own)
    freedom = (spread + other) ** 2 / (spread**2 / (len(own) - 1) + other**2 / (len(rest) - 1))
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(apart) / error, freedom))
    return float(own.mean()), float(rest.mean()), apart, apart - half, apart + half, p, len(own)
