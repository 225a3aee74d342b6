"""The graph on the workers: who needs whose rows, and the rows of P, normalised together.

All of it is called inside of ``workers.steadily``. What a worker has it keeps; where one has not,
because it is new, everybody makes it again, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diffusion import shard_scaling
from ..diffusion.normalization import EXPONENTS, check_normalization
from ..diffusion.row_shards import Floats, GhostRows, RowsOfP, ghost_rows
from ..diffusion.row_threads import limit_threads
from ..diffusion.ties import is_moderate
from .cluster_workers import Handle, ShardState, Workers
from .matrices import Csr
from .shard_parts import ShardTies

SHARING, SCALING = "sharing the graph: ghosts", "normalising the graph: column"

#: sweeps of the doubly stochastic scaling; where one stops, and what is enough in the end
_SWEEPS, _TIGHT, _ENOUGH = 500, 1e-12, 1e-9


@dataclass(frozen=True)
class SharedGraph:
    """What is known of the whole graph.

    Attributes
    ----------
    n_ghosts : int
        Rows that move in a hop: the ghosts of all shards.
    directed : bool
        Whether it is.
    p : float
        The ``p`` of the norm in which P never expands.
    """

    n_ghosts: int
    directed: bool
    p: float


@dataclass(eq=False)
class _Source:
    """The ties that the ghosts come from."""

    adjacency: Csr


@dataclass(eq=False)
class _Rows:
    """The rows of P that a worker has, and their kind."""

    kind: str | float
    rows: RowsOfP


@dataclass(eq=False)
class _Weights:
    """Weights that both directions of all ties agree on."""

    data: Floats


@dataclass(eq=False)
class _Degrees:
    """Weights (None where all are the same), row sums, and column sums of own users."""

    data: Floats | None
    out: Floats
    into: Floats


def exchange(
    workers: Workers,
    made: Sequence[Sequence[Handle]],
    function: Callable[..., Any],
    arguments: tuple[Any, ...] = (),
    *,
    stage: str,
    n_returns: int = 1,
) -> list[Any]:
    """Call ``function(state, *arguments, *blocks)`` with what every worker made for each.

    Worker s made ``made[s]``: something of its own, and then a block for every worker.
    """
    given = [
        (*arguments, *(made[origin][1 + place] for origin in range(workers.n)))
        for place in range(workers.n)
    ]
    return workers.each(function, given, n_returns=n_returns, stage=stage)


def own_values(workers: Workers, made: Sequence[Sequence[Handle]]) -> list[Any]:
    """What every worker made for the driver."""
    return workers.fetch([handles[0] for handles in made])


def shared_rows(state: ShardState) -> RowsOfP:
    """The rows of P of this worker."""
    return state.get(_Rows).rows


def drop_rows(state: ShardState) -> None:
    """Let go of the rows of P."""
    for kind in (_Rows, _Weights, _Degrees, shard_scaling.EvenScaling):
        state.drop(kind)


def prepare_ghosts(workers: Workers) -> int:
    """Let every worker know its ghosts, and who needs its rows; how many ghosts there are."""
    sizes = workers.fetch(workers.each(_count_ghosts))
    if any(size is None for size in sizes):
        made = workers.each(_find_ghosts, n_returns=workers.n + 1)
        sizes = workers.fetch(exchange(workers, made, _know_needed, stage=SHARING))
        codes = sum(n_bytes for _, n_bytes in sizes)
        workers.traffic.note(SHARING, expected=codes)
    return int(sum(n for n, _ in sizes))


def prepare_rows(workers: Workers, normalization: str | float) -> SharedGraph:
    """Let every worker make its rows of P.

    Raises
    ------
    ValueError
        For a directed graph where the kind needs a symmetric one.
    ArithmeticError
        Where a doubly stochastic scaling is not reached.
    """
    kind = check_normalization(normalization)
    if kind == "flux":
        raise ValueError(
            "normalization must be 'symmetric', 'row', 'column', 'doubly_stochastic' or an "
            "exponent in [0, 1] on a cluster; got 'flux': fit on one machine"
        )
    n_ghosts = prepare_ghosts(workers)
    known = workers.fetch(workers.each(_rows_here, [(kind,)] * workers.n))
    if any(one is None for one in known):
        _normalise(workers, kind, n_ghosts)
        known = workers.fetch(workers.each(_rows_here, [(kind,)] * workers.n))
    directed, p = known[0]
    return SharedGraph(n_ghosts, directed, p)


def _normalise(workers: Workers, kind: str | float, n_ghosts: int) -> None:
    """Make the rows of P on all workers."""
    looks = workers.fetch(workers.each(_look))
    lows, highs, bare, whole, fine = zip(*looks, strict=True)
    uniform, mirrored = min(lows) == max(highs), sum(bare) % 2**64 == 0
    if mirrored and sum(whole) % 2**64 != 0:
        mirrored = _even_out(workers)
    if kind == "doubly_stochastic":
        if not mirrored:
            raise ValueError(
                "normalization 'doubly_stochastic' must have a symmetric adjacency; got a "
                "directed graph: pass directed=False to give both directions the larger weight, "
                "or use normalization='row'"
            )
        _scale_evenly(workers, uniform, all(fine), n_ghosts)
        return
    exponent = EXPONENTS[kind] if isinstance(kind, str) else kind
    degrees = (uniform, not mirrored)
    made = workers.each(_sum_rows, [degrees] * workers.n, n_returns=workers.n + 1)
    if not mirrored:
        workers.traffic.note(SCALING, expected=8 * n_ghosts)
        made = exchange(workers, made, _sum_columns, stage=SCALING, n_returns=workers.n + 1)
    moderate = all(fine) and all(own_values(workers, made))
    workers.traffic.note(SCALING, expected=8 * n_ghosts)
    given = (kind, exponent, moderate, not mirrored)
    workers.fetch(exchange(workers, made, _scale, given, stage=SCALING))


def _even_out(workers: Workers) -> bool:
    """Give both directions of every tie the larger weight where they differ by rounding alone."""
    made = workers.each(_send_mirrors, n_returns=workers.n + 1)
    workers.traffic.note(SCALING, expected=sum(own_values(workers, made)))
    even = all(workers.fetch(exchange(workers, made, _take_mirrors, stage=SCALING)))
    if not even:
        workers.fetch(workers.each(_drop_weights))
    return even


def _scale_evenly(workers: Workers, uniform: bool, fine: bool, n_ghosts: int) -> None:
    """Sweeps of the doubly stochastic scaling, each with the scaling of ghosts."""
    made = workers.each(_begin_even, [(uniform,)] * workers.n, n_returns=workers.n + 1)
    moderate = fine and all(own_values(workers, made))
    error, largest = np.inf, 1.0
    for number in range(_SWEEPS):
        workers.traffic.note(SCALING, expected=8 * n_ghosts)
        given = (number > 0,)
        made = exchange(workers, made, _sweep, given, stage=SCALING, n_returns=workers.n + 1)
        errors, tops = zip(*own_values(workers, made), strict=True)
        error, largest = float(np.max(errors)), float(np.max(tops))
        if error <= _TIGHT:
            break
    if not error <= _ENOUGH:
        raise ArithmeticError(
            f"adjacency must allow a doubly stochastic scaling within {_SWEEPS} sweeps; its row "
            f"sums stopped {error} from 1: use normalization='row', or fit on one machine"
        )
    workers.fetch(workers.each(_end_even, [(largest, moderate)] * workers.n))


def _count_ghosts(state: ShardState) -> tuple[int, int] | None:
    """How many ghosts are here, None where that is not known or nobody asked the others yet."""
    if not state.has(GhostRows) or not state.get(GhostRows).needed:
        return None
    if state.get(_Source).adjacency is not state.get(ShardTies).adjacency:
        return None
    return _sizes(state.get(GhostRows))


def _sizes(ghosts: GhostRows) -> tuple[int, int]:
    return ghosts.n_ghosts, sum(codes.nbytes for codes in ghosts.wanted)


def _find_ghosts(state: ShardState) -> tuple[Any, ...]:
    ties = state.get(ShardTies)
    cells = ties.adjacency
    ghosts = ghost_rows(cells.indptr, cells.indices, starts=ties.starts, shard=ties.shard)
    state.put(ghosts)
    state.put(_Source(cells))
    drop_rows(state)
    return (None, *ghosts.wanted)


def _know_needed(state: ShardState, *asked: Any) -> tuple[int, int]:
    ghosts = state.get(GhostRows)
    ghosts.needed = tuple(codes.copy() for codes in asked)
    return _sizes(ghosts)


def _rows_here(state: ShardState, kind: str | float) -> tuple[bool, float] | None:
    if not state.has(_Rows) or state.get(_Rows).kind != kind:
        return None
    rows = state.get(_Rows).rows
    return rows.directed, rows.p


def _look(state: ShardState) -> tuple[float, float, int, int, bool]:
    """The least and the largest weight, what tells whether ties mirror, and moderate weights."""
    ties = state.get(ShardTies)
    cells, first = ties.adjacency, ties.starts[ties.shard]
    state.drop(_Weights)
    bare, whole = shard_scaling.mirror_marks(cells.indptr, cells.indices, cells.data, first)
    low, high = cells.data.min(initial=np.inf), cells.data.max(initial=-np.inf)
    return float(low), float(high), bare, whole, is_moderate(cells.data)


def _send_mirrors(state: ShardState) -> tuple[Any, ...]:
    ghosts, data = state.get(GhostRows), state.get(ShardTies).adjacency.data
    blocks = shard_scaling.mirrored_weights(ghosts, data)
    moved = sum(block.nbytes for at, block in enumerate(blocks) if at != ghosts.shard)
    return (moved, *blocks)


def _take_mirrors(state: ShardState, *mirrors: Any) -> bool:
    data = state.get(ShardTies).adjacency.data
    even = shard_scaling.evened(state.get(GhostRows), data, mirrors)
    if even is not None:
        state.put(_Weights(even))
    return even is not None


def _drop_weights(state: ShardState) -> None:
    state.drop(_Weights)


def _weights(state: ShardState, uniform: bool) -> Floats | None:
    """The weights as the rows of P have them."""
    if uniform:
        return None
    if state.has(_Weights):
        return state.get(_Weights).data
    return state.get(ShardTies).adjacency.data


def _sum_rows(state: ShardState, uniform: bool, directed: bool) -> tuple[Any, ...]:
    """Row sums, for the shards that have them as ghosts; of a directed graph parts of columns."""
    ghosts, data = state.get(GhostRows), _weights(state, uniform)
    counts = np.diff(ghosts.indptr).astype(np.float64)
    out = counts if data is None else shard_scaling.row_sums(ghosts, data)
    if directed:
        sums = shard_scaling.column_sums(ghosts, data)
        state.put(_Degrees(data, out, sums))
        return (None, *ghosts.parts(sums))
    state.put(_Degrees(data, out, out))
    with limit_threads(state.n_threads):
        return (_moderate(data, out), *ghosts.given(out))


def _sum_columns(state: ShardState, *parts: Any) -> tuple[Any, ...]:
    ghosts, sums = state.get(GhostRows), state.get(_Degrees)
    into = ghosts.added(sums.into, parts)
    state.put(_Degrees(sums.data, sums.out, into))
    with limit_threads(state.n_threads):
        return (_moderate(sums.data, sums.out, into), *ghosts.given(into))


def _moderate(data: Floats | None, *sums: Floats) -> bool:
    """Whether scales can stand for entries, as far as the sums have a say."""
    return data is None or all(is_moderate(one) for one in sums)


def _scale(
    state: ShardState,
    kind: str | float,
    exponent: float,
    moderate: bool,
    directed: bool,
    *blocks: Any,
) -> None:
    ghosts, sums = state.get(GhostRows), state.get(_Degrees)
    into = with_ghosts(ghosts, sums.into, blocks)
    rows = shard_scaling.power_rows(
        ghosts, sums.data, (sums.out, into), exponent, moderate=moderate, directed=directed
    )
    drop_rows(state)
    state.put(_Rows(kind, rows))


def with_ghosts(ghosts: GhostRows, own: Floats, blocks: Sequence[Floats]) -> Floats:
    """A column of own rows and ghosts."""
    column = np.empty(ghosts.n + ghosts.n_ghosts)
    column[: ghosts.n] = own
    ghosts.take(blocks, column)
    return column


def _begin_even(state: ShardState, uniform: bool) -> tuple[Any, ...]:
    ghosts, data = state.get(GhostRows), _weights(state, uniform)
    with limit_threads(state.n_threads):
        even = shard_scaling.EvenScaling(ghosts, data)
        state.put(even)
        fine = data is None or is_moderate(shard_scaling.row_sums(ghosts, data))
        return (fine, *even.given())


def _sweep(state: ShardState, divide: bool, *blocks: Any) -> tuple[Any, ...]:
    even = state.get(shard_scaling.EvenScaling)
    with limit_threads(state.n_threads):
        if divide:
            even.divide()
        even.take(blocks)
        error = even.sweep()
        return ((error, float(even.sums.max())), *even.given_next())


def _end_even(state: ShardState, largest: float, moderate: bool) -> None:
    rows = state.get(shard_scaling.EvenScaling).rows(largest, moderate=moderate)
    drop_rows(state)
    state.put(_Rows("doubly_stochastic", rows))
