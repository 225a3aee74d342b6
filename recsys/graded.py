"""Gain that differs from item to item: discounted cumulative gain of grades, and of full scores."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from . import list_kernels as kernels
from .discounts import Discount, discounts
from .hits import refuse_unless
from .inputs import checked_number

Grades = npt.NDArray[np.floating]
Values = npt.NDArray[np.float64]
Gain = Literal["linear", "exp", "binary"]
Ties = Literal["average", "first", "last"]

#: largest exponent of two in a gain; sums of such gains stay finite
_MOST = 1000.0


def gain_of(grades: npt.ArrayLike, gain: Gain, *, shift: float = 0.0) -> Values:
    """What a grade is worth, 0 where it is 0 or below; shape of ``grades``.

    Parameters
    ----------
    grades : array-like of float
        Weights of the test rows, 0 for items that are not relevant.
    gain : {"linear", "exp", "binary"}
        The grade itself; ``2^(grade + shift) - 1`` (Burges et al.); 1 for every relevant item.
    shift : float
        Added to the exponent of relevant items: 1 less the threshold of relevance in Elliot.

    Raises
    ------
    ValueError
        For another gain, or an exponent above 1000, whose power is no finite number.

    Examples
    --------
    >>> gain_of([0, 1, 2, -3], "exp").tolist()
    [0.0, 1.0, 3.0, 0.0]
    """
    refuse_unless(gain, ("linear", "exp", "binary"), "gain")
    clipped = np.maximum(np.asarray(grades, np.float64), 0.0)
    if gain == "linear":
        return clipped
    if gain == "binary":
        return (clipped > 0).astype(np.float64)
    added = checked_number("shift", shift, low=-_MOST)
    highest = float(clipped.max(initial=0.0))
    if highest + added > _MOST:
        raise ValueError(
            f"gain must be linear or binary where weights and shift reach beyond {_MOST:g}; "
            f"got 2^({highest:g} + {added:g})"
        )
    return np.where(clipped > 0, np.exp2(clipped + added) - 1.0, 0.0)


def graded_dcg(gains: Grades, k: int, *, discount: Discount = "log2") -> Values:
    """``sum_{r<=k} g_r w_r``; shape (n_users,).

    Parameters
    ----------
    gains : ndarray of shape (n_users, length)
        The gain of each listed item; of a negative one, 0 is taken.
    k : int
        Length at which lists are cut.
    discount : {"log2", "log2max2", "ln", "reciprocal", "none"}
        The weights ``w_r``, see ``discounts``.

    Examples
    --------
    >>> graded_dcg(np.array([[3.0, 5.0]]), 2, discount="log2max2").tolist()
    [8.0]
    """
    cut = np.maximum(gains[:, :k], 0.0)
    return np.asarray(cut @ discounts(discount, cut.shape[1]), np.float64)


def graded_ndcg(
    gains: Grades,
    relevant: sparse.csr_array,
    k: int,
    *,
    discount: Discount = "log2",
    denominator: Literal["min", "n", "k"] = "min",
) -> Values:
    """``sum_{r<=k} g_r w_r`` over its value when the user's greatest gains come first.

    Jarvelin, Kekalainen, TOIS 20 (2002). Negative gains count 0, and so does a user without any
    positive gain.

    Parameters
    ----------
    gains : ndarray of shape (n_users, length)
        The gain of each listed item, 0 where it is not relevant.
    relevant : csr_array with n_users rows
        The gains of all that the user took; columns do not matter.
    k : int
        Length at which lists are cut.
    discount : {"log2", "log2max2", "ln", "reciprocal", "none"}
        The weights ``w_r``, see ``discounts``.
    denominator : {"min", "n", "k"}
        The ideal holds the greatest gains up to the cut; all gains; or, where a user has fewer
        than k, the least of them again and again up to the cut (k hits, where gains are equal).

    Returns
    -------
    ndarray of shape (n_users,)

    Raises
    ------
    ValueError
        For another denominator or discount.

    Examples
    --------
    >>> truth = sparse.csr_array([[3.0, 5.0, 4.0]])
    >>> graded_ndcg(np.array([[3.0, 4.0]]), truth, 2, discount="log2max2").round(4).tolist()
    [0.7778]
    """
    refuse_unless(denominator, ("min", "n", "k"), "denominator")
    starts = relevant.indptr.astype(np.int64)
    falling = -np.maximum(relevant.data.astype(np.float32), 0.0)
    kernels.sort_segments(starts, falling, np.zeros(len(falling), np.float32))
    sizes = np.diff(starts)
    ranks = np.arange(len(falling)) - np.repeat(starts[:-1], sizes)
    longest = max(int(sizes.max(initial=0)), k, 1)
    weights = discounts(discount, longest)
    worth = -falling.astype(np.float64) * weights[ranks]
    if denominator != "n":
        worth[ranks >= k] = 0.0
    rows = np.repeat(np.arange(len(sizes)), sizes)
    ideal = np.bincount(rows, weights=worth, minlength=len(sizes))
    if denominator == "k":
        sums = np.concatenate([[0.0], np.cumsum(weights[:k])])
        least = np.where(sizes > 0, -falling[np.maximum(starts[1:] - 1, 0)], 0.0)
        ideal += least * (sums[k] - sums[np.minimum(sizes, k)])
    gained = graded_dcg(gains, k, discount=discount)
    return np.divide(gained, ideal, out=np.zeros(len(gained)), where=ideal > 0)


def dcg_of_scores(
    grades: npt.ArrayLike,
    scores: npt.ArrayLike,
    k: int | None = None,
    *,
    discount: Discount = "log2",
    ties: Ties = "average",
) -> float:
    """Discounted gain of items in the order of their scores, highest first.

    Parameters
    ----------
    grades : array-like, shape (n_items,)
        The gain of each item.
    scores : array-like, shape (n_items,)
        Finite scores.
    k : int, optional
        Places that count; all by default.
    discount : {"log2", "log2max2", "ln", "reciprocal", "none"}
        The weights of the ranks, see ``discounts``.
    ties : {"average", "first", "last"}
        Items of one score: the mean over all their orders (McSherry, Najork, ECIR 2008); in the
        order given; in the opposite order.

    Raises
    ------
    ValueError
        For shapes that differ, scores that are not finite, or another word for ties.

    Examples
    --------
    >>> round(dcg_of_scores([1, 0], [2.0, 2.0]), 4)
    0.8155
    """
    refuse_unless(ties, ("average", "first", "last"), "ties")
    gains, ranked = np.asarray(grades, np.float64), np.asarray(scores, np.float64)
    if gains.shape != ranked.shape or gains.ndim != 1:
        raise ValueError(
            f"grades and scores must be of one length; got {gains.shape}, {ranked.shape}"
        )
    if not np.isfinite(ranked).all():
        raise ValueError(f"scores must be finite; got {ranked[~np.isfinite(ranked)][0]!r}")
    weights = discounts(discount, len(gains))
    weights[len(gains) if k is None else k :] = 0.0
    if ties == "average":
        _, level = np.unique(-ranked, return_inverse=True)
        sizes = np.bincount(level)
        mean_gain = np.bincount(level, weights=gains) / sizes
        return float(np.repeat(mean_gain, sizes) @ weights)
    if ties == "last":
        gains, ranked = gains[::-1], ranked[::-1]
    return float(gains[np.argsort(-ranked, kind="stable")] @ weights)


def ndcg_of_scores(
    grades: npt.ArrayLike,
    scores: npt.ArrayLike,
    k: int | None = None,
    *,
    discount: Discount = "log2",
    ties: Ties = "average",
) -> float:
    """``dcg_of_scores`` over its value when items are scored by their grades, 0 if that is 0.

    Parameters
    ----------
    grades : array-like, shape (n_items,)
        The gain of each item.
    scores : array-like, shape (n_items,)
        Finite scores.
    k : int, optional
        Places that count, also in the ideal order; all by default.
    discount : {"log2", "log2max2", "ln", "reciprocal", "none"}
        The weights of the ranks, see ``discounts``.
    ties : {"average", "first", "last"}
        See ``dcg_of_scores``; a constant scorer is judged like a random one by ``"average"`` alone.

    Examples
    --------
    >>> ndcg_of_scores([10, 0, 0, 1, 5], [1, 0, 0, 0, 1], k=1)
    0.75
    >>> ndcg_of_scores([10, 0, 0, 1, 5], [1, 0, 0, 0, 1], k=1, ties="last")
    0.5
    """
    ideal = dcg_of_scores(grades, grades, k, discount=discount)
    gained = dcg_of_scores(grades, scores, k, discount=discount, ties=ties)
    return gained / ideal if ideal > 0 else 0.0
