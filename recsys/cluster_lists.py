"""Lists of all users by the workers of a cluster, each writing the parts of its own users.

The folder is one of ``list_files.py``, with parts that are numbered through all shards: read in
order it holds the rows of ``recommend``. No list passes through the driver. Before the first part
the workers exchange what ``shard_lists.py`` needs of other shards: how often items are held, what
the scale of the base model is taken from, and, where somebody is recommended what friends hold,
once the preference rows of all.

A part appears whole or not at all. Where a worker is lost its part is made again; those that are
whole stay, as they do for a later run with ``resume=True``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..diffusion.row_threads import limit_threads
from .cluster_workers import Handle, ShardState, Workers
from .inputs import checked_count
from .list_files import STAGE, WrittenLists, is_folder, part_counts, write_part
from .list_manifest import CUTS, allowed_digest, begin, finish, part_name, versions
from .progress import tell
from .scoring import Floats, evidence, popularity_shares, rows_of_items
from .shard_held import HeldRows, ShardHeld
from .shard_lists import (
    ListPlan,
    ShardLists,
    ShardPopularity,
    lists_of_shard,
    sampled,
    scale_of_sample,
)
from .shard_parts import ShardFactors, ShardRows, ShardTies
from .store_files import clean_beside, locked

#: stages of the traffic
COUNTS = "recommending: rows of items"
SCALE = "recommending: scale"
HELD = "recommending: items of friends"

#: parts that a worker may be ahead of what is fetched, so that none waits for the slowest
_AHEAD = 2

Counts = tuple[int, int]


@dataclass(frozen=True)
class ListPart:
    """A part of the folder: its number, and its users, counted from 0 within their shard."""

    number: int
    start: int
    stop: int


@dataclass(frozen=True)
class ShardFacts:
    """Of a shard: users with items, whether it lacks rows of friends, bytes that it hands out.

    Rows are lacked where a user has a tie, and not by who outlived another worker.
    """

    n_active: int
    lacks_rows: bool
    count_bytes: int
    row_bytes: int


def write_lists(
    workers: Workers,
    plan: ListPlan,
    *,
    determinants: Mapping[str, Any],
    resume: bool,
    overwrite: bool,
) -> WrittenLists:
    """Write the lists of all users to the parts of a folder.

    Every worker holds ``ShardIds``, ``ShardRows`` and ``ShardFactors``; with settings also
    ``ShardTies`` and, where its users have ties, ``ShardTaste`` and (with memory) ``ShardMemory``.

    Parameters
    ----------
    workers : Workers
        One for each shard of the plan.
    plan : ListPlan
        What is asked for.
    determinants : mapping
        What tells the model and its users from others, such as ``{"model": ..., "users": ...}``;
        the rest of what determines lists is added.
    resume : bool
        Keep the parts that are whole, and write the others.
    overwrite : bool
        Replace what is there.

    Returns
    -------
    WrittenLists

    Raises
    ------
    ValueError
        For a path that is no folder; and where the parts to go on from were made by another model,
        with other options, by one machine or by shards cut otherwise.
    FileExistsError
        If the folder holds lists and neither flag is given, or something else.
    """
    if resume and overwrite:
        raise ValueError("resume and overwrite must not both be true: go on, or begin anew")
    folder = Path(plan.folder)
    if not is_folder(folder):
        raise ValueError(
            f"path must be a folder of parts where a cluster writes; got the file {str(folder)!r}"
        )
    queues = parts_of_shards(plan)
    n_parts, wanted = sum(map(len, queues)), _wanted(plan, determinants)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        begin(folder, wanted, n_parts, resume=resume, overwrite=overwrite)
        counts = _kept(workers, plan, queues) if resume else {}
        n_kept = len(counts)
        tell(STAGE, _users_in(queues, counts), plan.starts[-1])
        if n_kept < n_parts:
            # however many workers are lost, as long as parts are made between
            workers.steadily(
                lambda: _write_missing(workers, plan, queues, counts), done=lambda: len(counts)
            )
        n_users, n_rows = (sum(one[place] for one in counts.values()) for place in (0, 1))
        finish(folder, wanted, {"users": n_users, "rows": n_rows, "parts": n_parts})
    return WrittenLists(folder, n_users, n_rows, n_parts, n_kept)


def parts_of_shards(plan: ListPlan) -> list[list[ListPart]]:
    """The parts of each shard, numbered through all of them.

    Examples
    --------
    >>> plan = ListPlan("recs", 10, True, None, users_per_part=2, starts=(0, 3, 4))
    >>> [[part.number for part in own] for own in parts_of_shards(plan)]
    [[0, 1], [2]]
    """
    size = checked_count("users_per_part", plan.users_per_part)
    found: list[list[ListPart]] = []
    number = 0
    for n_users in np.diff(plan.starts).tolist():
        firsts = range(0, n_users, size)
        found.append(
            [
                ListPart(number + place, first, min(first + size, n_users))
                for place, first in enumerate(firsts)
            ]
        )
        number += len(firsts)
    return found


def _wanted(plan: ListPlan, determinants: Mapping[str, Any]) -> dict[str, Any]:
    """What determines the folder, as its manifest says it."""
    return {
        **versions(),
        **determinants,
        "n_users": plan.starts[-1],
        "k": plan.k,
        "filter_seen": plan.filter_seen,
        "allowed": allowed_digest(plan.allowed),
        "users_per_part": plan.users_per_part,
        CUTS: list(plan.starts),
    }


def _users_in(queues: list[list[ListPart]], counts: Mapping[int, Counts]) -> int:
    """How many users the parts that are there are for."""
    return sum(part.stop - part.start for own in queues for part in own if part.number in counts)


def _kept(workers: Workers, plan: ListPlan, queues: list[list[ListPart]]) -> dict[int, Counts]:
    """The parts that an earlier run left whole, with their users and rows."""
    asked = [(plan.folder, tuple(own)) for own in queues]
    found = workers.steadily(lambda: workers.fetch(workers.each(find_parts, asked)))
    return {number: counts for own in found for number, counts in own.items()}


def _write_missing(
    workers: Workers, plan: ListPlan, queues: list[list[ListPart]], counts: dict[int, Counts]
) -> None:
    """Make the parts that are not in ``counts``, and note them there as they come."""
    _prepare(workers, plan)
    left = [[part for part in own if part.number not in counts] for own in queues]
    waiting: deque[list[Handle]] = deque()
    for turn in range(max(map(len, left))):
        asked = [(own[turn] if turn < len(own) else None,) for own in left]
        waiting.append(workers.each(write_own_part, asked))
        if len(waiting) == _AHEAD:
            _collect(workers, waiting.popleft(), queues, counts)
    while waiting:
        _collect(workers, waiting.popleft(), queues, counts)
    workers.fetch(workers.each(close_lists))


def _collect(
    workers: Workers, made: list[Handle], queues: list[list[ListPart]], counts: dict[int, Counts]
) -> None:
    """Wait for a part of every worker."""
    counts.update(found for found in workers.fetch(made) if found is not None)
    total = sum(part.stop - part.start for own in queues for part in own)
    tell(STAGE, _users_in(queues, counts), total)


def _prepare(workers: Workers, plan: ListPlan) -> None:
    """Let the workers exchange what lists need of other shards."""
    told = workers.each(count_rows, n_returns=2)
    facts: list[ShardFacts] = workers.fetch([one[0] for one in told])
    counts = tuple(one[1] for one in told)
    workers.fetch(workers.each(add_counts, [counts] * workers.n, stage=COUNTS))
    _expect(workers, COUNTS, [one.count_bytes for one in facts], range(workers.n))
    scale = _scale(workers, facts) if plan.groups else 1.0
    if plan.remembers:
        _exchange_held(workers, plan, facts)
    workers.fetch(workers.each(open_lists, [(plan, scale)] * workers.n))


def _scale(workers: Workers, facts: list[ShardFacts]) -> float:
    """The scale of the base model, which the first worker takes."""
    ends = np.cumsum([one.n_active for one in facts]).tolist()
    asked = [(end - one.n_active, ends[-1]) for end, one in zip(ends, facts, strict=True)]
    drawn = workers.each(draw_sample, asked, n_returns=5)
    n_bytes = workers.fetch([one.pop() for one in drawn])
    pieces = tuple(piece for one in drawn for piece in one)
    found = workers.each(take_scale, [pieces, *[()] * (workers.n - 1)], stage=SCALE)
    scale = float(workers.fetch(found[:1])[0])
    _expect(workers, SCALE, n_bytes, [0])
    return scale


def _exchange_held(workers: Workers, plan: ListPlan, facts: list[ShardFacts]) -> None:
    """Hand the preference rows of all to every worker with ties that has none of them yet."""
    takers = [shard for shard, one in enumerate(facts) if one.lacks_rows]
    if not takers:
        return
    made = workers.each(hand_out_rows, n_returns=3)
    everything = tuple(piece for one in made for piece in one)
    given = [(plan.starts, *everything) if one.lacks_rows else () for one in facts]
    workers.fetch(workers.each(take_rows, given, stage=HELD))
    _expect(workers, HELD, [one.row_bytes for one in facts], takers)


def _expect(workers: Workers, stage: str, sent: Sequence[int], takers: Iterable[int]) -> None:
    """Note that each of the takers took what all others sent."""
    total = sum(sent)
    workers.traffic.note(stage, expected=sum(total - sent[shard] for shard in takers))


# what the workers do


def find_parts(
    state: ShardState, folder: str, parts: tuple[ListPart, ...]
) -> dict[int, tuple[int, int]]:
    """Users and rows of those parts that are whole, by their numbers."""
    found = {part.number: part_counts(Path(folder) / part_name(part.number)) for part in parts}
    return {number: counts for number, counts in found.items() if counts is not None}


def count_rows(state: ShardState) -> tuple[ShardFacts, npt.NDArray[np.int32]]:
    """Facts about a shard, and how many of its users hold each item."""
    rows = state.get(ShardRows).rows
    counts = rows_of_items(rows).astype(np.int32)  # at most the users of a shard
    has_ties = state.has(ShardTies) and state.get(ShardTies).adjacency.nnz > 0
    facts = ShardFacts(
        n_active=int(np.count_nonzero(evidence(rows))),
        lacks_rows=has_ties and not state.has(ShardHeld),
        count_bytes=counts.nbytes,
        row_bytes=HeldRows.of(rows).nbytes,
    )
    return facts, counts


def add_counts(state: ShardState, *counts: npt.NDArray[np.int32]) -> None:
    """Keep the popularity of items over all shards."""
    total = np.zeros(len(counts[0]), np.int64)
    for own in counts:
        total += own
    state.put(ShardPopularity(popularity_shares(total)))


def draw_sample(
    state: ShardState, first: int, n_active: int
) -> tuple[Floats, npt.NDArray[Any], npt.NDArray[Any], Floats, int]:
    """Factors and rows of the users whose scores the scale is taken from, and their bytes."""
    rows = state.get(ShardRows).rows
    users = sampled(np.flatnonzero(evidence(rows)), first, n_active)
    some = rows[users]
    pieces = (state.get(ShardFactors).users[users], some.indptr, some.indices, some.data)
    return *pieces, sum(piece.nbytes for piece in pieces)


def take_scale(state: ShardState, *pieces: npt.NDArray[Any]) -> float | None:
    """The scale of the base model from the samples of all shards; None without any."""
    if not pieces:
        return None
    items = state.get(ShardFactors).items
    shape = len(state.get(ShardPopularity).items)
    rows = [
        sparse.csr_array(cells[::-1], shape=(len(cells[0]) - 1, shape))
        for cells in zip(pieces[1::4], pieces[2::4], pieces[3::4], strict=True)
    ]
    with limit_threads(state.n_threads):
        return scale_of_sample(
            sparse.vstack(rows, format="csr"), np.concatenate(pieces[::4]), items
        )


def hand_out_rows(state: ShardState) -> HeldRows:
    """The preference rows of a shard."""
    return HeldRows.of(state.get(ShardRows).rows)


def take_rows(state: ShardState, *given: Any) -> None:
    """Keep the preference rows of all, which stay where they are; nothing without any."""
    if not given:
        return
    starts, *arrays = given
    tables = [HeldRows(*arrays[place : place + 3]) for place in range(0, len(arrays), 3)]
    state.put(ShardHeld(tuple(tables), starts))


def open_lists(state: ShardState, plan: ListPlan, scale: float) -> None:
    """Make ready for the lists of the worker's users."""
    state.put(lists_of_shard(state, plan, scale=scale))


def write_own_part(state: ShardState, part: ListPart | None) -> tuple[int, Counts] | None:
    """The number of a part, its users and its rows; None where there is nothing left to do.

    What is there under its name is whole, and came of a call before.
    """
    if part is None:
        return None
    lists = state.get(ShardLists)
    path = Path(lists.plan.folder) / part_name(part.number)
    clean_beside(path)
    counts = part_counts(path)
    if counts is None:
        with limit_threads(state.n_threads):
            counts = write_part(lists.lists, lists.columns, path, slice(part.start, part.stop))
    return part.number, counts


def close_lists(state: ShardState) -> None:
    """Let go of what only lists need."""
    for kind in (ShardLists, ShardHeld, ShardPopularity):
        state.drop(kind)
