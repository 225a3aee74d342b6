"""Coded rows (a pair of codes, a weight, perhaps a time) put in order and made distinct."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .columns import Floats, quoted, read_weights
from .ids import CodeArray

logger = logging.getLogger(__name__)

#: from so many rows on, tables are sorted by compiled passes; numba is not loaded for smaller ones
MANY_ROWS = 1 << 19


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table in codes: two ends, a weight, and a time or None.

    Examples
    --------
    >>> import numpy as np
    >>> len(Rows(np.array([0, 1]), np.array([1, 1]), np.array([1.0, 2.0]), None).weights)
    2
    """

    first: CodeArray
    second: CodeArray
    weights: Floats
    timestamps: npt.NDArray[Any] | None = None

    def take(self, which: npt.NDArray[Any]) -> Rows:
        """Return the rows at the given positions or under the given mask."""
        times = None if self.timestamps is None else self.timestamps[which]
        return Rows(self.first[which], self.second[which], self.weights[which], times)


@dataclass(frozen=True, eq=False)
class Merged:
    """Distinct rows in order, with the number of rows that were merged and left out.

    Examples
    --------
    >>> import numpy as np
    >>> rows = Rows(np.array([0, 0]), np.array([1, 1]), np.array([1.0, 2.0]))
    >>> merge_rows(rows, 2, weights="sum").n_merged
    1
    """

    rows: Rows
    n_merged: int
    n_zero: int


def merge_rows(rows: Rows, n_second: int, *, weights: Literal["sum", "max"]) -> Merged:
    """Leave out rows of weight 0, sort by both ends, and make one row of every repeated pair.

    Parameters
    ----------
    rows : Rows
        Rows in any order.
    n_second : int
        Number of codes at the second end.
    weights : {"sum", "max"}
        What becomes of the weights of a repeated pair; of its times the latest is kept.

    Returns
    -------
    Merged
        The distinct rows, and the counts.

    Examples
    --------
    >>> import numpy as np
    >>> rows = Rows(np.array([1, 0, 1]), np.array([0, 1, 0]), np.array([2.0, 1.0, 3.0]))
    >>> merge_rows(rows, 2, weights="sum").rows.weights
    array([1., 5.])
    """
    positive = rows.weights > 0
    n_zero = int(len(positive) - np.count_nonzero(positive))
    if n_zero:
        rows = rows.take(positive)
    order = row_order(rows.first, rows.second, n_second)
    if order is not None:
        rows = rows.take(order)
    fresh = np.ones(len(rows.first), dtype=np.bool_)
    fresh[1:] = (rows.first[1:] != rows.first[:-1]) | (rows.second[1:] != rows.second[:-1])
    starts = np.flatnonzero(fresh)
    n_merged = len(fresh) - len(starts)
    if n_merged == 0:
        return Merged(rows, 0, n_zero)
    dtype = rows.weights.dtype
    if weights == "sum":
        merged: Any = np.add.reduceat(rows.weights, starts, dtype=np.float64).astype(dtype)
    else:
        merged = np.maximum.reduceat(rows.weights, starts)
    times = None
    if rows.timestamps is not None:
        times = np.maximum.reduceat(rows.timestamps, starts)
    return Merged(Rows(rows.first[starts], rows.second[starts], merged, times), n_merged, n_zero)


def note_merged(merged: Merged) -> None:
    """Say in the log what became of merged interactions, and refuse a table without any row.

    Raises
    ------
    ValueError
        If no row is left.

    Examples
    --------
    >>> import numpy as np
    >>> none = Rows(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
    >>> note_merged(Merged(none, 0, 4))
    Traceback (most recent call last):
    ValueError: weight must be above 0 in at least one row; got 0 in all 4 rows
    """
    if len(merged.rows.first) == 0:
        raise ValueError(
            f"weight must be above 0 in at least one row; got 0 in all {merged.n_zero} rows"
        )
    if merged.n_merged:
        logger.info("merged %d repeated (user, item) rows: weights add up", merged.n_merged)
    if merged.n_zero:
        logger.info("left out %d rows of weight 0; their ids stay known", merged.n_zero)


