"""Which column of a frame means what, and whether its values can be used.

Column names are found in this order: the caller's map, the exact convention (`user_id`), then
well-known other names (`userId`, `movieId`, `rating`), compared without case, spaces, hyphens and
underscores, and only when exactly one column fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Columns = Mapping[str, str | None]
Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_TIMES = frozenset({"timestamp", "time", "datetime", "date", "ts", "unixtime"})
_PEOPLE = ("user", "customer", "member", "visitor", "reader", "listener", "person")
_THINGS = (
    *("item", "movie", "artist", "book", "product", "track", "song", "business", "poi"),
    *("venue", "article", "event"),
)
_AMOUNTS = ("rating", "count", "freq", "frequency", "plays", "playcount", "listencount")
_SOURCES = ("source", "user", "truster", "trustor", "follower", "from")
_TARGETS = ("target", "friend", "trustee", "followee", "to")


def _with_id(names: tuple[str, ...]) -> set[str]:
    """Return the names, and the names followed by "id"."""
    return {*names, *(name + "id" for name in names)}


INTERACTION_COLUMNS: Mapping[str, frozenset[str]] = {
    "user_id": frozenset(_with_id(_PEOPLE) | {"uid"}),
    "item_id": frozenset(_with_id(_THINGS) | {"iid", "asin", "isbn"}),
    "weight": frozenset({"weight", "listeningcount", "quantity", *_AMOUNTS}),
    "timestamp": _TIMES,
}
SOCIAL_COLUMNS: Mapping[str, frozenset[str]] = {
    "source_id": frozenset(_with_id(_SOURCES)),
    "target_id": frozenset(_with_id(_TARGETS)),
    "weight": frozenset({"weight", "trust", "trustvalue", "strength"}),
    "timestamp": _TIMES,
}
_REQUIRED = ("user_id", "item_id", "source_id", "target_id")


def find_columns(
    frame: pd.DataFrame, known: Mapping[str, frozenset[str]], columns: Columns | None = None
) -> dict[str, Any]:
    """Say which column of `frame` plays which role.

    Parameters
    ----------
    frame : DataFrame
        A table of interactions or of ties.
    known : mapping from role to other names
        `INTERACTION_COLUMNS` or `SOCIAL_COLUMNS`.
    columns : mapping from role to column name, optional
        The caller's choice, for example ``{"user_id": "who"}``. None as the name of an optional
        role says that the table has no such column, whatever the names look like.

    Returns
    -------
    dict
        Role to column name, for the roles that were found.

    Raises
    ------
    TypeError
        If `frame` is no DataFrame.
    ValueError
        If a required column is missing, a role has several candidates, one column is named twice,
        or the map names an unknown role or column.

    Examples
    --------
    >>> frame = pd.DataFrame({"userId": [1], "movieId": [2], "Rating": [3.0]})
    >>> find_columns(frame, INTERACTION_COLUMNS)
    {'user_id': 'userId', 'item_id': 'movieId', 'weight': 'Rating'}
    """
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"the table must be a pandas DataFrame; got {type(frame).__name__}")
    chosen = dict(columns or {})
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise ValueError(f"columns must map roles out of {list(known)}; got role {unknown[0]!r}")
    found: dict[str, Any] = {}
    for role, names in known.items():
        if role in chosen:
            column = _chosen_column(frame, role, chosen[role])
        else:
            taken = {value for value in chosen.values() if value is not None}
            column = _fitting_column(frame, role, names, taken)
        if column is not None:
            found[role] = column
        elif role in _REQUIRED:
            raise ValueError(_missing(frame, role))
    _refuse_shared(found)
    return found


def read_weights(column: pd.Series, name: str) -> Floats:
    """Return a column of weights as finite, non-negative numbers.

    Parameters
    ----------
    column : Series, shape (n,)
        Numbers, or texts that are numbers.
    name : str
        The name of the column, for error messages.

    Returns
    -------
    ndarray of float32 or float64, shape (n,)
        float32 where the column is float32, else float64.

    Raises
    ------
    ValueError
        If a weight is no number, NaN, infinite or negative; the message names the first such row,
        counted from 0, and how many there are.

    Examples
    --------
    >>> read_weights(pd.Series([1, 2]), "weight")
    array([1., 2.])
    """
    numbers = _to_numbers(column, name)
    _refuse_rows(~np.isfinite(numbers), column, name, "finite")
    _refuse_rows(numbers < 0, column, name, "at least 0")
    return numbers


def read_timestamps(column: pd.Series, name: str) -> npt.NDArray[Any]:
    """Return a column of times as numbers or as datetimes.

    Parameters
    ----------
    column : Series, shape (n,)
        Numbers (any unit, kept as they are), datetimes (with a time zone: turned into UTC), or
        ISO 8601 texts.
    name : str
        The name of the column, for error messages.

    Returns
    -------
    ndarray of int64, float64 or datetime64, shape (n,)
        The times; datetimes carry no zone and mean UTC where the input had one.

    Raises
    ------
    ValueError
        If a time is missing or cannot be read; the message names the first such row, counted
        from 0, and how many there are.

    Examples
    --------
    >>> read_timestamps(pd.Series(["2024-05-01", "2024-05-02"]), "timestamp").dtype.kind
    'M'
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        _refuse_rows(column.isna().to_numpy(), column, name, "present in every row")
        kind = "i" if pd.api.types.is_integer_dtype(column.dtype) else "f"
        times = column.to_numpy(dtype=np.int64 if kind == "i" else np.float64, copy=True)
        _refuse_rows(~np.isfinite(times), column, name, "finite")
        return times
    parsed = column
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        # Only ISO 8601: 01/02/2024 is two different days in two countries.
        parsed = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=True)
    rule = "a number, a datetime or an ISO 8601 text"
    _refuse_rows(parsed.isna().to_numpy(), column, name, rule)
    if getattr(parsed.dtype, "tz", None) is not None:
        parsed = parsed.dt.tz_convert("UTC").dt.tz_localize(None)
    dtype: Any = parsed.dtype
    moments: npt.NDArray[Any] = parsed.to_numpy(
        dtype=getattr(dtype, "numpy_dtype", dtype), copy=True
    )
    return moments


