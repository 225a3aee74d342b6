"""Symmetric Sinkhorn scaling: a graph made doubly stochastic."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator, cg

from .panels import product
from .scaled_pattern import ScaledPattern
from .ties import Matrix, Ties, is_moderate, ties_of

Floats = npt.NDArray[np.float64]

_SWEEPS = 60
_NEWTON_STEPS = 60
_TIGHT, _ENOUGH = 1e-12, 1e-9


def doubly_stochastic(matrix: Matrix) -> Matrix:
    """Scale a symmetric adjacency to unit row and column sums, loops added.

    Each node gets a self loop of its mean incident weight (1 where it has no tie), so that a
    scaling exists and does not depend on the unit of the weights. The scaling minimises the
    convex ``s' B s / 2 - sum(log s)``: sweeps ``s <- s / sqrt(s * B s)`` (Knight, Ruiz & Ucar,
    "A symmetry preserving algorithm for matrix scaling", SIAM J. Matrix Anal. Appl. 35, 2014),
    then Newton steps where near-bipartite graphs make the sweeps slow. What slack rounding
    leaves goes onto the diagonal.

    Parameters
    ----------
    matrix
        Symmetric, non-negative, canonical, shape (n, n).

    Returns
    -------
    csr_array, shape (n, n)
        Symmetric and non-negative; rows and columns sum to 1 within rounding.

    Raises
    ------
    ArithmeticError
        If the scaling does not reach 1e-9, which weights of too many magnitudes might cause.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> doubly_stochastic(sp.csr_array(np.array([[0.0, 3.0], [3.0, 0.0]]))).toarray()
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return even_pattern(ties_of(matrix)).matrix.copy()


def even_pattern(ties: Ties) -> ScaledPattern:
    """`doubly_stochastic` as scales of the ties, and what is on the diagonal besides their loops.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> even = even_pattern(ties_of(sp.csr_array(np.array([[0.0, 3.0], [3.0, 0.0]]))))
    >>> even.left.round(4), even.own.round(4)
    (array([0.7071, 0.7071]), array([0.5, 0.5]))
    """
    # the scaling does not depend on the unit: where all weigh the same, ties are only counted
    weights = ties.data
    degrees, counts = (ties.counts() if weights is None else ties.sums()), ties.counts()
    loops = np.where(counts > 0, degrees / np.maximum(counts, 1), 1.0)
    looped = ScaledPattern(ties.indptr, ties.indices, weights, own=loops, mirrored=True)
    scale = _scaling(looped)
    sums = scale * _times(looped, scale)
    largest = float(sums.max())
    own = scale * loops * scale / largest + (1.0 - sums / largest)
    unit = scale / math.sqrt(largest)
    if weights is None or (is_moderate(weights) and is_moderate(degrees)):
        return ScaledPattern(ties.indptr, ties.indices, weights, unit, unit, own, True)
    data = np.repeat(unit, np.diff(ties.indptr)) * unit[ties.indices] * weights
    return ScaledPattern(ties.indptr, ties.indices, data, own=own, mirrored=True)


def _times(pattern: ScaledPattern, vector: Floats) -> Floats:
    """A product with one column."""
    return np.asarray(product(pattern, np.ascontiguousarray(vector[:, None]))[:, 0])


def _scaling(looped: ScaledPattern) -> Floats:
    """The positive s with s * (B s) = 1."""
    scale = 1.0 / np.sqrt(_times(looped, np.ones(looped.n)))
    for _ in range(_SWEEPS):
        sums = scale * _times(looped, scale)
        if np.abs(sums - 1.0).max() <= _TIGHT:
            return scale
        scale /= np.sqrt(sums)
    best, best_error = scale, np.inf
    for _ in range(_NEWTON_STEPS):
        sums = scale * _times(looped, scale)
        error = float(np.abs(sums - 1.0).max())
        if error < best_error:
            best, best_error = scale, error
        elif best_error <= _ENOUGH:
            break
        if error <= _TIGHT:
            break
        scale = scale * np.exp(_newton_step(looped, scale, sums))
    if not best_error <= _ENOUGH:
        raise ArithmeticError(
            f"adjacency must allow a doubly stochastic scaling; its row sums stopped {best_error} "
            "from 1: narrow the range of the weights, or use normalization='row'"
        )
    return best


def _newton_step(looped: ScaledPattern, scale: Floats, sums: Floats) -> Floats:
    """The Newton step in log s, no longer than 1 in any entry."""

    def hessian(vector: Floats) -> Floats:
        flat = vector.ravel()
        return sums * flat + scale * _times(looped, scale * flat)

    n = len(scale)
    step, _ = cg(
        LinearOperator((n, n), matvec=hessian, dtype=np.float64),
        1.0 - sums,
        rtol=1e-3,
        maxiter=500,
    )
    return np.asarray(step / max(1.0, float(np.abs(step).max())))
