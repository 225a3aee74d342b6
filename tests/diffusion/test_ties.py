"""The ties of a graph, read without copies where they are in order already."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion.edges import read_graph, read_ties
from suffuse.diffusion.ties import is_mirrored, ties_of


def random_adjacency(seed, n, *, symmetric, weighted):
    """A sparse adjacency with loops and nodes without ties."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < rng.choice([0.05, 0.3])).astype(float)
    if weighted:
        dense *= rng.integers(1, 3, (n, n))
    if symmetric:
        dense = np.maximum(dense, dense.T)
    return dense


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans(), st.booleans())
def test_one_pass_tells_whether_ties_are_mirrored(seed, n, symmetric, weighted):
    """As a comparison with the transpose does."""
    dense = random_adjacency(seed, n, symmetric=symmetric, weighted=weighted)
    found = is_mirrored(ties_of(sp.csr_array(dense)), 0.0)
    assert found == bool((dense == dense.T).all())


@settings(deadline=None, max_examples=100)
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, False, True]),
)
def test_ties_are_the_graph(seed, n, symmetric, weighted, directed):
    """From a canonical matrix and from a shuffled list alike, sums included."""
    dense = random_adjacency(seed, n, symmetric=symmetric, weighted=weighted)
    rows, cols = np.nonzero(dense)
    order = np.random.default_rng(seed).permutation(len(rows))
    listed = sp.coo_array((dense[rows, cols][order], (rows[order], cols[order])), shape=(n, n))
    expected = np.maximum(dense, dense.T) if directed is False else dense
    for given_matrix in (sp.csr_array(dense), listed):
        ties, _, asymmetric = read_ties(given_matrix, directed=directed)
        np.testing.assert_array_equal(ties.matrix().toarray(), expected)
        np.testing.assert_array_equal(ties.sums(), expected.sum(axis=1))
        np.testing.assert_array_equal(ties.sums(columns=True), expected.sum(axis=0))
        assert asymmetric == bool((expected != expected.T).any())


def test_equal_ties_store_no_weights():
    """Whatever their weight and its type; where one differs all are stored."""
    pair = np.array([[0, 3], [3, 0]])
    for kind in (np.int8, np.float32, np.float64):
        ties = read_ties(sp.csr_array(pair.astype(kind)))[0]
        assert ties.data is None
        assert ties.weight == 3.0
    assert read_ties(sp.csr_array(pair.astype(bool)))[0].weight == 1.0
    assert read_ties(sp.csr_array(pair + np.eye(2)))[0].data is not None


def test_a_canonical_input_is_copied_once_and_left_alone():
    """Its arrays stay writeable, and writing to them does not reach the ties."""
    matrix = sp.csr_array(np.array([[0.0, 2.0, 1.0], [2.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    ties = read_ties(matrix)[0]
    before = ties.matrix().toarray()
    for part in ("data", "indices", "indptr"):
        assert not np.shares_memory(getattr(matrix, part), getattr(ties, part))
    matrix.data[:] = 9.0
    np.testing.assert_array_equal(ties.matrix().toarray(), before)


def test_wide_indices_become_narrow():
    """64-bit indices are read as 32-bit ones where they suffice."""
    matrix = sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    ties = read_ties(matrix)[0]
    assert ties.indices.dtype == ties.indptr.dtype == np.int32


def test_weights_that_differ_by_rounding_are_evened_out():
    """Both directions get the larger one."""
    matrix, _, asymmetric = read_graph(np.array([[0.0, 0.1 + 0.2], [0.3, 5.0]]))
    assert not asymmetric
    np.testing.assert_array_equal(matrix.toarray(), [[0.0, 0.1 + 0.2], [0.1 + 0.2, 5.0]])


def test_columns_beyond_the_last_node():
    """A matrix whose indices were tampered with is refused, not read."""
    matrix = sp.csr_array(np.array([[0.0, 1.0], [1.0, 0.0]]))
    matrix.indices[0] = 7
    with pytest.raises(ValueError, match="adjacency must have columns from 0 to 1; got 7"):
        read_ties(matrix)
