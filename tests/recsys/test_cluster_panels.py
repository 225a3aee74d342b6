"""A panel on workers: as many hops as the series has products, and one call for each."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp

from suffuse.diffusion.polynomials import damped_coefficients
from suffuse.diffusion.solving import certified
from suffuse.recsys.cluster_graph import prepare_rows
from suffuse.recsys.cluster_panels import HOP, Solving, open_panel
from suffuse.recsys.shard_parts import ShardFactors, ShardTies


def put(state, adjacency, users, starts):
    """Ties and factors of a worker."""
    state.put(ShardTies(adjacency, starts, state.shard))
    state.put(ShardFactors(users, np.empty((0, users.shape[1]), np.float32)))


def place(workers, *, n=24):
    """A ring, handed out."""
    step = np.arange(n)
    one_way = sp.csr_array((np.ones(n), (step, (step + 1) % n)), shape=(n, n))
    ties = sp.csr_array(one_way + one_way.T)
    users = np.random.default_rng(0).standard_normal((n, 5)).astype(np.float32)
    starts = tuple(n * at // workers.n for at in range(workers.n + 1))
    given = [(ties[a:b], users[a:b], starts) for a, b in pairwise(starts)]
    workers.setup("world", put, given)
    return ties.toarray() / 2, users


def result(state):
    """The sum of a worker."""
    return state.get(Solving).panel.total


@pytest.mark.parametrize("n_shards", [1, 3])
def test_a_panel_solves_its_columns(n_shards, workers_here):
    """The dense solution, within the bound, with a hop for each degree of the polynomial."""
    workers = workers_here(n_shards)
    P, users = place(workers)
    graph = prepare_rows(workers, "symmetric")
    panel = open_panel(workers, graph, 0.6, slice(1, 4))
    before = workers.n_calls
    bound = certified(panel, 0.6, 1e-4)
    found = np.concatenate(workers.fetch(workers.each(result)))[:, 1:4]
    truth = 0.4 * np.linalg.solve(np.eye(24) - 0.6 * P, users[:, 1:4].astype(float))
    assert (np.linalg.norm(found - truth, axis=0) <= bound).all()
    degree = len(damped_coefficients(0.6, 0.5e-4)) - 1
    (hops,) = [one.rounds for one in workers.traffic.stages if one.stage == HOP]
    assert hops == degree
    # besides the hops: begin, look back, the residual and what this test asks
    assert workers.n_calls - before == (degree + 4) * n_shards


def test_columns_outside_stay_as_they_are(workers_here):
    """Only the columns of the panel are written."""
    workers = workers_here(2)
    place(workers)
    graph = prepare_rows(workers, "symmetric")
    certified(open_panel(workers, graph, 0.6, slice(0, 5)), 0.6, 1e-4)
    before = workers.fetch(workers.each(result))
    before = [one.copy() for one in before]
    certified(open_panel(workers, graph, 0.6, slice(1, 3)), 0.6, 1e-4)
    for one, other in zip(before, workers.fetch(workers.each(result)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_last_step_is_waited_for(workers_here, monkeypatch):
    """Nobody takes what it returns, so an error in it would go unseen; steps before are not."""
    workers = workers_here(2)
    place(workers)
    graph = prepare_rows(workers, "symmetric")
    panel = open_panel(workers, graph, 0.6, slice(0, 5))
    fetched = []
    real = workers.fetch
    monkeypatch.setattr(workers, "fetch", lambda made: (fetched.append(len(made)), real(made))[1])
    steps = panel.steps()
    steps.begin(1.0)
    steps.step(1.0, 0.0, 0.5)
    assert not fetched
    steps.settle()
    assert fetched == [2]
