"""The last steps to shards: ids in order, rows merged, ties in codes among all users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .columns import Floats
from .merging import Rows, merge_rows, merge_table
from .shard_batches import read_batches
from .shard_files import read_ids, write_ids, write_rows
from .shard_ids import DistinctIds, arrow_type, positions
from .shard_steps import ShardPlan
from .sharded_tables import part_name

#: texts that are looked up at a time, at least
_LOOKED_UP = 1 << 20


@dataclass(frozen=True)
class BuiltShard:
    """What is known of a shard once its ids and its interactions are written.

    Parameters
    ----------
    n_users : int
        All users.
    n_row_users, n_named : int
        Those in a row of interactions, and those whom a tie names.
    n_rows, n_merged, n_zero : int
        Distinct rows, rows that went into another one, and rows of weight 0.
    files : dict
        Size and sha256 of the files written.

    Examples
    --------
    >>> BuiltShard(3, 2, 2, 5, 0, 0, {}).n_users
    3
    """

    n_users: int
    n_row_users: int
    n_named: int
    n_rows: int
    n_merged: int
    n_zero: int
    files: dict[str, tuple[int, str]]


def build_shard(plan: ShardPlan, shard: int, n_items: int) -> BuiltShard:
    """Write the ids of the users of a shard in order, and their rows, merged."""
    in_rows, named = (DistinctIds(arrow_type(plan.users)) for _ in range(2))
    for number in range(plan.n_chunks):
        for batch in read_batches(plan.work("rows", number), first=shard, every=plan.n_shards):
            in_rows.add(batch.column("user"))
    for number in range(plan.n_tie_chunks):
        for batch in read_batches(plan.work("named", number), first=shard, every=plan.n_shards):
            named.add(batch.column(0))
    everybody = in_rows.in_order()
    n_row_users, n_named = len(everybody), len(named.in_order())
    if n_named:
        named.add(everybody)
        everybody = named.in_order()
    folder, files = Path(plan.folder), {}
    files[part_name("user_ids", shard)] = write_ids(
        folder / part_name("user_ids", shard), everybody
    )
    users, items, weights = _coded_rows(plan, shard, everybody)
    shape = (len(everybody), n_items)
    del everybody, in_rows, named
    merged = merge_table((users, items), shape, weights, None)
    rows, name = merged.rows, part_name("interactions", shard)
    ends = {"user": rows.first, "item": rows.second}
    files[name] = write_rows(folder / name, ends, rows.weights)
    counts = (len(rows.first), merged.n_merged, merged.n_zero)
    return BuiltShard(shape[0], n_row_users, n_named, *counts, files)


def code_ties(
    plan: ShardPlan, shard: int, starts: Sequence[int]
) -> tuple[int, dict[str, tuple[int, str]]]:
    """Write the ties of the users of a shard, in codes; return their number, and the file.

    The ids of one shard of targets are held at a time.
    """
    kind: Any = np.int32 if starts[-1] < 2**31 else np.int64
    own = _user_ids(plan, shard)
    found: list[tuple[Any, Any, Any]] = []
    for other in range(plan.n_shards):
        ids = own if other == shard else _user_ids(plan, other)
        found.extend(_coded_ties(plan, (shard, other), (own, ids), kind(starts[other])))
        del ids
    sources = _joined([first for first, _, _ in found], np.int32)
    targets = _joined([second for _, second, _ in found], kind)
    weights = _joined([weight for _, _, weight in found], np.float64)
    del found, own
    rows = merge_rows(Rows(sources, targets, weights), starts[-1], weights="max").rows
    name = part_name("social", shard)
    ends = {"source": rows.first, "target": rows.second}
    return len(rows.first), {name: write_rows(Path(plan.folder) / name, ends, rows.weights)}


def _coded_rows(
    plan: ShardPlan, shard: int, ids: Any
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats | None]:
    """Return users, items and weights of the rows of a shard, in the order of the files."""
    users, items, weights = _Lookup(ids), [], []
    for number in range(plan.n_chunks):
        for batch in read_batches(plan.work("rows", number), first=shard, every=plan.n_shards):
            users.add(batch.column("user"))
            items.append(batch.column("item").to_numpy())
            if plan.weights is not None:
                weights.append(batch.column("weight").to_numpy())
    given = None if plan.weights is None else _joined(weights, np.dtype(plan.weights))
    return users.codes(np.int32), _joined(items, np.int32), given


def _coded_ties(
    plan: ShardPlan, pair: tuple[int, int], ids: tuple[Any, Any], start: Any
) -> list[tuple[Any, Any, Any]]:
    """Return sources, targets and weights of the ties from one shard to another."""
    shard, other = pair
    key, n_keys = shard * plan.n_shards + other, plan.n_shards**2
    sources, targets, weights = _Lookup(ids[0]), _Lookup(ids[1]), []
    for number in range(plan.n_tie_chunks):
        for batch in read_batches(plan.work("ties", number), first=key, every=n_keys):
            sources.add(batch.column("source"))
            targets.add(batch.column("target"))
            one = np.ones(len(batch))
            weights.append(batch.column("weight").to_numpy() if batch.num_columns > 2 else one)
    ends = sources.codes(np.int32), targets.codes(type(start)) + start
    return [(*ends, _joined(weights, np.float64))]


class _Lookup:
    """Positions of many ids among those of a shard, found so many at a time that it pays."""

    def __init__(self, ids: Any) -> None:
        self._ids, self._waiting, self._n = ids, [ids.slice(0, 0)], 0
        self._found: list[Any] = []

    def add(self, wanted: Any) -> None:
        """Take in ids, all of which are there."""
        self._waiting.append(wanted)
        self._n += len(wanted)
        if self._n >= max(_LOOKED_UP, len(self._ids) // 2):
            self._find()

    def codes(self, kind: Any) -> Any:
        """Return the positions of all that were taken in, in their order."""
        self._find()
        return _joined(self._found, kind)

    def _find(self) -> None:
        """Look up what waits."""
        wanted = pa.chunked_array(self._waiting).combine_chunks()
        self._found.append(positions(self._ids, wanted).astype(np.int32))
        self._waiting, self._n = [wanted.slice(0, 0)], 0


def _user_ids(plan: ShardPlan, shard: int) -> Any:
    """Return the ids of the users of a shard."""
    return read_ids(Path(plan.folder) / part_name("user_ids", shard))


def _joined(parts: list[Any], kind: Any) -> Any:
    """Return arrays one after the other, none of them too."""
    return np.concatenate([np.empty(0, dtype=kind), *parts]).astype(kind, copy=False)
