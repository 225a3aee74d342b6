"""The distinct (user, item) pairs of a table, and their order within every user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .columns import INTERACTION_COLUMNS, Columns, find_columns, read_timestamps
from .ids import CodeArray, IdArray, encode_ids
from .interactions import Interactions
from .merging import row_order


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distinct (user, item) pairs sorted by user, and which pair every row of the table is.

    `pair_of_row` is None where every row is a pair of its own, in order.

    Examples
    --------
    >>> frame = pd.DataFrame({"user": [2, 1, 2], "item": [5, 5, 5]})
    >>> pairs = find_pairs(frame, None)
    >>> pairs.users.tolist(), pairs.pair_of_row.tolist()
    ([0, 1], [1, 0, 1])
    """

    users: CodeArray
    user_ids: IdArray
    times: npt.NDArray[Any] | None
    pair_of_row: npt.NDArray[np.intp] | None

    @property
    def per_user(self) -> npt.NDArray[np.int64]:
        """Number of pairs of every user."""
        return np.bincount(self.users, minlength=len(self.user_ids)).astype(np.int64)


def find_pairs(
    table: pd.DataFrame | Interactions, columns: Columns | None, *, with_times: bool = False
) -> Pairs:
    """Return the distinct pairs of a table, with the latest time of each if asked for.

    Examples
    --------
    >>> frame = pd.DataFrame({"user": [1, 1], "item": [5, 5], "timestamp": [3, 9]})
    >>> find_pairs(frame, None, with_times=True).times
    array([9])
    """
    if isinstance(table, Interactions):
        if len(table) == 0:
            raise ValueError("the interactions must hold at least one row; got an empty table")
        return Pairs(table.users, table.user_ids, table.timestamps, None)
    found = find_columns(table, INTERACTION_COLUMNS, columns)
    if len(table) == 0:
        raise ValueError("the interactions must hold at least one row; got an empty table")
    users, user_ids = encode_ids(table[found["user_id"]], str(found["user_id"]))
    items, item_ids = encode_ids(table[found["item_id"]], str(found["item_id"]))
    order = row_order(users, items, len(item_ids))
    if order is None:
        order = np.arange(len(users))
    users, items = users[order], items[order]
    fresh = np.ones(len(users), dtype=np.bool_)
    fresh[1:] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    pair_of_row = np.empty(len(users), dtype=np.intp)
    pair_of_row[order] = np.cumsum(fresh) - 1
    times = None
    if with_times:
        times = np.maximum.reduceat(row_times(table, columns)[order], np.flatnonzero(fresh))
    return Pairs(users[fresh], user_ids, times, pair_of_row)


def positions(pairs: Pairs, keys: tuple[npt.NDArray[Any], ...]) -> npt.NDArray[np.int64]:
    """Return the position of every pair among the pairs of its user, ordered by the keys.

    As in `numpy.lexsort`, the last key is the first to order by.

    Examples
    --------
    >>> pairs = find_pairs(pd.DataFrame({"user": [1, 1, 2], "item": [5, 6, 5]}), None)
    >>> positions(pairs, (np.array([0.9, 0.1, 0.5]),))
    array([1, 0, 0])
    """
    order = np.lexsort((*keys, pairs.users))
    per_user = pairs.per_user
    starts = np.cumsum(per_user) - per_user
    position = np.empty(len(pairs.users), dtype=np.int64)
    position[order] = np.arange(len(pairs.users)) - starts[pairs.users[order]]
    return position


def row_times(table: pd.DataFrame | Interactions, columns: Columns | None) -> npt.NDArray[Any]:
    """Return the time of every row, raising where the table has none.

    Examples
    --------
    >>> row_times(pd.DataFrame({"user": [1], "item": [5], "timestamp": [3]}), None)
    array([3])
    """
    if isinstance(table, Interactions):
        return present(table.timestamps)
    found = find_columns(table, INTERACTION_COLUMNS, columns)
    if len(table) == 0:
        raise ValueError("the interactions must hold at least one row; got an empty table")
    if "timestamp" not in found:
        raise ValueError(
            f"the table must have a timestamp column for a split by time; got columns "
            f'{list(table.columns)}: say which with columns={{"timestamp": "its name"}}'
        )
    return read_timestamps(table[found["timestamp"]], str(found["timestamp"]))


def present(times: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Return the times of interactions, raising where there are none.

    Examples
    --------
    >>> present(np.array([3]))
    array([3])
    """
    if times is None:
        raise ValueError("the interactions must have timestamps for a split by time; got none")
    return times
