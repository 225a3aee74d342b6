"""Fairness along the social graph: between friends, and towards those who have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..datasets.ids import locate
from ..datasets.tables import as_social_graph
from .inputs import checked_number
from .list_checks import Values, item_table


def ties_among(
    social: Any, user_ids: npt.NDArray[Any], *, directed: bool | None = None
) -> tuple[sparse.csr_array, npt.NDArray[np.int64]]:
    """The ties between the given users, and how many ties each has in the whole graph.

    Parameters
    ----------
    social : DataFrame, sparse matrix, networkx graph or SocialGraph
        Who listens to whom.
    user_ids : ndarray, shape (n_users,)
        Raw ids of the users who are judged; other people of the graph do not enter.
    directed : bool, optional
        For frames and matrices: whether a tie binds its source only.

    Returns
    -------
    ties : csr_array of shape (n_users, n_users)
        Weights, each pair of users once: the two directions of a tie are added up.
    degrees : ndarray of int64, shape (n_users,)
        Ties of each user in either direction, to people who are not judged too; 0 for users whom
        the graph does not know.

    Examples
    --------
    >>> import pandas as pd
    >>> social = pd.DataFrame({"source_id": [1, 2], "target_id": [2, 3]})
    >>> ties, degrees = ties_among(social, np.array([1, 2, 7]), directed=False)
    >>> ties.toarray().tolist(), degrees.tolist()
    ([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [1, 2, 0])
    """
    graph = as_social_graph(social, directed=directed)
    n = len(user_ids)
    if graph.n_nodes == 0:
        return sparse.csr_array((n, n)), np.zeros(n, np.int64)
    both = sparse.csr_array(graph.adjacency + graph.adjacency.T)
    places = locate(graph.ids, user_ids, "user_id")
    known = places >= 0
    degrees = np.where(known, np.diff(both.indptr)[np.maximum(places, 0)], 0)
    new = np.full(graph.n_nodes, -1, np.int64)
    new[places[known]] = np.flatnonzero(known)
    cells = both.tocoo()
    first, second = new[cells.row], new[cells.col]
    once = (first >= 0) & (second >= 0) & (first < second)
    ties = sparse.csr_array((cells.data[once], (first[once], second[once])), shape=(n, n))
    return ties, degrees.astype(np.int64)


def social_gap(values: npt.ArrayLike, ties: Any, *, power: float = 1.0) -> float:
    """Difference in utility along ties, ``sum_uv w_uv |U_u - U_v|^p / sum_uv w_uv``.

    How unequally friends are served. With ``power=2`` and every pair stored once it is the
    Dirichlet energy of the utilities over the total weight.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A metric per user; ties of users whose value is NaN are left out.
    ties : sparse array of shape (n_users, n_users)
        Weights of at least 0, for example of :func:`ties_among`; self ties do not count.
    power : float
        p, above 0.

    Returns
    -------
    float
        At least 0; NaN without ties.

    Examples
    --------
    >>> ties = sparse.csr_array([[0, 1, 0], [0, 0, 3], [0, 0, 0]])
    >>> social_gap([0.0, 1.0, 1.0], ties)
    0.25
    """
    apart, weights, _, _ = _along(values, ties, power)
    total = float(weights.sum())
    return float(weights @ apart) / total if total > 0 else float("nan")


def social_gap_error(values: npt.ArrayLike, ties: Any) -> float:
    """Standard error of :func:`social_gap` when users, with their ties, are drawn anew.

    The gap G is a ratio of two sums over pairs of users, so a user u moves it by
    ``h_u = sum_v w_uv (|U_u - U_v| - G) / sum w``, and the error is ``sqrt(n / (n-1) sum_u h_u^2)``
    over the n users who have ties (the linear part of the jackknife over nodes).

    Parameters
    ----------
    values, ties
        As in :func:`social_gap`.

    Returns
    -------
    float
        NaN for fewer than three users with ties.

    Examples
    --------
    >>> ties = sparse.csr_array([[0, 1, 0], [0, 0, 3], [0, 0, 0]])
    >>> round(social_gap_error([0.0, 1.0, 1.0], ties), 4)
    0.3248
    """
    apart, weights, first, second = _along(values, ties, 1.0)
    total, n_users = float(weights.sum()), len(item_table(values, "values"))
    tied = np.unique(np.concatenate([first, second]))
    if not total > 0 or len(tied) < 3:
        return float("nan")
    pull = weights * (apart - float(weights @ apart) / total) / total
    moved = np.bincount(first, weights=pull, minlength=n_users)
    moved += np.bincount(second, weights=pull, minlength=n_users)
    return float(np.sqrt(len(tied) / (len(tied) - 1) * (moved @ moved)))


def isolated_gap(values: npt.ArrayLike, degrees: npt.ArrayLike) -> float:
    """Mean utility of users without any tie, less that of all others.

    Negative where those whom no friend helps are served worse.

    Parameters
    ----------
    values : array_like, shape (n_users,)
        A metric per user; NaN is left out.
    degrees : array_like of int, shape (n_users,)
        Number of ties of each user.

    Returns
    -------
    float
        NaN where one of the two groups is empty.

    Examples
    --------
    >>> isolated_gap([0.2, 0.4, 0.6], [0, 1, 2])
    -0.3
    """
    numbers, tied = item_table(values, "values"), np.asarray(degrees) > 0
    if tied.shape != numbers.shape:
        raise ValueError(f"degrees must be one per value, {len(numbers)}; got {tied.shape}")
    known = ~np.isnan(numbers)
    alone, rest = numbers[known & ~tied], numbers[known & tied]
    if not len(alone) or not len(rest):
        return float("nan")
    return float(alone.mean() - rest.mean())


def _along(
    values: npt.ArrayLike, ties: Any, power: float
) -> tuple[Values, Values, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Differences along the ties, weights, and the two ends, of ties between known values."""
    numbers = item_table(values, "values")
    p = checked_number("power", power, above=True)
    cells = sparse.coo_array(ties)
    if cells.shape != (len(numbers), len(numbers)):
        raise ValueError(f"ties must have one row and column per value; got shape {cells.shape}")
    weights = np.asarray(cells.data, np.float64)
    if not np.isfinite(weights).all() or weights.min(initial=0.0) < 0:
        raise ValueError("ties must have finite weights of at least 0")
    first, second = (np.asarray(end, np.int64) for end in cells.coords)
    kept = (first != second) & (weights > 0)
    kept &= ~np.isnan(numbers[first]) & ~np.isnan(numbers[second])
    first, second = first[kept], second[kept]
    return np.abs(numbers[first] - numbers[second]) ** p, weights[kept], first, second
