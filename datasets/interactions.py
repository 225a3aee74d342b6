"""Who did what: the user-item table, checked, merged and encoded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .columns import (
    INTERACTION_COLUMNS,
    Columns,
    Floats,
    find_columns,
    read_timestamps,
    read_weights,
)
from .ids import (
    CodeArray,
    IdArray,
    as_id_array,
    axis_ids,
    encode_ids,
    holds_all,
    id_column,
    locate,
    union_ids,
)
from .merging import Merged, matrix_rows, merge_rows, merge_table, note_merged, row_order


@dataclass(frozen=True, eq=False)
class Interactions:
    """A user-item table in coordinate form, with its raw ids.

    Row ``i`` says that user ``user_ids[users[i]]`` interacted with item ``item_ids[items[i]]``
    with weight ``weights[i]`` at ``timestamps[i]``. Rows are sorted by user, then by item; every
    pair appears once. The universes `user_ids` and `item_ids` may hold ids that no row uses (users
    known only from the social graph, items of a hold-out). All arrays are read-only.

    Make one with `from_frame`, `from_matrix` or `as_interactions`, which check and merge their
    input; the bare constructor expects rows that are sorted and distinct already.

    Parameters
    ----------
    user_ids : ndarray, shape (n_users,)
        Distinct raw ids.
    item_ids : ndarray, shape (n_items,)
        Distinct raw ids.
    users, items : ndarray of int32, shape (n_rows,)
        Codes into `user_ids` and `item_ids`.
    weights : ndarray of float32 or float64, shape (n_rows,)
        Positive weights.
    timestamps : ndarray or None, shape (n_rows,)
        Numbers or datetime64, or None if the table has no times.
    n_merged : int, default 0
        How many rows of the source went into another row of the same pair.
    n_zero : int, default 0
        How many rows of the source had weight 0 and were left out.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"user_id": ["bo", "ann", "bo"], "item_id": ["tea", "jam", "tea"]})
    >>> table = Interactions.from_frame(frame)
    >>> table.user_ids.tolist(), table.n_merged
    (['ann', 'bo'], 1)
    >>> table.matrix.toarray()
    array([[1., 0.],
           [0., 2.]], dtype=float32)
    """

    user_ids: IdArray
    item_ids: IdArray
    users: CodeArray
    items: CodeArray
    weights: Floats
    timestamps: npt.NDArray[Any] | None = None
    n_merged: int = 0
    n_zero: int = 0

    def __post_init__(self) -> None:
        """Check the lengths and make the arrays read-only."""
        columns = {"items": self.items, "weights": self.weights}
        if self.timestamps is not None:
            columns["timestamps"] = self.timestamps
        for name, column in columns.items():
            if len(column) != len(self.users):
                raise ValueError(
                    f"{name} must have one entry per row, {len(self.users)}; got {len(column)}"
                )
        for array in (self.user_ids, self.item_ids, self.users, *columns.values()):
            array.setflags(write=False)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, *, columns: Columns | None = None) -> Interactions:
        """Read a frame with a user, an item, and optionally a weight and a time in every row.

        Repeated (user, item) rows become one: weights add up, a row without a weight column
        counts 1, the latest time is kept. A weight of exactly 0 says that nothing happened: the
        row is left out and counted, its user and its item stay known.

        Parameters
        ----------
        frame : DataFrame
            Columns `user_id`, `item_id` and optionally `weight`, `timestamp`, or well-known other
            names for them. Other columns are ignored.
        columns : mapping from role to column name, optional
            For example ``{"user_id": "who", "weight": None}``; None says: no such column.

        Returns
        -------
        Interactions
            The table; its ids are those of the frame, sorted.

        Raises
        ------
        ValueError
            If the frame is empty, a column is missing or ambiguous, an id is null, a weight is no
            finite number of at least 0, or a time cannot be read.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"who": [7, 7], "movieId": [1, 2], "rating": [5.0, 3.0]})
        >>> Interactions.from_frame(frame, columns={"user_id": "who"}).n_items
        2
        """
        found = find_columns(frame, INTERACTION_COLUMNS, columns)
        if len(frame) == 0:
            raise ValueError("the interactions must hold at least one row; got an empty table")
        users, user_ids = encode_ids(frame[found["user_id"]], str(found["user_id"]))
        items, item_ids = encode_ids(frame[found["item_id"]], str(found["item_id"]))
        weights: Floats | None = None
        if "weight" in found:
            weights = read_weights(frame[found["weight"]], str(found["weight"]))
        times = None
        if "timestamp" in found:
            times = read_timestamps(frame[found["timestamp"]], str(found["timestamp"]))
        merged = merge_table((users, items), (len(user_ids), len(item_ids)), weights, times)
        return table_of_rows(user_ids, item_ids, merged)

    @classmethod
    def from_matrix(
        cls,
        matrix: Any,
        *,
        user_ids: Iterable[Any] | None = None,
        item_ids: Iterable[Any] | None = None,
    ) -> Interactions:
        """Read a scipy sparse matrix, users by items.

        Parameters
        ----------
        matrix : scipy sparse array or matrix, shape (n_users, n_items)
            Non-negative finite weights. Entries stored twice add up; stored zeros are left out.
        user_ids, item_ids : iterable of hashable, optional
            Raw ids of the rows and columns, in their order; 0, 1, 2, ... by default.

        Returns
        -------
        Interactions
            The table; every row and every column of the matrix stays known.

        Raises
        ------
        TypeError
            If `matrix` is not sparse.
        ValueError
            If it stores no entry, a weight is bad, or the ids do not fit the shape.

        Examples
        --------
        >>> from scipy import sparse
        >>> matrix = sparse.csr_array([[0, 2], [1, 0]])
        >>> Interactions.from_matrix(matrix, item_ids=["a", "b"]).to_frame().values.tolist()
        [[0, 'b', 2.0], [1, 'a', 1.0]]
        """
        rows, shape = matrix_rows(matrix, "matrix")
        if len(rows.first) == 0:
            raise ValueError(
                f"the interactions must hold at least one row; got a matrix of shape {shape} "
                "without any entry"
            )
        row_ids = axis_ids(user_ids, shape[0], "user_ids")
        column_ids = axis_ids(item_ids, shape[1], "item_ids")
        return table_of_rows(row_ids, column_ids, merge_rows(rows, shape[1], weights="sum"))

    @property
    def n_users(self) -> int:
        """Size of the user universe, users without a row included."""
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        """Size of the item universe, items without a row included."""
        return len(self.item_ids)

    @property
    def n_rows(self) -> int:
        """Number of distinct (user, item) pairs."""
        return len(self.users)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.users)

    def __repr__(self) -> str:
        """Return the three sizes in words."""
        times = "" if self.timestamps is None else ", with timestamps"
        return (
            f"Interactions({self.n_rows} rows, {self.n_users} users, {self.n_items} items{times})"
        )

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """The weights as a csr array of shape (n_users, n_items); its arrays are read-only."""
        # users are sorted; numpy.bincount would copy them into twice the memory
        bounds = np.arange(self.n_users + 1, dtype=self.users.dtype)
        kind: Any = np.int32 if len(self) < 2**31 else np.int64
        indptr = np.searchsorted(self.users, bounds).astype(kind)
        shape = (self.n_users, self.n_items)
        weights: npt.NDArray[Any] = self.weights
        matrix = sparse.csr_array((weights, self.items, indptr), shape=shape)
        matrix.has_canonical_format = True
        for array in (matrix.data, matrix.indices, matrix.indptr):
            array.setflags(write=False)
        return matrix

    def to_frame(self) -> pd.DataFrame:
        """Return the rows with raw ids: user_id, item_id, weight, and timestamp if there is one.

        Examples
        --------
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"user_id": [2, 1], "item_id": ["a", "b"], "timestamp": [9, 8]})
        >>> Interactions.from_frame(frame).to_frame().to_dict("list")
        {'user_id': [1, 2], 'item_id': ['b', 'a'], 'weight': [1.0, 1.0], 'timestamp': [8, 9]}
        """
        frame = pd.DataFrame(
            {
                "user_id": id_column(self.user_ids).take(self.users).reset_index(drop=True),
                "item_id": id_column(self.item_ids).take(self.items).reset_index(drop=True),
                "weight": self.weights.copy(),
            }
        )
        if self.timestamps is not None:
            frame["timestamp"] = self.timestamps.copy()
        return frame

    def user_codes(self, ids: Iterable[Any]) -> npt.NDArray[np.int64]:
        """Return the code of every given user id, -1 for users who are unknown.

        Examples
        --------
        >>> import pandas as pd
        >>> table = Interactions.from_frame(pd.DataFrame({"user": ["a", "b"], "item": [1, 1]}))
        >>> table.user_codes(["b", "z"])
        array([ 1, -1])
        """
        return locate(self.user_ids, ids, "user ids")

    def item_codes(self, ids: Iterable[Any]) -> npt.NDArray[np.int64]:
        """Return the code of every given item id, -1 for items that are unknown.

        Examples
        --------
        >>> import pandas as pd
        >>> table = Interactions.from_frame(pd.DataFrame({"user": ["a", "b"], "item": [1, 2]}))
        >>> table.item_codes([2, 5])
        array([ 1, -1])
        """
        return locate(self.item_ids, ids, "item ids")

    def with_users(self, ids: Iterable[Any]) -> Interactions:
        """Return the same rows in a universe that also holds the given users.

        Parameters
        ----------
        ids : iterable of hashable
            Users to add, for example those known only from the social graph; known ones are fine.

        Returns
        -------
        Interactions
            The same rows; `user_ids` is the ordered union, so codes may change. The table itself
            where that is what it has already.

        Examples
        --------
        >>> import pandas as pd
        >>> table = Interactions.from_frame(pd.DataFrame({"user": ["b"], "item": [1]}))
        >>> table.with_users(["a", "b"]).user_ids.tolist()
        ['a', 'b']
        """
        more = as_id_array(ids, "user ids")
        if holds_all(self.user_ids, more):
            return self
        moved, union = union_ids(self.user_ids, more, "user ids")
        return self._recoded(union, self.item_ids, moved[self.users], self.items)

    def with_items(self, ids: Iterable[Any]) -> Interactions:
        """Return the same rows in a universe that also holds the given items.

        Parameters
        ----------
        ids : iterable of hashable
            Items to add; known ones are fine.

        Returns
        -------
        Interactions
            The same rows; `item_ids` is the ordered union, so codes may change. The table itself
            where that is what it has already.

        Examples
        --------
        >>> import pandas as pd
        >>> table = Interactions.from_frame(pd.DataFrame({"user": ["b"], "item": [1]}))
        >>> table.with_items([0]).item_ids.tolist()
        [0, 1]
        """
        more = as_id_array(ids, "item ids")
        if holds_all(self.item_ids, more):
            return self
        moved, union = union_ids(self.item_ids, more, "item ids")
        return self._recoded(self.user_ids, union, self.users, moved[self.items])

    def select(self, mask: npt.ArrayLike) -> Interactions:
        """Return some of the rows in the same universes, so that codes stay comparable.

        Parameters
        ----------
        mask : array-like of bool, shape (n_rows,)
            True for the rows to keep.

        Returns
        -------
        Interactions
            The kept rows, with the same `user_ids` and `item_ids`.

        Raises
        ------
        ValueError
            If the mask is not boolean or its length is not the number of rows.

        Examples
        --------
        >>> import pandas as pd
        >>> table = Interactions.from_frame(pd.DataFrame({"user": ["a", "b"], "item": [1, 1]}))
        >>> kept = table.select([True, False])
        >>> len(kept), kept.n_users
        (1, 2)
        """
        chosen = np.asarray(mask)
        if chosen.dtype != np.bool_ or chosen.shape != (len(self),):
            raise ValueError(
                f"mask must be boolean with one entry per row, {len(self)}; "
                f"got dtype {chosen.dtype} and shape {chosen.shape}"
            )
        times = None if self.timestamps is None else self.timestamps[chosen]
        columns = (self.users[chosen], self.items[chosen], self.weights[chosen], times)
        return Interactions(self.user_ids, self.item_ids, *columns)

    def _recoded(
        self, user_ids: IdArray, item_ids: IdArray, users: CodeArray, items: CodeArray
    ) -> Interactions:
        """Return the rows under new codes, sorted again."""
        order = row_order(users, items, len(item_ids))
        times = self.timestamps
        if order is not None:
            users, items = users[order], items[order]
            times = None if times is None else times[order]
        weights = self.weights if order is None else self.weights[order]
        return replace(
            self,
            user_ids=user_ids,
            item_ids=item_ids,
            users=users,
            items=items,
            weights=weights,
            timestamps=times,
        )


def table_of_rows(user_ids: IdArray, item_ids: IdArray, merged: Merged) -> Interactions:
    """Return the table of merged rows, refusing one without any row."""
    note_merged(merged)
    rows = merged.rows
    columns = (rows.first, rows.second, rows.weights, rows.timestamps)
    return Interactions(user_ids, item_ids, *columns, merged.n_merged, merged.n_zero)
