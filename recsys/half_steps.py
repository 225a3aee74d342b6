"""The exact half-step of alternating least squares: one small dense system for every row.

With the other side's factors ``Y`` (shape (m, d)), confidences ``c_ui`` on the stored cells, 1
elsewhere, and preferences of 1 on the stored cells (Hu, Koren & Volinsky, ICDM 2008, eq. 4)::

    (Y^T Y + regularization I + sum_i (c_ui - 1) y_i y_i^T) x_u = sum_i c_ui y_i

in single precision, by Cholesky's factorisation. A row is solved by one thread in one order of
operations, whatever rows stand beside it and however many threads there are: the same cells get
the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ..diffusion.row_threads import limit_threads, over_rows
from .execution import one_blas_thread
from .matrices import Csr, still

Floats = npt.NDArray[np.float32]

#: a sum may be taken in the lanes of a vector register: the order is that of the compiled code
_LANES = {"reassoc", "contract", "nsz"}
#: sums over coordinates run to a multiple of this, over zeros
_WIDTH = 32
#: cells of a row that are taken at a time, and the numbers between two coordinates of theirs: no
#: power of two, by which all coordinates would fall into the same few places of the cache
_TAKEN, _APART = 256, 272


def half_step(
    cells: Csr, factors: Floats, *, confidence: float, regularization: float, n_jobs: int
) -> Floats:
    """Factors of every row of ``cells`` given those of its columns, shape (n_rows, d).

    Parameters
    ----------
    cells : csr_array of float32, shape (n_rows, m)
        Weights; ``confidence`` times a weight is the confidence in a cell.
    factors : ndarray of float32, shape (m, d)
        ``Y``.
    confidence, regularization : float
        Above 0.
    n_jobs : int
        Threads.

    Examples
    --------
    Two items that know nothing of each other, each with a factor of its own:

    >>> from scipy import sparse
    >>> cells = sparse.csr_array(np.array([[1, 0]], np.float32))
    >>> half_step(cells, np.eye(2, dtype=np.float32), confidence=3.0, regularization=1.0, n_jobs=1)
    array([[0.75, 0.  ]], dtype=float32)
    """
    known = still(np.ascontiguousarray(factors, np.float32))
    size = known.shape[1]
    with one_blas_thread():
        gram = known.T @ known
    gram[np.diag_indices(size)] += np.float32(regularization)
    fixed = still(_padded(gram))
    rows = tuple(still(part) for part in (cells.data, cells.indices, cells.indptr))
    found = np.zeros((cells.shape[0], size), np.float32)
    failed = np.zeros(cells.shape[0], np.bool_)

    def kernel(first: int, last: int) -> None:
        _solve_rows(rows, (known, fixed), np.float32(confidence), (found, failed), first, last)

    with limit_threads(n_jobs):
        over_rows(kernel, cells.indptr, columns=size * size)
    for row in np.flatnonzero(failed):
        part = slice(cells.indptr[row], cells.indptr[row + 1])
        weights = np.float32(confidence) * cells.data[part]
        found[row] = _in_double(known[cells.indices[part]], weights, gram)
    return found


def _padded(gram: Floats) -> Floats:
    """The matrix with rows up to a multiple of four, columns to one of ``_WIDTH``; 1 there."""
    size = len(gram)
    rows, columns = -(-size // 4) * 4, -(-size // _WIDTH) * _WIDTH
    padded = np.zeros((rows, columns), np.float32)
    padded[:, :rows] = np.eye(rows)
    padded[:size, :size] = gram
    return padded


def _in_double(near: Floats, weights: Floats, gram: Floats) -> Floats:
    """The same for one row in double precision, where rounding spoils the single."""
    wide = near.astype(np.float64)
    normal = gram + wide.T @ ((weights.astype(np.float64) - 1.0)[:, None] * wide)
    return np.linalg.solve(normal, weights @ wide).astype(np.float32)


@njit(nogil=True, cache=True, fastmath=_LANES)
def _solve_rows(rows: Any, given: Any, confidence: Any, answer: Any, first: int, last: int) -> None:
    """Rows ``first`` to ``last``; ``failed`` where a matrix is not positive definite."""
    data, indices, indptr = rows
    factors, fixed = given
    found, failed = answer
    size = factors.shape[1]
    normal = np.empty_like(fixed)
    root = np.empty_like(fixed)
    near = np.zeros((fixed.shape[0], _APART), np.float32)
    weights = np.zeros((2, _TAKEN), np.float32)
    side = np.zeros(fixed.shape[1], np.float32)
    for row in range(first, last):
        if indptr[row] == indptr[row + 1]:
            continue
        normal[:] = fixed
        side[:] = 0
        for start in range(indptr[row], indptr[row + 1], _TAKEN):
            end = min(start + _TAKEN, indptr[row + 1])
            width = -(-(end - start) // _WIDTH) * _WIDTH
            weights[:, end - start : width] = 0
            near[:, end - start : width] = 0
            for at in range(start, end):
                weights[0, at - start] = confidence * data[at]
                weights[1, at - start] = confidence * data[at] - np.float32(1)
                for k in range(size):
                    near[k, at - start] = factors[indices[at], k]
            for k in range(size):
                side[k] += _dot(near[k], weights[0], width)
            _add_products(near, weights[1], normal, width)
        root[:] = 0
        failed[row] = not _solve(normal, root, side)
        found[row] = side[:size]


@njit(nogil=True, cache=True, fastmath=_LANES)
def _dot(left: Any, right: Any, width: int) -> Any:
    """The inner product of the first ``width`` numbers."""
    total = np.float32(0)
    for k in range(width):
        total += left[k] * right[k]
    return total


@njit(nogil=True, cache=True, fastmath=_LANES)
def _add_products(near: Any, weights: Any, normal: Any, width: int) -> None:
    """``normal += near diag(weights) near^T``, its lower triangle, two rows by four columns."""
    for r in range(0, normal.shape[0], 2):
        for c in range(0, r + 2, 4):
            a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = np.float32(0)
            for k in range(width):
                a, b = near[r, k] * weights[k], near[r + 1, k] * weights[k]
                y0, y1, y2, y3 = near[c, k], near[c + 1, k], near[c + 2, k], near[c + 3, k]
                a0 += a * y0
                a1 += a * y1
                a2 += a * y2
                a3 += a * y3
                b0 += b * y0
                b1 += b * y1
                b2 += b * y2
                b3 += b * y3
            normal[r, c] += a0
            normal[r, c + 1] += a1
            normal[r, c + 2] += a2
            normal[r, c + 3] += a3
            normal[r + 1, c] += b0
            normal[r + 1, c + 1] += b1
            normal[r + 1, c + 2] += b2
            normal[r + 1, c + 3] += b3


@njit(nogil=True, cache=True, fastmath=_LANES)
def _four_dots(root: Any, i: int, j: int, width: int) -> Any:
    """Inner products of row ``j`` with four rows from ``i`` on."""
    t0 = t1 = t2 = t3 = np.float32(0)
    for k in range(width):
        v = root[j, k]
        t0 += v * root[i, k]
        t1 += v * root[i + 1, k]
        t2 += v * root[i + 2, k]
        t3 += v * root[i + 3, k]
    return t0, t1, t2, t3


@njit(nogil=True, cache=True, fastmath=_LANES)
def _solve(normal: Any, root: Any, side: Any) -> bool:
    """``side <- normal^-1 side`` by ``root root^T = normal``, column by column; ``root`` is zero.

    Sums run over the zeros to the right of the diagonal up to a whole width.
    """
    size = normal.shape[0]
    for j in range(size):
        width = -(-j // _WIDTH) * _WIDTH
        pivot = normal[j, j] - _dot(root[j], root[j], width)
        if not pivot > np.float32(0):
            return False
        pivot = np.sqrt(pivot)
        inverse = np.float32(1) / pivot
        even = (j // 4 + 1) * 4
        for i in range(j + 1, even):
            root[i, j] = (normal[i, j] - _dot(root[i], root[j], width)) * inverse
        for i in range(even, size, 4):
            t0, t1, t2, t3 = _four_dots(root, i, j, width)
            root[i, j] = (normal[i, j] - t0) * inverse
            root[i + 1, j] = (normal[i + 1, j] - t1) * inverse
            root[i + 2, j] = (normal[i + 2, j] - t2) * inverse
            root[i + 3, j] = (normal[i + 3, j] - t3) * inverse
        root[j, j] = pivot
    for j in range(size):
        side[j] = (side[j] - _dot(root[j], side, j)) / root[j, j]
    for j in range(size - 1, -1, -1):
        side[j] /= root[j, j]
        for k in range(j):
            side[k] -= side[j] * root[j, k]
    return True
