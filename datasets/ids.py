"""Raw ids of any hashable type: encoded as integer codes, put in one stable order, looked up.

A raw id is whatever the user's table holds: int, str, UUID, tuple, datetime, or a mix. Inside the
package a row is an integer code; the raw ids come back unchanged at the end. Whole numbers of a
narrow range go through a table over that range, everything else through the hash tables of pandas,
so no Python loop runs over rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .columns import quoted
from .integer_codes import integer_codes
from .lookup import is_rising, quick_positions

IdArray = npt.NDArray[Any]
CodeArray = npt.NDArray[np.int32]

_MAX_IDS = np.iinfo(np.int32).max


def encode_ids(values: Iterable[Any], name: str) -> tuple[CodeArray, IdArray]:
    """Turn a column of raw ids into integer codes and the array of distinct ids.

    Parameters
    ----------
    values : iterable of hashable, shape (n,)
        Raw ids; a pandas Series or a numpy array is read without copying.
    name : str
        The name of the column, for error messages.

    Returns
    -------
    codes : ndarray of int32, shape (n,)
        ``ids[codes]`` equals `values`.
    ids : ndarray, shape (m,)
        The distinct ids, sorted; ids that cannot be compared with one another (a mix of int and
        str) are ordered by type name, then by ``repr``. Numbers and datetimes keep their dtype;
        texts, UUIDs, tuples and mixtures come in an object array.

    Raises
    ------
    ValueError
        If an id is null (the row is named), or there are 2**31 distinct ids or more.
    TypeError
        If an id cannot be hashed.

    Examples
    --------
    >>> codes, ids = encode_ids(["bo", "ann", "bo"], "user_id")
    >>> ids.tolist(), codes.tolist()
    (['ann', 'bo'], [1, 0, 1])
    """
    column = _as_column(values, name)
    _refuse_null(column, name)
    if isinstance(column.dtype, np.dtype):
        quick = integer_codes([column.to_numpy()])
        if quick is not None:
            return quick[0][0], _frozen(quick[1])
    codes, distinct = _factorize(column, name)
    if len(distinct) > _MAX_IDS:
        raise ValueError(
            f"{name} must hold fewer than {_MAX_IDS} distinct ids; got {len(distinct)}"
        )
    order = _stable_order(distinct)
    if order is None:
        return codes.astype(np.int32), _frozen(distinct)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank[codes], _frozen(distinct[order])


def distinct_ids(values: Iterable[Any], name: str) -> IdArray:
    """Return `values` as an id array in the order given, refusing nulls and repetitions.

    Parameters
    ----------
    values : iterable of hashable, shape (n,)
        Raw ids.
    name : str
        What they are, for error messages.

    Returns
    -------
    ndarray, shape (n,)
        The same ids, read-only.

    Raises
    ------
    ValueError
        If an id is null or appears twice.

    Examples
    --------
    >>> distinct_ids(["b", "a"], "user_ids").tolist()
    ['b', 'a']
    """
    column = _as_column(values, name)
    _refuse_null(column, name)
    if isinstance(column.dtype, np.dtype) and is_rising(column.to_numpy()):
        # ids of ours, read-only and whole, are the same ids; of others somebody may hold the memory
        if isinstance(values, np.ndarray) and values.flags.owndata and not values.flags.writeable:
            return values
        return _frozen(column.to_numpy().copy())
    codes, distinct = _factorize(column, name)
    if len(distinct) < len(codes):
        row = int(np.flatnonzero(codes != np.arange(len(codes)))[0])
        raise ValueError(
            f"{name} must hold every id once; got {quoted(column.iloc[row])} again at {row}"
        )
    return _frozen(distinct)


def axis_ids(ids: Iterable[Any] | None, length: int, name: str) -> IdArray:
    """Return the ids of a matrix axis: those given, or 0, 1, 2, ... where none are.

    Parameters
    ----------
    ids : iterable of hashable or None
        Raw ids in the order of the axis.
    length : int
        The length of the axis.
    name : str
        What they are, for error messages.

    Returns
    -------
    ndarray, shape (length,)
        Distinct ids, read-only.

    Raises
    ------
    ValueError
        If the number of ids is not `length`, or an id is null or appears twice.

    Examples
    --------
    >>> axis_ids(None, 3, "user_ids")
    array([0, 1, 2])
    """
    if ids is None:
        return _frozen(np.arange(length))
    given = distinct_ids(ids, name)
    if len(given) != length:
        raise ValueError(f"{name} must have one id per row, {length}; got {len(given)}")
    return given


def locate(ids: IdArray, wanted: Iterable[Any], name: str = "ids") -> npt.NDArray[np.int64]:
    """Return the position of every wanted id in `ids`, -1 where it is unknown.

    Parameters
    ----------
    ids : ndarray, shape (m,)
        Distinct ids.
    wanted : iterable of hashable, shape (n,)
        Ids to look up, repetitions allowed.
    name : str, default "ids"
        What is looked up, for error messages.

    Returns
    -------
    ndarray of int64, shape (n,)
        Positions in `ids`, or -1.

    Examples
    --------
    >>> locate(np.array([10, 20, 30]), [30, 5])
    array([ 2, -1])
    """
    array = _to_array(_as_column(wanted, name))
    quick = quick_positions(ids, array)
    if quick is not None:
        return quick
    codes, _ = _factorize(_as_column(_joined(ids, array), name), name)
    found = codes[len(ids) :].astype(np.int64)
    found[found >= len(ids)] = -1
    return found


def union_ids(ids: IdArray, more: Iterable[Any], name: str) -> tuple[CodeArray, IdArray]:
    """Return the ordered union of two id sets, and where the first set went.

    Parameters
    ----------
    ids : ndarray, shape (m,)
        Distinct ids.
    more : iterable of hashable
        Further ids; known ones and repetitions are allowed.
    name : str
        What they are, for error messages.

    Returns
    -------
    codes : ndarray of int32, shape (m,)
        ``union[codes]`` equals `ids`.
    union : ndarray
        All ids in stable order.

    Examples
    --------
    >>> codes, union = union_ids(np.array([1, 3]), [2, 3], "user_ids")
    >>> codes.tolist(), union.tolist()
    ([0, 2], [1, 2, 3])
    """
    column = _as_column(more, name)
    _refuse_null(column, name)
    codes, union = encode_ids(_joined(ids, _to_array(column)), name)
    return codes[: len(ids)], union


def encode_pairs(
    sources: Iterable[Any], targets: Iterable[Any], names: tuple[str, str]
) -> tuple[CodeArray, CodeArray, IdArray]:
    """Encode two columns of ids of the same set (the two ends of ties) with one code.

    Parameters
    ----------
    sources, targets : iterable of hashable, shape (n,)
        Raw ids of the two ends.
    names : tuple of str
        The names of the two columns, for error messages.

    Returns
    -------
    source_codes, target_codes : ndarray of int32, shape (n,)
        Codes into `ids`.
    ids : ndarray
        All ids that appear at either end, in stable order.

    Examples
    --------
    >>> u, v, ids = encode_pairs(["b", "a"], ["c", "b"], ("source_id", "target_id"))
    >>> u.tolist(), v.tolist(), ids.tolist()
    ([1, 0], [2, 1], ['a', 'b', 'c'])
    """
    first, second = _as_column(sources, names[0]), _as_column(targets, names[1])
    _refuse_null(first, names[0])
    _refuse_null(second, names[1])
    if first.dtype == second.dtype and isinstance(first.dtype, np.dtype):
        quick = integer_codes([first.to_numpy(), second.to_numpy()])
        if quick is not None:
            return quick[0][0], quick[0][1], _frozen(quick[1])
    if first.dtype == second.dtype:
        both = pd.concat([first, second], ignore_index=True)
    else:
        both = pd.Series(_joined(_to_array(first), _to_array(second)))
    codes, ids = encode_ids(both, " and ".join(names))
    return codes[: len(first)], codes[len(first) :], ids


def as_id_array(values: Iterable[Any], name: str) -> IdArray:
    """Return raw ids as an array, refusing nulls.

    Examples
    --------
    >>> as_id_array([3, 3, 1], "users")
    array([3, 3, 1])
    """
    column = _as_column(values, name)
    _refuse_null(column, name)
    return _to_array(column)


def holds_all(ids: IdArray, more: IdArray) -> bool:
    """Whether `ids` are in stable order and know all of `more`: their union is `ids` itself.

    Examples
    --------
    >>> holds_all(np.array([1, 3]), np.array([3, 3])), holds_all(np.array([3, 1]), np.array([3]))
    (True, False)
    """
    if bool((locate(ids, more) < 0).any()):
        return False
    order = _stable_order(ids)
    return order is None or bool((order == np.arange(len(ids))).all())


def id_column(ids: IdArray) -> pd.Series:
    """Return ids as a pandas column of a natural dtype (texts as texts, tuples as objects).

    Examples
    --------
    >>> id_column(np.array([3, 4])).tolist()
    [3, 4]
    """
    if ids.dtype == object and not all(isinstance(value, str) for value in ids):
        return pd.Series(ids, dtype=object)
    return pd.Series(ids)


def _as_column(values: Iterable[Any], name: str) -> pd.Series:
    """Return one-dimensional values as a Series with positions as its index."""
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            raise ValueError(f"{name} must be one-dimensional; got shape {values.shape}")
        # An explicit object dtype keeps tuples and UUIDs as they are.
        return pd.Series(values, dtype=object) if values.dtype == object else pd.Series(values)
    if isinstance(values, (str, bytes)):
        raise TypeError(f"{name} must be a list, array or column of ids; got {values!r}")
    if isinstance(values, pd.Index):
        return values.to_series().reset_index(drop=True)
    to_pandas = getattr(values, "to_pandas", None)
    if callable(to_pandas):  # a column of polars or pyarrow
        return _as_column(to_pandas(), name)
    listed = list(values)
    return pd.Series(listed) if listed else pd.Series(listed, dtype=object)


def _to_array(column: pd.Series) -> IdArray:
    """Return a column as a plain numpy array: numbers and datetimes as such, the rest objects."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        categories = _to_array(pd.Series(column.cat.categories))
        taken: IdArray = categories[column.cat.codes.to_numpy()]
        return taken
    kind = getattr(column.dtype, "numpy_dtype", column.dtype)
    if isinstance(kind, np.dtype) and kind.kind in "iufbmM":
        return column.to_numpy(dtype=kind)
    return column.to_numpy(dtype=object)


