"""Inverse of a symmetric positive definite matrix, on several threads, with the same bits.

LAPACK's threaded factorisations give other last bits for another number of threads. Here the
matrix is inverted by Schur complements, whose products are cut into tiles of a fixed size; every
tile is one single-threaded BLAS call, so the number of threads changes the time alone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from .execution import one_blas_thread, resolve_jobs
from .progress import tell

Matrix = npt.NDArray[Any]

_TILE = 1024


def spd_inverse(matrix: Matrix, *, n_jobs: int | None, stage: str) -> Matrix:
    """``matrix^-1`` for a symmetric positive definite matrix, which is overwritten.

    With ``M = [[A, B], [B^T, C]]`` and ``S = C - B^T A^-1 B`` the inverse is
    ``[[A^-1 + W S^-1 W^T, -W S^-1], [-S^-1 W^T, S^-1]]``, ``W = A^-1 B``.
    """
    n = len(matrix)
    done = 0

    def leaf_done(size: int) -> None:
        nonlocal done
        done += size
        tell(stage, done, n)

    tell(stage, 0, n)
    with one_blas_thread(), ThreadPoolExecutor(resolve_jobs(n_jobs)) as pool:
        _invert(matrix, pool, leaf_done)
    return matrix


def _invert(matrix: Matrix, pool: ThreadPoolExecutor, leaf_done: Any) -> None:
    n = len(matrix)
    if n <= _TILE:
        factor = linalg.cho_factor(matrix, lower=True, check_finite=False)
        matrix[:] = linalg.cho_solve(factor, np.eye(n, dtype=matrix.dtype), check_finite=False)
        leaf_done(n)
        return
    half = -(-n // (2 * _TILE)) * _TILE
    a, b, c = matrix[:half, :half], matrix[:half, half:], matrix[half:, half:]
    _invert(a, pool, leaf_done)
    w = np.empty_like(b, order="C")
    _multiply(a, b, w, pool)
    _multiply(b.T, w, c, pool, sign=-1)
    _invert(c, pool, leaf_done)
    _multiply(w, c, b, pool)
    _multiply(b, w.T, a, pool, sign=1)
    np.negative(b, out=b)
    matrix[half:, :half] = b.T


def _multiply(
    left: Matrix, right: Matrix, out: Matrix, pool: ThreadPoolExecutor, *, sign: int = 0
) -> None:
    """``out = left right`` for sign 0, else ``out += sign left right``, tile by tile."""

    def tile(row: int, column: int) -> None:
        rows, columns = slice(row, row + _TILE), slice(column, column + _TILE)
        product = left[rows] @ right[:, columns]
        if sign == 0:
            out[rows, columns] = product
        elif sign > 0:
            out[rows, columns] += product
        else:
            out[rows, columns] -= product

    tiles = [
        pool.submit(tile, row, column)
        for row in range(0, out.shape[0], _TILE)
        for column in range(0, out.shape[1], _TILE)
    ]
    for future in tiles:
        future.result()
