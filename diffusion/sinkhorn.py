"""Symmetric Sinkhorn scaling: a graph made doubly stochastic."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, cg

from .edges import Matrix, row_sums

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
    n = matrix.shape[0]
    degrees = row_sums(matrix)
    ties = np.diff(matrix.indptr)
    loops = np.where(ties > 0, degrees / np.maximum(ties, 1), 1.0)
    looped = sp.csr_array(matrix + sp.diags_array(loops, format="csr"))
    looped.sort_indices()
    scale = _scaling(looped)
    rows = np.repeat(np.arange(n, dtype=looped.indices.dtype), np.diff(looped.indptr))
    looped.data *= scale[rows] * scale[looped.indices]
    sums = row_sums(looped)
    largest = sums.max()
    looped.data /= largest
    looped.data[rows == looped.indices] += 1.0 - sums / largest
    return looped


def _scaling(looped: Matrix) -> npt.NDArray[np.float64]:
    """The positive s with s * (B s) = 1."""
    scale = 1.0 / np.sqrt(row_sums(looped))
    for _ in range(_SWEEPS):
        sums = scale * np.asarray(looped @ scale)
        if np.abs(sums - 1.0).max() <= _TIGHT:
            return scale
        scale /= np.sqrt(sums)
    best, best_error = scale, np.inf
    for _ in range(_NEWTON_STEPS):
        sums = scale * np.asarray(looped @ scale)
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


def _newton_step(
    looped: Matrix, scale: npt.NDArray[np.float64], sums: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """The Newton step in log s, no longer than 1 in any entry."""

    def hessian(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        flat = vector.ravel()
        return sums * flat + scale * (looped @ (scale * flat))

    n = len(scale)
    step, _ = cg(
        LinearOperator((n, n), matvec=hessian, dtype=np.float64),
        1.0 - sums,
        rtol=1e-3,
        maxiter=500,
    )
    return np.asarray(step / max(1.0, float(np.abs(step).max())))
