"""Filters of the normalised item graph that are flat where taste is smooth, as polynomials.

With ``L = I - R^T R``, whose spectrum lies in [0, 1], and ``M = 2 L - I``, a transfer function
``h`` on [-1, 1] is interpolated at Chebyshev's nodes and applied by the recurrence of the
polynomials, two sparse products for every degree (Kim et al., ChebyCF, SIGIR 2025).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev
from scipy import sparse

from .scoring import Floats


def plateau(frequency: npt.NDArray[np.float64], flatness: float) -> npt.NDArray[np.float64]:
    """``h(t) = (1 - sign(t) |t|^flatness) / 2``: 1 at t = -1, 1/2 at 0, 0 at 1, flat at 0."""
    return np.asarray((1.0 - np.sign(frequency) * np.abs(frequency) ** flatness) / 2.0)


def plateau_coefficients(order: int, flatness: float) -> npt.NDArray[np.float64]:
    """``c_0 .. c_order`` of the interpolation of :func:`plateau`."""
    nodes = np.asarray(chebyshev.chebpts1(order + 1), np.float64)
    return np.asarray(chebyshev.chebfit(nodes, plateau(nodes, flatness), order), np.float64)


def filtered(
    signals: Floats, balanced: sparse.csr_array, coefficients: npt.NDArray[np.float64]
) -> Floats:
    """``sum_k c_k y T_k(I - 2 R^T R)`` for the rows ``y`` of ``signals``, in single precision."""
    back = balanced.T.tocsr()

    def step(state: Floats) -> Floats:
        return np.asarray(state - 2.0 * (back @ (balanced @ state)), np.float32)

    # columns are users here, so that the sparse matrix stands on the left
    before = np.ascontiguousarray(signals.T)
    total = np.float32(coefficients[0]) * before
    state = step(before)
    for place, coefficient in enumerate(coefficients[1:], start=1):
        total += np.float32(coefficient) * state
        if place < len(coefficients) - 1:
            before, state = state, 2.0 * step(state) - before
    return np.asarray(total.T, np.float32)
