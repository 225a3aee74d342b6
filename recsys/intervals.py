"""How sure a mean is, and a difference: intervals, tests and the size of an effect.

A value per user is the primary result. Users are taken as a sample of the users there might have
been; lists and test rows as given. Resampling goes through the histogram of distinct values, so
that a thousand replicates of a million users take about a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy import stats

from .inputs import checked_count, checked_number

Values = npt.NDArray[np.float64]

#: distinct values beyond which they are grouped, the spread within a group drawn as normal
_N_BINS = 1000


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval, over the users who have a value."""

    value: float
    low: float
    high: float
    n: int


def normal_interval(values: npt.ArrayLike, *, ci: float = 0.95) -> Interval:
    """``mean +- z s / sqrt(n)`` over the values that are not NaN.

    Parameters
    ----------
    values : array-like, shape (n_users,)
        One value per user; NaN says that the user has none.
    ci : float in (0, 1)
        Confidence level.

    Returns
    -------
    Interval
        NaN where there is no value; no interval around a single one.

    Examples
    --------
    >>> found = normal_interval([0.0, 1.0, np.nan])
    >>> found.value, found.n, round(found.high, 3)
    (0.5, 2, 1.48)
    """
    z = NormalDist().inv_cdf(0.5 + _level(ci) / 2)
    defined = _defined(values)
    n = len(defined)
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    mean = float(defined.mean())
    half = z * float(defined.std(ddof=1)) / n**0.5 if n > 1 else float("nan")
    return Interval(mean, mean - half, mean + half, n)


def bootstrap_interval(
    values: npt.ArrayLike,
    *,
    ci: float = 0.95,
    n_replicates: int = 1000,
    random_state: int | np.random.Generator | None = 0,
) -> Interval:
    """The percentile interval of the mean over resampled users (Efron, Ann. Statist. 7 (1979)).

    A replicate draws n users with replacement: how often each distinct value is drawn is
    multinomial. Beyond 1000 distinct values, neighbours are grouped, and what varies within a
    group is drawn from the normal distribution.

    Parameters
    ----------
    values : array-like, shape (n_users,)
        One value per user; NaN says that the user has none.
    ci : float in (0, 1)
        Confidence level.
    n_replicates : int
        How often users are drawn.
    random_state : int, Generator or None
        Where the draws come from.

    Returns
    -------
    Interval

    Examples
    --------
    >>> found = bootstrap_interval(np.repeat([0.0, 1.0], 200))
    >>> found.value, 0.44 < found.low < 0.46, 0.54 < found.high < 0.56
    (0.5, True, True)
    """
    level = _level(ci)
    defined = _defined(values)
    if len(defined) == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    means = bootstrap_means(defined, n_replicates=n_replicates, random_state=random_state)
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float(defined.mean()), float(low), float(high), len(defined))


def bootstrap_means(
    values: npt.ArrayLike,
    *,
    n_replicates: int = 1000,
    random_state: int | np.random.Generator | None = 0,
) -> Values:
    """Means of resampled users, shape (n_replicates,); see ``bootstrap_interval``.

    Parameters
    ----------
    values : array-like, shape (n_users,)
        One value per user, at least one, without NaN.
    n_replicates : int
        How often users are drawn.
    random_state : int, Generator or None
        Where the draws come from.

    Examples
    --------
    >>> bootstrap_means([1.0, 1.0], n_replicates=3).tolist()
    [1.0, 1.0, 1.0]
    """
    rng = np.random.default_rng(random_state)
    levels, variances, counts = _histogram(np.asarray(values, np.float64))
    n = int(counts.sum())
    drawn = rng.multinomial(n, counts / n, size=checked_count("n_replicates", n_replicates))
    sums = drawn @ levels
    if variances.any():
        sums += rng.standard_normal(n_replicates) * np.sqrt(drawn @ variances)
    return np.asarray(sums / n, np.float64)


def clustered_interval(
    values: npt.ArrayLike, clusters: npt.ArrayLike, *, ci: float = 0.95
) -> Interval:
    """The normal interval when users of one cluster need not be independent.

    ``s^2 = G / (G - 1) sum_g (sum_{u in g} (x_u - mean))^2 / n^2``: whole clusters are the sample
    (Liang, Zeger, Biometrika 73 (1986)). Friends are alike, so communities or components of a
    social graph make an honest choice; it is wider than the plain interval where they are.

    Parameters
    ----------
    values : array-like, shape (n_users,)
        One value per user; NaN says that the user has none.
    clusters : array-like, shape (n_users,)
        The cluster of each user.
    ci : float in (0, 1)
        Confidence level.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> alone = normal_interval([0.0, 0.0, 1.0, 1.0])
    >>> together = clustered_interval([0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"])
    >>> together.high > alone.high
    True
    """
    z = NormalDist().inv_cdf(0.5 + _level(ci) / 2)
    given, labels = np.asarray(values, np.float64), np.asarray(clusters)
    if given.shape != labels.shape:
        raise ValueError(f"clusters must be one per value; got {labels.shape} for {given.shape}")
    kept = ~np.isnan(given)
    defined = given[kept]
    if len(defined) == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    mean = float(defined.mean())
    _, codes = np.unique(labels[kept], return_inverse=True)
    sums = np.bincount(codes, weights=defined - mean)
    n_clusters = len(sums)
    if n_clusters < 2:
        return Interval(mean, float("nan"), float("nan"), len(defined))
    error = float(np.sqrt(n_clusters / (n_clusters - 1) * (sums**2).sum())) / len(defined)
    return Interval(mean, mean - z * error, mean + z * error, len(defined))


