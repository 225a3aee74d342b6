"""``P`` as scales times a pattern: what one product reads is as small as it can be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .ties import Matrix, narrow_indices

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.integer[Any]]
Vector = npt.NDArray[Any]


class Scales(NamedTuple):
    """The scales in the precision of a panel; None stands for ones, of the diagonals for zeros."""

    left: Vector | None
    right: Vector | None
    #: ``left right``: what a step needs on values that were multiplied by ``right``
    both: Vector | None
    own: Vector | None
    #: ``own / right``
    own_of_scaled: Vector | None


@dataclass(frozen=True, eq=False)
class ScaledPattern:
    """``P = diag(left) A diag(right) + diag(own)``, with ``A`` all ones where it has no data.

    Attributes
    ----------
    indptr, indices
        The rows of ``A``, shape (n, n), sorted.
    data
        Weights; None where all ties have the weight 1.
    left, right
        Shape (n,), positive; None for ones.
    own
        Shape (n,): what is added to the diagonal; None for zeros.
    mirrored
        Whether ``A`` equals its transpose.

    Examples
    --------
    >>> pair = sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> half = np.full(2, 0.5)
    >>> pattern = ScaledPattern(pair.indptr, pair.indices, None, half, np.ones(2), half)
    >>> pattern.matrix.toarray()
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    indptr: Indices
    indices: Indices
    data: Vector | None = None
    left: Floats | None = None
    right: Floats | None = None
    own: Floats | None = None
    mirrored: bool = False

    def __post_init__(self) -> None:
        for array in (self.indptr, self.indices, self.data, self.left, self.right, self.own):
            if array is not None:
                array.flags.writeable = False

    @classmethod
    def of(cls, matrix: Matrix) -> ScaledPattern:
        """A matrix as it is; shares its memory, and makes it read-only."""
        return cls(matrix.indptr, matrix.indices, matrix.data)

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.indptr) - 1

    @cached_property
    def matrix(self) -> Matrix:
        """``P`` in double precision, read-only; made when first asked for."""
        data = self.data
        if data is None or self.left is not None or self.right is not None:
            left = np.ones(self.n) if self.left is None else self.left
            data = np.repeat(left, np.diff(self.indptr))
            if self.right is not None:
                data *= self.right[self.indices]
            if self.data is not None:
                data *= self.data
        shape = (self.n, self.n)
        made: Matrix = sp.csr_array((data, self.indices, self.indptr), shape=shape)
        made.has_sorted_indices = True
        if self.own is not None:
            made = sp.csr_array(made + sp.diags_array(self.own, format="csr"))
            made.eliminate_zeros()
            made.sort_indices()
        for array in (made.data, made.indices, made.indptr):
            array.flags.writeable = False
        return made

    def transposed(self) -> ScaledPattern:
        """The pattern of ``P^T``; where ``A`` is mirrored the scales change places, no more."""
        if self.mirrored:
            return replace(self, left=self.right, right=self.left)
        flipped: Matrix = sp.csr_array(self.matrix.T)
        flipped.sort_indices()
        return self.of(narrow_indices(flipped))

    def scales(self, dtype: np.dtype[Any]) -> Scales:
        """The scales in a precision, float32 or float64."""
        return self._single if dtype == np.float32 else self._double

    @cached_property
    def _single(self) -> Scales:
        return Scales(*(None if a is None else a.astype(np.float32) for a in self._double))

    @cached_property
    def _double(self) -> Scales:
        left, right, own = self.left, self.right, self.own
        if right is None:
            return Scales(left, None, left, own, own)
        both = right if left is None else left * right
        return Scales(left, right, both, own, None if own is None else own / right)
