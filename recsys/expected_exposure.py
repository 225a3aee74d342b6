"""Exposure in proportion to relevance: EE-D, EE-R and EE-L.

Diaz, Mitra, Ekstrand, Biega, Carterette, Evaluating stochastic rankings with expected exposure,
CIKM 2020. The target gives equally relevant items equal exposure, and more relevant ones the
better places. ``EE-L = EE-D - EE-R + |target|^2``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .inputs import checked_count, checked_number
from .list_checks import Values, item_table


def target_exposure(relevance: npt.ArrayLike, weights: npt.ArrayLike) -> Values:
    """Exposure of each item under the ideal ranker, which shuffles items of one relevance.

    Items sorted by relevance, the m of one level that fill the places b + 1 ... b + m get
    ``sum_{r=b+1}^{b+m} w_r / m`` each.

    Parameters
    ----------
    relevance : array_like, shape (n_items,)
        Grades, higher is better.
    weights : array_like, shape (k,)
        Attention of each rank; ranks behind the last get none.

    Returns
    -------
    ndarray of shape (n_items,)

    Examples
    --------
    >>> target_exposure([1, 1, 0], [1.0, 0.5, 0.25]).tolist()
    [0.75, 0.75, 0.25]
    """
    grades, places = item_table(relevance, "relevance"), item_table(weights, "weights")
    _, level, sizes = np.unique(-grades, return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes)
    summed = np.concatenate([[0.0], np.cumsum(places)])
    last = len(places)
    shared = summed[np.minimum(ends, last)] - summed[np.minimum(ends - sizes, last)]
    return np.asarray((shared / np.maximum(sizes, 1))[level])


def mean_target_exposure(
    truth_starts: npt.ArrayLike, truth_items: npt.ArrayLike, n_items: int, weights: npt.ArrayLike
) -> Values:
    """Mean over users of :func:`target_exposure` where items are relevant or not.

    Users with n relevant items of N share ``sum_{r<=n} w_r`` among those, and the rest of the
    attention among the N - n others.

    Parameters
    ----------
    truth_starts : array_like of int, shape (n_users + 1,)
        User u took ``truth_items[truth_starts[u]:truth_starts[u + 1]]``.
    truth_items : array_like of int
        Item codes, each once per user.
    n_items : int
        Number of items, N.
    weights : array_like, shape (k,)
        Attention of each rank.

    Returns
    -------
    ndarray of shape (n_items,)

    Examples
    --------
    >>> mean_target_exposure([0, 2], [0, 1], 3, [1.0, 0.5, 0.25]).tolist()
    [0.75, 0.75, 0.25]
    """
    n = checked_count("n_items", n_items)
    starts, places = np.asarray(truth_starts, np.int64), item_table(weights, "weights")
    taken = starts[1:] - starts[:-1]
    codes = np.asarray(truth_items, np.int64)
    if len(codes) and (int(codes.max()) >= n or int(codes.min()) < 0):
        raise ValueError(f"truth_items must be codes from 0 below {n}; got {int(codes.max())}")
    if not len(taken):
        return np.full(n, np.nan)
    summed = np.concatenate([[0.0], np.cumsum(places)])
    last = len(places)
    first = summed[np.minimum(taken, last)]
    relevant = first / np.maximum(taken, 1)
    others = (summed[min(n, last)] - first) / np.maximum(n - taken, 1)
    lift = np.repeat(relevant - others, taken)
    target = np.bincount(codes, weights=lift, minlength=n) + others.sum()
    return np.asarray(target / len(taken), np.float64)


def ee_d(exposure: npt.ArrayLike) -> float:
    """Disparity, ``sum_i e_i^2``: least where all items are exposed alike.

    Parameters
    ----------
    exposure : array_like, shape (n_items,) or (n_groups,)
        Expected exposure, see ``suffuse.recsys.fairness_items.item_exposure``.

    Returns
    -------
    float

    Examples
    --------
    >>> ee_d([1.0, 0.5, 0.25])
    1.3125
    """
    received = item_table(exposure, "exposure")
    return float(received @ received)


def ee_r(exposure: npt.ArrayLike, target: npt.ArrayLike, *, factor: float = 2.0) -> float:
    """Relevance, ``2 sum_i e_i t_i``: how much exposure goes where the target has it.

    Parameters
    ----------
    exposure, target : array_like, shape (n_items,) or (n_groups,)
        Expected exposure, and that of the ideal ranker.
    factor : float
        2 in the paper; 1 gives the number that the TREC tools report.

    Returns
    -------
    float

    Examples
    --------
    >>> ee_r([1.0, 0.5, 0.25], [0.75, 0.75, 0.25])
    2.375
    """
    received, ideal = _pair(exposure, target)
    return checked_number("factor", factor, above=True) * float(received @ ideal)


def ee_l(exposure: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Expected exposure loss, ``sum_i (e_i - t_i)^2``: 0 where exposure is as it should be.

    Parameters
    ----------
    exposure, target : array_like, shape (n_items,) or (n_groups,)
        Expected exposure, and that of the ideal ranker.

    Returns
    -------
    float

    Examples
    --------
    >>> ee_l([1.0, 0.5, 0.25], [0.75, 0.75, 0.25])
    0.125
    """
    received, ideal = _pair(exposure, target)
    apart = received - ideal
    return float(apart @ apart)


def amortized_attention(
    attention: npt.ArrayLike, relevance: npt.ArrayLike, *, normalize: bool = True
) -> float:
    """Inequity of amortised attention, ``sum_i |A_i - R_i|``: 0 where attention follows merit.

    Biega, Gummadi, Weikum, SIGIR 2018: sums over all rankings before any difference is taken.

    Parameters
    ----------
    attention : array_like, shape (n_items,) or (n_groups,)
        Attention received over all lists.
    relevance : array_like of the same shape
        Relevance over all lists, at least 0.
    normalize : bool
        Divide each by its sum first, so that they are shares.

    Returns
    -------
    float
        In [0, 2] where normalized; NaN where one of the two sums to 0 then.

    Examples
    --------
    >>> amortized_attention([3.0, 1.0], [1.0, 1.0])
    0.5
    """
    received, due = _pair(attention, relevance)
    if normalize:
        if not received.sum() > 0 or not due.sum() > 0:
            return float("nan")
        received, due = received / received.sum(), due / due.sum()
    return float(np.abs(received - due).sum())


def _pair(exposure: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Values, Values]:
    """Two arrays of one length."""
    received, ideal = item_table(exposure, "exposure"), item_table(target, "target")
    if received.shape != ideal.shape:
        raise ValueError(
            f"the two must have one number per item; got {len(received)} and {len(ideal)}"
        )
    return received, ideal