def _factorize(column: pd.Series, name: str) -> tuple[npt.NDArray[np.intp], IdArray]:
    """Return codes by first appearance and the distinct values as a numpy array."""
    dtype = column.dtype
    values: Any = column.to_numpy() if isinstance(dtype, np.dtype) else column.array
    try:
        codes, distinct = pd.factorize(values)
    except TypeError as error:
        raise TypeError(f"{name} must hold hashable ids; got {error}") from error
    if isinstance(distinct, np.ndarray):
        if distinct.dtype.kind in "US":
            return codes, distinct.astype(object)
        return codes, distinct
    return codes, _to_array(pd.Series(distinct))


def _refuse_null(column: pd.Series, name: str) -> None:
    """Raise if an id is missing, naming the first such row."""
    null = column.isna().to_numpy()
    if null.any():
        row = int(null.argmax())
        raise ValueError(
            f"{name} must not be null; got {quoted(column.iloc[row])} at row {row} "
            f"({int(null.sum())} such rows, rows counted from 0): drop or fill them"
        )


def _stable_order(ids: IdArray) -> npt.NDArray[np.intp] | None:
    """Return the permutation that sorts ids, or None where they are sorted already."""
    if ids.dtype != object:
        if len(ids) < 2 or bool((ids[:-1] <= ids[1:]).all()):
            return None
        return np.argsort(ids, kind="stable")
    values = ids.tolist()
    # Sets compare by inclusion, which is no total order: sorting them would not be deterministic.
    if not any(isinstance(value, frozenset) for value in values):
        try:
            return np.array(sorted(range(len(values)), key=values.__getitem__), dtype=np.intp)
        except TypeError:
            pass
    keys = [(type(value).__name__, repr(value)) for value in values]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.intp)


def _joined(first: IdArray, second: IdArray) -> IdArray:
    """Concatenate two id arrays without changing any value (numpy would turn 1 into '1')."""
    if len(first) == 0:
        return second
    if len(second) == 0 or first.dtype == second.dtype:
        return np.concatenate([first, second]) if len(second) else first
    kinds = {first.dtype.kind, second.dtype.kind}
    if kinds <= set("iu") or kinds in ({"M"}, {"m"}):
        promoted = np.result_type(first, second)
        if promoted.kind in "iumM":
            return np.concatenate([first.astype(promoted), second.astype(promoted)])
    parts = [pd.Series(part).astype(object).to_numpy() for part in (first, second)]
    return np.concatenate(parts)


def _frozen(array: IdArray) -> IdArray:
    """Return the array read-only, copied if somebody else could still write to it."""
    kept = array if array.flags.owndata or not array.flags.writeable else array.copy()
    kept.setflags(write=False)
    return kept