def quoted(value: object) -> str:
    """Return a value as it is written in an error, a numpy scalar as the number that it is.

    Examples
    --------
    >>> quoted(np.float64(2.5)), quoted("x")
    ('2.5', "'x'")
    """
    return repr(value.item() if isinstance(value, np.generic) else value)


def _chosen_column(frame: pd.DataFrame, role: str, name: str | None) -> Any:
    """Return the column that the caller named for a role."""
    if name is None:
        return None
    if name not in frame.columns:
        raise ValueError(
            f"columns[{role!r}] must be a column of the table; got {name!r}, "
            f"the table has {_listed(frame)}"
        )
    return name


def _fitting_column(frame: pd.DataFrame, role: str, names: frozenset[str], taken: set[str]) -> Any:
    """Return the one column that fits a role by its name, or None."""
    if role in frame.columns and role not in taken:
        return role
    fitting = [
        column for column in frame.columns if column not in taken and _plain(column) in names
    ]
    if len(fitting) > 1:
        raise ValueError(
            f"{role} must be one column; got candidates {fitting}: "
            f'say which with columns={{"{role}": ...}}'
        )
    return fitting[0] if fitting else None


def _plain(name: object) -> str:
    """Return a column name without case, spaces, hyphens and underscores."""
    return str(name).strip().lower().replace("_", "").replace("-", "").replace(" ", "")


def _missing(frame: pd.DataFrame, role: str) -> str:
    """Return the sentence about a required column that was not found."""
    return (
        f"the table must have a column {role!r}; got {_listed(frame)}: "
        f'say which one it is with columns={{"{role}": "its name"}}'
    )


def _listed(frame: pd.DataFrame) -> str:
    """Return the column names for an error message, the first twenty at most."""
    names = list(frame.columns)
    return f"columns {names[:20]}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _refuse_shared(found: Mapping[str, Any]) -> None:
    """Raise if one column was found for two roles."""
    seen: dict[Any, str] = {}
    for role, column in found.items():
        if column in seen:
            raise ValueError(
                f"{seen[column]} and {role} must be two columns; got {column!r} for both"
            )
        seen[column] = role


def _to_numbers(column: pd.Series, name: str) -> Floats:
    """Return a column as floats, raising at the first value that is no number."""
    # Copies: what is frozen here must not be the memory of somebody's frame.
    if column.dtype == np.float32:
        return column.to_numpy(copy=True)
    if pd.api.types.is_complex_dtype(column.dtype):
        raise ValueError(f"{name} must be real numbers; got dtype {column.dtype}")
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, copy=True, na_value=np.nan)
    as_text = column.astype(object)
    numbers = pd.to_numeric(as_text, errors="coerce")
    unread = numbers.isna().to_numpy() & column.notna().to_numpy()
    _refuse_rows(unread, column, name, "a number")
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _refuse_rows(bad: npt.NDArray[np.bool_], column: pd.Series, name: str, rule: str) -> None:
    """Raise if any row is bad, naming the first one and how many there are."""
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"{name} must be {rule}; got {quoted(column.iloc[row])} at row {row} "
            f"({int(bad.sum())} such rows, rows counted from 0)"
        )
