"""Alternating least squares on a cluster: factor blocks travel, and every bit is one machine's.

A worker holds the preference rows of its users, and the columns of a block of the items, which the
others hand to it once. In an iteration

1. everybody takes the item factors of all blocks, and makes a half-step for its own users;
2. everybody takes the user factors of all shards, and makes a half-step for its own items.

Both are the solver of ``implicit``, as on one machine: it works on one row at a time, with all
factors of the other side, so that a row gets the same bits whatever rows stand beside it. That is
why factors travel and not sums over users, which would be less for many users: rounding in the
first half-steps is never forgotten, so that sums in another order move factors by a thousandth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from implicit.cpu.als import AlternatingLeastSquares

from ..datasets.shard_cuts import even_cuts
from .cluster_workers import ShardState, Workers
from .execution import one_blas_thread
from .factor_files import (
    FINAL,
    FactorPlan,
    Whole,
    item_file,
    last_whole,
    note_whole,
    read_factors,
    user_file,
    write_factors,
)
from .factor_start import start_factors
from .half_steps import half_step
from .progress import tell
from .scoring import Floats, relative_counts, rows_of_items
from .shard_columns import Columns, columns_of, confidences, joined_columns, weighted
from .shard_parts import ShardFactors, ShardRows

#: what is told of progress, and the beginning of the names of what is exchanged
STAGE = "fitting ALS"
ITEMS, USERS = f"{STAGE}: item factors", f"{STAGE}: user factors"
COLUMNS = f"{STAGE}: rows by item, once"
#: keys of what new workers are called with
_CELLS, _FACTORS = "als cells", "als factors"


@dataclass(frozen=True)
class FactorSummary:
    """How a fit ended.

    Attributes
    ----------
    resumed_from : int
        Iterations that were whole before it began.
    largest_user, largest_item : float
        The largest absolute values of the factors.
    """

    resumed_from: int
    largest_user: float
    largest_item: float


@dataclass(eq=False)
class AlsCells:
    """Confidences of a worker, as implicit takes them: its users by item, its items by user.

    ``scale`` is the discount of each item, None where there is none.
    """

    by_user: Any
    scale: npt.NDArray[np.float64] | None
    by_item: Any = None


@dataclass(eq=False)
class AlsFactors:
    """Factors of all users and of all items, of which the worker's own are right.

    Those of the others are what came last. ``users_at`` and ``items_at`` are the iterations after
    which the own ones are; -1 while they are made.
    """

    users: Floats
    items: Floats
    users_at: int
    items_at: int


def fit_factors(workers: Workers, plan: FactorPlan, *, resume: bool) -> FactorSummary:
    """Fit factors to the ``ShardRows`` of all workers; afterwards each holds ``ShardFactors``.

    A worker that is lost costs the iteration under way, and changes no bit of the result.

    Parameters
    ----------
    workers : Workers
        One for each shard, each with its ``ShardRows``, also after it was replaced.
    plan : FactorPlan
        What to fit, and where checkpoints go.
    resume : bool
        Go on after the last whole iteration in the folder of the plan, where there is one.

    Raises
    ------
    ValueError
        If factors do not stay finite, or the folder holds another fit.
    """
    if not plan.item_starts:
        plan = replace(plan, item_starts=item_cuts(_rows_of_items(workers), workers.n))
    whole = last_whole(plan, resume=resume)
    first = 0 if whole is None else whole.iteration
    tell(STAGE, first, plan.max_iter)
    if whole is None or not whole.final:
        workers.setup(_CELLS, load_cells, [(plan, _rows_of_items(workers))] * workers.n)
        workers.setup(_FACTORS, restore, [(plan, first)] * workers.n)
        for iteration in range(first, plan.max_iter):
            whole = workers.steadily(partial(_iterate, workers, plan, iteration))
            note_whole(plan, whole)
            workers.remember(_FACTORS, restore, [(plan, iteration + 1)] * workers.n)
            tell(STAGE, iteration + 1, plan.max_iter)
        whole = workers.steadily(partial(_finish, workers, plan))
        note_whole(plan, whole)
    workers.forget(_CELLS)
    workers.setup(_FACTORS, restore_final, [(plan,)] * workers.n)
    return FactorSummary(first, whole.largest_user, whole.largest_item)


def _rows_of_items(workers: Workers) -> npt.NDArray[np.int64]:
    """How many users of all shards hold each item."""
    found = workers.steadily(lambda: workers.fetch(workers.each(count_items)))
    return np.asarray(sum(found))


def item_cuts(counts: npt.NDArray[np.int64], n_shards: int) -> tuple[int, ...]:
    """Where blocks of items with about as many rows begin, shape (n_shards + 1,).

    Examples
    --------
    >>> item_cuts(np.array([9, 1, 1, 1, 1, 1]), 2)
    (0, 1, 6)
    >>> item_cuts(np.array([9]), 2)
    (0, 0, 1)
    """
    n = len(counts)
    if n < n_shards:
        return tuple(n * shard // n_shards for shard in range(n_shards + 1))
    return tuple(even_cuts(counts + 1, n_shards).tolist())


def not_finite(regularization: float, confidence: float) -> ValueError:
    """What to raise where factors are no longer finite."""
    return ValueError(
        "regularization and confidence must keep the factors finite; got "
        f"regularization={regularization!r}, confidence={confidence!r}: "
        "bring them closer to the defaults"
    )


def _iterate(workers: Workers, plan: FactorPlan, iteration: int) -> Whole:
    """One iteration, which may be repeated.

    Every call takes something of the one before it: where something was lost, nothing is made or
    written from what is left.
    """
    n, at, size = workers.n, (plan, iteration), 4 * plan.n_factors
    _exchange_columns(workers, plan)
    items = workers.each(hand_items, [at] * n)
    workers.traffic.note(ITEMS, expected=(n - 1) * plan.n_items * size)
    users = workers.each(step_users, [(*at, *items)] * n, stage=ITEMS)
    workers.traffic.note(USERS, expected=(n - 1) * plan.n_users * size)
    ended = workers.each(step_items, [(*at, *users)] * n, stage=USERS)
    return _whole(plan, iteration + 1, workers.fetch(ended), final=False)


def _exchange_columns(workers: Workers, plan: FactorPlan) -> None:
    """Hand the columns of its items to every worker that has none yet."""
    lacking: list[bool] = workers.fetch(workers.each(lacks_columns))
    if not any(lacking):
        return
    n = workers.n
    made = workers.each(hand_columns, [(plan, lacking)] * n, n_returns=3 * n + 1)
    sizes = workers.fetch([one.pop() for one in made])
    given: list[tuple[Any, ...]] = []
    for shard, lacks in enumerate(lacking):
        pieces = [piece for one in made for piece in one[3 * shard : 3 * shard + 3]]
        given.append((plan, *pieces) if lacks else ())
    workers.fetch(workers.each(take_columns, given, stage=COLUMNS))
    moved = sum(int(own.sum() - own[shard]) for shard, own in enumerate(sizes))
    workers.traffic.note(COLUMNS, expected=moved)


def _finish(workers: Workers, plan: FactorPlan) -> Whole:
    """The exact half-step for users after the last iteration."""
    items = workers.each(hand_items, [(plan, plan.max_iter)] * workers.n)
    matrix = (workers.n - 1) * plan.n_items * plan.n_factors * 4
    workers.traffic.note(ITEMS, expected=matrix)
    ended = workers.each(end_fit, [(plan, *items)] * workers.n, stage=ITEMS)
    return _whole(plan, plan.max_iter, workers.fetch(ended), final=True)


def _whole(
    plan: FactorPlan, iteration: int, largest: Sequence[tuple[float, float]], *, final: bool
) -> Whole:
    """What all workers have written, whose largest factors are given; refused if not finite."""
    user, item = (float(value) for value in np.max(largest, axis=0))
    if not np.isfinite([user, item]).all():
        raise not_finite(plan.regularization, plan.confidence)
    return Whole(iteration, final, user, item)


def count_items(state: ShardState) -> npt.NDArray[np.int64]:
    """How many users of the shard hold each item."""
    return rows_of_items(state.get(ShardRows).rows)


def load_cells(state: ShardState, plan: FactorPlan, counts: npt.NDArray[np.int64]) -> None:
    """Keep the confidences by user; ``counts`` are the rows of items in all shards."""
    state.drop(ShardFactors)
    scale = None
    if plan.popularity_discount:
        scale = relative_counts(counts) ** -plan.popularity_discount
    by_user = confidences(weighted(state.get(ShardRows).rows, scale), plan.confidence)
    state.put(AlsCells(by_user, scale))


def lacks_columns(state: ShardState) -> bool:
    """Whether the columns of the worker's items have not come yet."""
    return state.get(AlsCells).by_item is None


