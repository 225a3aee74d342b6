"""Ties weighted by agreement on workers: the weights of one machine."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys import cluster_agreement
from suffuse.recsys.channels import agreement_ties
from suffuse.recsys.cluster_agreement import FACTORS, SUMS, weigh_ties
from suffuse.recsys.shard_parts import ShardFactors, ShardMemory, ShardTies


def random_world(seed, n, d, *, directed=False):
    """Weighted ties, and factors of which some are zero."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < 0.2) * rng.uniform(0.5, 4.0, (n, n))
    dense[rng.random(n) < 0.2] = 0
    ties = sp.csr_array(dense if directed else np.maximum(dense, dense.T))
    users = rng.standard_normal((n, d)).astype(np.float32)
    users[rng.random(n) < 0.2] = 0
    return ties, users


def put(state, adjacency, users, starts):
    """What a worker holds before."""
    state.put(ShardTies(adjacency, starts, state.shard))
    state.put(ShardFactors(users, np.empty((0, users.shape[1]), np.float32)))


def place(workers, ties, users):
    """Hand the rows out, to the first worker one user."""
    n = len(users)
    starts = (0, n)
    if workers.n > 1:
        starts = (0, 1, *(1 + (n - 1) * at // (workers.n - 1) for at in range(1, workers.n)))
    given = [(ties[a:b], users[a:b], starts) for a, b in pairwise(starts)]
    workers.setup("world", put, given)
    return starts


def taken(state):
    """The rows of a worker."""
    return state.get(ShardMemory).ties


def joined(workers):
    """All rows."""
    return sp.csr_array(sp.vstack(workers.fetch(workers.each(taken)), format="csr"))


def weighed(workers, folder, *, key="k", resume=True):
    """Weigh, and give the rows."""
    weigh_ties(workers, folder=str(folder), key=key, resume=resume)
    return joined(workers)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 99),
    n=st.integers(4, 30),
    d=st.sampled_from([1, 5, 33, 64, 70]),
    n_shards=st.integers(1, 4),
    directed=st.booleans(),
)
def test_equals_one_machine(seed, n, d, n_shards, directed, workers_here, tmp_path_factory):
    """The rows of W, on the indices of the ties, whatever the graph and the cuts."""
    ties, users = random_world(seed, n, d, directed=directed)
    workers = workers_here(n_shards)
    place(workers, ties, users)
    found = weighed(workers, tmp_path_factory.mktemp("w"))
    wanted = agreement_ties(SimpleNamespace(signals_=users), ties)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.indptr, ties.indptr)
    np.testing.assert_array_equal(found.indices, ties.indices)
    if directed:
        np.testing.assert_allclose(found.data, wanted.data, rtol=0, atol=1e-6)
    else:  # bit by bit
        np.testing.assert_array_equal(found.data, wanted.data)


def test_by_hand(workers_here, tmp_path):
    """Two friends of one taste, and a third of whom nothing is known."""
    ties = sp.csr_array(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    users = np.array([[3.0, 4.0], [6.0, 8.0], [0.0, 0.0]], np.float32)
    workers = workers_here(3)
    place(workers, ties, users)
    found = weighed(workers, tmp_path).toarray()
    # C is 1.05 and 0.05; its row sums are 1.1, 1.05 and 0.05
    alike, unknown = np.sqrt(1.05 / 1.1), np.sqrt(0.05 / 1.1)
    wanted = [[0, alike, unknown], [alike, 0, 0], [unknown, 0, 0]]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize("directed", [False, True])
def test_counted_traffic_is_that_of_arithmetic(workers_here, tmp_path, directed):
    """A ghost's factors once, and its column sum; with directed ties a part of that before it."""
    ties, users = random_world(1, 30, 40, directed=directed)
    workers = workers_here(3)
    starts = place(workers, ties, users)
    weighed(workers, tmp_path)
    owner = np.searchsorted(starts, np.arange(30), side="right")
    row, column = ties.nonzero()
    foreign = owner[row] != owner[column]
    ghosts = len(set(zip(owner[row[foreign]], column[foreign], strict=True)))
    stages = {one.stage: one for one in workers.traffic.stages}
    assert ghosts > 0
    assert stages[FACTORS].moved == stages[FACTORS].expected == ghosts * 40 * 4
    assert stages[SUMS].moved == stages[SUMS].expected == ghosts * 8 * (1 + directed)


@settings(deadline=None, max_examples=12)
@given(deaths=st.sets(st.integers(4, 60), min_size=1, max_size=4))
def test_deaths_change_no_bit(deaths, workers_here, tmp_path_factory):
    """Whoever dies and when, the weights are those of a quiet run."""
    ties, users = random_world(2, 25, 40)
    found = []
    for when in ((), tuple(deaths)):
        workers = workers_here(3, deaths=when)
        place(workers, ties, users)
        weigh_ties(workers, folder=str(tmp_path_factory.mktemp("w")), key="k", resume=True)
        found.append(workers.steadily(lambda w=workers: joined(w)).data)
    np.testing.assert_array_equal(*found)


def test_resume_reads_what_is_whole(workers_here, tmp_path, monkeypatch):
    """Weights of the same key are read; those of another key, or without a file, made anew."""
    ties, users = random_world(3, 25, 4)
    made = []
    real = cluster_agreement._weigh
    monkeypatch.setattr(
        cluster_agreement, "_weigh", lambda *given: (made.append(1), real(*given))[1]
    )
    found = []

    def run(**changes):
        workers = workers_here(2)
        place(workers, ties, users)
        found.append(weighed(workers, tmp_path, **changes).data)
        return len(made)

    assert [run(), run(), run(key="other"), run(key="other", resume=False)] == [1, 1, 2, 3]
    (tmp_path / "agreement-00001.npy").unlink()
    assert run(key="other") == 4
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])


@pytest.mark.parametrize("n_shards", [1, 2])
def test_no_ties_at_all(n_shards, workers_here, tmp_path):
    """Nothing to weigh is an empty matrix."""
    workers = workers_here(n_shards)
    place(workers, sp.csr_array((5, 5)), np.ones((5, 2), np.float32))
    assert weighed(workers, tmp_path).shape == (5, 5)
