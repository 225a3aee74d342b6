"""Diffused factors on workers: those of one machine, whatever dies on the way."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion import PropagationOperator
from suffuse.recsys.channels import SocialChannels, Taste, evidence_weights
from suffuse.recsys.cluster_diffusion import diffuse_factors
from suffuse.recsys.cluster_panels import CHECK, HOP, WorkersPanel
from suffuse.recsys.shard_parts import ShardFactors, ShardRows, ShardTaste, ShardTies

HALF = (Taste(0.5),)
KINDS = ["symmetric", "row", "column", "doubly_stochastic", 0.3]


def random_ties(seed, n, *, directed=False, weighted=False, density=0.15):
    """A graph with isolated nodes among others."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < density) * rng.uniform(0.5, 4.0, (n, n))
    dense[rng.random(n) < 0.2] = 0
    dense[:, rng.random(n) < 0.2] = 0
    if not weighted:
        dense = (dense > 0).astype(float)
    return sp.csr_array(dense if directed else np.maximum(dense, dense.T))


def put(state, adjacency, users, rows, starts):
    """What a worker holds before the diffusion."""
    state.put(ShardTies(adjacency, starts, state.shard))
    state.put(ShardFactors(users, np.empty((0, users.shape[1]), np.float32)))
    state.put(ShardRows(rows, starts, state.shard))


