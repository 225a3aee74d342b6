"""The solvers behind the filters: how much they work, and what they promise."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from suffuse.diffusion import PropagationOperator, filters


class CountingMatrix:
    """A matrix that counts the products asked of it."""

    def __init__(self, matrix):
        self.matrix, self.products = matrix, 0

    def __matmul__(self, block):
        self.products += 1
        return self.matrix @ block


def counted(op):
    """The propagation of an operator with a counting matrix inside."""
    counter = CountingMatrix(op.to_sparse())
    propagation = op._propagation
    fields = {name: getattr(propagation, name) for name in propagation.__dataclass_fields__}
    clone = object.__new__(type(propagation))
    clone.__dict__.update(fields, matrix=counter, labels=propagation.labels)
    return clone, counter


@pytest.mark.parametrize(("damping", "most"), [(0.5, 15), (0.85, 29), (0.95, 52)])
def test_chebyshev_needs_a_third_of_the_power_series(damping, most):
    """At 1e-6 the series needs 20, 86 and 270 products; the check of the bound is included."""
    op = PropagationOperator(nx.barabasi_albert_graph(300, 5, seed=0))
    propagation, counter = counted(op)
    x = np.random.default_rng(0).standard_normal((300, 2))
    filters.damped(propagation, x, damping, tol=1e-6)
    assert counter.products <= most


@pytest.mark.parametrize(("tau", "most"), [(1.0, 10), (10.0, 21), (100.0, 58), (1000.0, 180)])
def test_heat_needs_the_square_root_of_time(tau, most):
    """Where explicit steps at the stability limit would be as many as tau."""
    op = PropagationOperator(nx.barabasi_albert_graph(300, 5, seed=0))
    propagation, counter = counted(op)
    x = np.random.default_rng(0).standard_normal((300, 2))
    filters.heat(propagation, x, tau, tol=1e-6)
    assert counter.products <= most


def test_directed_series_stops_when_its_bound_allows():
    """The power loop ends long before its worst case where the graph mixes well."""
    graph = nx.gnp_random_graph(300, 0.05, seed=0, directed=True)
    propagation, counter = counted(PropagationOperator(graph, "row"))
    x = np.random.default_rng(0).standard_normal((300, 1))
    filters.damped(propagation, x, 0.95, tol=1e-6)
    assert counter.products < 60
    counter.products = 0
    filters.heat(propagation, x, 1000.0, tol=1e-6)
    assert counter.products < 60


def test_directed_cycle_never_stops_early_and_is_right():
    """A permutation does not mix in one step: heat is the Poisson mixture of its powers."""
    n, tau = 5, 3.0
    op = PropagationOperator(nx.cycle_graph(n, create_using=nx.DiGraph), "row")
    steps = np.random.default_rng(0).poisson(tau, 400_000)
    expected = np.bincount(steps % n, minlength=n) / len(steps)
    result = op.heat(np.eye(n)[0], tau)
    # Node u hears node 0 after -u steps along the cycle.
    np.testing.assert_allclose(result, expected[-np.arange(n) % n], atol=4e-3)


@pytest.mark.parametrize("tol", [1e-2, 1e-6, 1e-10])
def test_tol_is_honoured_on_every_scale(tol):
    """The error is relative, also for very large and very small values."""
    op = PropagationOperator(nx.karate_club_graph(), "symmetric")
    x = np.random.default_rng(1).standard_normal(34)
    dense = np.eye(34) - 0.9 * op.to_sparse().toarray()
    truth = 0.1 * np.linalg.solve(dense, x)
    for scale in (1e-200, 1.0, 1e200):
        result, bound = op.diffuse(scale * x, 0.9, tol=tol, return_bound=True)
        assert np.linalg.norm(result / scale - truth) <= tol * np.linalg.norm(x)
        assert 0 < bound / scale <= tol * np.linalg.norm(x)


def test_unequal_degrees_are_refined_until_the_bound_holds():
    """Averaging on a graph of very unequal weights: the largest error counts, not the mean one."""
    rng = np.random.default_rng(2)
    graph = nx.barabasi_albert_graph(500, 2, seed=2)
    for _, _, data in graph.edges(data=True):
        data["weight"] = 10.0 ** rng.uniform(-6, 6)
    op = PropagationOperator(graph, "row")
    x = rng.standard_normal((500, 40)).astype(np.float32).astype(float)
    truth = 0.05 * np.linalg.solve(np.eye(500) - 0.95 * op.to_sparse().toarray(), x)
    for dtype, tol in ((np.float64, 1e-8), (np.float32, 8 * 2.0**-23 / 0.05)):
        result, bound = op.diffuse(x.astype(dtype), 0.95, tol=1e-8, return_bound=True)
        assert (np.abs(result - truth).max(axis=0) <= bound + 1e-12).all()
        assert (bound <= tol * np.abs(x).max(axis=0) * (1 + 1e-6)).all()


def test_a_tolerance_below_rounding_is_refused():
    """The least tolerance that rounding allows is named."""
    n = 300_000
    ties = (np.ones(n - 1), (np.zeros(n - 1, dtype=int), np.arange(1, n)))
    op = PropagationOperator(sp.csr_array(ties, shape=(n, n)), "column", directed=False)
    x = np.random.default_rng(0).random(n)
    with pytest.raises(FloatingPointError, match=r"tol must be at least .* float64 .* 0.999; got"):
        op.diffuse(x, 0.999, tol=1e-300)


def test_norms_without_overflow():
    """Large, small and zero columns, in every norm."""
    block = np.array([[3e200, 3e-200, 0.0], [4e200, -4e-200, 0.0]])
    np.testing.assert_allclose(filters.column_norms(block, 2.0), [5e200, 5e-200, 0], rtol=1e-14)
    np.testing.assert_allclose(filters.column_norms(block, 1.0), [7e200, 7e-200, 0], rtol=1e-14)
    np.testing.assert_allclose(filters.column_norms(block, np.inf), [4e200, 4e-200, 0])
    huge = filters.column_norms(block, 1000.0)
    np.testing.assert_allclose(huge, [4e200, 4e-200, 0], rtol=1e-12)
    narrow = filters.column_norms(np.full((2, 1), 3e20, dtype=np.float32), 2.0)
    np.testing.assert_allclose(narrow, [3e20 * np.sqrt(2)], rtol=1e-6)


def test_heat_refuses_times_beyond_its_reach():
    """The way out is the closed form."""
    op = PropagationOperator(nx.path_graph(3), "row")
    with pytest.raises(
        ValueError, match=r"time must be at most 1e\+08 / rate; got 1000000000.0 .*equ"
    ):
        op.heat(np.ones(3), 1e9)
