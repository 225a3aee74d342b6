"""Means of precision and of recall over the cuts 1, 2, ... k."""

from __future__ import annotations

import numpy as np

from .hits import Counts, Hits, Values, found, summed


def mean_precision(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``(1 / k) sum_{r<=k} precision@r``: what Elliot reports as MAP; shape (n_users,).

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
    >>> mean_precision(np.array([[True, False]]), np.array([2]), 2).tolist()
    [0.75]
    """
    # A hit at rank r stands in the precisions at r, r + 1, ... k.
    tails = np.cumsum((1.0 / np.arange(1, k + 1))[::-1])[::-1]
    rows, ranks = found(hits, k)
    return summed(rows, tails[ranks], hits) / k


def mean_recall(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``(1 / k) sum_{r<=k} recall@r``: what Elliot reports as MAR; shape (n_users,).

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
    >>> mean_recall(np.array([[False, True]]), np.array([2]), 2).tolist()
    [0.25]
    """
    rows, ranks = found(hits, k)
    return summed(rows, k - ranks, hits) / (k * n_relevant)
