"""The solvers behind the filters: how much they work, and what they promise."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from suffuse.diffusion import PropagationOperator, filters, row_threads


class Products:
    """Counts the products with P that filters ask for, those of a panel of columns as one."""

    def __init__(self, monkeypatch):
        self.count = 0
        step, residual = filters.Steps.step, filters.residual

        def counted_step(steps, alpha, beta, weight):
            self.count += 1
            step(steps, alpha, beta, weight)

        def counted_residual(*args):
            self.count += 1
            return residual(*args)

        monkeypatch.setattr(filters.Steps, "step", counted_step)
        monkeypatch.setattr(filters, "residual", counted_residual)


@pytest.fixture
def products(monkeypatch):
    """The counter of a test."""
    return Products(monkeypatch)


@pytest.mark.parametrize(("damping", "most"), [(0.5, 15), (0.85, 29), (0.95, 52)])
def test_chebyshev_needs_a_third_of_the_power_series(damping, most, products):
    """At 1e-6 the series needs 20, 86 and 270 products; the check of the bound is included."""
    op = PropagationOperator(nx.barabasi_albert_graph(300, 5, seed=0))
    x = np.random.default_rng(0).standard_normal((300, 2))
    op.diffuse(x, damping, tol=1e-6)
    assert most / 2 < products.count <= most


@pytest.mark.parametrize(("tau", "most"), [(1.0, 10), (10.0, 21), (100.0, 58), (1000.0, 180)])
def test_heat_needs_the_square_root_of_time(tau, most, products):
    """Where explicit steps at the stability limit would be as many as tau."""
    op = PropagationOperator(nx.barabasi_albert_graph(300, 5, seed=0))
    x = np.random.default_rng(0).standard_normal((300, 2))
    op.heat(x, tau, tol=1e-6)
    assert most / 2 < products.count <= most


def test_directed_series_stops_when_its_bound_allows(products):
    """The power loop ends long before its worst case where the graph mixes well."""
    graph = nx.gnp_random_graph(300, 0.05, seed=0, directed=True)
    op = PropagationOperator(graph, "row")
    x = np.random.default_rng(0).standard_normal((300, 1))
    op.diffuse(x, 0.95, tol=1e-6)
    assert 3 < products.count < 60
    products.count = 0
    op.heat(x, 1000.0, tol=1e-6)
    assert 3 < products.count < 60


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
    with pytest.raises(FloatingPointError, match=r"tol must be at least .* float64 .*99999; got"):
        op.diffuse(x, 0.99999, tol=1e-300)


def test_heat_refuses_times_beyond_its_reach():
    """The way out is the closed form."""
    op = PropagationOperator(nx.path_graph(3), "row")
    with pytest.raises(
        ValueError, match=r"time must be at most 1e\+08 / rate; got 1000000000.0 .*equ"
    ):
        op.heat(np.ones(3), 1e9)


@pytest.mark.parametrize("kind", ["row", "symmetric", 0.3])
@pytest.mark.parametrize("directed", [False, True])
def test_the_bits_do_not_depend_on_threads(kind, directed, monkeypatch):
    """Nor on how many columns come along: those of a second panel, and one alone."""
    monkeypatch.setattr(row_threads, "_SMALL", 1)
    op = PropagationOperator(nx.gnp_random_graph(200, 0.05, seed=0, directed=directed), kind)
    x = np.random.default_rng(0).standard_normal((200, 34)).astype(np.float32)
    answers = []
    for threads in (1, 2, 3, 7):
        with row_threads.limit_threads(threads):
            answers.append((*op.diffuse(x, 0.7, return_bound=True), op.heat(x, 2.0), op.apply(x)))
    for answer in answers[1:]:
        for found, expected in zip(answer, answers[0], strict=True):
            np.testing.assert_array_equal(found, expected)
    if not directed:  # a power series stops when all columns of its panel allow it
        np.testing.assert_array_equal(op.diffuse(x[:, 33], 0.7), answers[0][0][:, 33])


def test_no_matrix_is_made():
    """Filters work on the ties; float64 entries are for those who ask for them."""
    op = PropagationOperator(nx.karate_club_graph(), "symmetric")
    op.diffuse(np.ones((34, 2)), 0.5)
    op.heat(np.ones(34), 1.0)
    op.apply(np.ones(34))
    assert "matrix" not in vars(op._propagation.pattern)
    assert op.to_sparse().nnz == 156
    assert "matrix" in vars(op._propagation.pattern)
