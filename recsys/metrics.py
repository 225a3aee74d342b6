"""Metrics of ranked lists, one written definition each.

``hits[u, r]`` says whether the item at rank r + 1 of user u is relevant (a repeated item counts
at its first place alone, a missing item is a miss), ``n_relevant[u]`` how many relevant items the
user has. Every per-user metric is 0 for an empty list; users without relevant items are not asked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def recall(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``sum_{r<=k} h_r / n``, shape (n_users,).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.

    Examples
    --------
    >>> recall(np.array([[True, False, True]]), np.array([4]), 3).tolist()
    [0.5]
    """
    return np.asarray(hits[:, :k].sum(axis=1) / n_relevant, np.float64)


def precision(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``sum_{r<=k} h_r / k``: short lists still divide by k; shape (n_users,).

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
    >>> precision(np.array([[True, False]]), np.array([4]), 4).tolist()
    [0.25]
    """
    return np.asarray(hits[:, :k].sum(axis=1) / k)


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


def ndcg(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``sum_{r<=k} h_r / log2(r+1)`` over its largest value ``sum_{r<=min(k,n)} 1 / log2(r+1)``.

    Binary relevance (Jarvelin, Kekalainen, TOIS 20 (2002)), ideal cut at min(k, n).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)

    Examples
    --------
    >>> ndcg(np.array([[True, False, False]]), np.array([1]), 3).tolist()
    [1.0]
    """
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(n_relevant, k) - 1]
    cut = hits[:, :k]
    return np.asarray((cut @ discounts[: cut.shape[1]]) / ideal)


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
    cut = hits[:, :k]
    if cut.shape[1] == 0:
        return np.zeros(len(hits))
    return np.where(cut.any(axis=1), 1.0 / (cut.argmax(axis=1) + 1), 0.0)


def average_precision(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``(1 / min(k, n)) sum_{r<=k} h_r precision@r``, whose mean over users is ``map@k``.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)

    Examples
    --------
    >>> average_precision(np.array([[True, False, True]]), np.array([2]), 3).round(4).tolist()
    [0.8333]
    """
    cut = hits[:, :k]
    ranks = np.arange(1, cut.shape[1] + 1)
    at_rank = np.cumsum(cut, axis=1) / ranks[None, :]
    return np.asarray((at_rank * cut).sum(axis=1) / np.minimum(n_relevant, k))


def coverage(exposures: Counts) -> float:
    """Share of the catalogue that is recommended to anybody.

    Parameters
    ----------
    exposures : ndarray of int, shape (n_items,)
        How often each item of the catalogue is recommended.

    Examples
    --------
    >>> coverage(np.array([3, 0, 1, 0]))
    0.5
    """
    return float((exposures > 0).mean()) if len(exposures) else float("nan")


def gini(exposures: Counts) -> float:
    """Gini index of exposure, ``sum_i (2 i - n - 1) x_(i) / (n sum x)``: 0 equal, 1 concentrated.

    Parameters
    ----------
    exposures : ndarray of int, shape (n_items,)
        How often each item of the catalogue is recommended, items never recommended included.

    Examples
    --------
    >>> round(gini(np.array([0, 1, 1, 2, 2, 3, 4, 2])), 6)
    0.341667
    """
    total = exposures.sum()
    if total == 0:
        return float("nan")
    ordered = np.sort(exposures)
    n = len(ordered)
    return float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * total))
