"""Ties weighted by agreement of taste, on the workers: what is theirs of ``W``.

``W = D^-1/2 C D^-1/2`` with ``C_uv = A_uv (max(cos(x_u, x_v), 0) + floor)``, as `channels.py` has
it. The factors of ghosts come once, 32 columns at a time; the dot product of a tie adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy import sparse

from ..diffusion.panels import empty_panel, panels_of
from ..diffusion.row_shards import Floats, GhostRows
from ..diffusion.row_threads import limit_threads, over_rows
from .channels import AGREEMENT_FLOOR
from .cluster_graph import exchange, prepare_ghosts, with_ghosts
from .cluster_record import Record, array_pieces, is_whole
from .cluster_workers import ShardState, Workers
from .matrices import Csr, still
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
    made = workers.each(_give_lengths, n_returns=n_returns)
    workers.traffic.note(SUMS, expected=8 * n_ghosts)
    n_columns = workers.fetch(exchange(workers, made, _take_lengths, stage=SUMS))[0]
    for at in panels_of(n_columns):
        columns = (at.start, at.stop)
        made = workers.each(_give_factors, [columns] * workers.n, n_returns=n_returns)
        workers.traffic.note(FACTORS, expected=4 * n_ghosts * (at.stop - at.start))
        # one panel after the other: each is as large as the memory that a worker has for it
        workers.fetch(exchange(workers, made, _add_products, columns, stage=FACTORS))
    made = workers.each(_sum_ties, n_returns=n_returns)
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
        A number for every tie: its dot product, and later its weight.
    inverse
        One over the length of the factors of own users and ghosts, 0 for 0.
    out, into
        Row and column sums of own users.
    """

    found: Singles
    inverse: Floats
    out: Floats
    into: Floats


def _give_lengths(state: ShardState) -> tuple[Any, ...]:
    users, ghosts = state.get(ShardFactors).users, state.get(GhostRows)
    state.drop(ShardMemory)
    lengths = np.sqrt(np.einsum("ij,ij->i", users, users, dtype=np.float64))
    inverse = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    found = np.zeros(len(ghosts.indices), np.float32)
    state.put(_Weighing(found, inverse, np.empty(0), np.empty(0)))
    with limit_threads(state.n_threads):
        return (None, *ghosts.given(inverse))


def _take_lengths(state: ShardState, *blocks: Any) -> int:
    ghosts, weighing = state.get(GhostRows), state.get(_Weighing)
    weighing.inverse = with_ghosts(ghosts, weighing.inverse, blocks)
    return int(state.get(ShardFactors).users.shape[1])


def _give_factors(state: ShardState, first: int, last: int) -> tuple[Any, ...]:
    users, ghosts = state.get(ShardFactors).users, state.get(GhostRows)
    with limit_threads(state.n_threads):
        return (None, *ghosts.given(users[:, first:last]))


def _add_products(state: ShardState, first: int, last: int, *blocks: Any) -> None:
    """Add what some columns bring to the dot product of every tie."""
    users, ghosts = state.get(ShardFactors).users, state.get(GhostRows)
    found = state.get(_Weighing).found
    panel = empty_panel(ghosts.n + ghosts.n_ghosts, last - first, np.float32)
    panel[: ghosts.n] = users[:, first:last]
    ghosts.take(blocks, panel)
    ties = still(ghosts.indptr), still(ghosts.indices)
    with limit_threads(state.n_threads):
        over_rows(
            lambda begin, end: _products(panel, ties, found, begin, end),
            ghosts.indptr,
            columns=panel.shape[1],
        )


def _sum_ties(state: ShardState) -> tuple[Any, ...]:
    """Weigh the ties; what they add to the columns of ghosts."""
    ghosts, weighing = state.get(GhostRows), state.get(_Weighing)
    ties = still(ghosts.indptr), still(ghosts.indices)
    floor = np.float32(AGREEMENT_FLOOR)
    with limit_threads(state.n_threads):
        over_rows(
            lambda first, last: _agreements(
                weighing.inverse, ties, floor, weighing.found, first, last
            ),
            ghosts.indptr,
        )
        cells = _cells(state)
        weighing.out, weighing.into = summed(cells.data, cells, weighing.found)
    return (None, *ghosts.parts(weighing.into))


def _add_columns(state: ShardState, *parts: Any) -> tuple[Any, ...]:
    ghosts, weighing = state.get(GhostRows), state.get(_Weighing)
    # a new one in place of the old: the parts of own columns are in it
    state.put(
        _Weighing(
            weighing.found,
            weighing.inverse,
            weighing.out,
            ghosts.added(weighing.into, parts),
        )
    )
    with limit_threads(state.n_threads):
        return (None, *ghosts.given(state.get(_Weighing).into))


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


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _products(panel: Any, ties: Any, found: Any, first: int, last: int) -> None:
    """Add the dot product of the rows at both ends to every tie."""
    indptr, indices = ties
    zero = panel.dtype.type(0)
    for u in range(first, last):
        for tie in range(indptr[u], indptr[u + 1]):
            v = indices[tie]
            total = zero
            for k in range(panel.shape[1]):
                total += panel[u, k] * panel[v, k]
            found[tie] += total


@njit(nogil=True, cache=True)
def _agreements(inverse: Any, ties: Any, floor: Any, found: Any, first: int, last: int) -> None:
    """Turn dot products into ``max(cos, 0) + floor``."""
    indptr, indices = ties
    for u in range(first, last):
        for tie in range(indptr[u], indptr[u + 1]):
            cosine = np.float32(found[tie] * (inverse[u] * inverse[indices[tie]]))
            found[tie] = max(cosine, np.float32(0)) + floor
