"""Whole-number ids of a narrow range, encoded by a table over it: no hashing, no sorting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

CodeArray = npt.NDArray[np.int32]

#: so many values at a time: what is computed of them stays in the cache of the processor
_CHUNK = 1 << 18
#: codes of 32 bits count to here
_MOST = 2**31


def is_narrow(low: int, high: int, n: int) -> bool:
    """Whether a table over ``low .. high`` costs no more than ``n`` values do.

    Examples
    --------
    >>> is_narrow(10, 20, 3), is_narrow(0, 10**9, 3)
    (True, False)
    """
    return high - low < 4 * n + 1024


def integer_codes(
    columns: Sequence[npt.NDArray[Any]], *, in_place: bool = False
) -> tuple[list[CodeArray], npt.NDArray[Any]] | None:
    """Encode columns of whole numbers with one code, if their common range is narrow.

    Parameters
    ----------
    columns : sequence of ndarray, one dtype, shapes (n,), (m,), ...
        Whole numbers.
    in_place : bool, default False
        Write the codes over the columns, which must be of int32 then.

    Returns
    -------
    tuple or None
        The codes of every column, and the distinct values of all, sorted, of the dtype of the
        columns. None for other values, nothing at all, and a wide range.

    Examples
    --------
    >>> codes, ids = integer_codes([np.array([7, 5]), np.array([9, 7])])
    >>> [column.tolist() for column in codes], ids.tolist()
    ([[1, 0], [2, 1]], [5, 7, 9])
    """
    dtype, n = columns[0].dtype, sum(map(len, columns))
    filled = [column for column in columns if len(column)]
    if dtype.kind not in "iu" or any(column.dtype != dtype for column in columns) or n == 0:
        return None
    low = min(int(column.min()) for column in filled)
    high = max(int(column.max()) for column in filled)
    if not is_narrow(low, high, n) or high - low >= _MOST:
        return None
    present = np.zeros(high - low + 1, dtype=np.bool_)
    for column in filled:
        for part in _parts(len(column)):
            present[_offsets(column[part], low)] = True
    table = np.cumsum(present, dtype=np.int32)
    table -= 1
    coded: list[CodeArray] = []
    for column in columns:
        codes = column if in_place else np.empty(len(column), dtype=np.int32)
        for part in _parts(len(column)):
            codes[part] = table[_offsets(column[part], low)]
        coded.append(codes)
    return coded, _values(np.flatnonzero(present), low, dtype)


def recode(codes: CodeArray, new: CodeArray) -> None:
    """Write ``new[codes]`` over `codes`, a piece at a time.

    Examples
    --------
    >>> codes = np.array([0, 1, 0], np.int32)
    >>> recode(codes, np.array([5, 3], np.int32))
    >>> codes.tolist()
    [5, 3, 5]
    """
    for part in _parts(len(codes)):
        codes[part] = new[codes[part]]


def mark_used(codes: CodeArray, used: npt.NDArray[np.bool_]) -> None:
    """Set ``used[codes]``, a piece at a time.

    Examples
    --------
    >>> used = np.zeros(3, dtype=bool)
    >>> mark_used(np.array([2, 0], np.int32), used)
    >>> used.tolist()
    [True, False, True]
    """
    for part in _parts(len(codes)):
        used[codes[part]] = True


def table_positions(
    ids: npt.NDArray[Any], wanted: npt.NDArray[Any]
) -> npt.NDArray[np.int64] | None:
    """Positions of whole numbers in distinct `ids` by a table over the range of `ids`.

    Parameters
    ----------
    ids, wanted : ndarray of one dtype of whole numbers, shapes (n,), (m,)
        `ids` must not be empty.

    Returns
    -------
    ndarray of int64, shape (m,), or None
        -1 where the number is unknown; None where the range is not narrow.

    Examples
    --------
    >>> table_positions(np.array([30, 10, 20]), np.array([20, 15, 99])).tolist()
    [2, -1, -1]
    """
    low, high = int(ids.min()), int(ids.max())
    if not is_narrow(low, high, len(ids) + len(wanted)):
        return None
    table = np.full(high - low + 1, -1, dtype=np.int32)
    table[_offsets(ids, low)] = np.arange(len(ids), dtype=np.int32)
    found = np.full(len(wanted), -1, dtype=np.int64)
    for part in _parts(len(wanted)):
        some = wanted[part]
        inside = (some >= ids.dtype.type(low)) & (some <= ids.dtype.type(high))
        found[part][inside] = table[_offsets(some[inside], low)]
    return found


def _parts(n: int) -> Iterator[slice]:
    """Slices of at most `_CHUNK` entries that cover ``n`` of them."""
    for start in range(0, n, _CHUNK):
        yield slice(start, min(start + _CHUNK, n))


def _offsets(values: npt.NDArray[Any], low: int) -> npt.NDArray[np.intp]:
    """``values - low`` as indices; the differences fit whatever the values are."""
    wide = values if values.dtype.itemsize == 8 else values.astype(np.int64)
    offsets: npt.NDArray[Any] = wide - wide.dtype.type(low)
    return offsets.astype(np.intp, copy=False)


def _values(offsets: npt.NDArray[np.intp], low: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """``offsets + low`` in a dtype that holds the sums, if perhaps not the offsets."""
    if dtype.itemsize == 8:
        values: npt.NDArray[Any] = offsets.astype(dtype) + dtype.type(low)
        return values
    return (offsets + low).astype(dtype)
