"""What shards add to degrees, mirrors and scalings, beside the whole graph."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion.normalization import normalize
from suffuse.diffusion.row_shards import ghost_rows
from suffuse.diffusion.shard_scaling import (
    EvenScaling,
    column_sums,
    evened,
    mirror_marks,
    mirrored_weights,
    power_rows,
    row_sums,
)

SIZES = {"n": st.integers(4, 30), "n_shards": st.integers(1, 4), "seed": st.integers(0, 99)}


def random_graph(seed, n, *, directed=False):
    """Weighted, with loops and isolated nodes."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < 0.25) * rng.uniform(0.5, 2.0, (n, n))
    dense[rng.random(n) < 0.2] = 0
    return sp.csr_array(dense if directed else np.maximum(dense, dense.T))


def cut(matrix, n_shards):
    """The weights and the rows of each shard, who know each other."""
    n = matrix.shape[0]
    starts = tuple(n * at // n_shards for at in range(n_shards + 1))
    parts = [matrix[a:b] for a, b in pairwise(starts)]
    shards = [
        ghost_rows(part.indptr, part.indices, starts=starts, shard=at)
        for at, part in enumerate(parts)
    ]
    for at, shard in enumerate(shards):
        shard.needed = tuple(other.wanted[at] for other in shards)
    return starts, [part.data for part in parts], shards


def for_each(given_blocks):
    """For each shard the blocks that all have for it."""
    return [[blocks[at] for blocks in given_blocks] for at in range(len(given_blocks))]


def names_of(starts, shard):
    """The nodes of the whole graph behind the numbers of a shard."""
    own = np.arange(starts[shard.shard], starts[shard.shard + 1])
    codes = [starts[other] + codes for other, codes in enumerate(shard.wanted)]
    return np.concatenate([own, *codes])


def entries_of(starts, shard, rows):
    """The rows of P as a dense matrix among all nodes."""
    pattern, n = rows.pattern, shard.n
    data = np.ones(len(pattern.indices)) if pattern.data is None else pattern.data
    found = np.zeros((n, starts[-1]))
    source = np.repeat(np.arange(n), np.diff(pattern.indptr))
    left = 1.0 if pattern.left is None else pattern.left[source]
    right = 1.0 if rows.right is None else rows.right[pattern.indices]
    names = names_of(starts, shard)
    np.add.at(found, (source, names[pattern.indices]), left * data * right)
    if pattern.own is not None:
        found[np.arange(n), names[:n]] += pattern.own
    return found


def marks_of(matrix, n_shards):
    """The marks of the whole graph."""
    starts, _, _ = cut(matrix, n_shards)
    found = []
    for a, b in pairwise(starts):
        part = matrix[a:b]
        found.append(mirror_marks(part.indptr, part.indices, part.data, a))
    return tuple(sum(one) % 2**64 for one in zip(*found, strict=True))


@settings(deadline=None, max_examples=40)
@given(**SIZES)
def test_marks_tell_what_mirrors(n, n_shards, seed):
    """Zero for a symmetric graph; one weight, or one tie, that has no mirror is seen."""
    matrix = random_graph(seed, n)
    assert marks_of(matrix, n_shards) == (0, 0)
    cells = matrix.tocoo()
    apart = np.flatnonzero(cells.row != cells.col)
    if not len(apart):
        return
    matrix.data[apart[0]] *= 1 + 2.0**-50
    bare, whole = marks_of(matrix, n_shards)
    assert bare == 0
    assert whole != 0
    matrix.data[apart[0]] = 0
    matrix.eliminate_zeros()
    assert 0 not in marks_of(matrix, n_shards)


@settings(deadline=None, max_examples=20)
@given(**SIZES)
def test_a_ring_that_goes_one_way_does_not_mirror(n, n_shards, seed):
    """Equal degrees in and out, and no tie has a mirror."""
    order = np.random.default_rng(seed).permutation(n)
    ring = sp.csr_array((np.ones(n), (order, np.roll(order, 1))), shape=(n, n))
    assert 0 not in marks_of(ring, n_shards)


@settings(deadline=None, max_examples=30)
@given(**SIZES)
def test_mirrored_weights_meet(n, n_shards, seed):
    """Weights that differ in the last bits take the larger one; those that differ more are seen."""
    matrix = random_graph(seed, n)
    rng = np.random.default_rng(seed)
    matrix.data *= 1 + rng.integers(0, 4, matrix.nnz) * 2.0**-52
    _, data, shards = cut(matrix, n_shards)
    sent = [mirrored_weights(shard, one) for shard, one in zip(shards, data, strict=True)]
    found = [
        evened(shard, one, mirrors)
        for shard, one, mirrors in zip(shards, data, for_each(sent), strict=True)
    ]
    wanted = sp.csr_array(matrix.maximum(matrix.T))
    wanted.sort_indices()
    np.testing.assert_array_equal(np.concatenate(found), wanted.data)

    cells = matrix.tocoo()
    apart = np.flatnonzero(cells.row != cells.col)
    if len(apart):
        matrix.data[apart[-1]] *= 1.5
        _, data, shards = cut(matrix, n_shards)
        sent = [mirrored_weights(shard, one) for shard, one in zip(shards, data, strict=True)]
        found = [
            evened(shard, one, mirrors)
            for shard, one, mirrors in zip(shards, data, for_each(sent), strict=True)
        ]
        assert any(one is None for one in found)


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("moderate", [True, False])
@settings(deadline=None, max_examples=10)
@given(**SIZES, directed=st.booleans())
def test_powers_of_degrees(exponent, moderate, n, n_shards, seed, directed):
    """The rows of P are those of one machine, as scales and as entries."""
    matrix = random_graph(seed, n, directed=directed)
    starts, data, shards = cut(matrix, n_shards)
    into = np.asarray(matrix.sum(axis=0))
    found = []
    for shard, weights in zip(shards, data, strict=True):
        sums = row_sums(shard, weights), into[names_of(starts, shard)]
        rows = power_rows(shard, weights, sums, exponent, moderate=moderate, directed=directed)
        assert rows.directed == directed
        found.append(entries_of(starts, shard, rows))
    wanted = normalize(matrix.copy(), exponent, directed=directed)
    np.testing.assert_allclose(np.concatenate(found), wanted.matrix.toarray(), rtol=1e-13)


@settings(deadline=None, max_examples=20)
@given(**SIZES)
def test_column_sums_count_where_all_weigh_the_same(n, n_shards, seed):
    """Each shard's part, of weights and of counts."""
    matrix = random_graph(seed, n, directed=True)
    starts, data, shards = cut(matrix, n_shards)
    for weighted in (True, False):
        total = np.zeros(n)
        for shard, weights in zip(shards, data, strict=True):
            found = column_sums(shard, weights if weighted else None)
            np.add.at(total, names_of(starts, shard), found)
        wanted = matrix if weighted else (matrix > 0).astype(float)
        np.testing.assert_allclose(total, wanted.sum(axis=0), rtol=1e-14)


@pytest.mark.parametrize("moderate", [True, False])
@settings(deadline=None, max_examples=15)
@given(**SIZES)
def test_sweeps_make_rows_even(moderate, n, n_shards, seed):
    """Rows and columns of P sum to one, and are those of one machine."""
    matrix = random_graph(seed, n)
    starts, data, shards = cut(matrix, n_shards)
    scalings = [EvenScaling(shard, one) for shard, one in zip(shards, data, strict=True)]
    given_blocks = [scaling.given() for scaling in scalings]
    error = np.inf
    for number in range(500):
        for scaling, blocks in zip(scalings, for_each(given_blocks), strict=True):
            if number:
                scaling.divide()
            scaling.take(blocks)
        error = max(scaling.sweep() for scaling in scalings)
        if error <= 1e-12:
            break
        given_blocks = [scaling.given_next() for scaling in scalings]
    assert error <= 1e-12
    largest = max(float(scaling.sums.max()) for scaling in scalings)
    found = np.concatenate(
        [
            entries_of(starts, shard, scaling.rows(largest, moderate=moderate))
            for shard, scaling in zip(shards, scalings, strict=True)
        ]
    )
    np.testing.assert_allclose(found.sum(axis=0), 1.0, atol=1e-11)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-11)
    wanted = normalize(matrix.copy(), "doubly_stochastic", directed=False).matrix.toarray()
    np.testing.assert_allclose(found, wanted, atol=1e-10)
