"""The graph on workers: asked for once, and again where somebody lacks it."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from suffuse.diffusion import PropagationOperator
from suffuse.recsys.cluster_graph import (
    SCALING,
    SHARING,
    drop_rows,
    prepare_ghosts,
    prepare_rows,
    shared_rows,
)
from suffuse.recsys.shard_parts import ShardTies


def ring(n):
    """Everybody listens to the next one, and to the one after, less."""
    step = np.arange(n)
    cells = (np.repeat([1.0, 0.5], n), (np.tile(step, 2), np.r_[(step + 1) % n, (step + 2) % n]))
    return sp.csr_array(cells, shape=(n, n))


def put(state, adjacency, starts):
    """The ties of a worker."""
    state.put(ShardTies(adjacency, starts, state.shard))


def place(workers, ties):
    """Hand the ties out, to each the same number of users."""
    n = ties.shape[0]
    starts = tuple(n * at // workers.n for at in range(workers.n + 1))
    workers.setup("ties", put, [(ties[a:b], starts) for a, b in pairwise(starts)])


def dense_rows(state):
    """The rows of P among own users and ghosts, and what the columns are."""
    rows = shared_rows(state)
    ghosts, pattern = rows.ghosts, rows.pattern
    starts = state.get(ShardTies).starts
    own = np.arange(starts[ghosts.shard], starts[ghosts.shard + 1])
    names = np.concatenate([own, *(starts[t] + one for t, one in enumerate(ghosts.wanted))])
    source = np.repeat(np.arange(ghosts.n), np.diff(pattern.indptr))
    data = np.ones(len(source)) if pattern.data is None else pattern.data
    left = 1.0 if pattern.left is None else pattern.left[source]
    right = 1.0 if rows.right is None else rows.right[pattern.indices]
    found = np.zeros((ghosts.n, starts[-1]))
    found[source, names[pattern.indices]] = left * data * right
    if pattern.own is not None:
        found[np.arange(ghosts.n), own] += pattern.own
    return found


def rounds(workers):
    """How often everybody was called, by stage."""
    return {one.stage: one.rounds for one in workers.traffic.stages}


def test_ghosts_are_asked_for_once(workers_here):
    """On a ring of 12 in three parts each has two ghosts, 4 bytes each to name."""
    workers = workers_here(3)
    place(workers, ring(12))
    assert prepare_ghosts(workers) == 6
    assert prepare_ghosts(workers) == 6
    (stage,) = workers.traffic.stages
    assert (stage.stage, stage.rounds) == (SHARING, 1)
    assert stage.moved == stage.expected == 24


@pytest.mark.parametrize("kind", ["row", "column", "symmetric", 0.2])
@pytest.mark.parametrize("directed", [False, True])
def test_rows_are_those_of_the_operator(kind, directed, workers_here):
    """P of the whole graph, cut."""
    ties = ring(11) if directed else sp.csr_array(ring(11) + ring(11).T)
    workers = workers_here(3)
    place(workers, ties)
    graph = prepare_rows(workers, kind)
    found = np.concatenate(workers.fetch(workers.each(dense_rows)))
    operator = PropagationOperator(ties, kind)
    np.testing.assert_allclose(found, operator.to_sparse().toarray(), rtol=1e-14)
    assert graph.directed == operator.directed == directed
    assert graph.p == {"row": np.inf, "column": 1.0, "symmetric": 2.0, 0.2: 1.25}[kind]


def test_rows_are_made_once_for_a_kind(workers_here):
    """The same kind again costs nothing; another one is made in its place."""
    workers = workers_here(2)
    place(workers, ring(8))
    prepare_rows(workers, "row")
    before = rounds(workers)
    prepare_rows(workers, "row")
    assert rounds(workers) == before
    prepare_rows(workers, "column")
    assert rounds(workers)[SCALING] == 2 * before[SCALING]
    assert rounds(workers)[SHARING] == before[SHARING]


def test_a_new_worker_makes_everybody_begin_again(workers_here):
    """Who lacks the rows is not left without, and the others get the same ones."""
    workers = workers_here(3)
    place(workers, ring(9))
    prepare_rows(workers, "symmetric")
    before = workers.fetch(workers.each(dense_rows))
    workers._states[1] = None
    workers.steadily(lambda: prepare_rows(workers, "symmetric"))
    after = workers.fetch(workers.each(dense_rows))
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_that_were_dropped_are_made_again(workers_here):
    """Dropping the rows leaves the ghosts."""
    workers = workers_here(2)
    place(workers, ring(8))
    prepare_rows(workers, "row")
    workers.fetch(workers.each(drop_rows))
    prepare_rows(workers, "row")
    assert rounds(workers)[SHARING] == 1
    assert workers.fetch(workers.each(dense_rows))[0].shape == (4, 8)
