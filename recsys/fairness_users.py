"""Whether users are served alike: differences between groups, and between one user and the next.

A utility is any metric per user. ``groups`` are whole numbers from 0, one per user
(``suffuse.recsys.groups.codes_of`` makes them of labels). Comparisons of groups take the array of
the groups' values and leave out NaN, the value of a group that is empty or too small, so no ratio
ever divides by an empty group; with fewer than two values there is nothing to compare, and the
result is NaN.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .beyond import gini
from .inputs import checked_count, checked_number
from .list_checks import Values, item_table, ratio


def group_means(
    values: npt.ArrayLike, groups: npt.ArrayLike, *, n_groups: int | None = None, min_size: int = 1
) -> Values:
    """Mean utility of each group, NaN where it has fewer than ``min_size`` users.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A metric per user; NaN where it is not defined for a user, who is then left out.
    groups : array_like of int, shape (n_users,)
        The group of each user, from 0; negative for users of no group.
    n_groups : int, optional
        Number of groups; by default one more than the largest code.
    min_size : int
        Smallest number of users whose mean is worth anything.

    Returns
    -------
    ndarray of shape (n_groups,)

    Examples
    --------
    >>> group_means([0.0, 1.0, 0.5], [0, 0, 1]).tolist()
    [0.5, 0.5]
    >>> group_means([0.0, 1.0, 0.5], [0, 0, 1], min_size=2).tolist()
    [0.5, nan]
    """
    total, sizes = _sums(values, groups, n_groups)
    return np.where(sizes >= checked_count("min_size", min_size), ratio(total, sizes), np.nan)


def group_sizes(
    values: npt.ArrayLike, groups: npt.ArrayLike, *, n_groups: int | None = None
) -> npt.NDArray[np.int64]:
    """How many users with a value each group has.

    Parameters
    ----------
    values, groups, n_groups
        As in :func:`group_means`.

    Returns
    -------
    ndarray of int64, shape (n_groups,)

    Examples
    --------
    >>> group_sizes([0.0, 1.0, np.nan], [0, 0, 1]).tolist()
    [2, 0]
    """
    return _sums(values, groups, n_groups)[1]


def group_gap(group_values: npt.ArrayLike, *, overall: float | None = None) -> float:
    """Largest difference between groups, ``max_g U_g - min_g U_g``.

    For two groups it is the user-oriented group fairness of Li et al., WWW 2021.

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        Utility of each group, NaN for groups to leave out.
    overall : float, optional
        Compare with this, the value of all users: ``max_g |U_g - overall|``.

    Returns
    -------
    float
        At least 0; NaN for fewer than two groups.

    Examples
    --------
    >>> round(group_gap([0.3, 0.1, 0.2]), 10), round(group_gap([0.3, 0.1], overall=0.25), 10)
    (0.2, 0.15)
    """
    known = _known(group_values)
    if len(known) < 2:
        return float("nan")
    if overall is not None:
        return float(np.abs(known - overall).max())
    return float(known.max() - known.min())


def group_ratio(group_values: npt.ArrayLike, *, overall: float | None = None) -> float:
    """Worst group as a part of the best, ``min_g U_g / max_g U_g``; 1 where all are alike.

    One over it is the same comparison the other way round.

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        Utility of each group, at least 0, NaN for groups to leave out.
    overall : float, optional
        Compare with this: the smallest of ``U_g / overall`` and ``overall / U_g``.

    Returns
    -------
    float
        In [0, 1]; NaN for fewer than two groups, or where all are 0.

    Examples
    --------
    >>> group_ratio([0.5, 0.25, 1.0]), group_ratio([0.5, 0.25], overall=0.5)
    (0.25, 0.5)
    """
    known = _known(group_values)
    if len(known) < 2:
        return float("nan")
    if overall is None:
        return float(ratio(known.min(), known.max()))
    sides = ratio(np.minimum(known, overall), np.maximum(known, overall))
    return float(sides.min()) if not np.isnan(sides).all() else float("nan")


def group_std(group_values: npt.ArrayLike) -> float:
    """Population standard deviation of the groups' utilities; its square is the variance.

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        Utility of each group, NaN for groups to leave out.

    Returns
    -------
    float
        At least 0; NaN for fewer than two groups.

    Examples
    --------
    >>> group_std([1.0, 3.0])
    1.0
    """
    known = _known(group_values)
    return float(known.std()) if len(known) > 1 else float("nan")


def group_worst(group_values: npt.ArrayLike) -> float:
    """Utility of the group that is served worst, ``min_g U_g`` (Rawls).

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        Utility of each group, NaN for groups to leave out.

    Returns
    -------
    float
        NaN without groups.

    Examples
    --------
    >>> group_worst([0.3, 0.1, np.nan])
    0.1
    """
    known = _known(group_values)
    return float(known.min()) if len(known) else float("nan")


def group_mad(group_values: npt.ArrayLike) -> float:
    """Mean absolute difference of two different groups, ``mean_{g<h} |U_g - U_h|``.

    Deldjoo et al., UMUAI 2021.

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        Utility of each group, NaN for groups to leave out.

    Returns
    -------
    float
        At least 0; NaN for fewer than two groups.

    Examples
    --------
    >>> round(group_mad([0.3, 0.1, 0.2]), 6)
    0.133333
    """
    known = np.sort(_known(group_values))
    n = len(known)
    if n < 2:
        return float("nan")
    return float((2 * np.arange(1, n + 1) - n - 1) @ known / (n * (n - 1) / 2))


def group_deviation(group_values: npt.ArrayLike, *, largest: bool = False) -> float:
    """Mean absolute deviation of the groups from their mean, ``mean_g |U_g - mean U|``.

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        Utility of each group, NaN for groups to leave out.
    largest : bool
        The largest deviation instead of the mean one.

    Returns
    -------
    float
        At least 0; NaN for fewer than two groups.

    Examples
    --------
    >>> group_deviation([1.0, 2.0, 6.0]), group_deviation([1.0, 2.0, 6.0], largest=True)
    (2.0, 3.0)
    """
    known = _known(group_values)
    if len(known) < 2:
        return float("nan")
    apart = np.abs(known - known.mean())
    return float(apart.max() if largest else apart.mean())


def group_norm(group_values: npt.ArrayLike) -> float:
    """Euclidean length of the groups' values, ``sqrt(sum_g U_g^2)``.

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        Utility of each group, NaN for groups to leave out.

    Returns
    -------
    float
        NaN without groups.

    Examples
    --------
    >>> group_norm([3.0, 4.0])
    5.0
    """
    known = _known(group_values)
    return float(np.linalg.norm(known)) if len(known) else float("nan")


def utility_gini(values: npt.ArrayLike) -> float:
    """Gini index of the utility of single users: 0 all served alike, towards 1 only one is served.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A metric per user of at least 0; NaN is left out.

    Returns
    -------
    float
        In [0, 1); NaN where nobody is served.

    Examples
    --------
    >>> round(utility_gini([0, 0.5, 1.0]), 6)
    0.444444
    """
    return gini(_known(values))


def low_percentile(values: npt.ArrayLike, *, percent: float = 10.0) -> float:
    """Utility that so many percent of the users do not reach.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A metric per user; NaN is left out.
    percent : float in [0, 100]
        10 by default; 0 is the user who is served worst.

    Returns
    -------
    float
        Linear between the two nearest users; NaN without users.

    Examples
    --------
    >>> low_percentile([0.0, 0.5, 1.0], percent=25)
    0.25
    """
    known = _known(values)
    share = checked_number("percent", percent, high=100.0)
    return float(np.percentile(known, share)) if len(known) else float("nan")


def bias_disparity(listed: npt.ArrayLike, profile: npt.ArrayLike) -> Values:
    """How much more room categories of items have in lists than in profiles, ``(B_R - B_S) / B_S``.

    Bias is the share of a category over its share of the catalogue, which cancels (Tsintzou et
    al., 2018).

    Parameters
    ----------
    listed, profile : array_like, shape (..., n_categories)
        Share of each category among the recommended items, and among those that the users had,
        of all users of a group together.

    Returns
    -------
    ndarray of shape (..., n_categories)
        NaN for a category that is in no profile.

    Examples
    --------
    >>> bias_disparity([0.75, 0.25], [0.5, 0.5]).tolist()
    [0.5, -0.5]
    """
    after, before = np.asarray(listed, np.float64), np.asarray(profile, np.float64)
    return ratio(after - before, before)


def _known(values: npt.ArrayLike) -> Values:
    """The values that are there."""
    numbers = item_table(values, "values")
    return numbers[~np.isnan(numbers)]


def _sums(
    values: npt.ArrayLike, groups: npt.ArrayLike, n_groups: int | None
) -> tuple[Values, npt.NDArray[np.int64]]:
    """Sum and number of the values of each group."""
    numbers, codes = item_table(values, "values"), np.asarray(groups)
    if codes.shape != numbers.shape or (codes.dtype.kind not in "iu" and codes.size):
        raise ValueError(
            f"groups must be one whole number per value, {len(numbers)}; "
            f"got {codes.dtype} of shape {codes.shape}"
        )
    highest = int(codes.max(initial=-1))
    n = highest + 1 if n_groups is None else checked_count("n_groups", n_groups, low=0)
    if highest >= n:
        raise ValueError(f"groups must be below n_groups, {n}; got {highest}")
    inside = (codes >= 0) & ~np.isnan(numbers)
    if not inside.all():
        numbers, codes = numbers[inside], codes[inside]
    codes = codes.astype(np.int64, copy=False)
    sizes = np.bincount(codes, minlength=n)
    total = np.asarray(np.bincount(codes, weights=numbers, minlength=n), np.float64)
    return total, sizes.astype(np.int64)
