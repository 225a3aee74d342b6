"""How far lists lean towards what is popular already: novelty, popularity, the long tail.

``counts`` says how many users had each item in the training table, shape (n_items,). Lists are
item codes, shape (n_users, length), a negative code being an empty place. Measures of a list are
NaN where it is empty: its novelty is not 0, there is none.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from .inputs import checked_number
from .list_checks import Mask, Values, checked_lists, item_table, ratio, row_sums, same_shape

Denominator = Literal["list", "k"]


def mean_over_list(
    items: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    k: int | None = None,
    denominator: Denominator = "list",
    weights: npt.ArrayLike | None = None,
    hits: npt.ArrayLike | None = None,
) -> Values:
    """Mean of a number of the items over each list, ``sum_r w_r x(i_r) / sum_r w_r``.

    With discounts as weights, relevance as ``hits`` and :func:`self_information` or ``1 - c / U``
    as values it is the expected free discovery and the expected popularity complement (Vargas,
    Castells, RecSys 2011).

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    values : array_like, shape (n_items,)
        The number of each item.
    k : int, optional
        Length at which lists are cut.
    denominator : {"list", "k"}
        Divide by the weights of the filled places, or of all k places.
    weights : array_like, shape (k,), optional
        Weight of each rank; 1 by default.
    hits : array_like of bool, shape (n_users, length), optional
        Items that are not hits count as 0 in the sum above.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list.

    Raises
    ------
    ValueError
        For another denominator, codes out of range, or fewer weights than ranks.

    Examples
    --------
    >>> mean_over_list([[0, 1], [1, -1]], [4.0, 2.0]).tolist()
    [3.0, 2.0]
    >>> mean_over_list([[0, 1], [1, -1]], [4.0, 2.0], denominator="k").tolist()
    [3.0, 1.0]
    """
    table = item_table(values, "values")
    lists, length = checked_lists(items, k, len(table))
    if denominator not in {"list", "k"}:
        raise ValueError(f"denominator must be 'list' or 'k'; got {denominator!r}")
    scale = np.ones(length) if weights is None else item_table(weights, "weights")[:length]
    if len(scale) < min(length, lists.shape[1]):
        raise ValueError(f"weights must have one number per rank, {length}; got {len(scale)}")
    totals, mass = row_sums(lists, table, scale)
    if hits is not None:
        relevant = np.where(same_shape(items, hits, "hits"), lists, np.int32(-1))
        totals, _ = row_sums(relevant, table, scale)
    if denominator == "k":
        return np.where(mass > 0, ratio(totals, scale.sum()), np.nan)
    return ratio(totals, mass)


def self_information(
    counts: npt.ArrayLike,
    n_users: int,
    *,
    of: Literal["users", "interactions"] = "users",
    normalize: bool = False,
) -> Values:
    """How surprising each item is, ``-log2(c_i / N)``; an item that nobody had counts as one.

    Parameters
    ----------
    counts : array_like, shape (n_items,)
        How many training users had each item.
    n_users : int
        Number of training users.
    of : {"users", "interactions"}
        N is the number of users, or of interactions (``sum_i c_i``, as Microsoft's recommenders
        have it).
    normalize : bool
        Divide by ``log2 N``, so that 1 is an item of one user (RePlay's Surprisal).

    Returns
    -------
    ndarray of shape (n_items,)
        Bits, or numbers in [0, 1] where normalized; NaN where N is 0.

    Raises
    ------
    ValueError
        For another ``of``, or counts above N.

    Examples
    --------
    >>> self_information([4, 2, 1, 0], 4).tolist()
    [0.0, 1.0, 2.0, 2.0]
    """
    held = item_table(counts, "counts")
    if of not in {"users", "interactions"}:
        raise ValueError(f"of must be 'users' or 'interactions'; got {of!r}")
    total = float(held.sum()) if of == "interactions" else float(n_users)
    if held.max(initial=0.0) > total or held.min(initial=0.0) < 0:
        raise ValueError(f"counts must be from 0 to N, {total:g}; got {float(held.max()):g}")
    if total == 0:
        return np.full(len(held), np.nan)
    bits = np.log2(total / np.maximum(held, 1.0))
    return ratio(bits, np.log2(total)) if normalize else bits


def novelty(
    items: npt.ArrayLike,
    counts: npt.ArrayLike,
    n_users: int,
    *,
    k: int | None = None,
    of: Literal["users", "interactions"] = "users",
    normalize: bool = False,
    denominator: Denominator = "list",
) -> Values:
    """Mean self-information of the listed items, ``mean -log2(c_i / n_users)``: MIUF, surprisal.

    Zhou et al., PNAS 107 (2010); definitions of the variants in :func:`self_information`.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    counts : array_like, shape (n_items,)
        How many training users had each item.
    n_users : int
        Number of training users.
    k : int, optional
        Length at which lists are cut.
    of : {"users", "interactions"}
        What the counts are compared with.
    normalize : bool
        Divide by the largest possible value.
    denominator : {"list", "k"}
        Divide by the length of the list, or by k.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list.

    Examples
    --------
    >>> novelty([[0, 1], [2, -1]], [4, 2, 1], 4).tolist()
    [0.5, 2.0]
    """
    table = self_information(counts, n_users, of=of, normalize=normalize)
    return mean_over_list(items, table, k=k, denominator=denominator)


def arp(
    items: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    k: int | None = None,
    normalize: bool = False,
    denominator: Denominator = "list",
) -> Values:
    """Average recommendation popularity: the mean training count of the listed items.

    Yin et al., VLDB 2012; an item that nobody had counts 0.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    counts : array_like, shape (n_items,)
        How many training users had each item.
    k : int, optional
        Length at which lists are cut.
    normalize : bool
        Divide the counts by their sum.
    denominator : {"list", "k"}
        Divide by the length of the list, or by k.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list.

    Examples
    --------
    >>> arp([[0, 1], [2, -1]], [4, 2, 1]).tolist()
    [3.0, 1.0]
    """
    held = item_table(counts, "counts")
    total = float(held.sum())
    if normalize and total > 0:
        held = held / total
    return mean_over_list(items, held, k=k, denominator=denominator)


def popularity_ranks(counts: npt.ArrayLike) -> Values:
    """Rank of each item by count, in (0, 1], 1 the most popular; 0 for items that nobody had.

    Equal counts share their mean rank. The mean over a list (:func:`mean_over_list`) is LensKit's
    mean popularity rank.

    Parameters
    ----------
    counts : array_like, shape (n_items,)
        How many training users had each item.

    Returns
    -------
    ndarray of shape (n_items,)

    Examples
    --------
    >>> popularity_ranks([9, 0, 3, 3]).round(3).tolist()
    [1.0, 0.0, 0.5, 0.5]
    """
    held = item_table(counts, "counts")
    ranks = np.zeros(len(held))
    known = held > 0
    if known.any():
        ranks[known] = stats.rankdata(held[known]) / known.sum()
    return ranks


def tail_items(counts: npt.ArrayLike, *, head: float = 0.8) -> Mask:
    """Which items are the long tail: all but the most popular ones that hold a share of all rows.

    The head is the shortest run of items, most popular first, with at least ``head`` of the
    training rows; equal counts are taken in the order of the items.

    Parameters
    ----------
    counts : array_like, shape (n_items,)
        How many training users had each item.
    head : float in (0, 1]
        Share of the training rows that the head holds.

    Returns
    -------
    ndarray of bool, shape (n_items,)

    Examples
    --------
    >>> tail_items([5, 3, 1, 1, 0]).tolist()
    [False, False, True, True, True]
    """
    held = item_table(counts, "counts")
    share = checked_number("head", head, high=1.0, above=True)
    order = np.argsort(-held, kind="stable")
    reached = np.cumsum(held[order])
    total = float(reached[-1]) if len(held) else 0.0
    tail = np.ones(len(held), bool)
    if total > 0:
        # a whole number of rows must not be missed by the rounding of share * total
        n_head = int(np.searchsorted(reached, share * total * (1 - 1e-12))) + 1
        tail[order[:n_head]] = False
    return tail


def lowest_items(
    counts: npt.ArrayLike, *, share: float = 0.1, among: npt.ArrayLike | None = None
) -> Mask:
    """Which items are the tail as RecBole cuts it: the least popular tenth of the items.

    ``max(int(share * m), 1)`` of the m items in ``among``, by count, then by code.

    Parameters
    ----------
    counts : array_like, shape (n_items,)
        How many training users had each item.
    share : float in (0, 1]
        Share of the items.
    among : array_like of bool, shape (n_items,), optional
        The items to choose from; by default those with a count above 0.

    Returns
    -------
    ndarray of bool, shape (n_items,)

    Examples
    --------
    >>> lowest_items([5, 3, 1, 0], share=0.5).tolist()
    [False, False, True, False]
    """
    held = item_table(counts, "counts")
    known = held > 0 if among is None else same_shape(held, among, "among")
    places = np.flatnonzero(known)
    size = max(int(checked_number("share", share, high=1.0, above=True) * len(places)), 1)
    lowest = np.zeros(len(held), bool)
    lowest[places[np.argsort(held[places], kind="stable")[:size]]] = True
    return lowest


def long_tail(
    items: npt.ArrayLike,
    tail: npt.ArrayLike,
    *,
    k: int | None = None,
    denominator: Denominator | Literal["none"] = "list",
) -> Values:
    """Share of each list that is long tail: APLT; as a number of items (``"none"``), ACLT.

    Abdollahpouri et al., FLAIRS 2019.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    tail : array_like of bool, shape (n_items,)
        Which items are the tail, see :func:`tail_items` and :func:`lowest_items`.
    k : int, optional
        Length at which lists are cut.
    denominator : {"list", "k", "none"}
        Divide by the length of the list, by k, or not at all.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list.

    Examples
    --------
    >>> long_tail([[0, 1], [1, -1]], [False, True]).tolist()
    [0.5, 1.0]
    """
    marks = np.asarray(tail, dtype=bool)
    if denominator == "none":
        lists, length = checked_lists(items, k, len(marks))
        totals, mass = row_sums(lists, marks.astype(np.float64), np.ones(length))
        return np.where(mass > 0, totals, np.nan)
    return mean_over_list(items, marks, k=k, denominator=denominator)


def popularity_lift(recommended: npt.ArrayLike, profile: npt.ArrayLike) -> float:
    """How much more popular than the users' own items the recommended ones are, in parts of those.

    ``(GAP_recs - GAP_profile) / GAP_profile``, GAP being the mean over users of the mean
    popularity of their items: delta GAP (Abdollahpouri et al., RMSE 2019). 0 keeps the taste of
    the users, 1 shows items twice as popular.

    Parameters
    ----------
    recommended : array_like, shape (n_users,) or float
        Mean popularity of each user's list, see :func:`arp`.
    profile : array_like, shape (n_users,) or float
        Mean popularity of each user's own items. Users for whom one of the two is NaN (no list,
        no history) are left out of both.

    Returns
    -------
    float
        At least -1; NaN without users, or where nobody's items have any count.

    Examples
    --------
    >>> popularity_lift([30.0, 20.0], [20.0, 20.0])
    0.25
    """
    listed, own = np.atleast_1d(np.asarray(recommended, float), np.asarray(profile, float))
    both = np.isfinite(listed) & np.isfinite(own)
    if not both.any():
        return float("nan")
    before = float(own[both].mean())
    return float(ratio(listed[both].mean() - before, before))
