"""Unfairness of predicted ratings between a group of users and the others.

Yao, Huang, Beyond parity: fairness objectives for collaborative filtering, NeurIPS 2017. Each
formula takes, item by item, the mean prediction ``y`` and the mean rating ``r`` of the users of
the group (``g``) and of all others (``n``) who rated the item. An item that one of the two groups
did not rate holds NaN and is left out, so no denominator is made up.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .inputs import checked_count, checked_number
from .list_checks import Values, item_table, ratio


def item_means(
    items: npt.ArrayLike, values: npt.ArrayLike, protected: npt.ArrayLike, n_items: int
) -> tuple[Values, Values]:
    """Mean value of each item within the group and outside of it, from one row per rating.

    Parameters
    ----------
    items : array_like of int, shape (n_rows,)
        Item codes.
    values : array_like, shape (n_rows,)
        Ratings, or predictions of the same cells.
    protected : array_like of bool, shape (n_rows,)
        Whether the user of the row belongs to the group.
    n_items : int
        Number of items.

    Returns
    -------
    group, others : ndarray of shape (n_items,)
        NaN where no row is there.

    Examples
    --------
    >>> group, others = item_means([0, 0, 1], [5.0, 3.0, 4.0], [True, False, True], 2)
    >>> group.tolist(), others.tolist()
    ([5.0, 4.0], [3.0, nan])
    """
    n = checked_count("n_items", n_items)
    codes, numbers = np.asarray(items, dtype=np.int64), item_table(values, "values")
    inside = np.asarray(protected, dtype=bool)
    if not codes.shape == numbers.shape == inside.shape:
        raise ValueError(
            "items, values and protected must have one shape; "
            f"got {codes.shape}, {numbers.shape}, {inside.shape}"
        )

    def means(rows: npt.NDArray[np.bool_]) -> Values:
        total = np.bincount(codes[rows], weights=numbers[rows], minlength=n)
        return ratio(total, np.bincount(codes[rows], minlength=n))

    return means(inside), means(~inside)


def value_unfairness(
    predicted: npt.ArrayLike,
    rated: npt.ArrayLike,
    other_predicted: npt.ArrayLike,
    other_rated: npt.ArrayLike,
) -> float:
    """Difference in signed error, ``mean_j |(y_g - r_g) - (y_n - r_n)|``.

    Parameters
    ----------
    predicted, rated : array_like, shape (n_items,)
        Mean prediction and mean rating of each item within the group, NaN where unknown.
    other_predicted, other_rated : array_like, shape (n_items,)
        The same for all others.

    Returns
    -------
    float
        At least 0; NaN where no item is rated by both.

    Examples
    --------
    >>> value_unfairness([4.0, 3.0], [3.0, 3.0], [2.0, 4.0], [3.0, 3.0])
    1.5
    """
    return _mean_gap(lambda y, r: y - r, predicted, rated, other_predicted, other_rated)


def absolute_unfairness(
    predicted: npt.ArrayLike,
    rated: npt.ArrayLike,
    other_predicted: npt.ArrayLike,
    other_rated: npt.ArrayLike,
) -> float:
    """Difference in the size of the error, ``mean_j ||y_g - r_g| - |y_n - r_n||``.

    Parameters
    ----------
    predicted, rated : array_like, shape (n_items,)
        Mean prediction and mean rating of each item within the group, NaN where unknown.
    other_predicted, other_rated : array_like, shape (n_items,)
        The same for all others.

    Returns
    -------
    float
        At least 0; NaN where no item is rated by both.

    Examples
    --------
    >>> absolute_unfairness([4.0, 3.0], [3.0, 3.0], [2.0, 4.0], [3.0, 3.0])
    0.5
    """
    return _mean_gap(lambda y, r: np.abs(y - r), predicted, rated, other_predicted, other_rated)


def underestimation_unfairness(
    predicted: npt.ArrayLike,
    rated: npt.ArrayLike,
    other_predicted: npt.ArrayLike,
    other_rated: npt.ArrayLike,
) -> float:
    """Difference in predicting too low, ``mean_j |max(0, r_g - y_g) - max(0, r_n - y_n)|``.

    Parameters
    ----------
    predicted, rated : array_like, shape (n_items,)
        Mean prediction and mean rating of each item within the group, NaN where unknown.
    other_predicted, other_rated : array_like, shape (n_items,)
        The same for all others.

    Returns
    -------
    float
        At least 0; NaN where no item is rated by both.

    Examples
    --------
    >>> underestimation_unfairness([4.0, 3.0], [3.0, 3.0], [2.0, 4.0], [3.0, 3.0])
    0.5
    """
    sides = (predicted, rated, other_predicted, other_rated)
    return _mean_gap(lambda y, r: np.maximum(0.0, r - y), *sides)


def overestimation_unfairness(
    predicted: npt.ArrayLike,
    rated: npt.ArrayLike,
    other_predicted: npt.ArrayLike,
    other_rated: npt.ArrayLike,
) -> float:
    """Difference in predicting too high, ``mean_j |max(0, y_g - r_g) - max(0, y_n - r_n)|``.

    Parameters
    ----------
    predicted, rated : array_like, shape (n_items,)
        Mean prediction and mean rating of each item within the group, NaN where unknown.
    other_predicted, other_rated : array_like, shape (n_items,)
        The same for all others.

    Returns
    -------
    float
        At least 0; NaN where no item is rated by both.

    Examples
    --------
    >>> overestimation_unfairness([4.0, 3.0], [3.0, 3.0], [2.0, 4.0], [3.0, 3.0])
    1.0
    """
    sides = (predicted, rated, other_predicted, other_rated)
    return _mean_gap(lambda y, r: np.maximum(0.0, y - r), *sides)


def nonparity_unfairness(predicted: npt.ArrayLike, other_predicted: npt.ArrayLike) -> float:
    """Difference of the mean predictions, ``|E_g[y] - E_n[y]|``.

    Parameters
    ----------
    predicted, other_predicted : array_like or float
        Predictions for the users of the group, and for all others; their means will do.

    Returns
    -------
    float
        At least 0; NaN where one of the two is empty.

    Examples
    --------
    >>> nonparity_unfairness([4.0, 3.0], [2.0, 4.0])
    0.5
    """
    group, others = np.asarray(predicted, np.float64), np.asarray(other_predicted, np.float64)
    if not group.size or not others.size:
        return float("nan")
    return float(abs(group.mean() - others.mean()))


def differential_fairness(
    totals: npt.ArrayLike, sizes: npt.ArrayLike, *, concentration: float = 1.0
) -> float:
    """Largest log ratio between two groups of how much an item is predicted, mean over items.

    ``mean_j max_{g,h} |log(p_gj / p_hj)|`` with ``p_gj = (sum_{u in g} y_uj + a) / (n_g + 2 a)``,
    the share of the group to which item j is given, smoothed (Islam et al., WWW 2021).

    Parameters
    ----------
    totals : array_like, shape (n_groups, n_items)
        Sum of the predictions, each in [0, 1], of each item over the users of each group.
    sizes : array_like, shape (n_groups,)
        Number of users of each group.
    concentration : float
        a, above 0.

    Returns
    -------
    float
        At least 0; NaN for fewer than two groups, or without items.

    Examples
    --------
    >>> round(differential_fairness([[1.0, 3.0], [0.0, 3.0]], [4, 4]), 4)
    0.3466
    """
    a = checked_number("concentration", concentration, above=True)
    given, users = np.asarray(totals, np.float64), item_table(sizes, "sizes")
    if given.ndim != 2 or len(given) != len(users):
        raise ValueError(
            f"totals must have one row per group, {len(users)}; got shape {given.shape}"
        )
    if len(users) < 2 or not given.shape[1]:
        return float("nan")
    logs = np.log((given + a) / (users[:, None] + 2 * a))
    return float((logs.max(axis=0) - logs.min(axis=0)).mean())


def _mean_gap(
    error: Callable[[Values, Values], Values],
    predicted: npt.ArrayLike,
    rated: npt.ArrayLike,
    other_predicted: npt.ArrayLike,
    other_rated: npt.ArrayLike,
) -> float:
    """Mean difference of an error between the two groups, over items that both rated."""
    names = ("predicted", "rated", "other_predicted", "other_rated")
    given = (predicted, rated, other_predicted, other_rated)
    tables = [item_table(values, name) for values, name in zip(given, names, strict=True)]
    if len({len(table) for table in tables}) > 1:
        raise ValueError(f"the four must have one length; got {[len(table) for table in tables]}")
    gaps = np.abs(error(tables[0], tables[1]) - error(tables[2], tables[3]))
    known = gaps[~np.isnan(gaps)]
    return float(known.mean()) if len(known) else float("nan")
