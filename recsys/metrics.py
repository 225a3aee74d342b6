"""Metrics of ranked lists, one written definition each, and every variant of it by its name.

``hits[u, r]`` says whether the item at rank r + 1 of user u is relevant (a repeated item counts
at its first place alone, a missing item is a miss), ``n_relevant[u]`` how many relevant items the
user has, at least 1. Users without relevant items are not asked. An empty list scores 0, save in
the variants that divide by the length of the list, where it is NaN.

Where metrics disagree is mostly what they divide by, ``denominator``: ``"k"`` the cut, ``"n"``
the relevant items, ``"min"`` the lesser of the two, ``"list"`` the items that the list holds up
to the cut, ``"hits"`` the hits found. Graded relevance stands in ``suffuse.recsys.graded``.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .discounts import Discount, discounts
from .hits import (
    Counts,
    Denominator,
    Hits,
    Values,
    divisor,
    found,
    held,
    hits_at,
    refuse_unless,
    summed,
)
from .inputs import checked_number
from .over_cuts import mean_precision


def recall(hits: Hits, n_relevant: Counts, k: int, *, denominator: Denominator = "n") -> Values:
    """``sum_{r<=k} h_r / n``, shape (n_users,).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.
    denominator : {"n", "min"}
        ``"min"``: capped recall, ``sum h_r / min(k, n)``, which a perfect list brings to 1 (LensKit
        where k is set; RecPack's calibrated recall; RecTools' R-precision).

    Raises
    ------
    ValueError
        For another denominator.

    Examples
    --------
    >>> recall(np.array([[True, False, True]]), np.array([4]), 3).tolist()
    [0.5]
    >>> recall(np.array([[True, True]]), np.array([4]), 2, denominator="min").tolist()
    [1.0]
    """
    refuse_unless(denominator, ("n", "min"), "denominator")
    return hits_at(hits, n_relevant, k) / divisor(denominator, n_relevant, k)


def precision(
    hits: Hits,
    n_relevant: Counts,
    k: int,
    *,
    denominator: Denominator = "k",
    lengths: Counts | None = None,
    empty: float = float("nan"),
) -> Values:
    """``sum_{r<=k} h_r / k``: short lists still divide by k; shape (n_users,).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.
    denominator : {"k", "list", "min"}
        ``"list"``: the length of the list up to the cut (LensKit; ranx without a cut);
        ``"min"``: min(k, n) (RecTools' R-precision).
    lengths : ndarray of int, shape (n_users,), optional
        How many items each list holds, for ``"list"``; the width of ``hits`` without it.
    empty : float
        The value of an empty list under ``"list"``: NaN (LensKit), or 0 (ranx).

    Raises
    ------
    ValueError
        For another denominator.

    Examples
    --------
    >>> precision(np.array([[True, False]]), np.array([4]), 4).tolist()
    [0.25]
    >>> precision(np.array([[True, False]]), np.array([4]), 4, denominator="list").tolist()
    [0.5]
    """
    refuse_unless(denominator, ("k", "list", "min"), "denominator")
    n_hits = hits_at(hits, n_relevant, k)
    if denominator == "list":
        sizes = held(hits, k, lengths).astype(np.float64)
        shares = np.divide(n_hits, sizes, out=np.full(len(hits), float(empty)), where=sizes > 0)
        return np.asarray(shares, np.float64)
    return n_hits / divisor(denominator, n_relevant, k)


def f_beta(
    hits: Hits,
    n_relevant: Counts,
    k: int,
    *,
    beta: float = 1.0,
    denominator: Denominator = "k",
    lengths: Counts | None = None,
) -> Values:
    """``(1 + beta^2) P R / (beta^2 P + R)`` of precision and recall, 0 where both are 0.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.
    beta : float, above 0
        Weight of recall against precision; 1 is F1.
    denominator : {"k", "list"}
        Of precision.
    lengths : ndarray of int, shape (n_users,), optional
        How many items each list holds, for ``"list"``; the width of ``hits`` without it.

    Returns
    -------
    ndarray of shape (n_users,)

    Raises
    ------
    ValueError
        If ``beta`` is not above 0, or for another denominator.

    Examples
    --------
    >>> f_beta(np.array([[True, False]]), np.array([1]), 2).round(4).tolist()
    [0.6667]
    """
    checked_number("beta", beta, above=True)
    refuse_unless(denominator, ("k", "list"), "denominator")
    # P = h / d and R = h / n, so the quotient needs neither and is 0 where h is.
    shown = k if denominator == "k" else held(hits, k, lengths)
    return (1.0 + beta**2) * hits_at(hits, n_relevant, k) / (beta**2 * n_relevant + shown)


def hit_rate(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """1 where any of the first k is relevant, else 0; shape (n_users,).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        Not used.
    k : int
        Length at which lists are cut.

    Examples
    --------
    >>> hit_rate(np.array([[False, True], [False, False]]), np.array([1, 1]), 2).tolist()
    [1.0, 0.0]
    """
    return np.asarray(hits[:, :k].any(axis=1), np.float64)


def ndcg(
    hits: Hits,
    n_relevant: Counts,
    k: int,
    *,
    discount: Discount = "log2",
    denominator: Denominator = "min",
) -> Values:
    """``sum_{r<=k} h_r w_r`` over its largest value ``sum_{r<=min(k,n)} w_r``, w_r = 1/log2(r+1).

    Binary relevance (Jarvelin, Kekalainen, TOIS 20 (2002)).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.
    discount : {"log2", "log2max2", "ln", "reciprocal", "none"}
        The weights ``w_r``, see ``discounts``; ``"log2max2"`` leaves ranks 1 and 2 alike (LensKit).
    denominator : {"min", "k", "n", "hits"}
        At how many ranks the ideal list holds a hit: ``"k"`` at all (what RecTools does unless
        told), ``"n"`` also beyond the cut, ``"hits"`` as many as were found (the NGCF code,
        whose value is 1 for one hit at rank 1 whatever was missed).

    Returns
    -------
    ndarray of shape (n_users,)

    Raises
    ------
    ValueError
        For another denominator or discount.

    Examples
    --------
    >>> ndcg(np.array([[True, False, False]]), np.array([1]), 3).tolist()
    [1.0]
    >>> ndcg(np.array([[True, False, False]]), np.array([1]), 3, denominator="k").round(3).tolist()
    [0.469]
    """
    refuse_unless(denominator, ("min", "k", "n", "hits"), "denominator")
    gained = dcg(hits, n_relevant, k, discount=discount)
    if denominator == "k":
        return np.asarray(gained / discounts(discount, k).sum(), np.float64)
    if denominator == "hits":
        ideal_hits = hits_at(hits, n_relevant, k).astype(np.int64)
    else:
        ideal_hits = n_relevant if denominator == "n" else np.minimum(n_relevant, k)
    sums = np.cumsum(discounts(discount, max(int(ideal_hits.max(initial=1)), 1)))
    return np.asarray(gained / sums[np.maximum(ideal_hits, 1) - 1], np.float64)


def dcg(hits: Hits, n_relevant: Counts, k: int, *, discount: Discount = "log2") -> Values:
    """``sum_{r<=k} h_r w_r``, shape (n_users,); see ``ndcg``.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        Not used.
    k : int
        Length at which lists are cut.
    discount : {"log2", "log2max2", "ln", "reciprocal", "none"}
        The weights ``w_r``, see ``discounts``.

    Examples
    --------
    >>> dcg(np.array([[True, True, True]]), np.array([3]), 3, discount="log2max2").round(4).tolist()
    [2.6309]
    """
    rows, ranks = found(hits, k)
    weights = discounts(discount, min(k, hits.shape[1]))
    return summed(rows, weights[ranks], hits)


def mrr(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``1 / rank`` of the first relevant item among the first k, else 0; shape (n_users,).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        Not used.
    k : int
        Length at which lists are cut.

    Examples
    --------
    >>> mrr(np.array([[False, True], [False, False]]), np.array([1, 1]), 2).tolist()
    [0.5, 0.0]
    """
    rows, ranks = found(hits, k)
    is_first = np.diff(rows, prepend=-1) > 0
    values = np.zeros(len(hits))
    values[rows[is_first]] = 1.0 / (ranks[is_first] + 1)
    return values


def average_precision(
    hits: Hits,
    n_relevant: Counts,
    k: int,
    *,
    denominator: Denominator = "min",
    lengths: Counts | None = None,
) -> Values:
    """``(1 / min(k, n)) sum_{r<=k} h_r precision@r``, whose mean over users is ``map@k``.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.
    denominator : {"min", "n", "k", "list", "hits", "precisions"}
        ``"n"``: trec_eval, ranx, RecTools; ``"k"``: RecTools with ``divide_by_k``; ``"list"``:
        min(n, items in the list), NaN for an empty one (LensKit); ``"hits"``: the hits found
        (recmetrics; not average precision, as missing items cost nothing); ``"precisions"``:
        ``mean_precision`` (what Elliot reports as MAP).
    lengths : ndarray of int, shape (n_users,), optional
        How many items each list holds, for ``"list"``; the width of ``hits`` without it.

    Returns
    -------
    ndarray of shape (n_users,)

    Raises
    ------
    ValueError
        For another denominator.

    Examples
    --------
    >>> average_precision(np.array([[True, False, True]]), np.array([2]), 3).round(4).tolist()
    [0.8333]
    """
    refuse_unless(denominator, ("min", "n", "k", "list", "hits", "precisions"), "denominator")
    if denominator == "precisions":
        return mean_precision(hits, n_relevant, k)
    rows, ranks = found(hits, k)
    n_hits = np.bincount(rows, minlength=len(hits))
    nth = np.arange(1, len(rows) + 1) - np.repeat(np.cumsum(n_hits) - n_hits, n_hits)
    sums = summed(rows, nth / (ranks + 1), hits)
    if denominator == "list":
        sizes = np.minimum(n_relevant, held(hits, k, lengths)).astype(np.float64)
        shares = np.divide(sums, sizes, out=np.full(len(hits), np.nan), where=sizes > 0)
        return np.asarray(shares, np.float64)
    if denominator == "hits":
        return sums / np.maximum(n_hits, 1)
    return sums / divisor(denominator, n_relevant, k)


def rbp(
    hits: Hits,
    n_relevant: Counts,
    k: int,
    *,
    p: float = 0.8,
    denominator: Literal["series", "min"] = "series",
) -> Values:
    """Rank-biased precision, ``(1 - p) sum_{r<=k} p^(r-1) h_r``; shape (n_users,).

    Moffat, Zobel, TOIS 27 (2008). A list of k hits has ``1 - p^k``.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        Not used.
    k : int
        Length at which lists are cut.
    p : float in (0, 1)
        Probability that a reader goes on to the next rank.
    denominator : {"series", "min"}
        ``"min"``: the largest value that a list can have, ``1 - p^min(k, n)``.

    Raises
    ------
    ValueError
        If ``p`` is not in (0, 1), or for another denominator.

    Examples
    --------
    >>> rbp(np.array([[True, False, True]]), np.array([2]), 3, p=0.5).tolist()
    [0.625]
    """
    checked_number("p", p, high=1.0, above=True, below=True)
    refuse_unless(denominator, ("series", "min"), "denominator")
    rows, ranks = found(hits, k)
    values = summed(rows, (1 - p) * p**ranks, hits)
    if denominator == "series":
        return values
    return np.asarray(values / (1.0 - p ** np.minimum(n_relevant, k)), np.float64)
