"""What may be diffused: real, finite values, one row per node."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .row_threads import over_rows

Block: TypeAlias = npt.NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
# Room for sums over many ties below the largest number of the type.
_LARGEST = {"float32": 1e25, "float64": 1e290}
# Values that are looked at in threads, and in how many pieces.
_MANY, _PIECES = 1 << 20, 64
Bound: TypeAlias = "float | npt.NDArray[np.float64]"


def as_block(X: object, n: int) -> tuple[Block, Shape]:
    """Values as a contiguous (n, m) array of float32 or float64, and the shape to answer in.

    May share memory with X.

    Examples
    --------
    >>> as_block(np.array([1, 2, 3]), 3)
    (array([[1.],
           [2.],
           [3.]]), (3,))
    """
    if sp.issparse(X):
        raise TypeError("X must be a dense array here; got a sparse one: pass X.toarray()")
    values = np.asarray(X)
    dtype = working_dtype(values.dtype)
    if values.ndim not in (1, 2) or values.shape[0] != n:
        raise ValueError(f"X must have shape ({n},) or ({n}, m); got {values.shape}")
    block = np.ascontiguousarray(values, dtype=dtype)
    check_values(block)
    if block.ndim == 1:
        block = block.reshape(n, 1)
    return block, values.shape


def as_sparse_block(X: Any, n: int) -> sp.csr_array[Any, tuple[int, int]]:
    """Sparse values as an (n, m) csr_array of float32 or float64.

    Examples
    --------
    >>> as_sparse_block(sp.coo_array(np.eye(2, dtype=int)), 2).dtype
    dtype('float64')
    """
    if len(X.shape) != 2 or X.shape[0] != n:
        raise ValueError(f"X must have shape ({n}, m); got {X.shape}")
    values = sp.csr_array(X, dtype=working_dtype(X.dtype))
    check_values(values.data)
    return values


def answer(
    result: Block, bound: npt.NDArray[np.float64], shape: Shape, return_bound: bool
) -> Block | tuple[Block, Bound]:
    """The result in the shape of the input, with its bound if asked for.

    Examples
    --------
    >>> answer(np.zeros((2, 1)), np.array([0.5]), (2,), True)
    (array([0., 0.]), 0.5)
    """
    shaped = result.reshape(shape)
    if not return_bound:
        return shaped
    return shaped, float(bound[0]) if len(shape) == 1 else bound


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 for float32, float64 for every other real type.

    Examples
    --------
    >>> working_dtype(np.dtype(np.int8))
    dtype('float64')
    """
    if dtype.kind not in "biuf":
        raise TypeError(f"X must hold real numbers; got dtype {dtype}")
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def check_values(values: Block) -> None:
    """Refuse NaN, infinity, and magnitudes whose sums could overflow, by their place.

    Examples
    --------
    >>> check_values(np.array([1.0, np.nan]))
    Traceback (most recent call last):
    ...
    ValueError: X must be finite and at most 1e+290 in magnitude; got nan at row 1
    """
    largest = _LARGEST[values.dtype.name]
    if _within(values, largest):
        return
    bad = ~(np.abs(values) <= largest)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), values.shape))
    place = f"row {at[0]}" + (f", column {at[1]}" if len(at) > 1 else "")
    rule = f"finite and at most {largest:.0e} in magnitude"
    raise ValueError(f"X must be {rule}; got {values[at]} at {place}")


def _within(values: Block, largest: float) -> bool:
    """Whether all values are numbers of at most this magnitude; in threads where they are many."""
    if values.size < _MANY:
        return not values.size or bool(values.min() >= -largest and values.max() <= largest)
    cuts = np.linspace(0, len(values), _PIECES + 1).astype(np.int64)
    fine = [True] * _PIECES

    def look(first: int, last: int) -> None:
        for piece in range(first, last):
            part = values[cuts[piece] : cuts[piece + 1]]
            if part.size:
                fine[piece] = bool(part.min() >= -largest and part.max() <= largest)

    over_rows(look, cuts, columns=values.size // len(values))
    return all(fine)


def check_number(name: str, value: object, rule: str, holds: Callable[[float], bool]) -> None:
    """Refuse what is no real number, or not the one that the rule asks for.

    Examples
    --------
    >>> check_number("damping", 1.0, "a number in [0, 1)", lambda a: 0 <= a < 1)
    Traceback (most recent call last):
    ...
    ValueError: damping must be a number in [0, 1); got 1.0
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {rule}; got {value!r}")
    if not holds(float(value)):
        raise ValueError(f"{name} must be {rule}; got {value!r}")


def check_hops(n_hops: object) -> None:
    """Refuse what is neither None nor a whole number from 0.

    Examples
    --------
    >>> check_hops(-1)
    Traceback (most recent call last):
    ...
    ValueError: n_hops must be a whole number, 0 or more; got -1
    """
    if n_hops is None:
        return
    if isinstance(n_hops, bool) or not isinstance(n_hops, (int, np.integer)):
        raise TypeError(f"n_hops must be a whole number, 0 or more; got {n_hops!r}")
    if n_hops < 0:
        raise ValueError(f"n_hops must be a whole number, 0 or more; got {n_hops!r}")
