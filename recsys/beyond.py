"""What the lists of all users cover together: coverage, concentration, difference between users.

Lists are codes of items, shape (n_users, length), best first; a negative code is an empty place.
Formulas take an array ``exposures``: how often each item of the catalogue is recommended, items
that never are included; :func:`exposure_counts` makes it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from .inputs import checked_count, checked_number
from .list_checks import Values, add_exposure, add_shared, checked_lists, filled_places, item_table


def exposure_counts(items: npt.ArrayLike, n_items: int, *, k: int | None = None) -> Values:
    """How often each item is among the first k of a list.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    n_items : int
        Number of items.
    k : int, optional
        Length at which lists are cut; by default they are taken whole.

    Returns
    -------
    ndarray of float64, shape (n_items,)

    Raises
    ------
    ValueError
        If a code is not below ``n_items``, or ``items`` is no table of whole numbers.

    Examples
    --------
    >>> exposure_counts([[0, 1], [0, -1]], 3).tolist()
    [2.0, 1.0, 0.0]
    """
    lists, length = checked_lists(items, k, n_items)
    counts = np.zeros(n_items)
    add_exposure(lists, np.ones(length), counts)
    return counts


def coverage(exposures: npt.ArrayLike) -> float:
    """Share of the catalogue that is recommended to anybody: catalogue coverage, QF.

    Parameters
    ----------
    exposures : array_like, shape (n_items,)
        How often each item of the catalogue is recommended.

    Returns
    -------
    float
        In [0, 1]; NaN for an empty catalogue.

    Examples
    --------
    >>> coverage([3, 0, 1, 0])
    0.5
    """
    counts = item_table(exposures, "exposures")
    return float((counts > 0).mean()) if len(counts) else float("nan")


def user_coverage(items: npt.ArrayLike, *, k: int | None = None, at_least: int = 1) -> float:
    """Share of users whose list holds at least so many items.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    k : int, optional
        Length at which lists are cut.
    at_least : int
        How many items a list must hold; 1 asks for any list, ``k`` for a full one.

    Returns
    -------
    float
        In [0, 1]; NaN without users.

    Examples
    --------
    >>> user_coverage([[4, 2], [3, -1], [-1, -1]]), user_coverage([[4, 2], [3, -1]], at_least=2)
    (0.6666666666666666, 0.5)
    """
    lists, length = checked_lists(items, k, np.iinfo(np.int32).max)
    if not len(lists):
        return float("nan")
    held = filled_places(lists, length)
    return float((held >= checked_count("at_least", at_least)).mean())


def gini(values: npt.ArrayLike, *, unbiased: bool = False) -> float:
    """Gini index, ``G = sum_i (2 i - n - 1) x_(i) / (n sum_i x_i)`` with x_(i) ascending.

    0 where all values are equal, towards 1 where one holds everything. Of exposures it says how
    concentrated the recommendations are, of utilities how unequally users are served.

    Parameters
    ----------
    values : array_like, shape (n,)
        Numbers of at least 0, zeros included.
    unbiased : bool
        Multiply by ``n / (n - 1)``, so that 1 can be reached. (Elliot reports one minus that: 1
        means equal there.)

    Returns
    -------
    float
        In [0, 1 - 1/n], or in [0, 1] where unbiased; NaN where nothing is there to be shared.

    Raises
    ------
    ValueError
        If a value is negative.

    Examples
    --------
    >>> round(gini([0, 1, 1, 2, 2, 3, 4, 2]), 6)
    0.341667
    """
    ordered = np.sort(item_table(values, "values"))
    if len(ordered) and ordered[0] < 0:
        raise ValueError(f"values must be at least 0; got {float(ordered[0])!r}")
    n = len(ordered)
    total = float(ordered.sum())
    if n == 0 or not total > 0:
        return float("nan")
    places = 2 * np.arange(1, n + 1) - n - 1
    scale = max(n - 1, 1) if unbiased else n
    return max(float((places @ ordered) / (scale * total)), 0.0)


def gini_bounds(n_items: int, lengths: npt.ArrayLike) -> tuple[float, float]:
    """Smallest and largest Gini index that lists of these lengths can reach.

    With T places in all, exposures can at best be ``T // n`` or one more, so
    ``min = (n - T mod n)(T mod n) / (n T)``; at worst everybody is shown the same items, which
    for m full lists of k is ``max = 1 - k / n`` (Rampisela et al., ACM TORS 2024).

    Parameters
    ----------
    n_items : int
        Size of the catalogue.
    lengths : array_like of int, shape (n_users,)
        How many different items of the catalogue each list holds.

    Returns
    -------
    low, high : float
        NaN where every list is empty.

    Raises
    ------
    ValueError
        If a list is longer than the catalogue, or a length negative.

    Examples
    --------
    >>> gini_bounds(4, [2, 2, 2])
    (0.16666666666666666, 0.5)
    """
    held, n = checked_lengths(n_items, lengths), n_items
    longest, total = int(held.max(initial=0)), int(held.sum())
    if total == 0:
        return float("nan"), float("nan")
    left = total % n
    shorter = np.cumsum(np.bincount(held, minlength=longest + 1))[:longest]
    nested = np.zeros(n)
    nested[:longest] = len(held) - shorter
    return (n - left) * left / (n * total), gini(nested)


def checked_lengths(n_items: int, lengths: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Lengths of lists of different items, refused where one exceeds the catalogue.

    Examples
    --------
    >>> checked_lengths(3, [0, 3]).tolist()
    [0, 3]
    """
    n = checked_count("n_items", n_items)
    held = np.asarray(lengths, dtype=np.int64)
    wrong = held[(held < 0) | (held > n)]
    if len(wrong):
        raise ValueError(f"lengths must be from 0 to n_items, {n}; got {int(wrong[0])}")
    return held


