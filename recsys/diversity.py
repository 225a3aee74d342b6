"""How different the items of one list are from one another, and from what the user knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .inputs import checked_number
from .list_checks import Codes, Mask, Values, checked_lists, item_table, ratio, same_shape

Distance = Literal["cosine", "hamming", "jaccard", "euclidean"]
_BLOCK = 4096


def ild(
    items: npt.ArrayLike,
    features: Any,
    *,
    k: int | None = None,
    distance: Distance = "cosine",
    singleton: float = float("nan"),
) -> Values:
    """Intra-list diversity: the mean distance between two different items of a list.

    Ziegler et al., WWW 2005. With cosine distance, ``1 - cos``, and one column per training user
    (``features = train_rows.T``) the similarity is the normalised co-occurrence of two items.
    ``1 - ild(..., singleton=0.0)`` is the intra-list similarity.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    features : array_like or sparse array of shape (n_items, n_features)
        One row per item; a row with a NaN is missing. Zero rows have cosine 0 to every other.
    k : int, optional
        Length at which lists are cut.
    distance : {"cosine", "hamming", "jaccard", "euclidean"}
        Hamming counts the features that differ; Jaccard takes features above 0 as a set, and two
        empty sets as equal.
    singleton : float
        The value of a list with a single item, whose diversity is not defined; NaN by default.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list, and for one with an item whose features are missing.

    Raises
    ------
    ValueError
        For another distance, a code out of range, or sparse features with a distance other than
        cosine.

    Examples
    --------
    >>> ild([[0, 1, 2], [0, -1, -1]], [[1, 0], [1, 0], [0, 1]]).round(4).tolist()
    [0.6667, nan]
    >>> ild([[0, 1, 2]], [[0, 0], [0, 1], [1, 1]], distance="hamming").round(4).tolist()
    [1.3333]
    """
    table, missing = _features(features, "features")
    lists, length = checked_lists(items, k, table.shape[0])
    lists = lists[:, :length]
    if distance not in {"cosine", "hamming", "jaccard", "euclidean"}:
        raise ValueError(
            f"distance must be 'cosine', 'hamming', 'jaccard' or 'euclidean'; got {distance!r}"
        )
    if distance != "cosine" and _is_sparse(table):
        raise ValueError(
            f"features must be dense for the {distance} distance; got a sparse array: "
            "pass features.toarray()"
        )
    held = (lists >= 0).sum(axis=1)
    pairs = held * (held - 1) / 2
    if distance == "cosine":
        total = pairs - _cosines(lists, _unit_rows(table))
    else:
        total = _pair_distances(lists, table, distance)
    mean = np.where(held == 1, singleton, ratio(total, pairs))
    if distance == "cosine":
        mean = np.where(held > 1, np.clip(mean, 0.0, 2.0), mean)
    unknown = (missing[np.maximum(lists, 0)] & (lists >= 0)).any(axis=1)
    return np.where(unknown, np.nan, mean)


def serendipity(
    items: npt.ArrayLike,
    hits: npt.ArrayLike,
    features: Any,
    history: Any,
    *,
    k: int | None = None,
) -> Values:
    """Mean over the list of relevance times distance from what the user had.

    ``mean_r h_r (1 - mean_{j in history} cos(i_r, j))`` (Zhang et al., WSDM 2012).

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    hits : array_like of bool, shape (n_users, length)
        Whether each listed item is relevant.
    features : array_like or sparse array of shape (n_items, n_features)
        One row per item; ``train_rows.T`` compares items by the users that they share.
    history : sparse array of shape (n_users, n_items)
        What each user had; stored cells count once, whatever their weight.
    k : int, optional
        Length at which lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list and for a user without history.

    Examples
    --------
    >>> features = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    >>> had = sparse.csr_array([[1.0, 0.0, 0.0]])
    >>> serendipity([[1, 2]], [[True, True]], features, had).tolist()
    [0.5]
    """
    table, missing = _features(features, "features")
    lists, length = checked_lists(items, k, table.shape[0])
    lists, relevant = lists[:, :length], same_shape(items, hits, "hits")[:, :length]
    unit = _unit_rows(table)
    had = _owned(history, lists, table.shape[0])
    values = np.zeros(lists.shape)
    for rows in _blocks(len(lists)):
        profile = _dense(had[rows] @ unit) if not _is_sparse(unit) else had[rows] @ unit
        for rank in range(lists.shape[1]):
            closeness = _row_dots(unit[np.maximum(lists[rows, rank], 0)], profile)
            values[rows, rank] = 1.0 - closeness
    values = np.where(relevant & (lists >= 0), values, 0.0)
    held = (lists >= 0).sum(axis=1)
    unknown = (missing[np.maximum(lists, 0)] & (lists >= 0)).any(axis=1)
    undefined = unknown | (np.diff(had.indptr) == 0)
    return np.where(undefined, np.nan, ratio(values.sum(axis=1), held))


def rank_serendipity(
    items: npt.ArrayLike,
    hits: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    k: int | None = None,
) -> Values:
    """Mean over the list of ``h_r max(p_r - q_i, 0)``: higher placed than popular, and relevant.

    ``p_r = (n + 1 - r) / n`` for n items, ``q_i`` the same with the rank of the item's count
    among the different counts, and 0 for an item that nobody had. Vargas, Castells, RecSys 2011,
    as RecTools has it.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    hits : array_like of bool, shape (n_users, length)
        Whether each listed item is relevant.
    counts : array_like, shape (n_items,)
        How many training users had each item, for every item of the catalogue.
    k : int, optional
        Length at which lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list.

    Examples
    --------
    >>> rank_serendipity([[1, 2]], [[True, True]], [3, 2, 0, 0]).tolist()
    [0.5]
    """
    held = item_table(counts, "counts")
    lists, length = checked_lists(items, k, len(held))
    lists, relevant = lists[:, :length], same_shape(items, hits, "hits")[:, :length]
    n = max(len(held), 1)
    different, place = np.unique(-held, return_inverse=True)
    popular = np.where(held > 0, (n - place.astype(np.float64)) / n, 0.0)
    placed = (n - np.arange(lists.shape[1])) / n
    gain = np.maximum(placed - popular[np.maximum(lists, 0)], 0.0) if len(different) else 0.0
    total = np.where(relevant & (lists >= 0), gain, 0.0).sum(axis=1)
    return ratio(total, (lists >= 0).sum(axis=1))


def list_entropy(
    items: npt.ArrayLike,
    categories: Any,
    *,
    k: int | None = None,
    weights: npt.ArrayLike | None = None,
    smoothing: float = 0.0,
) -> Values:
    """Entropy, in bits, of the categories within each list.

    ``-sum_c p_c log2 p_c`` with ``p_c`` proportional to ``smoothing + sum_r w_r x(i_r, c)``.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    categories : array_like or sparse array of shape (n_items, n_categories)
        How much each item belongs to each category, at least 0.
    k : int, optional
        Length at which lists are cut.
    weights : array_like, shape (k,), optional
        Weight of each rank; with ``p^(r-1)`` it is the rank-biased entropy.
    smoothing : float
        Added to every category (LensKit: 1e-6).

    Returns
    -------
    ndarray of shape (n_users,)
        From 0 to ``log2 n_categories``; NaN for an empty list, and without smoothing for one
        whose items have no category.

    Examples
    --------
    >>> list_entropy([[0, 1], [0, 0]], [[1, 0], [0, 1]]).tolist()
    [1.0, 0.0]
    """
    table, _ = _features(categories, "categories")
    lists, length = checked_lists(items, k, table.shape[0])
    lists = lists[:, :length]
    added = checked_number("smoothing", smoothing)
    scale = np.ones(lists.shape[1]) if weights is None else item_table(weights, "weights")
    result = np.full(len(lists), np.nan)
    for rows in _blocks(len(lists)):
        mass = _dense(_members(lists[rows], table.shape[0], scale) @ table) + added
        shares = ratio(mass, mass.sum(axis=1, keepdims=True))
        logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
        result[rows] = np.maximum(-(shares * logs).sum(axis=1), 0.0)
    return np.where((lists >= 0).any(axis=1), result, np.nan)


def distinct_categories(
    items: npt.ArrayLike, codes: npt.ArrayLike, *, k: int | None = None
) -> Values:
    """How many different categories are in the first k places, divided by k.

    RePlay's categorical diversity.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    codes : array_like of int, shape (n_items,)
        The category of each item.
    k : int, optional
        Length at which lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)

    Examples
    --------
    >>> distinct_categories([[0, 1, 2], [0, 1, -1]], [7, 7, 8]).round(4).tolist()
    [0.6667, 0.3333]
    """
    category = np.asarray(codes, dtype=np.int64)
    lists, length = checked_lists(items, k, len(category))
    lists = lists[:, :length]
    _, dense = np.unique(category, return_inverse=True)
    found = np.sort(np.where(lists >= 0, dense[np.maximum(lists, 0)], -1), axis=1)
    first = np.ones(found.shape, bool)
    first[:, 1:] = found[:, 1:] != found[:, :-1]
    return np.asarray((first & (found >= 0)).sum(axis=1) / max(length, 1), np.float64)


def _is_sparse(table: Any) -> bool:
    return bool(sparse.issparse(table))


def _features(features: Any, name: str) -> tuple[Any, Mask]:
    """Features as float64, dense or CSR, rows that hold a NaN set to 0, and which those are."""
    if _is_sparse(features):
        table = sparse.csr_array(features, dtype=np.float64)
        return table, np.zeros(int(table.shape[0]), bool)
    dense = np.asarray(features, dtype=np.float64)
    if dense.ndim != 2 or not dense.shape[0]:
        raise ValueError(f"{name} must have shape (n_items, n_features); got {dense.shape}")
    missing = np.asarray(np.isnan(dense).any(axis=1), np.bool_)
    return np.where(missing[:, None], 0.0, dense), missing


def _unit_rows(table: Any) -> Any:
    """Every row divided by its length, zero rows left alone."""
    if _is_sparse(table):
        lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return sparse.csr_array(sparse.diags_array(scale).tocsr() @ table)
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    return np.divide(table, lengths, out=np.zeros_like(table), where=lengths > 0)


def _blocks(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, _BLOCK):
        yield slice(start, min(start + _BLOCK, n_rows))


def _members(lists: Codes, n_items: int, weights: Values) -> sparse.csr_array:
    """The weights of the listed items, shape (n_lists, n_items)."""
    rows, ranks = np.nonzero(lists >= 0)
    cells = (weights[ranks], (rows, lists[rows, ranks]))
    return sparse.csr_array(cells, shape=(len(lists), n_items))


def _owned(history: Any, lists: Codes, n_items: int) -> sparse.csr_array:
    """What each user had, each row summing to 1."""
    had = sparse.csr_array(history, dtype=np.float64, copy=True)
    if had.shape != (len(lists), n_items):
        raise ValueError(
            f"history must have shape (n_users, n_items), {(len(lists), n_items)}; got {had.shape}"
        )
    sizes = np.diff(had.indptr)
    had.data = np.repeat(1.0 / np.maximum(sizes, 1), sizes)
    return had


def _dense(block: Any) -> Values:
    return np.asarray(block.toarray() if _is_sparse(block) else block, np.float64)


def _row_dots(one: Any, other: Any) -> Values:
    """The dot product of each row of one with the same row of the other."""
    if _is_sparse(one):
        return np.asarray(one.multiply(other).sum(axis=1), np.float64).ravel()
    return np.asarray(np.einsum("ij,ij->i", one, other), np.float64)


def _cosines(lists: Codes, unit: Any) -> Values:
    """The sum of cosines over the unordered pairs of each list, ``(|sum x|^2 - sum |x|^2) / 2``."""
    own = np.append(_row_dots(unit, unit), 0.0)
    total = np.empty(len(lists))
    for rows in _blocks(len(lists)):
        summed = _members(lists[rows], unit.shape[0], np.ones(lists.shape[1])) @ unit
        total[rows] = _row_dots(summed, summed) - own[lists[rows]].sum(axis=1)
    return total / 2


def _pair_distances(lists: Codes, table: Values, distance: str) -> Values:
    """The sum of distances over the unordered pairs of each list."""
    total = np.zeros(len(lists))
    for first in range(lists.shape[1]):
        for second in range(first + 1, lists.shape[1]):
            both = np.flatnonzero((lists[:, first] >= 0) & (lists[:, second] >= 0))
            for rows in _blocks(len(both)):
                users = both[rows]
                one, other = table[lists[users, first]], table[lists[users, second]]
                total[users] += _distance(one, other, distance)
    return total


def _distance(one: Values, other: Values, distance: str) -> Values:
    """The distance of each row of one from the same row of the other."""
    if distance == "hamming":
        return np.asarray((one != other).sum(axis=1), np.float64)
    if distance == "euclidean":
        return np.asarray(np.linalg.norm(one - other, axis=1))
    common = ((one > 0) & (other > 0)).sum(axis=1)
    either = ((one > 0) | (other > 0)).sum(axis=1)
    return np.where(either > 0, 1.0 - common / np.maximum(either, 1), 0.0)