def cuts(n, n_shards):
    """Uneven cuts, the first shard the smallest."""
    inner = [max(at, n * at**2 // (n_shards + 1) ** 2) for at in range(1, n_shards)]
    return (0, *inner, n)


def place(workers, adjacency, users, rows=None):
    """Hand the rows out."""
    n = len(users)
    starts = cuts(n, workers.n)
    rows = sp.csr_array((n, 3), dtype=np.float32) if rows is None else rows
    given = [(adjacency[a:b], users[a:b], rows[a:b], starts) for a, b in pairwise(starts)]
    workers.setup("world", put, given)


def taken(state, taste):
    """The factors of one taste."""
    return state.get(ShardTaste).factors[taste]


def joined(workers, taste):
    """The factors of everybody."""
    parts = workers.fetch(workers.each(taken, [(taste,)] * workers.n))
    return None if parts[0] is None else np.concatenate(parts)


def factors(seed, n, d):
    """Factors of single precision."""
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def spread(workers, folder, *, kind="symmetric", tastes=HALF, key="k", resume=True):
    """Diffuse."""
    return diffuse_factors(
        workers, normalization=kind, tastes=tastes, folder=str(folder), key=key, resume=resume
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=8)
@given(
    seed=st.integers(0, 99),
    n=st.integers(4, 40),
    n_shards=st.integers(1, 4),
    directed=st.booleans(),
    weighted=st.booleans(),
    damping=st.sampled_from([0.3, 0.85]),
)
def test_equals_one_machine(
    kind, seed, n, n_shards, directed, weighted, damping, workers_here, tmp_path_factory
):
    """Every kind, on every kind of graph; the same bits where no sum over users has a say."""
    directed = directed and kind != "doubly_stochastic"
    ties = random_ties(seed, n, directed=directed, weighted=weighted)
    x = factors(seed, n, 3)
    operator = PropagationOperator(ties, kind)
    tol = SocialChannels.tolerance(damping)
    wanted, bound = operator.diffuse(x, damping, tol=tol, return_bound=True)
    workers = workers_here(n_shards)
    place(workers, ties, x)
    summary = spread(workers, tmp_path_factory.mktemp("f"), kind=kind, tastes=(Taste(damping),))
    found = joined(workers, Taste(damping))
    if operator.directed:
        np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(wanted).max())
    else:
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(summary.bounds[damping], bound, rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("kind", ["symmetric", "row", 0.3, "doubly_stochastic"])
def test_weights_far_from_one(scale, kind, workers_here, tmp_path):
    """Weights that single precision does not hold are entries and not scales, as on one machine."""
    ties = random_ties(5, 30, weighted=True)
    ties.data *= scale
    x = factors(1, 30, 2)
    workers = workers_here(3)
    place(workers, ties, x)
    spread(workers, tmp_path, kind=kind)
    wanted = PropagationOperator(ties, kind).diffuse(x, 0.5, tol=1e-4)
    np.testing.assert_array_equal(joined(workers, Taste(0.5)), wanted)


def test_weights_that_differ_by_rounding_are_evened_out(workers_here, tmp_path):
    """Both directions of a tie take the larger weight, and the graph is no directed one."""
    ties = random_ties(3, 25, weighted=True)
    upper = sp.coo_array(ties)
    ties.data[upper.row < upper.col] *= 1 + 4e-16
    x = factors(1, 25, 2)
    operator = PropagationOperator(ties, "doubly_stochastic")
    workers = workers_here(3)
    place(workers, ties, x)
    spread(workers, tmp_path, kind="doubly_stochastic")
    np.testing.assert_array_equal(joined(workers, Taste(0.5)), operator.diffuse(x, 0.5, tol=1e-4))


@pytest.mark.parametrize("change", [1.001, 0.0])
def test_a_directed_graph_cannot_be_made_even(change, workers_here, tmp_path):
    """One weight that differs, and one tie that lacks its mirror, are refused in words."""
    ties = random_ties(3, 25, weighted=True)
    ties.data[-1] *= change
    ties.eliminate_zeros()
    workers = workers_here(3)
    place(workers, ties, factors(1, 25, 2))
    with pytest.raises(ValueError, match="'doubly_stochastic' must have a symmetric adjacency"):
        spread(workers, tmp_path, kind="doubly_stochastic")


def test_unknown_kinds_are_refused(workers_here, tmp_path):
    """Flux is a kind of grids."""
    workers = workers_here(2)
    place(workers, random_ties(0, 10), factors(0, 10, 2))
    with pytest.raises(ValueError, match=r"normalization must be .* on a cluster; got 'flux'"):
        spread(workers, tmp_path, kind="flux")


def test_a_scaling_that_sweeps_do_not_reach_is_refused(workers_here, tmp_path):
    """Two large halves that know each other, whose loops weigh nearly nothing."""
    n = 900
    half = np.arange(n) % 2 == 0
    dense = (half[:, None] != half[None, :]).astype(float)
    dense[0, 1::2] = dense[1::2, 0] = 0
    dense[0, 1] = dense[1, 0] = 1
    workers = workers_here(2)
    place(workers, sp.csr_array(dense), factors(0, n, 1))
    with pytest.raises(ArithmeticError, match=r"within 500 sweeps.*use normalization='row'"):
        spread(workers, tmp_path, kind="doubly_stochastic")


@pytest.mark.parametrize("directed", [False, True])
def test_columns_over_one_panel(directed, workers_here, tmp_path):
    """40 columns are panels of 32 and of 8."""
    ties, x = random_ties(2, 50, directed=directed), factors(2, 50, 40)
    workers = workers_here(2)
    place(workers, ties, x)
    summary = spread(workers, tmp_path, kind="row")
    wanted = PropagationOperator(ties, "row").diffuse(x, 0.5, tol=1e-4)
    np.testing.assert_allclose(joined(workers, Taste(0.5)), wanted, atol=1e-6)
    assert summary.bounds[0.5].shape == (40,)


@pytest.mark.parametrize("kind", ["column", 0.1])
def test_late_columns_are_refined(kind, workers_here, tmp_path, monkeypatch):
    """On a chain of ever larger hubs the norm of the steps says little about that of the kind."""
    refined = []
    real = WorkersPanel.refine
    monkeypatch.setattr(
        WorkersPanel, "refine", lambda *given: (refined.append(given[1].tolist()), real(*given))
    )
    hubs, sizes = np.arange(12), 2 ** np.arange(12)
    source = np.concatenate([np.repeat(hubs, sizes), hubs[:-1]])
    target = np.concatenate([12 + np.arange(sizes.sum()), hubs[1:]])
    n, damping = 12 + sizes.sum(), 0.95
    ties = sp.csr_array((np.ones(len(source)), (source, target)), shape=(n, n))
    ties = sp.csr_array(ties + ties.T)
    x = factors(3, n, 34)
    x[:, [1, 33]] = 0
    x[0, [1, 33]] = 1
    tol = SocialChannels.tolerance(damping)
    wanted, bound = PropagationOperator(ties, kind).diffuse(x, damping, tol=tol, return_bound=True)
    workers = workers_here(3)
    place(workers, ties, x)
    summary = spread(workers, tmp_path, kind=kind, tastes=(Taste(damping),))
    found = joined(workers, Taste(damping))
    assert refined == [[1], [1]]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max())
    np.testing.assert_allclose(summary.bounds[damping], bound, rtol=1e-3)


def test_tastes_mix_with_peoples_own(workers_here, tmp_path):
    """Two tastes of one damping, one with evidence, and one that does not travel."""
    n = 30
    ties, x = random_ties(4, n, weighted=True), factors(4, n, 5)
    rows = sp.random_array(
        (n, 12), density=0.2, format="csr", dtype=np.float32, rng=np.random.default_rng(0)
    )
    tastes = (Taste(0.5), Taste(0.5, evidence=2.0), Taste(), Taste(0.3, evidence=0.5))
    workers = workers_here(3)
    place(workers, ties, x, rows)
    spread(workers, tmp_path, tastes=tastes)
    operator = PropagationOperator(ties, "symmetric")
    for taste in tastes:
        if not taste.damping:
            assert joined(workers, taste) is None
            continue
        z = operator.diffuse(x, taste.damping, tol=1e-4)
        w = evidence_weights(taste, np.diff(rows.indptr), ties.sum(axis=1))[:, None]
        np.testing.assert_allclose(joined(workers, taste), (1 - w) * x + w * z, atol=1e-6)


def test_nothing_to_diffuse(workers_here, tmp_path):
    """Without damping nobody asks for the graph, and no file is written."""
    workers = workers_here(2)
    place(workers, random_ties(0, 10), factors(0, 10, 2))
    assert spread(workers, tmp_path, tastes=(Taste(),)).bounds == {}
    assert joined(workers, Taste()) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("directed", [False, True])
def test_counted_traffic_is_that_of_arithmetic(directed, workers_here, tmp_path):
    """Each hop moves one row of the panel per ghost, and the check of the bound one more."""
    n, d = 40, 5
    ties = random_ties(6, n, directed=directed)
    workers = workers_here(4)
    place(workers, ties, factors(6, n, d))
    spread(workers, tmp_path, kind="row" if directed else "doubly_stochastic")
    starts = np.array(cuts(n, 4))
    row, column = ties.nonzero()
    owner = np.searchsorted(starts, np.arange(n), side="right")
    foreign = owner[row] != owner[column]
    ghosts = len(set(zip(owner[row[foreign]], column[foreign], strict=True)))
    stages = {one.stage: one for one in workers.traffic.stages}
    assert ghosts > 0
    assert stages[HOP].moved == stages[HOP].rounds * ghosts * d * 4
    assert stages[CHECK].moved == ghosts * d * 4
    for one in stages.values():
        assert one.moved == one.expected


@settings(deadline=None, max_examples=12)
@given(
    deaths=st.sets(st.integers(4, 400), min_size=1, max_size=4),
    kind=st.sampled_from(["doubly_stochastic", "column"]),
)
def test_deaths_change_no_bit(deaths, kind, workers_here, tmp_path_factory):
    """Whoever dies and when, the factors are those of a quiet run."""
    ties, x = random_ties(7, 30, directed=kind == "column", weighted=True), factors(7, 30, 40)
    tastes = (Taste(0.5), Taste(0.7, evidence=1.0))
    found = []
    for when in ((), tuple(deaths)):
        workers = workers_here(3, deaths=when)
        place(workers, ties, x)
        spread(workers, tmp_path_factory.mktemp("f"), kind=kind, tastes=tastes)
        found.append([workers.steadily(lambda w=workers, t=t: joined(w, t)) for t in tastes])
    for quiet, restless in zip(*found, strict=True):
        np.testing.assert_array_equal(quiet, restless)


def test_a_later_death_is_repaired_from_files(workers_here, tmp_path):
    """Who comes after the diffusion reads what the lost worker had."""
    ties, x = random_ties(8, 30), factors(8, 30, 40)
    workers = workers_here(2)
    place(workers, ties, x)
    spread(workers, tmp_path)
    before = joined(workers, Taste(0.5))
    workers._states[1] = None
    after = workers.steadily(lambda: joined(workers, Taste(0.5)))
    np.testing.assert_array_equal(before, after)


class Interrupted(Exception):
    """What stops a run in a test."""


def test_resume_takes_what_is_whole(workers_here, tmp_path, monkeypatch):
    """After an interruption only panels that lack a record or a file are solved."""
    ties, x = random_ties(9, 30), factors(9, 30, 70)
    quiet = workers_here(2)
    place(quiet, ties, x)
    spread(quiet, tmp_path / "..", key="quiet")
    wanted = joined(quiet, Taste(0.5))

    from suffuse.recsys import cluster_diffusion

    solved, stop = [], [64]
    real = cluster_diffusion.certified

    def stopping(panel, damping, tol):
        if len(solved) * 32 == stop[0]:
            raise Interrupted
        solved.append(panel.width)
        return real(panel, damping, tol)

    monkeypatch.setattr(cluster_diffusion, "certified", stopping)
    first = workers_here(2)
    place(first, ties, x)
    with pytest.raises(Interrupted):
        spread(first, tmp_path)
    stop[0] = -1
    solved.clear()
    (tmp_path / "spread-0.5-32-00001.npy").unlink()
    later = workers_here(2)
    place(later, ties, x)
    spread(later, tmp_path)
    assert solved == [32, 6]  # the one whose file is gone, and the last
    np.testing.assert_array_equal(joined(later, Taste(0.5)), wanted)

    for change in ({"key": "other"}, {"resume": False}, {"kind": "row"}):
        solved.clear()
        anew = workers_here(2)
        place(anew, ties, x)
        spread(anew, tmp_path, **change)
        assert solved == [32, 32, 6]


def test_a_new_graph_is_seen(workers_here, tmp_path):
    """Workers that get other ties and factors do not go on with the old ones."""
    workers = workers_here(2)
    for seed in (1, 2):
        ties, x = random_ties(seed, 30), factors(seed, 30, 3)
        place(workers, ties, x)
        spread(workers, tmp_path, key=str(seed))
        wanted = PropagationOperator(ties, "symmetric").diffuse(x, 0.5, tol=1e-4)
        np.testing.assert_array_equal(joined(workers, Taste(0.5)), wanted)


def test_no_ties_at_all(workers_here, tmp_path):
    """Everybody keeps their factors."""
    x = factors(0, 9, 2)
    workers = workers_here(3)
    place(workers, sp.csr_array((9, 9)), x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spread(workers, tmp_path)
    np.testing.assert_allclose(joined(workers, Taste(0.5)), x, rtol=1e-6)
