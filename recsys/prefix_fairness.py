"""Fairness within a ranking: who stands above whom, and how mixed its beginnings are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from .calibration import group_codes
from .inputs import checked_number
from .list_checks import Values, divergence_of_beginnings, item_table, ratio


def ndkl(
    groups: npt.ArrayLike, target: npt.ArrayLike | None = None, *, smoothing: float = 0.0
) -> Values:
    """Normalised discounted KL divergence of the beginnings of each list from a target.

    ``sum_r KL(share of groups in the first r | target) / log2(r + 1) / sum_r 1 / log2(r + 1)`` in
    nats. Geyik, Ambler, Kenthapadi, KDD 2019.

    Parameters
    ----------
    groups : array_like of int, shape (n_lists, length)
        The group of the item at each place, from 0; negative where a list has ended.
    target : array_like, shape (n_groups,), optional
        Fair shares; by default those of each whole list.
    smoothing : float
        Added to the shares of both sides (FairRankTune: 1e-7).

    Returns
    -------
    ndarray of shape (n_lists,)
        At least 0; NaN for an empty list, and without smoothing where a group is listed that has
        no share in the target.

    Examples
    --------
    >>> ndkl([[0, 1], [0, 0]], [0.5, 0.5]).round(4).tolist()
    [0.425, 0.6931]
    """
    places = np.ascontiguousarray(groups, dtype=np.int64)
    if places.ndim != 2:
        raise ValueError(f"groups must have shape (n_lists, length); got {places.shape}")
    highest = int(places.max(initial=-1))
    fair = np.zeros(highest + 1) if target is None else item_table(target, "target")
    if highest >= len(fair):
        raise ValueError(f"groups must have a share in target, {len(fair)}; got {highest}")
    added = checked_number("smoothing", smoothing)
    found = np.empty(len(places))
    divergence_of_beginnings(places, fair, target is None, added, found)
    return np.where(found < 0, 0.0, found)


def rank_parity(groups: npt.ArrayLike, n_groups: int) -> Values:
    """Attribute rank parity: the share of pairs with other groups that each group wins.

    A pair of items of two groups is won by the one that stands higher; .5 for all is parity.
    Cachel, Rundensteiner (2022).

    Parameters
    ----------
    groups : array_like of int, shape (length,)
        The group of the item at each place, best first, from 0.
    n_groups : int
        Number of groups.

    Returns
    -------
    ndarray of shape (n_groups,)
        In [0, 1]; NaN for a group that has no pair.

    Examples
    --------
    >>> rank_parity([0, 1, 0], 2).tolist()
    [0.5, 0.5]
    """
    codes = group_codes(groups, n_groups)
    if (codes < 0).any():
        raise ValueError(f"groups must be at least 0; got {int(codes.min())}")
    sizes = np.bincount(codes, minlength=n_groups)
    own = np.zeros(len(codes))
    for group in range(n_groups):
        inside = codes == group
        own[inside] = np.arange(int(inside.sum()), 0, -1) - 1
    below = np.arange(len(codes), 0, -1) - 1
    won = np.bincount(codes, weights=below - own, minlength=n_groups)
    return ratio(won, sizes * (len(codes) - sizes))


def prefix_fairness(protected: npt.ArrayLike, share: float) -> float:
    """Mean over the beginnings of a list of the chance of no more protected items than it has.

    ``mean_r F(protected among the first r; r, share)`` with the binomial distribution F: small
    where protected items come too late. Zehlike et al., CIKM 2017.

    Parameters
    ----------
    protected : array_like of bool, shape (length,)
        Whether the item at each place, best first, is protected.
    share : float in [0, 1]
        Share that protected items should have.

    Returns
    -------
    float
        In [0, 1]; NaN for an empty list.

    Examples
    --------
    >>> prefix_fairness([True, False], 0.5), prefix_fairness([False, False], 0.5)
    (0.875, 0.375)
    """
    marks = np.asarray(protected, dtype=bool)
    p = checked_number("share", share, high=1.0)
    if not len(marks):
        return float("nan")
    ranks = np.arange(1, len(marks) + 1)
    chances = np.asarray(stats.binom.cdf(np.cumsum(marks), ranks, p), np.float64)
    return float(chances.mean())
