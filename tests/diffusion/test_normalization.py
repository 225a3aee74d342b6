"""The kinds of P, by hand, and what each refuses."""

import networkx as nx
import numpy as np
import pytest

from suffuse.diffusion import PropagationOperator
from suffuse.diffusion.normalization import check_normalization

# Node 0 listens to 1 (weight 3) and 2 (weight 1), node 1 to 0, nobody to 3 but itself.
DIRECTED = np.array([[0, 3, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], dtype=float)
STAR = np.array([[0, 1, 4], [1, 0, 0], [4, 0, 0]], dtype=float)


def matrix(adjacency, kind):
    """P as a dense array."""
    return PropagationOperator(adjacency, kind).to_sparse().toarray()


def test_row_of_a_directed_graph():
    """Rows are averages; who listens to no one keeps their value."""
    expected = [[0, 0.75, 0.25, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(matrix(DIRECTED, "row"), expected)


def test_column_of_a_directed_graph():
    """Columns are shares; whom no one listens to keeps their value."""
    expected = [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(matrix(DIRECTED, "column"), expected)


def test_exponent_of_a_directed_graph():
    """a / (d_r^s d_c^(1-s)); only a node with neither kind of tie keeps its value."""
    expected = np.zeros((4, 4))
    expected[0, 1] = 3 / (4**0.25 * 3**0.75)
    expected[0, 2] = 1 / (4**0.25 * 1**0.75)
    expected[1, 0] = 2 / (2**0.25 * 2**0.75)
    expected[3, 3] = 1.0
    np.testing.assert_allclose(matrix(DIRECTED, 0.25), expected, rtol=1e-14)


def test_symmetric_is_the_exponent_one_half():
    """The usual D^-1/2 A D^-1/2."""
    expected = STAR / np.sqrt(np.outer([5, 1, 4], [5, 1, 4]))
    np.testing.assert_allclose(matrix(STAR, "symmetric"), expected, rtol=1e-15)
    np.testing.assert_array_equal(matrix(STAR, 0.5), matrix(STAR, "symmetric"))
    np.testing.assert_array_equal(matrix(STAR, 1), matrix(STAR, "row"))
    np.testing.assert_array_equal(matrix(STAR, 0.0), matrix(STAR, "column"))


def test_self_loops_are_kept():
    """A loop is a tie to oneself."""
    looped = np.array([[3.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(matrix(looped, "row"), [[0.75, 0.25], [1, 0]])


def test_flux_is_ficks_law():
    """I - (D - W) / rate with the largest degree as rate; loops carry no flux."""
    looped = STAR + np.diag([0, 7, 0])
    op = PropagationOperator(looped, "flux")
    assert op.rate == 5.0
    expected = np.eye(3) - (np.diag([5, 1, 4]) - STAR) / 5
    np.testing.assert_allclose(op.to_sparse().toarray(), expected, atol=1e-16)


def test_flux_without_ties_stands_still():
    """No tie, no rate."""
    op = PropagationOperator(np.zeros((2, 2)), "flux")
    assert op.rate == 0.0
    np.testing.assert_array_equal(op.heat(np.array([1.0, 2.0]), 5.0), [1.0, 2.0])


def test_symmetric_kind_has_neither_range_nor_total():
    """What the table of kinds says of GCN's: hubs are amplified, leaves are diminished."""
    op = PropagationOperator(nx.star_graph(5), "symmetric")
    spread = op.diffuse(np.ones(6), 0.8, tol=1e-12)
    # hub = 0.2 + 0.8 sqrt(5) leaf and leaf = 0.2 + 0.8 hub / sqrt(5)
    hub = (0.2 + 0.16 * np.sqrt(5)) / 0.36
    leaf = 0.2 + 0.8 * hub / np.sqrt(5)
    np.testing.assert_allclose(spread, [hub] + [leaf] * 5, rtol=1e-11)
    assert hub > 1.5
    assert leaf < 0.8
    assert hub + 5 * leaf < 5.5


@pytest.mark.parametrize("kind", ["doubly_stochastic", "flux"])
def test_directed_graphs_are_refused_with_a_way_out(kind):
    """The entry and its mirror are quoted."""
    message = (
        f"normalization '{kind}' must have a symmetric adjacency; got 3.0 at row 0, column 1 but "
        "2.0 at row 1, column 0: pass directed=False .* or use normalization='row'"
    )
    adjacency = np.array([[0.0, 3.0], [2.0, 0.0]])
    with pytest.raises(ValueError, match=message):
        PropagationOperator(adjacency, kind)
    assert not PropagationOperator(adjacency, kind, directed=False).directed


@pytest.mark.parametrize("wrong", ["mean", "", -0.1, 1.5, np.nan])
def test_unknown_normalization(wrong):
    """The options are listed."""
    with pytest.raises(ValueError, match=r"must be 'row', 'column', .* exponent in \[0, 1\]; got"):
        PropagationOperator(STAR, wrong)


@pytest.mark.parametrize("wrong", [None, True, ["row"]])
def test_normalization_of_a_wrong_type(wrong):
    """A truth value is no exponent."""
    with pytest.raises(TypeError, match="normalization must be 'row', 'column'"):
        check_normalization(wrong)


def test_weights_near_the_largest_number():
    """No intermediate value overflows, nor does a tiny weight vanish."""
    for scale in (1e300, 1e-300):
        for kind in ("row", 0.3, "doubly_stochastic", "flux"):
            np.testing.assert_allclose(matrix(scale * STAR, kind), matrix(STAR, kind), rtol=1e-9)
