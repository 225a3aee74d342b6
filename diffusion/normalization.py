"""How an adjacency becomes a propagation: averaging, mass, symmetric, even, flux."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from .edges import Matrix, narrow_indices, row_sums
from .sinkhorn import doubly_stochastic

Floats = npt.NDArray[np.float64]

_EXPONENTS = {"row": 1.0, "column": 0.0, "symmetric": 0.5}
_EVEN = ("doubly_stochastic", "flux")


@dataclass(frozen=True, eq=False)
class Propagation:
    """A normalised ``P`` and what its filters need to know about it.

    Attributes
    ----------
    matrix
        ``P``, shape (n, n), read-only.
    exponent
        ``s`` of ``D^-s A D^-(1-s)``; 1/2 for the doubly stochastic and the flux kind.
    masses
        Shape (n,): the degrees that ``P`` was scaled by; ones for the doubly stochastic and the
        flux kind. ``D^(s-1/2) P D^(1/2-s)`` with ``D = diag(masses)`` is symmetric, unless
        ``directed``.
    rate
        ``L = rate (I - P)``.
    directed
        Whether ``A`` was not symmetric.
    degrees, in_degrees
        Shape (n,): the row and the column sums of ``A``.
    """

    matrix: Matrix
    exponent: float
    masses: Floats
    rate: float
    directed: bool
    degrees: Floats
    in_degrees: Floats

    def __post_init__(self) -> None:
        _freeze(self.matrix.data, self.matrix.indices, self.matrix.indptr)
        _freeze(self.masses, self.degrees, self.in_degrees)

    @property
    def p(self) -> float:
        """The ``p`` of the norm in which ``P`` is non-expansive, ``1 / (1 - s)``."""
        return np.inf if self.exponent == 1.0 else 1.0 / (1.0 - self.exponent)

    @cached_property
    def single(self) -> sp.csr_array[np.float32, tuple[int, int]]:
        """``P`` in single precision, made when first asked for."""
        narrow = (self.matrix.data.astype(np.float32), self.matrix.indices, self.matrix.indptr)
        return sp.csr_array(narrow, shape=self.matrix.shape)

    @cached_property
    def labels(self) -> npt.NDArray[np.int32]:
        """The connected component of each node."""
        return np.asarray(connected_components(self.matrix, directed=False)[1])

    @cached_property
    def conditioning(self) -> float:
        """How much larger an error of the symmetric frame can be in the operator's own norm.

        ``|D^(1/2-s) g(S) D^(s-1/2)|_p <= conditioning * |g(S)|_2``: Cauchy-Schwarz gives
        ``sqrt(sum(d) / min(d))`` within a component for s = 0 and 1, Stein's interpolation
        theorem the power ``|2s - 1|`` of it in between.
        """
        power = abs(2.0 * self.exponent - 1.0)
        if power == 0.0:
            return 1.0
        total = np.bincount(self.labels, weights=self.masses)
        least = np.full(len(total), np.inf)
        np.minimum.at(least, self.labels, self.masses)
        return float(np.sqrt((total / least).max()) ** power)

    def transposed(self) -> Propagation:
        """The propagation with ``P^T``; the exponent becomes ``1 - s``."""
        flipped = narrow_indices(sp.csr_array(self.matrix.T))
        flipped.sort_indices()
        return replace(
            self,
            matrix=flipped,
            exponent=1.0 - self.exponent,
            degrees=self.in_degrees,
            in_degrees=self.degrees,
        )

    @property
    def symmetric(self) -> bool:
        """Whether ``P`` equals its transpose by construction."""
        return self.exponent == 0.5 and not self.directed


def check_normalization(normalization: Any) -> str | float:
    """Return the name or the exponent, or refuse.

    Examples
    --------
    >>> check_normalization(0.25)
    0.25
    """
    options = "'row', 'column', 'symmetric', 'doubly_stochastic', 'flux' or an exponent in [0, 1]"
    if isinstance(normalization, str):
        if normalization in _EXPONENTS or normalization in _EVEN:
            return normalization
    elif isinstance(normalization, (bool, np.bool_)) or not isinstance(normalization, Real):
        raise TypeError(f"normalization must be {options}; got {normalization!r}")
    elif 0.0 <= float(normalization) <= 1.0:
        return float(normalization)
    raise ValueError(f"normalization must be {options}; got {normalization!r}")


def normalize(matrix: Matrix, normalization: str | float, *, directed: bool) -> Propagation:
    """Normalise an adjacency.

    Parameters
    ----------
    matrix
        Canonical non-negative adjacency, shape (n, n).
    normalization
        A checked name or exponent.
    directed
        Whether ``matrix`` differs from its transpose.

    Raises
    ------
    ValueError
        For a directed adjacency where the kind needs a symmetric one.

    Examples
    --------
    >>> import numpy as np, scipy.sparse as sp
    >>> star = sp.csr_array(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    >>> normalize(star, "row", directed=False).matrix.toarray()
    array([[0. , 0.5, 0.5],
           [1. , 0. , 0. ],
           [1. , 0. , 0. ]])
    """
    out = row_sums(matrix)
    into = np.asarray(matrix.T @ np.ones(len(out))) if directed else out
    if normalization not in _EVEN:
        exponent = _EXPONENTS[normalization] if isinstance(normalization, str) else normalization
        scaled = _scaled(matrix, out, into, exponent)
        masses = np.where(out > 0, out, 1.0)
        return Propagation(scaled, exponent, masses, 1.0, directed, out, into)
    if directed:
        raise ValueError(
            f"normalization {normalization!r} must have a symmetric adjacency; got "
            f"{_one_way(matrix)}: pass directed=False to give both directions the larger "
            "weight, or use normalization='row'"
        )
    even, rate = _flux(matrix) if normalization == "flux" else (doubly_stochastic(matrix), 1.0)
    return Propagation(narrow_indices(even), 0.5, np.ones(len(out)), rate, False, out, into)


def _scaled(matrix: Matrix, out: Floats, into: Floats, exponent: float) -> Matrix:
    """``D_r^-s A D_c^-(1-s)``, written ``(A / d_r)^s (A / d_c)^(1-s)`` which cannot overflow."""
    n = matrix.shape[0]
    if exponent == 1.0:
        still = out == 0
    elif exponent == 0.0:
        still = into == 0
    else:
        still = (out == 0) & (into == 0)
    data = np.ones(matrix.nnz)
    if exponent > 0.0:
        rows = np.repeat(np.arange(n, dtype=matrix.indices.dtype), np.diff(matrix.indptr))
        data *= _power(matrix.data / out[rows], exponent)
    if exponent < 1.0:
        data *= _power(matrix.data / into[matrix.indices], 1.0 - exponent)
    scaled: Matrix = sp.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
    if still.any():
        scaled = sp.csr_array(scaled + sp.diags_array(still.astype(np.float64), format="csr"))
    scaled.eliminate_zeros()
    scaled.sort_indices()
    return narrow_indices(scaled)


def _power(base: Floats, exponent: float) -> Floats:
    """``base ** exponent``, the square root and the identity done exactly."""
    if exponent == 1.0:
        return base
    return np.asarray(np.sqrt(base) if exponent == 0.5 else base**exponent)


def _flux(matrix: Matrix) -> tuple[Matrix, float]:
    """``I - (D - W) / rate`` and the rate, the largest degree without self loops."""
    n = matrix.shape[0]
    off = sp.csr_array(matrix - sp.diags_array(matrix.diagonal(), format="csr"))
    off.eliminate_zeros()
    degrees = row_sums(off)
    rate = float(degrees.max())
    if rate == 0.0:
        return sp.csr_array(sp.eye_array(n, format="csr")), 0.0
    off.data /= rate
    rest = np.maximum(1.0 - row_sums(off), 0.0)
    even = sp.csr_array(off + sp.diags_array(rest, format="csr"))
    even.sort_indices()
    return even, rate


def _one_way(matrix: Matrix) -> str:
    """Name one entry that differs from its mirror."""
    gap = sp.coo_array(matrix - matrix.T)
    at = int(np.argmax(np.abs(gap.data)))
    u, v = int(gap.row[at]), int(gap.col[at])
    return f"{matrix[u, v]} at row {u}, column {v} but {matrix[v, u]} at row {v}, column {u}"


def _freeze(*arrays: npt.NDArray[Any]) -> None:
    """Make arrays read-only."""
    for array in arrays:
        array.flags.writeable = False
