"""The steps from raw parquet files to shards: functions that read files and write files.

Every call writes files of its own under names that its arguments determine, each of which appears
whole: calls of one step may run in any order, side by side, on any machine that sees the folder,
and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .columns import Floats
from .shard_batches import by_key, read_batches, write_batches
from .shard_cuts import even_cuts
from .shard_files import read_ids, write_ids
from .shard_ids import DistinctIds, IdSketch, arrow_type, positions, ranges
from .shard_sources import Chunk, Piece, pieces

#: distinct users of which the cuts are told at least
_SKETCH = 1 << 14
#: rows of which the cuts are told, about
_SAMPLE = 1 << 18


@dataclass(frozen=True)
class ShardPlan:
    """What all steps must know: where files go, how many shards, and of what kind things are.

    Parameters
    ----------
    folder : str
        Where the shards are written; ``work`` in it is for what lies between two steps.
    n_shards : int
        Number of shards.
    users, items : str
        Kinds of ids.
    weights : str or None
        Type of the weights of interactions; None: every row weighs 1.
    directed : bool
        Whether a tie stands in the row of its source alone.
    n_rows, n_ties : int
        Rows of both tables.
    n_chunks, n_tie_chunks : int
        Numbers of their chunks.

    Examples
    --------
    >>> ShardPlan("tables", 2, "int64", "text", None, False, 10, 0, 1, 0).work("rows", 3)
    PosixPath('tables/work/rows-00003.arrow')
    """

    folder: str
    n_shards: int
    users: str
    items: str
    weights: str | None
    directed: bool
    n_rows: int
    n_ties: int
    n_chunks: int
    n_tie_chunks: int

    def work(self, what: str, number: int) -> Path:
        """Return the path of a file between two steps."""
        return Path(self.folder) / "work" / f"{what}-{number:05d}.arrow"


def survey_rows(plan: ShardPlan, chunk: Chunk, number: int) -> None:
    """Write the distinct items of a chunk of interactions, and a sample of its users."""
    items = DistinctIds(arrow_type(plan.items))
    sample = _Sample(plan, [0, number])
    for piece in pieces(chunk):
        items.add(piece.second)
        sample.add(piece.first, loads=True)
    write_batches(plan.work("items", number), [_ids(items.in_order())])
    sample.write("rows", number)


def survey_ties(plan: ShardPlan, chunk: Chunk, number: int) -> None:
    """Write a sample of the users of a chunk of ties."""
    sample = _Sample(plan, [1, number])
    for piece in pieces(chunk):
        sample.add(piece.first, loads=True)
        sample.add(piece.second, loads=not plan.directed)
    sample.write("ties", number)


def gather_items(plan: ShardPlan) -> tuple[int, tuple[int, str]]:
    """Write the ids of all items, and return how many there are, and the file's size and sha256."""
    found = DistinctIds(arrow_type(plan.items))
    for number in range(plan.n_chunks):
        for batch in read_batches(plan.work("items", number)):
            found.add(batch.column(0))
    ids = found.in_order()
    return len(ids), write_ids(Path(plan.folder) / "item_ids.parquet", ids)


def choose_cuts(plan: ShardPlan, at_most: bool) -> Any:
    """Return the first id of every shard but the first, so that shards carry about the same.

    What a user carries is the number of rows and ties, and 1. ``at_most``: a shard for each user
    where there are fewer users than shards.
    """
    parts = [("rows", i) for i in range(plan.n_chunks)]
    parts += [("ties", i) for i in range(plan.n_tie_chunks)]
    sketch = _sketch(plan)
    ids, loads = [], []
    for what, number in parts:
        for batch in read_batches(plan.work(f"sketch-{what}", number)):
            sketch.add(batch.column(0))
        for batch in read_batches(plan.work(f"sample-{what}", number)):
            ids.append(batch.column(0))
            loads.append(np.full(len(batch), float(_stride(plan))))
    ids.append(sketch.ids)
    loads.append(np.full(len(sketch.ids), sketch.n_distinct / max(len(sketch.ids), 1)))
    coded = pa.chunked_array(ids).combine_chunks().dictionary_encode()
    load = np.bincount(coded.indices.to_numpy(), weights=np.concatenate(loads))
    order = pc.array_sort_indices(coded.dictionary).to_numpy()
    n_shards = min(plan.n_shards, len(order)) if at_most else plan.n_shards
    cuts = even_cuts(load[order], n_shards)
    return coded.dictionary.take(pa.array(order[cuts[1:-1]]))


