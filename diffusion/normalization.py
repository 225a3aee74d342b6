"""How an adjacency becomes a propagation: averaging, mass, symmetric, even, flux."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from . import tie_kernels
from .scaled_pattern import ScaledPattern
from .sinkhorn import even_pattern
from .ties import Matrix, Ties, is_moderate, narrow_indices, ties_of

Floats = npt.NDArray[np.float64]

EXPONENTS = {"row": 1.0, "column": 0.0, "symmetric": 0.5}
_EVEN = ("doubly_stochastic", "flux")


@dataclass(frozen=True, eq=False)
class Propagation:
    """A normalised ``P`` and what its filters need to know about it.

    Attributes
    ----------
    pattern
        ``P``, shape (n, n), as scales times the ties of ``A``.
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

    pattern: ScaledPattern
    exponent: float
    masses: Floats
    rate: float
    directed: bool
    degrees: Floats
    in_degrees: Floats

    def __post_init__(self) -> None:
        _freeze(self.masses, self.degrees, self.in_degrees)

    @property
    def matrix(self) -> Matrix:
        """``P`` itself in double precision, read-only; made when first asked for."""
        return self.pattern.matrix

    @property
    def p(self) -> float:
        """The ``p`` of the norm in which ``P`` is non-expansive, ``1 / (1 - s)``."""
        return np.inf if self.exponent == 1.0 else 1.0 / (1.0 - self.exponent)

    @cached_property
    def labels(self) -> npt.NDArray[np.int32]:
        """The connected component of each node."""
        parent = np.arange(self.pattern.n)
        tie_kernels.join(self.pattern.indptr, self.pattern.indices, parent)
        labels = np.empty(len(parent), dtype=np.int32)
        tie_kernels.number(parent, labels)
        return labels

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
        return replace(
            self,
            pattern=self.pattern.transposed(),
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
        if normalization in EXPONENTS or normalization in _EVEN:
            return normalization
    elif isinstance(normalization, (bool, np.bool_)) or not isinstance(normalization, Real):
        raise TypeError(f"normalization must be {options}; got {normalization!r}")
    elif 0.0 <= float(normalization) <= 1.0:
        return float(normalization)
    raise ValueError(f"normalization must be {options}; got {normalization!r}")


def normalize(
    adjacency: Matrix | Ties, normalization: str | float, *, directed: bool
) -> Propagation:
    """Normalise an adjacency.

    Parameters
    ----------
    adjacency
        Canonical and non-negative, shape (n, n); its arrays become read-only.
    normalization
        A checked name or exponent.
    directed
        Whether the adjacency differs from its transpose.

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
    ties = adjacency if isinstance(adjacency, Ties) else ties_of(adjacency)
    out = ties.sums()
    into = ties.sums(columns=True) if directed else out
    if normalization not in _EVEN:
        exponent = EXPONENTS[normalization] if isinstance(normalization, str) else normalization
        pattern = _scaled(ties, out, into, exponent, mirrored=not directed)
        masses = np.where(out > 0, out, 1.0)
        return Propagation(pattern, exponent, masses, 1.0, directed, out, into)
    if directed:
        raise ValueError(
            f"normalization {normalization!r} must have a symmetric adjacency; got "
            f"{_one_way(ties.matrix())}: pass directed=False to give both directions the larger "
            "weight, or use normalization='row'"
        )
    pattern, rate = _flux(ties, out) if normalization == "flux" else (even_pattern(ties), 1.0)
    return Propagation(pattern, 0.5, np.ones(len(out)), rate, False, out, into)


def _scaled(
    ties: Ties, out: Floats, into: Floats, exponent: float, *, mirrored: bool
) -> ScaledPattern:
    """``D_r^-s A D_c^-(1-s)``, as scales where no product of them can overflow or vanish."""
    still = np.ones(ties.n, dtype=np.bool_)
    if exponent > 0.0:
        still &= out == 0
    if exponent < 1.0:
        still &= into == 0
    own = still.astype(np.float64) if still.any() else None
    if ties.data is None:
        # P of c A is P of A: count ties instead of summing weights
        out = ties.counts()
        into = out if mirrored else ties.counts(columns=True)
    elif not (is_moderate(ties.data) and is_moderate(out) and is_moderate(into)):
        data = entries(ties, out, into, exponent)
        return ScaledPattern(ties.indptr, ties.indices, data, own=own)
    left, right = inverse_power(out, exponent), inverse_power(into, 1.0 - exponent)
    return ScaledPattern(ties.indptr, ties.indices, ties.data, left, right, own, mirrored)


def inverse_power(degrees: Floats, exponent: float) -> Floats | None:
    """``degrees ** -exponent``, 1 where there is no degree; None for ones.

    Examples
    --------
    >>> inverse_power(np.array([4.0, 0.0]), 0.5)
    array([0.5, 1. ])
    """
    if exponent == 0.0:
        return None
    filled = np.where(degrees > 0, degrees, 1.0)
    return np.asarray(1.0 / _power(filled, exponent))


def entries(ties: Ties, out: Floats, into: Floats, exponent: float) -> Floats:
    """The entries of P, written ``(A / d_r)^s (A / d_c)^(1-s)`` which cannot overflow.

    Examples
    --------
    >>> pair = ties_of(sp.csr_array([[0.0, 1e300], [1e300, 0.0]]))
    >>> entries(pair, pair.sums(), pair.sums(), 0.5)
    array([1., 1.])
    """
    weights = ties.weights()
    data = np.ones(len(weights))
    if exponent > 0.0:
        data *= _power(weights / np.repeat(out, np.diff(ties.indptr)), exponent)
    if exponent < 1.0:
        data *= _power(weights / into[ties.indices], 1.0 - exponent)
    return data


def _power(base: Floats, exponent: float) -> Floats:
    """``base ** exponent``, the square root and the identity done exactly."""
    if exponent == 1.0:
        return base
    return np.asarray(np.sqrt(base) if exponent == 0.5 else base**exponent)


def _flux(ties: Ties, out: Floats) -> tuple[ScaledPattern, float]:
    """``I - (D - W) / rate`` and the rate, the largest degree without self loops."""
    diagonal = ties.matrix().diagonal()
    if diagonal.any():
        off = sp.csr_array(ties.matrix() - sp.diags_array(diagonal, format="csr"))
        off.eliminate_zeros()
        off.sort_indices()
        ties = ties_of(narrow_indices(off))
        out = ties.sums()
    rate = float(out.max())
    scale = rate if rate > 0.0 else 1.0
    rest = np.maximum(1.0 - out / scale, 0.0)
    if ties.data is not None:
        return ScaledPattern(
            ties.indptr, ties.indices, ties.data / scale, own=rest, mirrored=True
        ), rate
    per_tie = np.full(ties.n, ties.weight / scale)
    return ScaledPattern(ties.indptr, ties.indices, None, per_tie, None, rest, True), rate


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
