"""ALS on shards: the bits of one machine, whoever dies, and what goes from worker to worker."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

import suffuse as sf
from suffuse.datasets import Interactions, SocialWorld
from suffuse.recsys import progress_to
from suffuse.recsys.cluster_als import (
    COLUMNS,
    ITEMS,
    STAGE,
    USERS,
    AlsCells,
    AlsFactors,
    fit_factors,
)
from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.factor_files import FactorPlan
from suffuse.recsys.inputs import preference_rows
from suffuse.recsys.shard_parts import ShardFactors, ShardRows

Floats = npt.NDArray[np.float32]
#: iterations of the small fits
ITERATIONS = 3


def put_rows(state: ShardState, rows: Any, starts: tuple[int, ...]) -> None:
    """Give a worker its rows."""
    state.put(ShardRows(rows, starts, state.shard))


def get_factors(state: ShardState) -> tuple[Floats, Floats]:
    """What a worker holds at the end, which must be nothing else of the fit."""
    if state.has(AlsCells) or state.has(AlsFactors):
        raise AssertionError("not everything was dropped")
    found = state.get(ShardFactors)
    return found.users, found.items


def table_of(world: SocialWorld, *, weighted: bool = False, extra: int = 3) -> sparse.csr_array:
    """The table of a world, with users and items of whom nothing is known."""
    cells = Interactions.from_frame(world.interactions).matrix
    shape = (cells.shape[0] + extra, cells.shape[1] + extra)
    known = cells.tocoo()
    rows = sparse.csr_array((known.data.astype(float), (known.row, known.col)), shape=shape)
    if weighted:
        rows.data = np.random.default_rng(0).uniform(0.2, 4.0, rows.nnz)
    return rows


def cut_rows(rows: sparse.csr_array, n: int) -> tuple[int, ...]:
    """Uneven cuts of the users."""
    bounds = [0, *(int(rows.shape[0] * (part / n) ** 1.3) for part in range(1, n)), rows.shape[0]]
    return tuple(bounds)


def plan_of(model: sf.ALS, rows: sparse.csr_array, n: int, folder: Path) -> FactorPlan:
    """The plan of a model's fit on so many shards."""
    n_users, n_items = rows.shape
    return FactorPlan(
        n_users=n_users,
        n_items=n_items,
        starts=cut_rows(rows, n),
        item_starts=tuple(n_items * shard // n for shard in range(n + 1)),
        n_factors=min(model.n_factors, n_users, n_items),
        regularization=model.regularization,
        confidence=model.confidence,
        popularity_discount=model.popularity_discount,
        max_iter=model.max_iter,
        use_weights=model.use_weights,
        random_state=model.random_state,
        folder=str(folder),
    )


def hand_rows(workers: Any, plan: FactorPlan, table: sparse.csr_array) -> None:
    """Give all workers, and those to come, their rows."""
    rows = preference_rows(Interactions.from_matrix(table), use_weights=plan.use_weights)
    starts = plan.starts
    parts = [rows[first:last] for first, last in itertools.pairwise(starts)]
    workers.setup("rows", put_rows, [(part, starts) for part in parts])


def factors_of(workers: Any) -> tuple[Floats, Floats]:
    """Users of all shards, one after the other, and items, which all workers hold alike."""
    found = workers.steadily(lambda: workers.fetch(workers.each(get_factors)))
    for _, items in found[1:]:
        np.testing.assert_array_equal(items, found[0][1])
    return np.concatenate([users for users, _ in found]), found[0][1]


def fitted(
    kind: Any, model: sf.ALS, table: sparse.csr_array, n: int, folder: Path, *deaths: int
) -> tuple[Floats, Floats]:
    """The factors of a fit on shards."""
    workers = kind(n, deaths=deaths)
    plan = plan_of(model, table, n, folder)
    hand_rows(workers, plan, table)
    fit_factors(workers, plan, resume=False)
    return factors_of(workers)


MODELS = {
    "plain": sf.ALS(n_factors=8, regularization=5.0, max_iter=6),
    "odd": sf.ALS(n_factors=7, regularization=5.0, max_iter=6, random_state=3),
    "discount": sf.ALS(n_factors=8, regularization=5.0, popularity_discount=0.3, max_iter=6),
    "weights": sf.ALS(n_factors=5, regularization=5.0, use_weights=True, max_iter=6),
    "both": sf.ALS(
        n_factors=5, regularization=5.0, use_weights=True, popularity_discount=0.2, max_iter=6
    ),
    "more than items": sf.ALS(n_factors=90, regularization=5.0, max_iter=2),
}


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("name", MODELS)
def test_factors_have_the_bits_of_one_machine(
    tall: SocialWorld, workers_here: Any, tmp_path: Path, name: str, n: int
) -> None:
    """Those of ``ALS.fit``, with users and items without rows, however users and items are cut."""
    model, table = MODELS[name], table_of(tall, weighted=True)
    users, items = fitted(workers_here, model, table, n, tmp_path)
    known = clone(model).fit(table)
    np.testing.assert_array_equal(users, known.user_factors_)
    np.testing.assert_array_equal(items, known.item_factors_)
    assert users.any()
    assert not users[-3:].any()


def small() -> sf.ALS:
    """A fit of a few iterations."""
    return sf.ALS(n_factors=4, regularization=3.0, max_iter=ITERATIONS)


def test_two_runs_and_any_threads_have_the_same_bits(
    tall: SocialWorld, workers_here: Any, tmp_path: Path
) -> None:
    """Nothing is left to chance, nor to the number of threads of a worker."""
    table = table_of(tall)
    plan = plan_of(small(), table, 2, tmp_path)
    found = []
    for n_threads in (1, 1, 2):
        workers = workers_here(2, n_threads=n_threads)
        hand_rows(workers, plan, table)
        fit_factors(workers, plan, resume=False)
        found.append(factors_of(workers))
    for again in found[1:]:
        for one, other in zip(found[0], again, strict=True):
            np.testing.assert_array_equal(one, other)


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(deaths=st.lists(st.integers(1, 110), min_size=1, max_size=6), n=st.sampled_from([2, 3]))
def test_lost_workers_change_no_bit(
    tall: SocialWorld,
    workers_here: Any,
    tmp_path_factory: pytest.TempPathFactory,
    deaths: list[int],
    n: int,
) -> None:
    """Whichever calls they die in, and also where new ones die while they are made ready."""
    table = table_of(tall)
    calm, stormy = tmp_path_factory.mktemp("calm"), tmp_path_factory.mktemp("stormy")
    expected = fitted(workers_here, small(), table, n, calm)
    found = fitted(workers_here, small(), table, n, stormy, *deaths)
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


class Interruption(Exception):
    """Stands for whatever ends the driver."""


@pytest.mark.parametrize("after", [0, 1, 2, ITERATIONS])
def test_an_interrupted_fit_goes_on(
    tall: SocialWorld, workers_here: Any, tmp_path: Path, after: int
) -> None:
    """With new workers, from the last whole iteration, to the same bits."""
    table = table_of(tall)
    expected = fitted(workers_here, small(), table, 2, tmp_path / "whole")
    plan = plan_of(small(), table, 2, tmp_path / "broken")

    def stop(stage: str, done: int, total: int) -> None:
        if done == after:
            raise Interruption

    with pytest.raises(Interruption), progress_to(stop):
        fit_factors(ready(workers_here, plan, table), plan, resume=True)
    workers = ready(workers_here, plan, table)
    assert fit_factors(workers, plan, resume=True).resumed_from == after
    for one, other in zip(expected, factors_of(workers), strict=True):
        np.testing.assert_array_equal(one, other)


def ready(kind: Any, plan: FactorPlan, table: sparse.csr_array) -> Any:
    """New workers with their rows."""
    workers = kind(len(plan.starts) - 1)
    hand_rows(workers, plan, table)
    return workers


def test_a_whole_fit_is_only_read(tall: SocialWorld, workers_here: Any, tmp_path: Path) -> None:
    """Nothing is computed again, and the summary is the same."""
    table = table_of(tall)
    plan = plan_of(small(), table, 2, tmp_path)
    workers = ready(workers_here, plan, table)
    summary = fit_factors(workers, plan, resume=False)
    expected = factors_of(workers)
    fresh = workers_here(2)
    again = fit_factors(fresh, plan, resume=True)
    assert again == dataclasses.replace(summary, resumed_from=ITERATIONS)
    assert not fresh.traffic.stages
    for one, other in zip(expected, factors_of(fresh), strict=True):
        np.testing.assert_array_equal(one, other)
    assert summary.largest_user == np.abs(expected[0]).max()
    assert summary.largest_item == np.abs(expected[1]).max()


def test_workers_that_come_after_the_fit_have_the_factors(
    tall: SocialWorld, workers_here: Any, tmp_path: Path
) -> None:
    """Read from the storage."""
    table = table_of(tall)
    plan = plan_of(small(), table, 2, tmp_path)
    workers = ready(workers_here, plan, table)
    fit_factors(workers, plan, resume=False)
    expected = factors_of(workers)
    workers._deaths.add(workers.n_calls + 1)
    for one, other in zip(expected, factors_of(workers), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_traffic_is_what_arithmetic_says(
    tall: SocialWorld, workers_here: Any, tmp_path: Path, n: int
) -> None:
    """Both matrices to each worker but one in an iteration, and the columns of items once."""
    table = table_of(tall)
    plan = plan_of(small(), table, n, tmp_path)
    workers = ready(workers_here, plan, table)
    fit_factors(workers, plan, resume=False)
    stages = {one.stage: one for one in workers.traffic.stages}
    row = plan.n_factors * 4 * (n - 1)
    # one more for the exact half-step at the end
    assert stages[ITEMS].moved == (ITERATIONS + 1) * row * plan.n_items
    assert stages[USERS].moved == ITERATIONS * row * plan.n_users
    for one in stages.values():
        assert one.moved == one.expected
    blocks = list(
        zip(itertools.pairwise(plan.starts), itertools.pairwise(plan.item_starts), strict=True)
    )
    cells = sum(
        table[slice(*users), slice(*items)].nnz
        for one, (users, _) in enumerate(blocks)
        for other, (_, items) in enumerate(blocks)
        if one != other
    )
    assert stages[COLUMNS].moved == 4 * cells + 4 * plan.n_items * (n - 1)


def test_progress(tall: SocialWorld, workers_here: Any, tmp_path: Path) -> None:
    """Iteration by iteration, as on one machine."""
    told: list[tuple[str, int, int]] = []
    with progress_to(lambda *step: told.append(step)):
        fitted(workers_here, small(), table_of(tall), 2, tmp_path)
    assert told == [(STAGE, done, ITERATIONS) for done in range(ITERATIONS + 1)]


def test_factors_must_stay_finite(tall: SocialWorld, workers_here: Any, tmp_path: Path) -> None:
    """In the words of ``ALS.fit``, without a warning on the way."""
    model = sf.ALS(n_factors=4, regularization=1e-30, confidence=1e38, max_iter=3)
    with pytest.raises(ValueError, match=r"must keep the factors finite; got regularization=1e-30"):
        fitted(workers_here, model, table_of(tall), 2, tmp_path)


@pytest.mark.parametrize("n", [2, 4])
def test_more_shards_than_items(workers_here: Any, tmp_path: Path, n: int) -> None:
    """Some workers have users and no item, and items are cut by the fit."""
    rng = np.random.default_rng(0)
    table = sparse.csr_array((rng.random((12, 3)) < 0.5).astype(float))
    model = sf.ALS(n_factors=2, regularization=1.0, max_iter=3)
    plan = dataclasses.replace(plan_of(model, table, n, tmp_path), item_starts=())
    workers = ready(workers_here, plan, table)
    fit_factors(workers, plan, resume=False)
    users, items = factors_of(workers)
    known = clone(model).fit(table)
    np.testing.assert_array_equal(users, known.user_factors_)
    np.testing.assert_array_equal(items, known.item_factors_)