def split_rows(plan: ShardPlan, chunk: Chunk, number: int, firsts: Any) -> None:
    """Write the rows of a chunk of interactions by shard, with codes for its items."""
    ids = read_ids(Path(plan.folder) / "item_ids.parquet")

    def parts() -> Iterator[Any]:
        for piece in pieces(chunk):
            items = positions(ids, piece.second).astype(np.int32)
            columns = {"user": piece.first, "item": pa.array(items)}
            if piece.weights is not None:
                columns["weight"] = pa.array(piece.weights.astype(plan.weights, copy=False))
            yield from by_key(pa.record_batch(columns), ranges(piece.first, firsts), plan.n_shards)

    write_batches(plan.work("rows", number), parts())


def split_ties(plan: ShardPlan, chunk: Chunk, number: int, firsts: Any) -> tuple[int, int, int]:
    """Write the ties of a chunk by the shards of both ends, and whom they name by shard.

    Returns how many ties are kept, lead from a person to itself, and weigh 0.
    """
    counts = np.zeros(3, dtype=np.int64)
    named = [DistinctIds(arrow_type(plan.users)) for _ in range(plan.n_shards)]

    def parts() -> Iterator[Any]:
        for piece in pieces(chunk):
            shards = ranges(piece.first, firsts), ranges(piece.second, firsts)
            for end, shard in zip((piece.first, piece.second), shards, strict=True):
                for one in np.unique(shard).tolist():
                    named[one].add(end.filter(pa.array(shard == one)))
            columns, key = _both_ways(plan, piece, shards, counts)
            yield from by_key(pa.record_batch(columns), key, plan.n_shards**2)

    write_batches(plan.work("ties", number), parts())
    write_batches(plan.work("named", number), (_ids(some.in_order()) for some in named))
    kept, own, zero = counts.tolist()
    return kept, own, zero


def _both_ways(
    plan: ShardPlan,
    piece: Piece,
    shards: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    counts: npt.NDArray[np.int64],
) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """Return the ties that count, in the direction or directions that they have, and their keys."""
    kept = pc.not_equal(piece.first, piece.second).to_numpy(zero_copy_only=False)
    weights: Floats | None = piece.weights
    n_self, n_zero = int(len(kept) - np.count_nonzero(kept)), 0
    if weights is not None:
        n_zero = int(np.count_nonzero(kept & ~(weights > 0)))
        kept = kept & (weights > 0)
        weights = weights[kept].astype(np.float64, copy=False)
    counts += np.array([np.count_nonzero(kept), n_self, n_zero])
    ends = [end.filter(pa.array(kept)) for end in (piece.first, piece.second)]
    source, target = shards[0][kept], shards[1][kept]
    key = source * plan.n_shards + target
    if not plan.directed:
        ends = [pa.concat_arrays(ends), pa.concat_arrays(ends[::-1])]
        key = np.concatenate([key, target * plan.n_shards + source])
        weights = None if weights is None else np.tile(weights, 2)
    columns = {"source": ends[0], "target": ends[1]}
    return columns if weights is None else {**columns, "weight": pa.array(weights)}, key


class _Sample:
    """Users of a chunk: some of its rows, and those of the smallest hashes."""

    def __init__(self, plan: ShardPlan, seed: list[int]) -> None:
        self._plan, self._rng = plan, np.random.default_rng(seed)
        self._sketch = _sketch(plan)
        self._rows: list[Any] = [self._sketch.ids]

    def add(self, ids: Any, *, loads: bool) -> None:
        """Take in users, and a row out of every few where rows are a load on them."""
        self._sketch.add(ids)
        if loads:
            every = _stride(self._plan)
            at = np.arange(0, len(ids), every)
            # rows may come in a rhythm: which of the few is left to chance
            at += self._rng.integers(0, every, size=len(at))
            self._rows.append(ids.take(pa.array(at[at < len(ids)])))

    def write(self, what: str, number: int) -> None:
        """Write both."""
        rows = pa.chunked_array(self._rows).combine_chunks()
        write_batches(self._plan.work(f"sketch-{what}", number), [_ids(self._sketch.ids)])
        write_batches(self._plan.work(f"sample-{what}", number), [_ids(rows)])


def _sketch(plan: ShardPlan) -> IdSketch:
    """Return a sketch of users, without any."""
    return IdSketch(max(_SKETCH, plan.n_shards), arrow_type(plan.users))


def _stride(plan: ShardPlan) -> int:
    """Return of how many rows one is in the sample."""
    total = plan.n_rows + plan.n_ties * (1 if plan.directed else 2)
    return max(1, total // _SAMPLE)


def _ids(ids: Any) -> Any:
    """Return ids as a batch of one column."""
    return pa.record_batch({"id": ids})
