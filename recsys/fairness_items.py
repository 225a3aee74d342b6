"""Whether items and their providers get their share of attention.

Exposure of an item is the attention that users pay to the places at which it is shown,
``e_i = sum_u w(rank_ui) / n_users``. Which shares are fair is for a person to say: ``target`` is
an argument everywhere. What a ratio would need of a group without exposure or without items is
NaN, never an infinity.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .calibration import group_codes, jensen_shannon
from .discounts import Discount, discounts
from .inputs import checked_count, checked_number
from .list_checks import Values, add_exposure, checked_lists, item_table, ratio

Attention = Literal["rbp", "geometric"] | Discount


def attention(kind: Attention, length: int, *, patience: float = 0.85) -> Values:
    """How much attention the ranks 1, 2, ... ``length`` get, from 1 at the first for most models.

    Parameters
    ----------
    kind : {"log2", "rbp", "geometric", "reciprocal", "none", "log2max2", "ln"}
        ``1 / log2(r + 1)``; rank-biased ``p^(r-1)`` (Moffat, Zobel, TOIS 27 (2008)); the same
        times ``1 - p``, which sums to 1 over all ranks; ``1 / r``; 1; or one of
        ``suffuse.recsys.discounts``.
    length : int
        How many ranks.
    patience : float in (0, 1)
        p: the probability that a user looks one place further.

    Returns
    -------
    ndarray of shape (length,)

    Examples
    --------
    >>> attention("rbp", 3, patience=0.5).tolist()
    [1.0, 0.5, 0.25]
    >>> attention("log2", 3).round(3).tolist()
    [1.0, 0.631, 0.5]
    """
    if kind in {"rbp", "geometric"}:
        p = checked_number("patience", patience, high=1.0, above=True, below=True)
        weights = p ** np.arange(checked_count("length", length, low=0), dtype=np.float64)
        return np.asarray(weights * (1 - p) if kind == "geometric" else weights)
    return discounts(kind, length)  # type: ignore[arg-type]


def item_exposure(
    items: npt.ArrayLike, n_items: int, weights: npt.ArrayLike, *, per_list: bool = True
) -> Values:
    """Exposure of each item, the mean over the lists of the attention that it gets.

    Lists may be those of users, or many rankings that one user was shown.

    Parameters
    ----------
    items : array_like of int, shape (n_lists, length)
        Item codes by rank, negative where a list has ended.
    n_items : int
        Number of items.
    weights : array_like, shape (k,)
        Attention of each rank; ranks behind the last get none.
    per_list : bool
        Divide by the number of lists; otherwise exposures are summed.

    Returns
    -------
    ndarray of shape (n_items,)

    Examples
    --------
    >>> item_exposure([[0, 1], [1, 0]], 3, [1.0, 0.5]).tolist()
    [0.75, 0.75, 0.0]
    """
    lists, _ = checked_lists(items, None, n_items)
    exposure = np.zeros(n_items)
    add_exposure(lists, item_table(weights, "weights"), exposure)
    return exposure / len(lists) if per_list and len(lists) else exposure


def group_exposure(
    exposure: npt.ArrayLike,
    groups: npt.ArrayLike,
    n_groups: int,
    *,
    per: Literal["group", "item", "share"] = "group",
    min_size: int = 1,
) -> Values:
    """Exposure of each group of items.

    Parameters
    ----------
    exposure : array_like, shape (n_items,)
        Exposure of each item.
    groups : array_like of int, shape (n_items,)
        The group of each item, from 0; negative for items that do not count.
    n_groups : int
        Number of groups.
    per : {"group", "item", "share"}
        The sum over the group; the mean over its items (Singh, Joachims, KDD 2018); or the sum as
        a share of that of all groups.
    min_size : int
        Groups with fewer items are NaN.

    Returns
    -------
    ndarray of shape (n_groups,)

    Examples
    --------
    >>> group_exposure([1.0, 0.5, 0.5], [0, 1, 1], 2).tolist()
    [1.0, 1.0]
    >>> group_exposure([1.0, 0.5, 0.5], [0, 1, 1], 2, per="item").tolist()
    [1.0, 0.5]
    """
    received = item_table(exposure, "exposure")
    codes = group_codes(groups, n_groups)
    if codes.shape != received.shape:
        raise ValueError(f"groups must be one per item, {len(received)}; got {len(codes)}")
    inside = codes >= 0
    summed = np.bincount(codes[inside], weights=received[inside], minlength=n_groups)
    total = np.asarray(summed, np.float64)
    sizes = np.bincount(codes[inside], minlength=n_groups)
    if per == "item":
        values = ratio(total, sizes)
    elif per == "share":
        values = ratio(total, total.sum())
    elif per == "group":
        values = total
    else:
        raise ValueError(f"per must be 'group', 'item' or 'share'; got {per!r}")
    return np.where(sizes >= checked_count("min_size", min_size), values, np.nan)


def demographic_parity(shares: npt.ArrayLike, target: npt.ArrayLike) -> Values:
    """Share of the exposure less the share that would be fair, group by group.

    Parameters
    ----------
    shares, target : array_like, shape (..., n_groups)
        Distributions over the groups.

    Returns
    -------
    ndarray of shape (..., n_groups)
        Above 0 for groups that are shown more than their share; sums to 0.

    Examples
    --------
    >>> demographic_parity([0.75, 0.25], [0.5, 0.5]).tolist()
    [0.25, -0.25]
    """
    return np.asarray(shares, np.float64) - np.asarray(target, np.float64)


def awrf(
    shares: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    distance: Literal["absolute", "js", "similarity"] = "absolute",
) -> Values:
    """Attention-weighted rank fairness: the distance of shares of attention from a target.

    Sapiezynski et al., FairRec 2019; Raj, Ekstrand, SIGIR 2022. The shares may be those of each
    list (``suffuse.recsys.calibration.list_shares`` with weights) or of all lists together
    (:func:`group_exposure` with ``per="share"``), which is the less noisy number.

    Parameters
    ----------
    shares, target : array_like, shape (..., n_groups)
        Distributions over the groups.
    distance : {"absolute", "js", "similarity"}
        Half the sum of absolute differences, for two groups ``|share - target|``; the
        Jensen-Shannon divergence in base 2; or one minus that, as TREC Fair Ranking has it.

    Returns
    -------
    ndarray of shape (...)
        In [0, 1], 0 fair (1 for ``"similarity"``).

    Examples
    --------
    >>> awrf([0.7, 0.3], [0.5, 0.5]).round(4).tolist()
    0.2
    """
    if distance == "absolute":
        return np.asarray(np.abs(demographic_parity(shares, target)).sum(axis=-1) / 2)
    if distance not in {"js", "similarity"}:
        raise ValueError(f"distance must be 'absolute', 'js' or 'similarity'; got {distance!r}")
    apart = jensen_shannon(shares, target)
    return np.asarray(apart if distance == "js" else 1.0 - apart)


def log_dp(exposure: npt.ArrayLike, other: npt.ArrayLike, *, smoothing: float = 0.0) -> Values:
    """Logarithm of the ratio of two exposures, ``log(E_g / E_other)``; 0 is parity.

    Raj, Ekstrand, SIGIR 2022, after Singh, Joachims, KDD 2018.

    Parameters
    ----------
    exposure, other : array_like
        Exposure of a group and of the others, both in total or both per item.
    smoothing : float
        Added to both; with 0 a group without exposure has no value.

    Returns
    -------
    ndarray, or float for two numbers
        Above 0 where the group is shown more; NaN where one has no exposure.

    Examples
    --------
    >>> round(float(log_dp(1.0, 4.0)), 4)
    -1.3863
    """
    added = checked_number("smoothing", smoothing)
    return _log(ratio(np.asarray(exposure) + added, np.asarray(other) + added))


def log_eur(
    exposure: npt.ArrayLike,
    utility: npt.ArrayLike,
    other_exposure: npt.ArrayLike,
    other_utility: npt.ArrayLike,
    *,
    smoothing: float = 0.0,
) -> Values:
    """Exposed utility ratio, ``log((E_g / Y_g) / (E_other / Y_other))``: disparate treatment.

    Is exposure in proportion to what users want? Singh, Joachims, KDD 2018.

    Parameters
    ----------
    exposure, other_exposure : array_like
        Exposure of a group and of the others.
    utility, other_utility : array_like
        Their relevance, such as the number of their test rows.
    smoothing : float
        Added to the two quotients.

    Returns
    -------
    ndarray, or float for numbers
        0 where both get the same per relevance; NaN where one of the four is 0.

    Examples
    --------
    >>> float(log_eur(2.0, 4.0, 1.0, 2.0))
    0.0
    """
    per, other = ratio(exposure, utility), ratio(other_exposure, other_utility)
    return log_dp(per, other, smoothing=smoothing)


def log_rur(
    gain: npt.ArrayLike,
    utility: npt.ArrayLike,
    other_gain: npt.ArrayLike,
    other_utility: npt.ArrayLike,
    *,
    smoothing: float = 0.0,
) -> Values:
    """Realised utility ratio, ``log((G_g / Y_g) / (G_other / Y_other))``: disparate impact.

    The same as :func:`log_eur` with the attention that falls on relevant items only.

    Parameters
    ----------
    gain, other_gain : array_like
        Attention to hits of a group and of the others (or clicks).
    utility, other_utility : array_like
        Their relevance, such as the number of their test rows.
    smoothing : float
        Added to the two quotients.

    Returns
    -------
    ndarray, or float for numbers
        0 where both get the same per relevance; NaN where one of the four is 0.

    Examples
    --------
    >>> round(float(log_rur(1.0, 4.0, 2.0, 4.0)), 4)
    -0.6931
    """
    return log_eur(gain, utility, other_gain, other_utility, smoothing=smoothing)


def ranked_probability(ranked: npt.ArrayLike, possible: npt.ArrayLike) -> Values:
    """How often the items of each group are shown where they could be, ``ranked / possible``.

    Parameters
    ----------
    ranked : array_like, shape (n_groups,)
        Places that hold an item of the group (for RSP), or hits of it (for REO), over all users.
    possible : array_like, shape (n_groups,)
        Pairs of user and item of the group that could have been shown, items that the user has
        already left out; for REO only relevant ones.

    Returns
    -------
    ndarray of shape (n_groups,)
        NaN for a group without such a pair.

    Examples
    --------
    >>> ranked_probability([1.0, 3.0], [10.0, 10.0]).tolist()
    [0.1, 0.3]
    """
    return ratio(ranked, possible)


def relative_spread(group_values: npt.ArrayLike) -> float:
    """Standard deviation over mean of the groups' values, both over the groups.

    Of :func:`ranked_probability` it is ranking-based statistical parity (RSP) and equal
    opportunity (REO): Zhu, Wang, Caverlee, SIGIR 2020. On groups of popularity they are called
    PopRSP and PopREO.

    Parameters
    ----------
    group_values : array_like, shape (n_groups,)
        One number per group, NaN for groups to leave out.

    Returns
    -------
    float
        0 where all groups are alike; NaN for fewer than two groups, or where all are 0.

    Examples
    --------
    >>> round(relative_spread([0.2, 0.1, 0.3]), 6)
    0.408248
    """
    values = item_table(group_values, "group_values")
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return float("nan")
    return float(ratio(known.std(), known.mean()))


def _log(quotient: Any) -> Values:
    """The logarithm of positive numbers, NaN of all others."""
    return np.log(np.where(np.asarray(quotient) > 0, quotient, np.nan))
