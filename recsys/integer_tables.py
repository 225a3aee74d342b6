"""The plainest table there is, two columns of whole numbers, read without hashing or sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..datasets.interactions import Interactions
from . import list_kernels as kernels

Codes = npt.NDArray[np.int32]


def integer_table(rows: Any) -> Interactions | None:
    """What ``Interactions.from_frame`` makes of two columns of whole numbers of narrow range.

    Ids become codes by a table over their range, rows are grouped by counting, and repetitions
    are merged in passing, in a third of the time.

    Parameters
    ----------
    rows : object
        A frame that has the columns ``user_id`` and ``item_id`` and no other is read here.

    Returns
    -------
    Interactions or None
        None for everything else.

    Examples
    --------
    >>> table = integer_table(pd.DataFrame({"user_id": [7, 5, 7], "item_id": [1, 2, 1]}))
    >>> table.user_ids.tolist(), table.matrix.toarray().tolist()
    ([5, 7], [[0.0, 1.0], [2.0, 0.0]])
    >>> integer_table(pd.DataFrame({"user_id": ["a"], "item_id": [1]})) is None
    True
    """
    if not isinstance(rows, pd.DataFrame) or sorted(map(str, rows.columns)) != [
        "item_id",
        "user_id",
    ]:
        return None
    columns = [rows[name].to_numpy() for name in ("user_id", "item_id")]
    if len(rows) == 0 or not all(_is_narrow(column) for column in columns):
        return None
    (users, user_ids), (items, item_ids) = (_encoded(column) for column in columns)
    starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=len(user_ids)))])
    grouped = items
    if not bool((users[:-1] <= users[1:]).all()):
        grouped = np.empty_like(items)
        kernels.group_rows(users, items, starts, grouped)
    counts = np.empty(len(grouped), np.float32)
    kernels.sort_segments(starts, grouped, counts)
    distinct = np.empty_like(grouped)
    n = kernels.merge_repeats(starts, grouped, users, distinct, counts)
    return Interactions(
        user_ids,
        item_ids,
        users[:n],
        distinct[:n],
        counts[:n],
        n_merged=len(rows) - n,
    )


def _is_narrow(values: npt.NDArray[Any]) -> bool:
    """Whether a table over the range of the values costs no more than they do."""
    if values.dtype != np.int64:
        return False
    return int(values.max()) - int(values.min()) < 4 * len(values) + 1024


def _encoded(values: npt.NDArray[Any]) -> tuple[Codes, npt.NDArray[Any]]:
    """Codes into the sorted distinct values, and those."""
    low = int(values.min())
    present = np.zeros(int(values.max()) - low + 1, np.bool_)
    kernels.mark_present(values, low, present)
    ids = np.flatnonzero(present) + low
    table = np.cumsum(present, dtype=np.int32) - np.int32(1)
    codes = np.empty(len(values), np.int32)
    kernels.look_up(values, low, table, codes)
    return codes, ids
