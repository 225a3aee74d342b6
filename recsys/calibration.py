"""Whether lists keep the proportions of what their users had: by category, and by popularity.

A distribution is a row of shares over categories that sums to 1; a row of NaN says that there is
none (an empty list, a user without history), and what is computed from it is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .fairness_users import group_means
from .inputs import checked_count, checked_number
from .list_checks import Values, add_groups, checked_lists, item_table, ratio


def list_shares(
    items: npt.ArrayLike,
    groups: npt.ArrayLike,
    n_groups: int,
    *,
    k: int | None = None,
    weights: npt.ArrayLike | None = None,
) -> Values:
    """Share of each list that each category of items has.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    groups : array_like of int, shape (n_items,)
        The category of each item, from 0; negative for items that do not count.
    n_groups : int
        Number of categories.
    k : int, optional
        Length at which lists are cut.
    weights : array_like, shape (k,), optional
        Weight of each rank; 1 by default.

    Returns
    -------
    ndarray of shape (n_users, n_groups)

    Examples
    --------
    >>> list_shares([[0, 1, 2], [2, -1, -1]], [0, 0, 1], 2).round(3).tolist()
    [[0.667, 0.333], [0.0, 1.0]]
    """
    codes = group_codes(groups, n_groups)
    lists, length = checked_lists(items, k, len(codes))
    scale = np.ones(length) if weights is None else item_table(weights, "weights")[:length]
    mass = np.zeros((len(lists), n_groups))
    add_groups(lists, codes, scale, mass)
    return ratio(mass, mass.sum(axis=1, keepdims=True))


def profile_shares(train_rows: Any, groups: npt.ArrayLike, n_groups: int) -> Values:
    """Share of each user's own items that each category has.

    Parameters
    ----------
    train_rows : sparse array of shape (n_users, n_items)
        What each user had; stored cells count once, whatever their weight.
    groups : array_like of int, shape (n_items,)
        The category of each item, from 0; negative for items that do not count.
    n_groups : int
        Number of categories.

    Returns
    -------
    ndarray of shape (n_users, n_groups)

    Examples
    --------
    >>> from scipy import sparse
    >>> rows = sparse.csr_array([[5.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    >>> profile_shares(rows, [0, 1, 1], 2).tolist()
    [[0.5, 0.5], [nan, nan]]
    """
    codes = group_codes(groups, n_groups)
    if train_rows.shape[1] != len(codes):
        raise ValueError(f"groups must be one per item, {train_rows.shape[1]}; got {len(codes)}")
    n_users = train_rows.shape[0]
    users = np.repeat(np.arange(n_users), np.diff(train_rows.indptr))
    found = codes[train_rows.indices].astype(np.int64)
    cells = (users * n_groups + found)[found >= 0]
    held = np.bincount(cells, minlength=n_users * n_groups).reshape(n_users, n_groups)
    return ratio(held, held.sum(axis=1, keepdims=True))


def calibration_kl(
    profile: npt.ArrayLike, listed: npt.ArrayLike, *, smoothing: float = 0.01
) -> Values:
    """How far lists are from profiles, ``KL(p | (1 - a) q + a p)`` in nats; 0 is calibrated.

    Steck, Calibrated recommendations, RecSys 2018 (equations 5 and 6).

    Parameters
    ----------
    profile : array_like, shape (..., n_categories)
        p: the shares of the categories in what the user had.
    listed : array_like, shape (..., n_categories)
        q: their shares in the list.
    smoothing : float in (0, 1]
        a: how much of p is mixed into q, so that a category missing there costs no infinity.

    Returns
    -------
    ndarray of shape (...)
        At least 0, at most ``-log a``.

    Examples
    --------
    >>> calibration_kl([[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [1.0, 0.0]]).round(4).tolist()
    [0.0, 1.9585]
    """
    a = checked_number("smoothing", smoothing, high=1.0, above=True)
    p, q = _pair(profile, listed)
    return np.asarray(np.maximum(_relative(p, (1 - a) * q + a * p), 0.0), np.float64)


def jensen_shannon(one: npt.ArrayLike, other: npt.ArrayLike, *, base: float = 2.0) -> Values:
    """Jensen-Shannon divergence, ``(KL(p | m) + KL(q | m)) / 2`` with ``m = (p + q) / 2``.

    Lin, IEEE Trans. Inf. Theory 37 (1991). Its square root is a distance (that is what
    ``scipy.spatial.distance.jensenshannon`` returns).

    Parameters
    ----------
    one, other : array_like, shape (..., n_categories)
        Distributions.
    base : float
        Of the logarithm; with 2 the largest value is 1.

    Returns
    -------
    ndarray of shape (...)
        0 where the two are equal, 1 (in base 2) where they share no category.

    Examples
    --------
    >>> jensen_shannon([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]).tolist()
    [0.0, 1.0]
    """
    checked_number("base", base, low=1.0, above=True)
    p, q = _pair(one, other)
    middle = (p + q) / 2
    nats = (_relative(p, middle) + _relative(q, middle)) / 2
    return np.asarray(np.maximum(nats / np.log(base), 0.0), np.float64)


def popularity_groups(
    counts: npt.ArrayLike, *, cuts: Sequence[float] = (0.2, 0.8)
) -> npt.NDArray[np.int64]:
    """Items by popularity, cut where they hold given shares of all training rows.

    With the cuts .2 and .8 the shortest run of most popular items with a fifth of the rows is
    group 0, the head; those behind the run with four fifths are group 2, the tail (Abdollahpouri
    et al., UMAP 2021). Equal counts are taken in the order of the items.

    Parameters
    ----------
    counts : array_like, shape (n_items,)
        How many training users had each item.
    cuts : sequence of float in (0, 1), ascending
        Shares of the rows at which a group ends.

    Returns
    -------
    ndarray of int64, shape (n_items,)
        Codes from 0 (head) to ``len(cuts)`` (tail).

    Examples
    --------
    >>> popularity_groups([2, 4, 1, 1, 1, 1, 0]).tolist()
    [1, 0, 1, 1, 2, 2, 2]
    >>> popularity_groups([5, 3, 1, 1], cuts=[0.5]).tolist()
    [0, 1, 1, 1]
    """
    held = item_table(counts, "counts")
    edges = [checked_number("cuts", cut, high=1.0, above=True, below=True) for cut in cuts]
    if sorted(set(edges)) != edges:
        raise ValueError(f"cuts must be ascending; got {list(cuts)!r}")
    order = np.argsort(-held, kind="stable")
    before = np.cumsum(held[order]) - held[order]
    # a whole number of rows must not be missed by the rounding of share * total
    ends = np.asarray(edges) * float(held.sum()) * (1 - 1e-12)
    groups = np.empty(len(held), np.int64)
    groups[order] = np.searchsorted(ends, before, side="right")
    return groups


def upd(
    divergences: npt.ArrayLike, groups: npt.ArrayLike | None = None, *, min_size: int = 1
) -> float:
    """User popularity deviation: the mean over groups of users of their mean divergence.

    ``mean_g mean_{u in g} JS(p_u, q_u)`` with the shares of popularity groups among what the user
    had and was shown (Abdollahpouri et al., UMAP 2021).

    Parameters
    ----------
    divergences : array_like, shape (n_users,)
        :func:`jensen_shannon` of each user; NaN is left out.
    groups : array_like of int, shape (n_users,), optional
        The group of each user; by default all are one.
    min_size : int
        Groups with fewer users do not count.

    Returns
    -------
    float
        In [0, 1]; NaN where no group is left.

    Examples
    --------
    >>> upd([0.3, 0.0, 0.0], [0, 1, 1])
    0.15
    """
    values = item_table(divergences, "divergences")
    codes = np.zeros(len(values), np.int64) if groups is None else np.asarray(groups)
    means = group_means(values, codes, min_size=min_size)
    known = means[~np.isnan(means)]
    return float(known.mean()) if len(known) else float("nan")


def group_codes(groups: npt.ArrayLike, n_groups: int) -> npt.NDArray[np.int64]:
    """``groups`` as whole numbers below ``n_groups``, contiguous; negative ones stay.

    Examples
    --------
    >>> group_codes([0, 1, -1], 2).tolist()
    [0, 1, -1]
    """
    codes = np.asarray(groups)
    if codes.ndim != 1 or (codes.dtype.kind not in "iu" and codes.size):
        raise ValueError(
            f"groups must be whole numbers, one per item; got {codes.dtype} of shape {codes.shape}"
        )
    highest = int(codes.max(initial=-1))
    if highest >= checked_count("n_groups", n_groups):
        raise ValueError(f"groups must be below n_groups, {n_groups}; got {highest}")
    return np.ascontiguousarray(codes, dtype=np.int64)


def _pair(one: npt.ArrayLike, other: npt.ArrayLike) -> tuple[Values, Values]:
    """Two tables of distributions; each row sums to 1, or holds a NaN."""
    tables = np.broadcast_arrays(np.asarray(one, np.float64), np.asarray(other, np.float64))
    for table in tables:
        sums = table.sum(axis=-1)
        known = ~np.isnan(sums)
        off = np.abs(sums - 1.0)[known] > 1e-6
        if off.any() or table.min(initial=0.0, where=known[..., None]) < 0:
            raise ValueError("shares must be at least 0 and sum to 1 in every row")
    return tables[0], tables[1]


def _relative(p: Values, q: Values) -> Values:
    """``sum p log(p / q)`` in nats, where q is above 0 wherever p is."""
    quotient = np.ones(p.shape)
    np.divide(p, q, out=quotient, where=(p > 0) & (q > 0))
    quotient = np.where(np.isnan(p) | np.isnan(q), np.nan, quotient)
    return np.asarray((p * np.log(quotient)).sum(axis=-1))
