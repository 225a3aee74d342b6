"""End states and energies, by hand."""

import networkx as nx
import numpy as np
import pytest

from suffuse.diffusion import PropagationOperator

# A star with ties 1 and 3, and a node apart.
GRAPH = nx.Graph()
GRAPH.add_weighted_edges_from([(0, 1, 1.0), (0, 2, 3.0)])
GRAPH.add_node(3)
X = np.array([8.0, 4.0, 0.0, 5.0])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("row", [4.5, 4.5, 4.5, 5.0]),  # (4*8 + 1*4 + 3*0) / 8
        ("column", [6.0, 1.5, 4.5, 5.0]),  # 12 shared as 4 : 1 : 3
        ("symmetric", [5.0, 2.5, 2.5 * np.sqrt(3), 5.0]),  # (2*8 + 1*4 + 0) / 8 times sqrt(d)
        ("doubly_stochastic", [4.0, 4.0, 4.0, 5.0]),
        ("flux", [4.0, 4.0, 4.0, 5.0]),
    ],
)
def test_equilibrium_by_hand(kind, expected):
    """Each component ends at its own closed form."""
    op = PropagationOperator(GRAPH, kind)
    np.testing.assert_allclose(op.equilibrium(X), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("row", 1 * 4.0**2 + 3 * 8.0**2),
        ("column", 1 * (2.0 - 4.0) ** 2 + 3 * (2.0 - 0.0) ** 2),
        ("symmetric", 1 * (4.0 - 4.0) ** 2 + 3 * (4.0 - 0.0) ** 2),
        ("flux", 1 * 4.0**2 + 3 * 8.0**2),
    ],
)
def test_energy_by_hand(kind, expected):
    """Each tie once, differences in the frame of the kind."""
    assert PropagationOperator(GRAPH, kind).dirichlet_energy(X) == pytest.approx(expected)


def test_energy_of_a_constant_is_exactly_zero():
    """Sums of squares of differences do not cancel."""
    block = np.full((4, 2), 1e6 / 3)
    np.testing.assert_array_equal(PropagationOperator(GRAPH, "row").dirichlet_energy(block), 0.0)
