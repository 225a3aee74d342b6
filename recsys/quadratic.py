"""Quadratic forms of sparse columns, where a dense product would cost a hundred times as much."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def quadratic_forms(starts: Any, indices: Any, data: Any, matrix: Any, out: Any) -> None:
    """``out[j] = c_j^T S c_j`` for compressed columns ``c_j`` and a symmetric matrix ``S``."""
    for column in range(len(starts) - 1):
        total = np.float64(0.0)
        for place in range(starts[column], starts[column + 1]):
            row = indices[place]
            weight = np.float64(data[place])
            total += weight * weight * np.float64(matrix[row, row])
            for other in range(starts[column], place):
                entry = np.float64(matrix[row, indices[other]])
                total += 2.0 * weight * np.float64(data[other]) * entry
        out[column] = total