def hand_columns(state: ShardState, plan: FactorPlan, lacking: Sequence[bool]) -> list[Any]:
    """Three arrays for each worker, empty for those that lack none; and the bytes for each."""
    rows = weighted(state.get(ShardRows).rows, state.get(AlsCells).scale)
    found = columns_of(rows, plan.item_starts, with_weights=plan.use_weights)
    nothing = Columns(np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.float32))
    parts = [own if lacks else nothing for own, lacks in zip(found, lacking, strict=True)]
    sizes = np.array([part.nbytes for part in parts], np.int64)
    return [*(array for part in parts for array in part), sizes]


def take_columns(state: ShardState, *given: Any) -> None:
    """Put together the columns of the worker's items, unless it has them."""
    if not given:
        return
    plan, pieces = given[0], given[1:]
    cells, block = state.get(AlsCells), _block(plan, state.shard)
    parts = [Columns(*pieces[at : at + 3]) for at in range(0, len(pieces), 3)]
    confidence: Any = plan.confidence
    if not plan.use_weights:
        ones = np.ones(block.stop - block.start, np.float32)
        discounted = ones if cells.scale is None else (cells.scale[block] * ones).astype(np.float32)
        confidence = discounted * np.float32(plan.confidence)
    cells.by_item = joined_columns(parts, plan.starts, confidence)