def gini_corrected(exposures: npt.ArrayLike, lengths: npt.ArrayLike) -> float:
    """Gini index between the bounds that the lists can reach, ``(G - min) / (max - min)``.

    Parameters
    ----------
    exposures : array_like, shape (n_items,)
        How often each item of the catalogue is recommended.
    lengths : array_like of int, shape (n_users,)
        How many different items of the catalogue each list holds.

    Returns
    -------
    float
        In [0, 1]: 0 as even as lists can be, 1 where everybody is shown the same; NaN where only
        one value can be reached.

    Examples
    --------
    >>> gini_corrected([3, 3, 0, 0], [2, 2, 2]), gini_corrected([2, 2, 1, 1], [2, 2, 2])
    (1.0, 0.0)
    """
    counts = item_table(exposures, "exposures")
    low, high = gini_bounds(len(counts), lengths)
    if not high - low > 1e-12:
        return float("nan")
    return float(np.clip((gini(counts) - low) / (high - low), 0.0, 1.0))


def jain(values: npt.ArrayLike) -> float:
    """Jain's index of equality, ``(sum x)^2 / (n sum x^2)``: 1 all equal, 1/n one holds all.

    Jain, Chiu, Hawe, DEC-TR-301 (1984).

    Parameters
    ----------
    values : array_like, shape (n,)
        Exposures of items, or utilities of users.

    Returns
    -------
    float
        In [1/n, 1]; NaN where all values are 0.

    Examples
    --------
    >>> jain([1, 1, 1, 1]), jain([4, 0, 0, 0])
    (1.0, 0.25)
    """
    numbers = item_table(values, "values")
    squares = float(numbers @ numbers)
    if not squares > 0:
        return float("nan")
    return float(numbers.sum() ** 2 / (len(numbers) * squares))


def entropy(
    exposures: npt.ArrayLike,
    *,
    base: float = 2.0,
    divide: Literal["catalogue", "listed"] | None = None,
) -> float:
    """Entropy of the recommendations over the items, ``-sum_i p_i log p_i``, ``p = x / sum x``.

    Shannon entropy; also called distributional coverage.

    Parameters
    ----------
    exposures : array_like, shape (n_items,)
        How often each item is recommended.
    base : float
        Of the logarithm: 2 gives bits, ``math.e`` nats.
    divide : {"catalogue", "listed"}, optional
        ``"catalogue"`` divides by ``log n_items``, so that 1 is an even spread; ``"listed"`` by
        the number of different items recommended, as RecBole does.

    Returns
    -------
    float
        At least 0; NaN where nothing is recommended.

    Raises
    ------
    ValueError
        For a base that is not above 1, or another ``divide``.

    Examples
    --------
    >>> entropy([1, 1, 1, 1]), entropy([2, 0, 2, 0], divide="catalogue")
    (2.0, 0.5)
    """
    counts = item_table(exposures, "exposures")
    checked_number("base", base, low=1.0, above=True)
    if divide not in {None, "catalogue", "listed"}:
        raise ValueError(f"divide must be None, 'catalogue' or 'listed'; got {divide!r}")
    listed = counts[counts > 0]
    if not len(listed):
        return float("nan")
    shares = listed / listed.sum()
    bits = max(float(-(shares @ np.log(shares)) / np.log(base)), 0.0)
    if divide == "listed":
        return bits / len(listed)
    if divide == "catalogue":
        return float(bits * np.log(base) / np.log(len(counts))) if len(counts) > 1 else float("nan")
    return bits


def personalization(items: npt.ArrayLike, n_items: int, *, k: int | None = None) -> float:
    """One minus the mean cosine between the lists of two different users.

    The mean over all pairs in one pass: with ``s_i = sum_{u lists i} 1 / sqrt(length_u)`` the
    cosines of all ordered pairs, each user with itself included, sum to ``sum_i s_i^2``, so that
    ``1 - (sum_i s_i^2 - m) / (m (m - 1))`` for m users with a list.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Different item codes in each row, negative where a list has ended.
    n_items : int
        Number of items.
    k : int, optional
        Length at which lists are cut.

    Returns
    -------
    float
        0 where all lists hold the same items, 1 where no two share one; NaN for fewer than two
        lists (empty ones do not count).

    Examples
    --------
    >>> personalization([[0, 1], [0, 2]], 3), personalization([[0, 1], [1, 0]], 3)
    (0.5, 0.0)
    """
    lists, length = checked_lists(items, k, n_items)
    sizes = filled_places(lists, length)
    filled = int((sizes > 0).sum())
    if filled < 2:
        return float("nan")
    # lists of one length are counted in whole numbers, without rounding
    longest = int(sizes.max())
    scale = np.sqrt(longest / np.maximum(sizes, 1))
    shared = np.zeros(n_items)
    add_shared(lists, length, scale, shared)
    alike = (float(shared @ shared) / longest - filled) / (filled * (filled - 1))
    return float(np.clip(1.0 - alike, 0.0, 1.0))


def unlisted(items: npt.ArrayLike, *, k: int) -> Values:
    """Share of the k places of each list that hold nothing, ``1 - length / k``.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    k : int
        How many places a full list has.

    Returns
    -------
    ndarray of shape (n_users,)

    Examples
    --------
    >>> unlisted([[4, 2], [3, -1]], k=2).tolist()
    [0.0, 0.5]
    """
    lists, length = checked_lists(items, k, np.iinfo(np.int32).max)
    return np.asarray(1.0 - filled_places(lists, length) / length)
