"""Ties in codes as a sparse matrix: distinct, without self ties, in one direction or in both."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .columns import Floats
from .ids import CodeArray
from .merging import MANY_ROWS, Rows, merge_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class TieMatrix:
    """A matrix of distinct ties, and how many others became part of one or were left out.

    Examples
    --------
    >>> ends = (np.array([0, 1, 1], np.int32), np.array([1, 0, 1], np.int32))
    >>> ties = tie_matrix(*ends, None, 2, directed=False)
    >>> ties.matrix.toarray().tolist(), ties.n_merged, ties.n_self_ties
    ([[0.0, 1.0], [1.0, 0.0]], 1, 1)
    """

    matrix: sparse.csr_array
    n_merged: int
    n_self_ties: int
    n_zero: int


def tie_matrix(
    first: CodeArray, second: CodeArray, weights: Floats | None, n: int, *, directed: bool
) -> TieMatrix:
    """Return the matrix of distinct ties, saying in the log what became of the others.

    Parameters
    ----------
    first, second : ndarray of int32, shape (m,)
        The two ends of every tie: `first` listens to `second`.
    weights : ndarray of float, shape (m,), or None
        At least 0; None: every tie weighs 1.
    n : int
        The number of people.
    directed : bool
        False: a tie stands in the rows of both of its ends.

    Returns
    -------
    TieMatrix
        A csr array of float64 with sorted rows. A tie listed several times has its largest weight.

    Examples
    --------
    >>> ends = (np.array([1, 1], np.int32), np.array([0, 0], np.int32))
    >>> tie_matrix(*ends, np.array([2.0, 5.0]), 2, directed=True).matrix.toarray().tolist()
    [[0.0, 0.0], [5.0, 0.0]]
    """
    kept: Any = first != second
    n_self = int(len(kept) - np.count_nonzero(kept))
    n_zero = 0
    if weights is not None:
        n_zero = int(np.count_nonzero(kept & ~(weights > 0)))
        kept &= weights > 0
    if n_self or n_zero:
        first, second = first[kept], second[kept]
        weights = None if weights is None else weights[kept]
    del kept
    build = _sorted_matrix if len(first) < MANY_ROWS else _counted_matrix
    matrix = build(first, second, weights, n, directed)
    n_merged = len(first) - (matrix.nnz if directed else matrix.nnz // 2)
    for count, what in (
        (n_merged, "merged %d repeated ties: the largest weight counts"),
        (n_self, "left out %d ties from a person to itself"),
        (n_zero, "left out %d ties of weight 0"),
    ):
        if count:
            logger.info(what, count)
    return TieMatrix(matrix, n_merged, n_self, n_zero)


def moved_matrix(
    matrix: sparse.csr_array, position: npt.NDArray[np.int64], n: int
) -> sparse.csr_array:
    """Return a square matrix with its rows and columns at new places among ``n``.

    Parameters
    ----------
    matrix : csr_array, shape (m, m)
        Distinct entries.
    position : ndarray of int64, shape (m,)
        Distinct places below `n`, or -1: what is there is left out.
    n : int
        The size of the new matrix.

    Returns
    -------
    csr_array, shape (n, n)
        With sorted rows. Where nobody is left out and the order stays, it shares the weights of
        `matrix`, and all of it where the places stay as well.

    Examples
    --------
    >>> matrix = sparse.csr_array([[0.0, 2.0], [0.0, 0.0]])
    >>> moved_matrix(matrix, np.array([2, 0]), 3).toarray().tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    """
    stays = bool((position >= 0).all()) and bool((position[:-1] < position[1:]).all())
    if stays and matrix.has_canonical_format:
        if len(position) == n:
            return _csr(matrix.data, matrix.indices, matrix.indptr, n)
        starts = np.zeros(n + 1, dtype=matrix.indptr.dtype)
        starts[position + 1] = np.diff(matrix.indptr)
        np.cumsum(starts, out=starts)
        others = position.astype(matrix.indices.dtype)[matrix.indices]
        return _csr(matrix.data, others, starts, n)
    entries = sparse.coo_array(matrix)
    rows, columns = (position[axis] for axis in entries.coords)
    kept = (rows >= 0) & (columns >= 0)
    moved = (entries.data[kept], (rows[kept].astype(np.int32), columns[kept].astype(np.int32)))
    return sparse.csr_array(sparse.coo_array(moved, shape=(n, n)))


def _sorted_matrix(
    first: CodeArray, second: CodeArray, weights: Floats | None, n: int, directed: bool
) -> sparse.csr_array:
    """Merge a small table by sorting."""
    given = np.ones(len(first)) if weights is None else weights
    if not directed:
        first, second = np.minimum(first, second), np.maximum(first, second)
    rows = merge_rows(Rows(first, second, given), n, weights="max").rows
    data = rows.weights.astype(np.float64)
    ends = (rows.first, rows.second)
    if not directed:
        ends = (np.concatenate(ends), np.concatenate(ends[::-1]))
        data = np.concatenate([data, data])
    matrix = sparse.csr_array((data, ends), shape=(n, n))
    matrix.sort_indices()
    return matrix


def _counted_matrix(
    first: CodeArray, second: CodeArray, weights: Floats | None, n: int, directed: bool
) -> sparse.csr_array:
    """Merge a large table by counting."""
    from .counting_sort import tie_rows

    given = None if weights is None else weights.astype(np.float64, copy=False)
    starts, others, data = tie_rows(first, second, given, n, both_ways=not directed)
    if data is None:
        data = np.ones(len(others))
    kind: Any = np.int32 if len(others) < 2**31 else np.int64
    return _csr(data, others.astype(kind, copy=False), starts.astype(kind), n)


def _csr(data: Any, indices: Any, indptr: Any, n: int) -> sparse.csr_array:
    """Return sorted distinct entries as a square matrix, none of the arrays copied."""
    matrix = sparse.csr_array((data, indices, indptr), shape=(n, n))
    matrix.has_canonical_format = True
    return matrix
