"""The slowest mode: how fast the last unevenness fades."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, eigsh

from .edges import Matrix
from .filters import heat
from .normalization import Propagation
from .scaled_pattern import ScaledPattern
from .walls import Vessel

Floats = npt.NDArray[np.float64]

# Parts up to this size are solved densely; above the next two, a factorisation of a plane, or of
# a body or graph, would fill too much memory.
_DENSE, _PLANE, _BODY = 200, 300_000, 4_000
_SEED = 0


def box_gap(vessel: Vessel, diffusivity: float) -> float:
    """The gap of an open box of uniform D: ``D (2 - 2 cos(pi / n)) / dx^2``, least over the axes.

    Examples
    --------
    >>> from suffuse.diffusion.walls import make_vessel
    >>> round(box_gap(make_vessel((2, 1), 1.0, None), 3.0), 12)
    6.0
    """
    rates = [
        diffusivity * 4.0 * math.sin(math.pi / (2 * size)) ** 2 / edge**2
        for size, edge in zip(vessel.shape, vessel.spacing, strict=True)
        if size > 1
    ]
    return min(rates, default=math.inf)


def spectral_gap(propagation: Propagation, *, n_axes: int | None) -> float:
    """The least decay rate that is not 0 of ``L = rate (I - P)``, over all connected parts.

    Lanczos iteration: shifted and inverted where the factorisation fits in memory; beyond, on
    ``exp(-tL)`` for grids, whose modes lie close, and on ``P`` for graphs.

    Parameters
    ----------
    propagation
        Not directed.
    n_axes
        Of the grid; None for a graph that is none.

    Returns
    -------
    float
        In units of the rate; ``inf`` where no two nodes touch.

    Examples
    --------
    >>> from suffuse.diffusion.normalization import normalize
    >>> pair = normalize(sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]])), "flux", directed=False)
    >>> spectral_gap(pair, n_axes=1)
    2.0
    """
    labels, sizes = propagation.labels, np.bincount(propagation.labels)
    masses, skew = propagation.masses, propagation.exponent - 0.5
    gaps = [math.inf]
    for part in np.flatnonzero(sizes > 1):
        inside = np.flatnonzero(labels == part)
        rows = propagation.matrix if len(sizes) == 1 else propagation.matrix[inside]
        matrix = rows if len(sizes) == 1 else sp.csr_array(sp.csc_array(rows)[:, inside])
        frame = masses[inside] ** skew
        even = sp.csr_array(sp.diags_array(frame) @ matrix @ sp.diags_array(1.0 / frame))
        gaps.append(_part_gap(even, np.sqrt(masses[inside]), n_axes))
    least = min(gaps)
    return propagation.rate * least if math.isfinite(least) else math.inf


def _part_gap(matrix: Matrix, still: Floats, n_axes: int | None) -> float:
    """One less the second largest eigenvalue of a symmetric connected part."""
    n = matrix.shape[0]
    if n <= _DENSE:
        return float(1.0 - np.linalg.eigvalsh((matrix.toarray() + matrix.toarray().T) / 2.0)[-2])
    start = np.random.default_rng(_SEED).standard_normal(n)
    if n <= (_PLANE if n_axes in (1, 2) else _BODY):
        # next to the eigenvalue 1, but not on it
        shift = max(0.01 / n**2, 1e-12)
        found = eigsh(matrix, k=2, sigma=1.0 + shift, v0=start, return_eigenvectors=False)
        return float(1.0 - np.sort(found)[0])
    still = still / np.linalg.norm(still)
    none = np.zeros(n)
    part = Propagation(ScaledPattern.of(matrix), 0.5, np.ones(n), 1.0, False, none, none)
    # about as long as the slowest mode of a cube or a square of n cells
    time = 0.0 if n_axes is None else float(n) ** (2.0 / max(n_axes, 2))

    def without_still(vector: Floats) -> Floats:
        moving = vector.ravel() - still * float(still @ vector.ravel())
        if n_axes is None:
            return np.asarray(matrix @ moving)
        return np.asarray(heat(part, moving[:, None], time, tol=1e-10)[0][:, 0])

    operator = LinearOperator((n, n), matvec=without_still, dtype=np.float64)
    # modes of the heat are far apart, so that few vectors do
    size, tol = (None, 1e-8) if n_axes is None else (6, 1e-6)
    found = eigsh(operator, k=1, which="LA", v0=start, ncv=size, tol=tol, return_eigenvectors=False)
    return float(1.0 - found[0]) if n_axes is None else -math.log(float(found[0])) / time
