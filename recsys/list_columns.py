"""Lists as columns of parquet: ids once and by number, however often they are recommended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from .topk import NO_ITEM, Codes, Floats

Ids = npt.NDArray[Any]


class ListColumns:
    """The columns ``user_id, item_id, score, rank`` of lists, made from blocks of users.

    Texts are handed over as a dictionary of those that a block names and a number for each row,
    which takes a sixth of the time of handing over the texts; the file reads back as plain text.

    Parameters
    ----------
    user_ids : ndarray, shape (n,)
        Raw ids of the users to write, in their order.
    item_ids : ndarray, shape (n_items,)
        Raw ids of all items.

    Raises
    ------
    TypeError
        If parquet cannot hold the ids as they are.

    Examples
    --------
    >>> import numpy as np
    >>> columns = ListColumns(np.array(["ada", "bo"], object), np.array([7, 8, 9]))
    >>> lists = np.array([[2, 0]], np.int32), np.array([[0.5, 0.25]], np.float32)
    >>> columns.table(slice(1, 2), lists).to_pydict()["user_id"]
    ['bo', 'bo']
    """

    def __init__(self, user_ids: Ids, item_ids: Ids) -> None:
        self._users = _arrow_ids(user_ids, "user_id")
        self._items = _arrow_ids(item_ids, "item_id")
        kinds = (self._users.type, self._items.type)
        # what parquet knows without a note of arrow's can go without: the note would make
        # categories of texts
        self._compact = all(_is_text(kind) or _is_number(kind) for kind in kinds)
        self.schema: Any = self.table(slice(0, 0), _no_lists()).schema

    def __len__(self) -> int:
        """Number of users."""
        return len(self._users)

    def table(self, block: slice, lists: tuple[Codes, Floats]) -> Any:
        """The arrow table of some users' lists, shape (len(block), k) each, without empty places.

        Parameters
        ----------
        block : slice
            Which of the users.
        lists : pair of ndarray
            Columns of their items, with ``NO_ITEM`` where a list is short, and scores.
        """
        items, scores = lists
        filled = items != NO_ITEM
        people = np.repeat(np.arange(len(items), dtype=np.int32), filled.sum(axis=1))
        ranks = np.broadcast_to(np.arange(1, items.shape[1] + 1), items.shape)
        named, places = _named(items[filled], len(self._items))
        columns = {
            "user_id": self._column(self._users[block], people),
            "item_id": self._column(self._items.take(named), places),
            "score": pa.array(scores[filled]),
            "rank": pa.array(ranks[filled]),
        }
        return pa.table(columns)

    def writer(self, path: Path) -> Any:
        """A writer of these columns to a file; a block becomes a row group."""
        coded = ["user_id", "item_id", "rank"]
        return pq.ParquetWriter(
            path,
            self.schema,
            use_dictionary=coded,
            store_schema=not self._compact,
            write_page_checksum=True,
        )

    def _column(self, values: Any, places: npt.NDArray[np.int32]) -> Any:
        """``values[places]``."""
        if self._compact and _is_text(values.type):
            return pa.DictionaryArray.from_arrays(pa.array(places), values)
        return values.take(pa.array(places))


def _named(items: Codes, n_items: int) -> tuple[Any, npt.NDArray[np.int32]]:
    """The items that lists name, and the place of each entry among them."""
    marks = np.zeros(n_items, bool)
    marks[items] = True
    places = np.cumsum(marks, dtype=np.int32) - np.int32(1)
    return pa.array(np.flatnonzero(marks)), places[items]


def _no_lists() -> tuple[Codes, Floats]:
    return np.empty((0, 1), np.int32), np.empty((0, 1), np.float32)


def _arrow_ids(ids: Ids, name: str) -> Any:
    """Ids as a column of arrow; those that would change are refused."""
    if ids.dtype != object:
        return pa.array(ids)
    try:
        return pa.array(ids, type=pa.large_string())
    except (pa.ArrowException, TypeError):
        pass
    wanted = ids.tolist()
    try:
        column = pa.array(wanted)
        found = column.to_pylist()
        same = found == wanted and list(map(type, found)) == list(map(type, wanted))
        why = "they change type"
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        same, why = False, str(error)
    if not same:
        raise TypeError(
            f"{name} must be of one type that parquet can hold (numbers, strings, dates); "
            f"got ids like {wanted[0]!r} ({why}): map them to strings before fit, or use recommend"
        )
    return column


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_large_string(kind))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
