"""Columns of raw ids, whole numbers or texts, as arrow arrays: found, put in order, cut."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from .lookup import quick_positions
from .sharded_tables import TEXT

#: ids that may pile up before they join those that are known
_PILE = 1 << 20
_HASHES = 2.0**64


def kind_of(found: pa.DataType) -> str | None:
    """Return of what kind a column of ids is: "text", a type of whole numbers, None for others.

    Examples
    --------
    >>> kind_of(pa.int32()), kind_of(pa.dictionary(pa.int8(), pa.string())), kind_of(pa.float64())
    ('int32', 'text', None)
    """
    kind = found.value_type if pa.types.is_dictionary(found) else found
    if pa.types.is_integer(kind):
        return str(kind)
    return TEXT if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def joint_kind(kinds: Iterable[str]) -> str | None:
    """Return the kind that holds the ids of all kinds; None where there is none.

    Examples
    --------
    >>> joint_kind(["int32", "int64"]), joint_kind(["uint64", "int8"]), joint_kind(["text", "int8"])
    ('int64', None, None)
    """
    distinct = set(kinds)
    if TEXT in distinct:
        return TEXT if len(distinct) == 1 else None
    joint = np.result_type(*(np.dtype(kind) for kind in distinct))
    return str(joint) if joint.kind in "iu" else None


def arrow_type(kind: str) -> Any:
    """Return the arrow type of ids of a kind.

    Examples
    --------
    >>> arrow_type("text"), arrow_type("int32")
    (DataType(large_string), DataType(int32))
    """
    return pa.large_string() if kind == TEXT else pa.type_for_alias(kind)


def as_kind(ids: Any, kind: str) -> Any:
    """Return an arrow array of ids as one of a kind, without a dictionary.

    Examples
    --------
    >>> as_kind(pa.array([1, 2], pa.int8()), "int64").type
    DataType(int64)
    """
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_decode()
    return ids.cast(arrow_type(kind))


class DistinctIds:
    """Distinct ids, gathered piece by piece.

    Examples
    --------
    >>> some = DistinctIds(pa.int64())
    >>> some.add(pa.array([3, 1]))
    >>> some.add(pa.array([1, 2]))
    >>> some.in_order().to_pylist()
    [1, 2, 3]
    """

    def __init__(self, found: pa.DataType) -> None:
        self._known: Any = pa.array([], found)
        self._new: list[Any] = []
        self._piled = 0

    def add(self, ids: Any) -> None:
        """Take in ids, repetitions allowed."""
        self._new.append(pc.unique(ids))
        self._piled += len(self._new[-1])
        if self._piled > max(len(self._known), _PILE):
            self._join()

    def in_order(self) -> Any:
        """Return all of them, sorted."""
        self._join()
        return self._known.take(pc.array_sort_indices(self._known))

    def _join(self) -> None:
        """Let what is new join what is known."""
        self._known = pc.unique(pa.chunked_array([self._known, *self._new]))
        self._new, self._piled = [], 0


class IdSketch:
    """The ids of the smallest hashes: a sample of distinct ids, however often each comes.

    As long as there are no more than `size` of them, these are all; then their number follows
    from the largest hash that is kept (Bar-Yossef et al., 2002).

    Examples
    --------
    >>> sketch = IdSketch(10, pa.int64())
    >>> sketch.add(pa.array([5, 5, 7]))
    >>> sorted(sketch.ids.to_pylist()), sketch.n_distinct
    ([5, 7], 2.0)
    """

    def __init__(self, size: int, found: pa.DataType) -> None:
        self.ids: Any = pa.array([], found)
        self._size = size
        self._hashes = np.empty(0, dtype=np.uint64)

    def add(self, ids: Any) -> None:
        """Take in ids, repetitions allowed."""
        distinct = pc.unique(ids)
        hashes = _hashed(distinct)
        if len(self._hashes) >= self._size:
            low = hashes <= self._hashes[-1]
            distinct, hashes = distinct.filter(pa.array(low)), hashes[low]
        both = pc.unique(pa.chunked_array([self.ids, distinct]))
        hashes = _hashed(both)
        order = np.argsort(hashes, kind="stable")[: self._size]
        self.ids, self._hashes = both.take(pa.array(order)), hashes[order]

    @property
    def n_distinct(self) -> float:
        """How many distinct ids there are, about; exact below the size."""
        if len(self._hashes) < self._size:
            return float(len(self._hashes))
        return (self._size - 1) / ((float(self._hashes[-1]) + 1) / _HASHES)


def positions(ids: Any, wanted: Any) -> npt.NDArray[np.int64]:
    """Return the positions of wanted ids among sorted distinct ones of the same kind.

    Every one of them is there.

    Examples
    --------
    >>> positions(pa.array(["a", "b"]), pa.array(["b", "b"])).tolist()
    [1, 1]
    """
    if pa.types.is_integer(ids.type):
        found = quick_positions(_numbers(ids), _numbers(wanted))
        if found is not None:
            return found
    places: npt.NDArray[Any] = pc.index_in(wanted, value_set=ids).to_numpy(zero_copy_only=False)
    return places.astype(np.int64, copy=False)


def ranges(ids: Any, firsts: Any) -> npt.NDArray[np.int64]:
    """Return in which range every id lies; range ``s + 1`` begins with ``firsts[s]``.

    Examples
    --------
    >>> ranges(pa.array(["a", "m", "z"]), pa.array(["m", "n"])).tolist()
    [0, 1, 2]
    """
    if pa.types.is_integer(ids.type):
        found: npt.NDArray[np.int64] = np.searchsorted(
            _numbers(firsts), _numbers(ids), side="right"
        )
        return found
    found = np.zeros(len(ids), dtype=np.int64)
    for first in firsts:
        found += pc.greater_equal(ids, first).to_numpy(zero_copy_only=False)
    return found


def _numbers(ids: Any) -> npt.NDArray[Any]:
    """Return whole numbers as a numpy array."""
    numbers: npt.NDArray[Any] = ids.to_numpy(zero_copy_only=False)
    return numbers


def _hashed(ids: Any) -> npt.NDArray[np.uint64]:
    """Return a hash of every id, the same in every process."""
    return pd.util.hash_array(ids.to_numpy(zero_copy_only=False), categorize=False)
