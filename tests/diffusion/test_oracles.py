"""Propagation against values and programs from outside."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import expm_multiply, spsolve

from suffuse.diffusion import PropagationOperator

# networkx, algorithms/link_analysis/tests/test_pagerank.py: the example of Langville & Meyer,
# "A survey of eigenvector methods of web information retrieval".
SIX = [(1, 2), (1, 3), (3, 1), (3, 2), (3, 5), (4, 5), (4, 6), (5, 4), (5, 6), (6, 4)]
SIX_PAGERANK = [0.03721197, 0.05395735, 0.04150565, 0.37508082, 0.20599833, 0.28624589]
SIX_DANGLING = [0.10844518, 0.18618601, 0.0710892, 0.2683668, 0.15919783, 0.20671497]


def pagerank(graph, damping, restart, **options):
    """PageRank: mass follows the edges, which is the adjoint of averaging over them."""
    walk = PropagationOperator(graph, "row").adjoint
    return walk.diffuse(restart / restart.sum(), damping, tol=1e-13, **options)


def six_nodes(ends):
    """The six-node graph, its dangling node 2 sent where the dictionary says."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(1, 7))
    graph.add_edges_from(SIX)
    for node, weight in ends.items():
        graph.add_edge(2, node, weight=weight)
    return graph


class TestPublishedPageRanks:
    """Literal values that other projects test against."""

    def test_six_nodes(self):
        """The dangling node of networkx' example spreads evenly."""
        graph = six_nodes(dict.fromkeys(range(1, 7), 1.0))
        np.testing.assert_allclose(pagerank(graph, 0.9, np.ones(6)), SIX_PAGERANK, atol=1e-8)

    def test_six_nodes_with_a_dangling_distribution(self):
        """networkx' dangling weights {1: 2, 2: 3}."""
        ranks = pagerank(six_nodes({1: 2.0, 2: 3.0}), 0.85, np.ones(6))
        np.testing.assert_allclose(ranks, SIX_DANGLING, atol=1e-8)

    @pytest.mark.parametrize(
        ("restart", "expected"),
        [
            ([1, 1, 4, 4], [0.23246732615667579] * 2 + [0.267532673843324] * 2),
            ([0, 0, 0, 1], [0.22077931820379187] * 3 + [0.3376620453886241]),
        ],
    )
    def test_complete_graph(self, restart, expected):
        """networkx' personalised ranks of K4; its own test allows 1e-4, these agree to 3e-7."""
        ranks = pagerank(nx.complete_graph(4), 0.85, np.array(restart))
        np.testing.assert_allclose(ranks, expected, atol=5e-7)

    def test_star(self):
        """igraph, tests/unit/igraph_pagerank.out: the undirected star of 11 nodes."""
        star = nx.star_graph(10)
        even = pagerank(star, 0.85, np.ones(11))
        np.testing.assert_allclose(even, [0.46683] + [0.053317] * 10, rtol=2e-5)
        one_leaf = pagerank(star, 0.5, np.eye(11)[1])
        np.testing.assert_allclose(
            one_leaf, [0.333333, 0.516667] + [0.0166667] * 9, rtol=2e-6, atol=0
        )


class TestAgainstPrograms:
    """networkx and scipy on larger graphs."""

    @pytest.mark.parametrize("damping", [0.5, 0.85, 0.95])
    def test_networkx_pagerank(self, damping):
        """With the tolerance of networkx tightened: it stops on N times what it is given."""
        graph = nx.barabasi_albert_graph(400, 4, seed=0)
        rng = np.random.default_rng(0)
        for _, _, data in graph.edges(data=True):
            data["weight"] = float(rng.uniform(0.1, 3.0))
        restart = rng.random(400)
        options = {"tol": 1e-15, "max_iter": 5000}
        expected = nx.pagerank(graph, damping, dict(enumerate(restart)), **options)
        ranks = pagerank(graph, damping, restart)
        np.testing.assert_allclose(ranks, list(expected.values()), atol=1e-12)

    def test_networkx_pagerank_of_a_directed_graph(self):
        """Mass flows along the edges, against who listens to whom."""
        graph = nx.gnp_random_graph(120, 0.06, seed=1, directed=True)
        graph.add_edges_from((u, (u + 1) % 120) for u in range(120))
        restart = np.ones(120)
        expected = nx.pagerank(graph, 0.85, tol=1e-15, max_iter=5000)
        ranks = pagerank(graph, 0.85, restart)
        np.testing.assert_allclose(ranks, [expected[u] for u in graph], atol=1e-12)

    @pytest.mark.parametrize("kind", ["row", "column", "symmetric", "doubly_stochastic", "flux"])
    @pytest.mark.parametrize("tau", [0.1, 3.0, 60.0])
    def test_expm_multiply(self, kind, tau):
        """Heat equals scipy's action of the matrix exponential."""
        graph = nx.barabasi_albert_graph(300, 3, seed=2)
        op = PropagationOperator(graph, kind)
        laplacian = sp.eye_array(300, format="csr") - op.to_sparse()
        x = np.random.default_rng(2).standard_normal((300, 3))
        expected = expm_multiply(-tau * sp.csc_array(laplacian), x)
        np.testing.assert_allclose(op.heat(x, tau / op.rate, tol=1e-12), expected, atol=1e-10)

    @pytest.mark.parametrize("kind", ["row", "column", "symmetric", "doubly_stochastic", 0.7])
    @pytest.mark.parametrize("damping", [0.3, 0.85, 0.99])
    def test_sparse_solve(self, kind, damping):
        """Damping equals a sparse direct solve, on a graph of unequal degrees."""
        graph = nx.barabasi_albert_graph(800, 5, seed=3)
        op = PropagationOperator(graph, kind)
        x = np.random.default_rng(3).standard_normal((800, 2))
        system = sp.csc_array(sp.eye_array(800) - damping * op.to_sparse())
        expected = (1 - damping) * spsolve(system, x)
        np.testing.assert_allclose(op.diffuse(x, damping, tol=1e-11), expected, atol=1e-8)

    def test_cosine_modes_of_a_grid(self):
        """On a closed line flux damps the cosine k at 2 - 2 cos(pi k / n), to machine precision."""
        n, k, time = 64, 3, 7.5
        line = nx.path_graph(n)
        mode = np.cos(np.pi * k * (np.arange(n) + 0.5) / n)
        decay = np.exp(-time * (2 - 2 * np.cos(np.pi * k / n)))
        op = PropagationOperator(line, "flux")
        assert op.rate == 2.0
        np.testing.assert_allclose(op.heat(mode, time, tol=1e-13), decay * mode, atol=1e-11)
