"""Lists beside other lists: what is popular, what the user has, another model's choice."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .inputs import checked_count, checked_number
from .list_checks import (
    Mask,
    Values,
    checked_lists,
    item_table,
    mark_owned,
    mark_popular,
    ratio,
    same_shape,
)

Codes = npt.NDArray[np.int32]


def popular_places(
    items: npt.ArrayLike, counts: npt.ArrayLike, train_rows: Any = None, *, k: int
) -> Mask:
    """Which places hold an item that a plain list of the most popular items reaches.

    A user's popular list goes down the items by count, equal counts in the order of the items,
    to the k-th that the user does not have.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    counts : array_like, shape (n_items,)
        How many training users had each item.
    train_rows : sparse array of shape (n_users, n_items), optional
        What each user had; without it everybody's popular list is the same.
    k : int
        Length of the popular list.

    Returns
    -------
    ndarray of bool, shape (n_users, length)

    Examples
    --------
    >>> popular_places([[0, 1, 2]], [5, 9, 1], k=2).tolist()
    [[True, True, False]]
    >>> from scipy import sparse
    >>> popular_places([[0, 1, 2]], [5, 9, 1], sparse.csr_array([[1, 0, 0]]), k=2).tolist()
    [[True, True, True]]
    """
    held = item_table(counts, "counts")
    lists, _ = checked_lists(items, None, len(held))
    place = np.empty(len(held), np.int32)
    place[np.argsort(-held, kind="stable")] = np.arange(len(held), dtype=np.int32)
    starts, owned = np.empty(0, np.int64), np.empty(0, np.int32)
    if train_rows is not None:
        starts, owned = _rows_of(train_rows, len(lists), len(held))
    marks = np.zeros(lists.shape, bool)
    mark_popular(lists, place, starts, owned, checked_count("k", k), marks)
    return marks


def seen_places(items: npt.ArrayLike, train_rows: Any) -> Mask:
    """Which places hold an item that the user already had.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    train_rows : sparse array of shape (n_users, n_items)
        What each user had.

    Returns
    -------
    ndarray of bool, shape (n_users, length)

    Examples
    --------
    >>> from scipy import sparse
    >>> seen_places([[0, 2]], sparse.csr_array([[1, 1, 0]])).tolist()
    [[True, False]]
    """
    n_items = train_rows.shape[1]
    lists, _ = checked_lists(items, None, n_items)
    marks = np.zeros(lists.shape, bool)
    mark_owned(lists, *_rows_of(train_rows, len(lists), n_items), n_items, marks)
    return marks


def share_of_places(
    items: npt.ArrayLike,
    marked: npt.ArrayLike,
    *,
    k: int | None = None,
    denominator: Literal["list", "k"] = "list",
) -> Values:
    """Share of each list that is marked, of its filled places or of k.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended.
    marked : array_like of bool, shape (n_users, length)
        For example :func:`popular_places`; with the complement of :func:`seen_places` it is the
        share of items new to the user (RePlay's Novelty).
    k : int, optional
        Length at which lists are cut.
    denominator : {"list", "k"}
        What to divide by.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN for an empty list.

    Examples
    --------
    >>> share_of_places([[0, 2], [1, -1]], [[True, False], [True, True]]).tolist()
    [0.5, 1.0]
    """
    lists, length = checked_lists(items, k, np.iinfo(np.int32).max)
    filled = lists[:, :length] >= 0
    held = filled.sum(axis=1)
    found = (same_shape(items, marked, "marked")[:, :length] & filled).sum(axis=1)
    if denominator not in {"list", "k"}:
        raise ValueError(f"denominator must be 'list' or 'k'; got {denominator!r}")
    return np.where(
        held > 0, found / (np.maximum(held, 1) if denominator == "list" else length), np.nan
    )


def unexpected_hits(
    hits: npt.ArrayLike, expected: npt.ArrayLike, *, k: int | None = None
) -> Values:
    """Share of the k places that hold a relevant item which a popular list would not have shown.

    ``sum_{r<=k} h_r (1 - e_r) / k``: serendipity as relevant and unexpected (Ge et al., RecSys
    2010; Kotkov et al., 2016).

    Parameters
    ----------
    hits : array_like of bool, shape (n_users, length)
        Whether each listed item is relevant.
    expected : array_like of bool, shape (n_users, length)
        Whether it was to be expected, see :func:`popular_places`.
    k : int, optional
        Length at which lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)
        In [0, 1], never above precision.

    Examples
    --------
    >>> unexpected_hits([[True, True]], [[True, False]]).tolist()
    [0.5]
    """
    relevant = np.asarray(hits, dtype=bool)
    length = relevant.shape[1] if k is None else checked_count("k", k)
    surprising = relevant & ~same_shape(relevant, expected, "expected")
    return np.asarray(surprising[:, :length].sum(axis=1) / max(length, 1), np.float64)


def overlap(
    items: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    k: int | None = None,
    reference_k: int | None = None,
    denominator: Literal["list", "reference", "k"] = "list",
) -> Values:
    """Share of a list that is on a reference list too, ``|top_k & reference| / |top_k|``.

    RecTools' Intersection; RePlay's Unexpectedness is one minus it, divided by k.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        Item codes by rank, negative where a list has ended or a rank is left out.
    reference : array_like of int, shape (n_users, other_length)
        The other list of each user.
    k, reference_k : int, optional
        Lengths at which the two are cut.
    denominator : {"list", "reference", "k"}
        Divide by the length of the list, of the reference, or by k.

    Returns
    -------
    ndarray of shape (n_users,)
        NaN where the denominator is 0.

    Raises
    ------
    ValueError
        If the two have different numbers of users, or for another denominator.

    Examples
    --------
    >>> overlap([[3, 2], [1, -1]], [[3, 5], [1, -1]], k=2, reference_k=1).tolist()
    [0.5, 1.0]
    """
    ours, theirs, length = _pair(items, reference, k, reference_k)
    common = np.zeros(len(ours), np.int64)
    for column in theirs.T:
        common += ((ours == column[:, None]) & (column[:, None] >= 0)).any(axis=1)
    if denominator == "k":
        return common / length
    if denominator not in {"list", "reference"}:
        raise ValueError(f"denominator must be 'list', 'reference' or 'k'; got {denominator!r}")
    whole = theirs if denominator == "reference" else ours
    return ratio(common, (whole >= 0).sum(axis=1))


def rank_biased_overlap(
    items: npt.ArrayLike,
    reference: npt.ArrayLike,
    *,
    k: int | None = None,
    patience: float = 0.9,
    normalize: bool = True,
) -> Values:
    """Overlap of two rankings with most weight on top.

    ``(1-p) sum_{d<=k} p^(d-1) |A_d & B_d| / d`` for the first d items A_d and B_d of the two:
    Webber, Moffat, Zobel, TOIS 28 (2010).

    Parameters
    ----------
    items, reference : array_like of int, shapes (n_users, length) and (n_users, other_length)
        Item codes by rank, negative where a list has ended.
    k : int, optional
        Depth of the comparison; by default that of ``items``.
    patience : float in (0, 1)
        p: the probability of looking one place further.
    normalize : bool
        Divide by ``1 - p^k``, so that equal lists of k items have 1.

    Returns
    -------
    ndarray of shape (n_users,)
        In [0, 1]; 0 where one of the two is empty.

    Examples
    --------
    >>> rank_biased_overlap([[1, 2]], [[1, 2]]).round(6).tolist()
    [1.0]
    >>> rank_biased_overlap([[1, 2]], [[2, 1]], patience=0.5, normalize=False).tolist()
    [0.25]
    """
    p = checked_number("patience", patience, high=1.0, above=True, below=True)
    ours, theirs, length = _pair(items, reference, k, k)
    common = np.zeros(len(ours))
    total = np.zeros(len(ours))
    for depth in range(length):
        for new, others in ((ours, theirs[:, : depth + 1]), (theirs, ours[:, :depth])):
            if depth < new.shape[1]:
                item = new[:, depth, None]
                common += ((others == item) & (item >= 0)).any(axis=1)
        total += p**depth * common / (depth + 1)
    return np.asarray((1 - p) * total / (1 - p**length if normalize else 1.0))


def least_item_promoted(items: npt.ArrayLike, reference: npt.ArrayLike, *, k: int) -> Values:
    """How far below k the deepest item stood that a re-ranking lifted into its first k.

    ``max(0, max_r place(i_r) - k)`` with the place in the reference list from 0.

    Parameters
    ----------
    items : array_like of int, shape (n_users, length)
        The re-ranked item codes, negative where a list has ended.
    reference : array_like of int, shape (n_users, other_length)
        The ranking before.
    k : int
        Length at which the re-ranked lists are cut.

    Returns
    -------
    ndarray of shape (n_users,)
        In items; NaN where the reference is empty.

    Examples
    --------
    >>> least_item_promoted([[6, 2, 3, 1]], [[1, 2, 3, 4, 5, 6]], k=3).tolist()
    [2.0]
    """
    ours, theirs, length = _pair(items, reference, checked_count("k", k), None)
    deepest = np.full(len(ours), length)
    for place, column in enumerate(theirs.T):
        listed = ((ours == column[:, None]) & (column[:, None] >= 0)).any(axis=1)
        deepest[listed] = np.maximum(deepest[listed], place)
    return np.where((theirs >= 0).any(axis=1), deepest - length, np.nan)


def _rows_of(train_rows: Any, n_users: int, n_items: int) -> tuple[npt.NDArray[np.int64], Codes]:
    """Starts of the rows and items in them."""
    if train_rows.shape != (n_users, n_items):
        raise ValueError(
            f"train_rows must have one row per list and one column per item, "
            f"{(n_users, n_items)}; got {train_rows.shape}"
        )
    owned = train_rows.indices.astype(np.int32, copy=False)
    return train_rows.indptr.astype(np.int64), owned


def _pair(
    items: npt.ArrayLike, reference: npt.ArrayLike, k: int | None, reference_k: int | None
) -> tuple[Codes, Codes, int]:
    """Two tables of lists of the same users, each cut at its length."""
    top = np.iinfo(np.int32).max
    ours, length = checked_lists(items, k, top)
    theirs, other = checked_lists(reference, reference_k, top)
    if len(ours) != len(theirs):
        raise ValueError(f"reference must have one list per user, {len(ours)}; got {len(theirs)}")
    return ours[:, :length], theirs[:, :other], length