def paired_t(differences: npt.ArrayLike) -> float:
    """Two-sided p of Student's paired t test that the mean difference is 0.

    Parameters
    ----------
    differences : array-like, shape (n_users,)
        One difference per user, without NaN.

    Returns
    -------
    float
        1 where all differences are 0; NaN for fewer than two users.

    Examples
    --------
    >>> round(paired_t([1.0, 2.0, 3.0]), 4)
    0.0742
    """
    given = np.asarray(differences, np.float64)
    if len(given) < 2:
        return float("nan")
    error = _spread(given) / len(given) ** 0.5
    if error == 0.0:
        return 1.0 if given[0] == 0.0 else 0.0
    return float(2.0 * stats.t.sf(abs(float(given.mean())) / error, len(given) - 1))


def sign_flip(
    differences: npt.ArrayLike,
    *,
    n_flips: int = 10_000,
    random_state: int | np.random.Generator | None = 0,
) -> float:
    """Two-sided p of the randomisation test that flips the signs of paired differences.

    ``p = (b + 1) / (n_flips + 1)``, b the flips whose sum is at least as far from 0 as the one
    found (Fisher; the form of Phipson, Smyth (2010), which is never 0).

    Parameters
    ----------
    differences : array-like, shape (n_users,)
        One difference per user, without NaN.
    n_flips : int
        How many random assignments of signs are drawn.
    random_state : int, Generator or None
        Where they come from.

    Returns
    -------
    float
        NaN without users.

    Examples
    --------
    >>> sign_flip([0.0, 0.0])
    1.0
    >>> sign_flip(np.ones(30), n_flips=999)
    0.001
    """
    given = np.asarray(differences, np.float64)
    if len(given) == 0:
        return float("nan")
    rng = np.random.default_rng(random_state)
    levels, variances, counts = _histogram(np.abs(given))
    # Of c differences of one size, the number that keep their sign is binomial.
    up = rng.binomial(counts, 0.5, size=(checked_count("n_flips", n_flips), len(counts)))
    sums = (2.0 * up - counts) @ np.sqrt(levels**2 + variances)
    found = abs(float(given.sum()))
    beyond = int((np.abs(sums) >= found * (1 - 1e-12) - 1e-15).sum())
    return (beyond + 1) / (n_flips + 1)


def holm(p_values: npt.ArrayLike) -> Values:
    """P values that stay valid when any of them may be looked at; shape of ``p_values``.

    Holm's step-down (Scand. J. Statist. 6 (1979)): in rising order, ``max_{j<=i} (m - j + 1)
    p_(j)``, at most 1. NaN stays NaN and does not count.

    Parameters
    ----------
    p_values : array-like, shape (m,)
        P values of m tests.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, np.float64)
    adjusted = np.full(given.shape, np.nan)
    kept = np.flatnonzero(~np.isnan(given))
    order = kept[np.argsort(given[kept], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def effect_size(differences: npt.ArrayLike) -> float:
    """``d_z``: the mean paired difference in units of its standard deviation.

    About 0.2 is called small, 0.5 medium, 0.8 large (Cohen, 1988). Unlike p it does not grow with
    the number of users.

    Parameters
    ----------
    differences : array-like, shape (n_users,)
        One difference per user, without NaN.

    Returns
    -------
    float
        0 where all differences are 0; NaN for fewer than two users, or where all are equal.

    Examples
    --------
    >>> effect_size([1.0, 2.0, 3.0])
    2.0
    """
    given = np.asarray(differences, np.float64)
    if len(given) < 2:
        return float("nan")
    if not given.any():
        return 0.0
    spread = _spread(given)
    return float(given.mean()) / spread if spread > 0 else float("nan")


def _level(ci: float) -> float:
    return checked_number("ci", ci, high=1.0, above=True, below=True)


def _spread(values: Values) -> float:
    """Standard deviation, 0 where all values are equal but for rounding."""
    spread = float(values.std(ddof=1))
    return spread if spread > 1e-12 * float(np.abs(values).max()) else 0.0


def _defined(values: npt.ArrayLike) -> Values:
    given = np.asarray(values, np.float64)
    missing = np.isnan(given)
    return given[~missing] if missing.any() else given


def _histogram(values: Values) -> tuple[Values, Values, npt.NDArray[np.int64]]:
    """Distinct values, the variance behind each, and how often it occurs.

    Many distinct values become groups of neighbours of about equal size: then the variance of a
    group is that of its members.
    """
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) <= _N_BINS:
        return levels, np.zeros(len(levels)), counts
    group = (np.cumsum(counts) - counts) * _N_BINS // len(values)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.add.reduceat(counts, starts)
    means = np.add.reduceat(levels * counts, starts) / sizes
    centred = (levels - np.repeat(means, np.diff(np.append(starts, len(levels))))) ** 2 * counts
    return means, np.add.reduceat(centred, starts) / sizes, sizes
