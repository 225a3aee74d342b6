"""Ties weighted by agreement of taste, on the workers: what is theirs of ``W``.

``W = D^-1/2 C D^-1/2`` with ``C_uv = A_uv (max(cos(x_u, x_v), 0) + floor)``, as `channels.py` has
it. The factors of ghosts come once. In a graph whose ties bind both sides every weight has the bits
of one machine; else column sums are put together shard by shard, and are so but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ..diffusion.row_shards import Floats, GhostRows
from ..diffusion.row_threads import limit_threads
from ..diffusion.shard_scaling import mirror_marks
from .channels import agreements
from .cluster_graph import exchange, own_values, prepare_ghosts, with_ghosts
from .cluster_record import Record, array_pieces, is_whole
from .cluster_workers import ShardState, Workers
from .matrices import Csr
from .progress import tell
from .shard_parts import ShardFactors, ShardMemory, ShardTies
from .store_files import write_file
from .tie_kernels import Singles, normalise, summed

FACTORS, SUMS = "weighing ties: factors of ghosts", "weighing ties: column"
RECORD, RESTORE = "agreement.json", "memory"


def weigh_ties(workers: Workers, *, folder: str, key: str, resume: bool) -> None:
    """Make ``W``; each worker holds its rows as :class:`ShardMemory`.

    The workers hold :class:`ShardTies` and :class:`ShardFactors`.

    Parameters
    ----------
    workers : Workers
        One for each shard.
    folder : str
        A folder that all workers see, for the weights.
    key : str
        What the result depends on; weights of another key are left.
    resume : bool
        Whether to read the weights of this key where they are there.
    """
    workers.forget(RESTORE)
    record = Record(Path(folder), RECORD, about={"key": key}, resume=resume)
    restored = [(folder,)] * workers.n
    if RESTORE in record.begin():
        there = workers.steadily(lambda: workers.fetch(workers.each(_there, restored)))
        if all(there):
            workers.setup(RESTORE, _read, restored)
            return
    tell("weighing ties", 0, 1)
    workers.steadily(partial(_weigh, workers, folder))
    workers.remember(RESTORE, _read, restored)
    record.add(RESTORE, [])
    tell("weighing ties", 1, 1)


def _weigh(workers: Workers, folder: str) -> None:
    """Weigh all ties, from the beginning."""
    n_ghosts, n_returns = prepare_ghosts(workers), workers.n + 1
    made = workers.each(_give_factors, n_returns=n_returns)
    widths, *marks = zip(*own_values(workers, made), strict=True)
    workers.traffic.note(FACTORS, expected=4 * n_ghosts * widths[0])
    bare, whole = (sum(own) % 2**64 for own in marks)
    workers.fetch(exchange(workers, made, _take_cosines, stage=FACTORS))
    # where every tie has its mirror, columns add up to what rows do, in the same order
    mirrored = bare == whole == 0
    made = workers.each(_sum_ties, [(mirrored,)] * workers.n, n_returns=n_returns)
    if not mirrored:
        workers.traffic.note(SUMS, expected=8 * n_ghosts)
        made = exchange(workers, made, _add_columns, stage=SUMS, n_returns=n_returns)
    workers.traffic.note(SUMS, expected=8 * n_ghosts)
    workers.fetch(exchange(workers, made, _finish, (folder,), stage=SUMS))


@dataclass(eq=False)
class _Weighing:
    """What a worker has of ``C``.

    Attributes
    ----------
    found
        A number for every tie: its weight, over its ends at last.
    out, into
        Row sums of own users, and column sums of them, ghosts beside them at first.
    """

    found: Singles
    out: Floats
    into: Floats


def _give_factors(state: ShardState) -> tuple[Any, ...]:
    """What others need of the factors; before it their width, and what tells if ties mirror."""
    users, ghosts = state.get(ShardFactors).users, state.get(GhostRows)
    state.drop(ShardMemory)
    ties = state.get(ShardTies)
    cells, first = ties.adjacency, ties.starts[ties.shard]
    marks = mirror_marks(cells.indptr, cells.indices, cells.data, first)
    with limit_threads(state.n_threads):
        return ((users.shape[1], *marks), *ghosts.given(users))


def _take_cosines(state: ShardState, *blocks: Any) -> None:
    """Weigh the ties by the kernel of one machine, own users and ghosts side by side."""
    users, ghosts = state.get(ShardFactors).users, state.get(GhostRows)
    both = np.empty((ghosts.n + ghosts.n_ghosts, users.shape[1]), np.float32)
    both[: ghosts.n] = users
    ghosts.take(blocks, both)
    with limit_threads(state.n_threads):
        found = agreements(both, np.arange(ghosts.n), ghosts.indptr, ghosts.indices)
    state.put(_Weighing(found, np.empty(0), np.empty(0)))


def _sum_ties(state: ShardState, mirrored: bool) -> tuple[Any, ...]:
    """Sum up the ties; column sums for those who need them, or what they add to those of ghosts."""
    ghosts, found = state.get(GhostRows), state.get(_Weighing).found
    with limit_threads(state.n_threads):
        cells = _cells(state)
        out, into = summed(cells.data, cells, found)
        into = out if mirrored else into
        state.put(_Weighing(found, out, into))
        return (None, *(ghosts.given(into) if mirrored else ghosts.parts(into)))


def _add_columns(state: ShardState, *parts: Any) -> tuple[Any, ...]:
    ghosts, weighing = state.get(GhostRows), state.get(_Weighing)
    # a new one in place of the old: the parts of own columns are in it
    into = ghosts.added(weighing.into, parts)
    state.put(_Weighing(weighing.found, weighing.out, into))
    with limit_threads(state.n_threads):
        return (None, *ghosts.given(into))


def _finish(state: ShardState, folder: str, *blocks: Any) -> None:
    ghosts, weighing = state.get(GhostRows), state.get(_Weighing)
    into = with_ghosts(ghosts, weighing.into, blocks)
    cells = _cells(state)
    with limit_threads(state.n_threads):
        normalise(cells.data, cells, weighing.found, weighing.out, into)
    write_file(Path(folder), _file(state.shard), array_pieces(weighing.found))
    for kind in (_Weighing, GhostRows):
        state.drop(kind)
    _keep(state, weighing.found)


def _cells(state: ShardState) -> Csr:
    """The ties by the numbers of the shard."""
    ghosts, data = state.get(GhostRows), state.get(ShardTies).adjacency.data
    shape = (ghosts.n, ghosts.n + ghosts.n_ghosts)
    return sparse.csr_array((data, ghosts.indices, ghosts.indptr), shape=shape)


def _keep(state: ShardState, weights: Singles) -> None:
    cells = state.get(ShardTies).adjacency
    made: Csr = sparse.csr_array((weights, cells.indices, cells.indptr), shape=cells.shape)
    state.put(ShardMemory(made))


def _there(state: ShardState, folder: str) -> bool:
    return is_whole(Path(folder) / _file(state.shard), (state.get(ShardTies).adjacency.nnz,))


def _read(state: ShardState, folder: str) -> None:
    _keep(state, np.load(Path(folder) / _file(state.shard)))


def _file(shard: int) -> str:
    return f"agreement-{shard:05d}.npy"
