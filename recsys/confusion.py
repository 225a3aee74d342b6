"""Values of the table of hits, misses and what was not listed, and of pooled hits."""

from __future__ import annotations

from typing import Literal

import numpy as np

from .hits import Counts, Hits, Values, found, hits_at, refuse_unless
from .inputs import checked_count


def r_precision(hits: Hits, n_relevant: Counts, k: int, *, cut: Literal["n", "k"] = "n") -> Values:
    """Hits among the first n places over n, the places that a perfect list fills.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        Length at which lists are cut; places behind it are misses.
    cut : {"n", "k"}
        ``"k"``: hits among the first k over min(k, n), which RecTools calls R-precision.

    Returns
    -------
    ndarray of shape (n_users,)

    Raises
    ------
    ValueError
        For another cut.

    Examples
    --------
    >>> r_precision(np.array([[False, True, True]]), np.array([2]), 3).tolist()
    [0.5]
    """
    refuse_unless(cut, ("n", "k"), "cut")
    if cut == "k":
        return hits_at(hits, n_relevant, k) / np.minimum(n_relevant, k)
    rows, ranks = found(hits, k)
    inside = rows[ranks < n_relevant[rows]]
    return np.bincount(inside, minlength=len(hits)) / n_relevant


def accuracy(hits: Hits, n_relevant: Counts, k: int, *, n_items: int) -> Values:
    """``(TP + TN) / n_items``, FP = k - TP also where a list is shorter; shape (n_users,).

    Close to 1 for every list over a large catalogue; TN is 0 where k reaches beyond it.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has.
    k : int
        Length at which lists are cut.
    n_items : int
        Size of the catalogue.

    Examples
    --------
    >>> accuracy(np.array([[True, False]]), np.array([2]), 2, n_items=10).tolist()
    [0.8]
    """
    size, n_hits = checked_count("n_items", n_items), hits_at(hits, n_relevant, k)
    return (n_hits + np.maximum(size - k - n_relevant + n_hits, 0.0)) / size


def mcc(hits: Hits, n_relevant: Counts, k: int, *, n_items: int) -> Values:
    """Matthews correlation of listed and relevant, from -1 to 1; shape (n_users,).

    ``(TP TN - FP FN) / sqrt((TP+FP) (TP+FN) (TN+FP) (TN+FN))``, FP = k - TP also where a list is
    shorter; TN is 0 where k reaches beyond the catalogue; 0 where the denominator is 0.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has.
    k : int
        Length at which lists are cut.
    n_items : int
        Size of the catalogue.

    Examples
    --------
    >>> mcc(np.array([[True, True]]), np.array([2]), 2, n_items=10).tolist()
    [1.0]
    """
    hit = hits_at(hits, n_relevant, k)
    false, missed = k - hit, n_relevant - hit
    rest = np.maximum(checked_count("n_items", n_items) - k - missed, 0.0)
    product = (hit + false) * (hit + missed) * (rest + false) * (rest + missed)
    root = np.sqrt(product)
    return np.divide(hit * rest - false * missed, root, out=np.zeros(len(hit)), where=root > 0)


def pooled_recall(
    hits: Hits, n_relevant: Counts, k: int, *, denominator: Literal["n", "min"] = "n"
) -> float:
    """All users' hits over all their relevant items: users with many count more.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has.
    k : int
        Length at which lists are cut.
    denominator : {"n", "min"}
        ``"min"``: ``sum hits / sum min(k, n)``, which implicit calls precision.

    Returns
    -------
    float
        NaN for no user.

    Raises
    ------
    ValueError
        For another denominator.

    Examples
    --------
    >>> hits = np.array([[True, False], [True, True]])
    >>> pooled_recall(hits, np.array([1, 5]), 2), pooled_recall(
    ...     hits, np.array([1, 5]), 2, denominator="min")
    (0.5, 1.0)
    """
    refuse_unless(denominator, ("n", "min"), "denominator")
    total = (n_relevant if denominator == "n" else np.minimum(n_relevant, k)).sum()
    return float(hits[:, :k].sum() / total) if total else float("nan")
