"""Coded rows (a pair of codes, a weight, perhaps a time) put in order and made distinct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .columns import Floats, quoted, read_weights
from .ids import CodeArray


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


def row_order(first: CodeArray, second: CodeArray, n_second: int) -> npt.NDArray[np.intp] | None:
    """Return the stable permutation that sorts rows by both ends, None if they are sorted.

    Examples
    --------
    >>> import numpy as np
    >>> row_order(np.array([1, 0]), np.array([0, 0]), 1)
    array([1, 0])
    """
    keys = first.astype(np.int64) * max(n_second, 1) + second
    if bool((keys[:-1] <= keys[1:]).all()):
        return None
    return np.argsort(keys, kind="stable")
