"""Ties in codes become a matrix: by sorting where they are few, by counting where they are many."""

from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.datasets import tie_matrix as module
from suffuse.datasets.tie_matrix import moved_matrix, tie_matrix

TIES = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.0, 0.5, 2.0])), max_size=40
)


def columns_of(ties: list[tuple[int, int, float]]) -> tuple[Any, Any, Any]:
    """Return ties as two columns of codes and one of weights."""
    table = np.array(ties, dtype=np.float64).reshape(-1, 3)
    return table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2].copy()


@given(TIES, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=150)
def test_many_ties_make_the_matrix_that_few_make(
    ties: list[tuple[int, int, float]], directed: bool, weighted: bool
) -> None:
    """Matrix and counts are equal; the dense matrix is that of a loop."""
    first, second, weights = columns_of(ties)
    given_weights = weights if weighted else None
    few = tie_matrix(first, second, given_weights, 6, directed=directed)
    with mock.patch.object(module, "MANY_ROWS", 0):
        many = tie_matrix(first, second, given_weights, 6, directed=directed)
    dense = np.zeros((6, 6))
    for u, v, weight in ties:
        if u != v:
            dense[u, v] = max(dense[u, v], weight if weighted else 1.0)
            if not directed:
                dense[v, u] = max(dense[v, u], dense[u, v])
    for made in (few, many):
        assert (made.matrix.toarray() == dense).all()
        assert made.matrix.dtype == np.float64
        assert made.matrix.has_canonical_format
        assert made.n_self_ties == sum(u == v for u, v, _ in ties)
        assert made.n_zero == (sum(u != v and not w for u, v, w in ties) if weighted else 0)
        distinct = made.matrix.nnz if directed else made.matrix.nnz // 2
        assert distinct + made.n_merged + made.n_self_ties + made.n_zero == len(ties)
    assert few.matrix.indices.dtype == many.matrix.indices.dtype
    assert few.matrix.indptr.dtype == many.matrix.indptr.dtype


@pytest.mark.parametrize("seed", range(4))
def test_moved_entries_stand_at_their_new_places(seed: int) -> None:
    """Rising places, permuted ones, and people who are left out: the oracle is dense."""
    rng = np.random.default_rng(seed)
    matrix = sparse.csr_array(sparse.random_array((6, 6), density=0.4, rng=rng))
    for position in (
        np.arange(6),
        np.array([0, 1, 3, 4, 7, 8]),
        rng.permutation(9)[:6],
        np.where(rng.random(6) < 0.5, -1, np.arange(6)),
    ):
        expected = np.zeros((9, 9))
        kept = np.flatnonzero(position >= 0)
        expected[np.ix_(position[kept], position[kept])] = matrix.toarray()[np.ix_(kept, kept)]
        moved = moved_matrix(matrix, position, 9)
        assert (moved.toarray() == expected).all()
        assert moved.has_sorted_indices
    assert (moved_matrix(matrix, np.arange(6), 6).toarray() == matrix.toarray()).all()