def restore(state: ShardState, plan: FactorPlan, iteration: int) -> None:
    """Keep the factors as they were after an iteration; 0 is the start."""
    users = np.empty((plan.n_users, plan.n_factors), np.float32)
    items = np.empty((plan.n_items, plan.n_factors), np.float32)
    own = _own(plan, state.shard)
    if iteration:
        name = user_file(iteration, state.shard)
        users[own] = read_factors(plan, name, own.stop - own.start)
    else:
        count = own.stop - own.start
        users[own] = start_factors(plan.random_state, own.start, count, plan.n_factors)
    state.put(AlsFactors(users, items, iteration, -1))


def hand_items(state: ShardState, plan: FactorPlan, iteration: int) -> Floats:
    """The item factors of the shard's block after an iteration."""
    block, factors = _block(plan, state.shard), state.get(AlsFactors)
    if factors.items_at == iteration:
        return factors.items[block].copy()
    count = block.stop - block.start
    if iteration:
        return read_factors(plan, item_file(iteration, state.shard), count)
    first = plan.n_users + block.start
    return start_factors(plan.random_state, first, count, plan.n_factors)


def step_users(state: ShardState, plan: FactorPlan, iteration: int, *blocks: Floats) -> Floats:
    """The half-step for the users of the shard, unless it was made before others were lost."""
    if state.get(AlsFactors).users_at not in (iteration, iteration + 1):
        restore(state, plan, iteration)
    factors, own = state.get(AlsFactors), _own(plan, state.shard)
    _take(factors.items, plan.item_starts, blocks)
    factors.items_at = iteration
    if factors.users_at == iteration:
        factors.users_at = -1
        _half_step(state, plan, state.get(AlsCells).by_user, factors.users[own], factors.items)
        factors.users_at = iteration + 1
    return factors.users[own].copy()


def step_items(
    state: ShardState, plan: FactorPlan, iteration: int, *blocks: Floats
) -> tuple[float, float]:
    """The half-step for the items of the block; writes both, and tells the largest of each."""
    factors, block = state.get(AlsFactors), _block(plan, state.shard)
    if (factors.users_at, factors.items_at) != (iteration + 1, iteration):
        raise RuntimeError("a half-step of items before that of users")
    _take(factors.users, plan.starts, blocks)
    factors.items_at = -1
    _half_step(state, plan, state.get(AlsCells).by_item, factors.items[block], factors.users)
    factors.items_at = iteration + 1
    users, items = factors.users[_own(plan, state.shard)], factors.items[block]
    write_factors(plan, user_file(iteration + 1, state.shard), users)
    write_factors(plan, item_file(iteration + 1, state.shard), items)
    return _largest(users), _largest(items)


def _half_step(
    state: ShardState, plan: FactorPlan, cells: Any, found: Floats, known: Floats
) -> None:
    """Bring ``found`` nearer to its best, in place, by the solver of one machine."""
    with one_blas_thread():
        solver = AlternatingLeastSquares(factors=plan.n_factors).solver
        solver(cells, found, known, plan.regularization, num_threads=state.n_threads)


def end_fit(state: ShardState, plan: FactorPlan, *blocks: Floats) -> tuple[float, float]:
    """Solve the users exactly, and write them down."""
    items = np.concatenate(blocks)
    users = half_step(
        weighted(state.get(ShardRows).rows, state.get(AlsCells).scale),
        items,
        confidence=plan.confidence,
        regularization=plan.regularization,
        n_jobs=state.n_threads,
    )
    write_factors(plan, user_file(FINAL, state.shard), users)
    return _largest(users), _largest(items)


def restore_final(state: ShardState, plan: FactorPlan) -> None:
    """Keep the factors at the end of the fit, as ``ShardFactors``, and nothing else of it."""
    state.drop(AlsCells)
    state.drop(AlsFactors)
    own = _own(plan, state.shard)
    users = read_factors(plan, user_file(FINAL, state.shard), own.stop - own.start)
    items = np.empty((plan.n_items, plan.n_factors), np.float32)
    for shard in range(state.n_shards):
        block = _block(plan, shard)
        name = item_file(plan.max_iter, shard)
        items[block] = read_factors(plan, name, block.stop - block.start)
    users.setflags(write=False)
    items.setflags(write=False)
    state.put(ShardFactors(users, items))


def _take(whole: Floats, starts: Sequence[int], blocks: Sequence[Floats]) -> None:
    """Write the blocks of all shards to where they belong."""
    for first, part in zip(starts[:-1], blocks, strict=True):
        whole[first : first + len(part)] = part


def _own(plan: FactorPlan, shard: int) -> slice:
    """The users of a shard."""
    return slice(plan.starts[shard], plan.starts[shard + 1])


def _block(plan: FactorPlan, shard: int) -> slice:
    """The items of a shard."""
    return slice(plan.item_starts[shard], plan.item_starts[shard + 1])


def _largest(factors: Floats) -> float:
    """The largest absolute value; what is no number stays none."""
    return float(np.maximum(factors.max(initial=0.0), -factors.min(initial=0.0)))
