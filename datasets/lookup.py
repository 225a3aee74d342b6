"""Ids found among distinct ids without hashing all of them: by a table, or by binary search.

A place that binary search proposes is checked, and distinct ids have one place each, so what is
found is right whatever the order; only where something is not found must the ids be sorted, and
that is looked at then.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .integer_codes import table_positions

_Ids = npt.NDArray[Any]
_Places = npt.NDArray[np.int64]


def same_ids(first: _Ids, second: _Ids) -> bool:
    """Whether two arrays of ids of one dtype hold equal ids in the same order.

    Examples
    --------
    >>> same_ids(np.array([1, 2]), np.array([1, 2])), same_ids(np.array([1]), np.array([1.0]))
    (True, False)
    """
    if first is second:
        return True
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    try:
        # the ends first: other ids are mostly told apart there
        if len(first) and not (bool(first[0] == second[0]) and bool(first[-1] == second[-1])):
            return False
        return bool(np.all(first == second))
    except (TypeError, ValueError):  # things that cannot be compared are no ids
        return False


def is_rising(ids: _Ids) -> bool:
    """Whether ids are numbers, times or texts, every one above the one before.

    Examples
    --------
    >>> is_rising(np.array([1, 5])), is_rising(np.array(["b", "a"], dtype=object))
    (True, False)
    """
    if ids.dtype == object:
        if pd.api.types.infer_dtype(ids, skipna=False) != "string":
            return False
    elif ids.dtype.kind not in "iufmM":
        return False
    return bool(np.all(ids[:-1] < ids[1:]))


def quick_positions(ids: _Ids, wanted: _Ids) -> _Places | None:
    """Positions of `wanted` in distinct `ids`, -1 where unknown; None where hashing must say.

    Parameters
    ----------
    ids : ndarray, shape (n,)
        Distinct ids, best sorted.
    wanted : ndarray, shape (m,)
        Ids to look up, repetitions allowed.

    Examples
    --------
    >>> quick_positions(np.array([10, 20, 30]), np.array([30, 5]))
    array([ 2, -1])
    >>> quick_positions(np.array(["a", "b"]), np.array([1])) is None
    True
    """
    if len(wanted) == 0:
        return np.empty(0, dtype=np.int64)
    if len(ids) == 0:
        return None
    if same_ids(ids, wanted):
        return np.arange(len(ids), dtype=np.int64)
    if ids.dtype == object and wanted.dtype == object:
        return _text_positions(ids, wanted)
    if ids.dtype == wanted.dtype and ids.dtype.kind in "iufmM":
        return _number_positions(ids, wanted)
    if {ids.dtype.kind, wanted.dtype.kind} <= set("iu"):
        return _converted_positions(ids, wanted)
    return None


def _converted_positions(ids: _Ids, wanted: _Ids) -> _Places | None:
    """Positions of whole numbers of another width; those that do not fit are unknown."""
    if np.result_type(ids, wanted).kind not in "iu":
        return None
    converted = wanted.astype(ids.dtype)
    found = _number_positions(ids, converted)
    if found is not None:
        found[converted != wanted] = -1
    return found


def _number_positions(ids: _Ids, wanted: _Ids) -> _Places | None:
    """Positions of numbers or times of the dtype of the ids."""
    if ids.dtype.kind in "iu" and 8 * len(wanted) >= len(ids):
        found = table_positions(ids, wanted)
        if found is not None:
            return found
    places = np.searchsorted(ids, wanted)
    places[places == len(ids)] = 0
    known = ids[places] == wanted
    if not known.all():
        if not is_rising(ids):
            return None
        places[~known] = -1
    return places.astype(np.int64, copy=False)


def _text_positions(ids: _Ids, wanted: _Ids) -> _Places | None:
    """Positions of a few texts among many."""
    if 64 * len(wanted) > len(ids) or not all(isinstance(value, str) for value in wanted):
        return None
    try:
        places = np.searchsorted(ids, wanted)
    except TypeError:
        return None
    places[places == len(ids)] = 0
    pairs = zip(ids[places], wanted, strict=True)
    known = np.array([isinstance(one, str) and one == other for one, other in pairs])
    if not known.all():
        if not is_rising(ids):
            return None
        places[~known] = -1
    return places.astype(np.int64, copy=False)