def matrix_rows(matrix: Any, name: str) -> tuple[Rows, tuple[int, int]]:
    """Return the stored entries of a scipy sparse matrix as rows, and its shape.

    Parameters
    ----------
    matrix : scipy sparse array or matrix, two-dimensional
        Finite weights of at least 0.
    name : str
        What it is, for error messages.

    Raises
    ------
    TypeError
        If it is not sparse.
    ValueError
        If it is not two-dimensional, or an entry is no finite number of at least 0.

    Examples
    --------
    >>> rows, shape = matrix_rows(sparse.csr_array([[0, 2], [0, 0]]), "matrix")
    >>> rows.second.tolist(), shape
    ([1], (2, 2))
    """
    source: Any = matrix
    if not sparse.issparse(matrix):
        raise TypeError(f"{name} must be a scipy sparse array; got {type(matrix).__name__}")
    if len(source.shape) != 2:
        raise ValueError(f"{name} must have two dimensions; got shape {source.shape}")
    entries: Any = sparse.coo_array(source)
    bad = ~(np.isfinite(entries.data) & (entries.data >= 0))
    if bad.any():
        at = int(bad.argmax())
        where = (int(entries.coords[0][at]), int(entries.coords[1][at]))
        raise ValueError(
            f"{name} must hold finite numbers of at least 0; got {quoted(entries.data[at])} at "
            f"{where} ({int(bad.sum())} such entries)"
        )
    weights = read_weights(pd.Series(entries.data), name)
    first, second = (axis.astype(np.int32) for axis in entries.coords)
    return Rows(first, second, weights), (int(source.shape[0]), int(source.shape[1]))


def merge_pairs(first: CodeArray, second: CodeArray, n_first: int, n_second: int) -> Merged:
    """Sort rows without weights and times, and let every pair weigh as often as it is there.

    Parameters
    ----------
    first, second : ndarray of int32, shape (n,)
        Codes in any order. Both are overwritten, so that a large table is there once.
    n_first, n_second : int
        Numbers of codes at the two ends.

    Returns
    -------
    Merged
        What `merge_rows` makes of the rows with weights of 1 in float32.

    Examples
    --------
    >>> import numpy as np
    >>> ends = (np.array([1, 0, 1], np.int32), np.array([0, 1, 0], np.int32))
    >>> merge_pairs(*ends, 2, 2).rows.weights
    array([1., 2.], dtype=float32)
    """
    n = len(first)
    if n < MANY_ROWS:
        rows = Rows(first, second, np.ones(n, dtype=np.float32))
        return merge_rows(rows, n_second, weights="sum")
    from . import counting_sort

    if counting_sort.in_order(first, second, True):
        return Merged(Rows(first, second, np.ones(n, dtype=np.float32)), 0, 0)
    starts, second, counts = counting_sort.distinct_pairs(first, second, n_first, n_second)
    n_distinct = len(second)
    first = first[:n_distinct]
    for start in range(0, n_first, 1 << 18):
        stop = min(start + (1 << 18), n_first)
        people = np.arange(start, stop, dtype=np.int32)
        sizes = np.diff(starts[start : stop + 1])
        first[starts[start] : starts[stop]] = np.repeat(people, sizes)
    one = np.ones(n_distinct, dtype=np.float32) if counts is None else counts.astype(np.float32)
    return Merged(Rows(first, second, one), n - n_distinct, 0)


def merge_table(
    ends: tuple[CodeArray, CodeArray],
    shape: tuple[int, int],
    weights: Floats | None,
    timestamps: npt.NDArray[Any] | None,
) -> Merged:
    """Merge interactions that may have no weights and no times; weights add up.

    Parameters
    ----------
    ends : tuple of ndarray of int32, shape (n,)
        Users and items in any order; overwritten.
    shape : tuple of int
        Numbers of users and items.
    weights : ndarray of float, shape (n,), or None
        None: every row weighs 1, in float32.
    timestamps : ndarray, shape (n,), or None
        Times.

    Examples
    --------
    >>> import numpy as np
    >>> ends = (np.array([1, 1], np.int32), np.array([0, 0], np.int32))
    >>> merge_table(ends, (2, 1), None, np.array([7, 9])).rows.timestamps
    array([9])
    """
    if weights is None and timestamps is None:
        return merge_pairs(*ends, *shape)
    given: Any = np.ones(len(ends[0]), dtype=np.float32) if weights is None else weights
    return merge_rows(Rows(*ends, given, timestamps), shape[1], weights="sum")


def row_order(first: CodeArray, second: CodeArray, n_second: int) -> npt.NDArray[Any] | None:
    """Return the stable permutation that sorts rows by both ends, None if they are sorted.

    Examples
    --------
    >>> import numpy as np
    >>> row_order(np.array([1, 0]), np.array([0, 0]), 1)
    array([1, 0])
    """
    if len(first) < MANY_ROWS:
        keys = first.astype(np.int64) * max(n_second, 1) + second
        if bool((keys[:-1] <= keys[1:]).all()):
            return None
        return np.argsort(keys, kind="stable")
    from . import counting_sort

    if counting_sort.in_order(first, second, False):
        return None
    return counting_sort.stable_order(first, second, int(first.max()) + 1, n_second)
