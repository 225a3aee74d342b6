"""The area under the ROC curve: of full scores, of ranks, and the parts that a list can show.

A list of the best k items says little about the area: most of it lies behind the cut. ``auc`` and
``auc_from_ranks`` want every candidate; ``partial_auc`` and ``pap`` are defined on a beginning.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from .hits import Counts, Hits, Values, found, held, summed


def auc(scores: npt.ArrayLike, relevant: npt.ArrayLike) -> float:
    """``P(s+ > s-) + P(s+ = s-) / 2`` over pairs of a relevant item and one that is not.

    Parameters
    ----------
    scores : array-like, shape (n_candidates,)
        The scores of all candidates of one user, without NaN.
    relevant : array-like of bool, shape (n_candidates,)
        Which of them the user took.

    Returns
    -------
    float
        NaN where all candidates are of one kind. A constant scorer has 0.5.

    Raises
    ------
    ValueError
        For shapes that differ, or a NaN.

    Examples
    --------
    >>> auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    values, taken = np.asarray(scores, np.float64), np.asarray(relevant).astype(bool)
    if values.shape != taken.shape or values.ndim != 1:
        raise ValueError(
            f"scores and relevant must be of one length; got {values.shape}, {taken.shape}"
        )
    if np.isnan(values).any():
        raise ValueError(f"scores must not be NaN; got NaN at {int(np.isnan(values).argmax())}")
    ranks = rankdata(-values)[taken]
    sizes = np.array([len(values)])
    return float(auc_from_ranks(np.array([ranks.sum()]), np.array([len(ranks)]), sizes)[0])


def auc_from_ranks(
    rank_sums: npt.ArrayLike, n_relevant: npt.ArrayLike, n_candidates: npt.ArrayLike
) -> Values:
    """Each user's area from the sum of the ranks of the relevant items; shape (n_users,).

    ``(n+ (N + 1) - n+ (n+ + 1) / 2 - R) / (n+ (N - n+))``, NaN where all are of one kind
    (Mann, Whitney, Ann. Math. Stat. 18 (1947)).

    Parameters
    ----------
    rank_sums : array-like, shape (n_users,)
        R, from 1 for the best; ties have the mean of their ranks.
    n_relevant : array-like, shape (n_users,)
        n+.
    n_candidates : array-like, shape (n_users,)
        N, relevant ones included.

    Examples
    --------
    >>> auc_from_ranks([1, 4, 9], [1, 2, 3], [2, 3, 5]).tolist()
    [1.0, 0.5, 0.5]
    """
    total = np.asarray(rank_sums, np.float64)
    taken = np.asarray(n_relevant, np.float64)
    candidates = np.asarray(n_candidates, np.float64)
    won = taken * (candidates + 1) - taken * (taken + 1) / 2 - total
    pairs = taken * (candidates - taken)
    shares = np.divide(won, pairs, out=np.full(total.shape, np.nan), where=pairs > 0)
    return np.asarray(shares, np.float64)


def gauc(aucs: npt.ArrayLike, n_relevant: npt.ArrayLike) -> float:
    """Mean of the users' areas, weighted by their relevant items; users with NaN are left out.

    RecBole's GAUC (Zhu et al., KDD 2017, weight impressions instead).

    Parameters
    ----------
    aucs : array-like, shape (n_users,)
        From ``auc`` or ``auc_from_ranks``.
    n_relevant : array-like, shape (n_users,)
        Weights.

    Returns
    -------
    float
        NaN where no user has a value.

    Examples
    --------
    >>> round(gauc([1.0, 0.5, 0.5], [1, 2, 3]), 4)
    0.5833
    """
    values, weights = np.asarray(aucs, np.float64), np.asarray(n_relevant, np.float64)
    kept = np.isfinite(values)
    total = float(weights[kept].sum())
    return float(values[kept] @ weights[kept]) / total if total > 0 else float("nan")


def listed_auc(
    hits: Hits, n_relevant: Counts, n_candidates: Counts, *, lengths: Counts | None = None
) -> Values:
    """Each user's area when all that is not listed is tied behind the list; shape (n_users,).

    Exact where lists hold every candidate; else half of the pairs behind the list are guessed.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    n_candidates : ndarray of int, shape (n_users,)
        How many items could have been listed, the relevant ones included.
    lengths : ndarray of int, shape (n_users,), optional
        How many items each list holds; the width of ``hits`` without it.

    Examples
    --------
    >>> listed_auc(np.array([[False, True, False]]), np.array([1]), np.array([3])).tolist()
    [0.5]
    """
    sums = _rank_sums(hits, n_relevant, n_candidates, held(hits, hits.shape[1], lengths))
    return auc_from_ranks(sums, n_relevant, n_candidates)


