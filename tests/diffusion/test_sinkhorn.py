"""Symmetric Sinkhorn scaling."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from suffuse.diffusion.sinkhorn import doubly_stochastic


def scaled(graph):
    """The scaling of a networkx graph."""
    return doubly_stochastic(nx.to_scipy_sparse_array(graph, dtype=float, format="csr"))


def test_star_by_hand():
    """Hub h, leaf l, loops 1: h^2 + m h l = 1 and l^2 + h l = 1 with m = 2 leaves."""
    p = scaled(nx.star_graph(2)).toarray()
    # With q = h l: h^2 = 1 - 2q, l^2 = 1 - q, so that q^2 = (1 - 2q)(1 - q), q^2 - 3q + 1 = 0.
    q = (3 - np.sqrt(5)) / 2
    np.testing.assert_allclose(p, [[1 - 2 * q, q, q], [q, 1 - q, 0], [q, 0, 1 - q]], atol=1e-12)


def test_it_is_a_diagonal_scaling():
    """P_uv = s_u B_uv s_v: the ratio P / B has rank one in logarithms."""
    adjacency = np.array([[0, 1, 4], [1, 0, 2], [4, 2, 0]], dtype=float)
    looped = adjacency + np.diag(adjacency.sum(axis=1) / 2)
    ratio = doubly_stochastic(sp.csr_array(adjacency)).toarray() / looped
    s = np.sqrt(np.diag(ratio))
    np.testing.assert_allclose(ratio, np.outer(s, s), rtol=1e-10)


def test_regular_graph_needs_no_scaling():
    """A ring becomes thirds."""
    np.testing.assert_allclose(scaled(nx.cycle_graph(5)).data, 1 / 3, rtol=1e-14)


@pytest.mark.parametrize("graph", [nx.complete_bipartite_graph(3, 300), nx.star_graph(2000)])
def test_near_bipartite_graphs_converge(graph):
    """Where plain sweeps are slow."""
    p = scaled(graph)
    ones = np.ones(p.shape[0])
    np.testing.assert_allclose(p @ ones, 1.0, rtol=0, atol=1e-13)
    assert p.data.min() > 0


def test_unrelated_magnitudes_converge():
    """Weights of fifteen magnitudes on a path."""
    rng = np.random.default_rng(0)
    path = nx.path_graph(200)
    for _, _, data in path.edges(data=True):
        data["weight"] = 10.0 ** rng.uniform(-8, 7)
    p = scaled(path)
    np.testing.assert_allclose(p.sum(axis=0), 1.0, rtol=0, atol=1e-13)
    np.testing.assert_array_equal((p - p.T).toarray(), 0.0)