def percentile_rank(
    hits: Hits, n_relevant: Counts, n_items: Counts, *, lengths: Counts | None = None
) -> Values:
    """Mean place of the relevant items, 0 first and 100 last; shape (n_users,).

    ``100 (r - 1) / n_items``, averaged over the user's relevant items (Hu, Koren, Volinsky,
    ICDM 2008); those not listed are tied behind the list. A random list has about 50.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    n_items : ndarray of int, shape (n_users,)
        How many items could have been listed, the relevant ones included.
    lengths : ndarray of int, shape (n_users,), optional
        How many items each list holds; the width of ``hits`` without it.

    Examples
    --------
    >>> hits = np.isin(np.arange(10), [0, 2, 3, 7])[None]
    >>> percentile_rank(hits, np.array([4]), np.array([10])).tolist()
    [30.0]
    """
    sums = _rank_sums(hits, n_relevant, n_items, held(hits, hits.shape[1], lengths))
    return 100.0 * (sums / n_relevant - 1.0) / n_items


def partial_auc(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """Area over the first k misses: ``sum_hits max(k - misses before, 0) / (k n)``.

    The hits of the whole list count, as far as fewer than k misses stand before them (Dodd,
    Pepe, Biometrics 59 (2003), as pAUC@k in RecTools); shape (n_users,).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant; lists should go on until the k-th miss.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        How many misses count.

    Examples
    --------
    >>> partial_auc(np.array([[False, True, True]]), np.array([2]), 2).tolist()
    [0.5]
    """
    return _pairs_won(hits, k, n_relevant) / (k * n_relevant)


def pap(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``partial_auc`` of the first min(k, n) hits alone, over k min(k, n); shape (n_users,).

    pAp@k (Hiranandani et al., ICML 2020).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        How many relevant items each user has, at least 1.
    k : int
        How many misses, and at most how many hits, count.

    Examples
    --------
    >>> pap(np.array([[False, True, True]]), np.array([2]), 1).tolist()
    [0.0]
    """
    most = np.minimum(n_relevant, k)
    return np.asarray(_pairs_won(hits, k, most) / (k * most), np.float64)


def auc_within(hits: Hits, lengths: Counts, k: int) -> Values:
    """Area among the first k places alone: 0 without a hit, 1 where no miss stands before one.

    What RePlay calls RocAuc. It ignores whatever was not listed, so it rises when hits are cut off.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    lengths : ndarray of int, shape (n_users,)
        How many items each list holds.
    k : int
        Length at which lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)

    Examples
    --------
    >>> auc_within(np.array([[True, False, True]]), np.array([3]), 3).tolist()
    [0.5]
    """
    rows, ranks = found(hits, k)
    n_hits = np.bincount(rows, minlength=len(hits))
    before = _hits_before(rows, n_hits)
    lost = summed(rows, ranks - before, hits)
    pairs = n_hits * (np.minimum(lengths, k) - n_hits)
    share = np.divide(lost, pairs, out=np.zeros(len(hits)), where=pairs > 0)
    return np.asarray(np.where(n_hits > 0, 1.0 - share, 0.0), np.float64)


def _hits_before(rows: Counts, n_hits: Counts) -> Counts:
    """How many hits of the same list stand before each hit."""
    return np.arange(len(rows)) - np.repeat(np.cumsum(n_hits) - n_hits, n_hits)


def _pairs_won(hits: Hits, k: int, most: Counts) -> Values:
    """Pairs of one of the first ``most`` hits and one of the first k misses, the hit before."""
    rows, ranks = found(hits, hits.shape[1])
    before = _hits_before(rows, np.bincount(rows, minlength=len(hits)))
    won = np.maximum(k - (ranks - before), 0) * (before < most[rows])
    return summed(rows, won, hits)


def _rank_sums(hits: Hits, n_relevant: Counts, n_candidates: Counts, lengths: Counts) -> Values:
    """Sum of the ranks of the relevant items; those not listed share the ranks behind the list."""
    rows, ranks = found(hits, hits.shape[1])
    n_hits = np.bincount(rows, minlength=len(hits))
    listed = summed(rows, ranks + 1.0, hits)
    last = np.minimum(lengths, n_candidates - (n_relevant - n_hits))
    behind = (last + 1 + n_candidates) / 2.0
    return listed + (n_relevant - n_hits) * behind
