"""Rows of P on shards: what they compute together is what one machine computes, bit for bit."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion.norms import column_norms
from suffuse.diffusion.panels import Steps, residual
from suffuse.diffusion.row_shards import RowsOfP, ShardPanel, ghost_rows, joined_norms
from suffuse.diffusion.row_threads import limit_threads
from suffuse.diffusion.scaled_pattern import ScaledPattern

SIZES = {"n": st.integers(4, 40), "n_shards": st.integers(1, 4), "seed": st.integers(0, 99)}


def random_matrix(seed, n, *, density=0.2):
    """Any non-negative matrix, with empty rows and columns."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < density) * rng.uniform(0.5, 2.0, (n, n))
    dense[rng.random(n) < 0.2] = 0
    return sp.csr_array(dense)


def cut(matrix, n_shards):
    """The rows of each shard, who know each other."""
    n = matrix.shape[0]
    starts = tuple(n * at // n_shards for at in range(n_shards + 1))
    parts = [matrix[a:b] for a, b in pairwise(starts)]
    shards = [
        ghost_rows(part.indptr, part.indices, starts=starts, shard=at)
        for at, part in enumerate(parts)
    ]
    for at, shard in enumerate(shards):
        shard.needed = tuple(other.wanted[at] for other in shards)
    return starts, shards


def swap_blocks(givers):
    """For each shard the blocks that the others have for it."""
    given = [giver.given() for giver in givers]
    return [[blocks[at] for blocks in given] for at in range(len(givers))]


def scales(seed, n):
    """Left, right and own scales."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0.2, 1.0, n), rng.uniform(0.2, 1.0, n), rng.uniform(0.0, 0.5, n)


def panels(matrix, n_shards, given_scales, dtype, *, weighted=True):
    """The panel of each shard."""
    starts, shards = cut(matrix, n_shards)
    left, right, own = given_scales
    made = []
    for at, (shard, (a, b)) in enumerate(zip(shards, pairwise(starts), strict=True)):
        codes = [starts[other] + codes for other, codes in enumerate(shard.wanted)]
        everybody = np.concatenate([np.arange(a, b), *codes])
        data = matrix[a:b].data if weighted else None
        right_all = None if right is None else right[everybody]
        pattern = ScaledPattern(
            shard.indptr,
            shard.indices,
            data,
            None if left is None else left[a:b].copy(),
            None if right is None else right[a:b].copy(),
            None if own is None else own[a:b].copy(),
        )
        assert shard.shard == at
        made.append(ShardPanel(RowsOfP(shard, pattern, right_all, True, 2.0), dtype))
    return starts, made


@settings(deadline=None, max_examples=30)
@given(**SIZES)
def test_columns_keep_their_order_and_their_meaning(n, n_shards, seed):
    """The numbers of a shard lead back to the columns, entry by entry."""
    matrix = random_matrix(seed, n)
    starts, shards = cut(matrix, n_shards)
    for (a, b), shard in zip(pairwise(starts), shards, strict=True):
        names = np.concatenate(
            [np.arange(a, b), *(starts[t] + codes for t, codes in enumerate(shard.wanted))]
        )
        np.testing.assert_array_equal(names[shard.indices], matrix[a:b].indices)
        assert len(np.unique(names)) == len(names) == shard.n + shard.n_ghosts
        assert not len(shard.wanted[shard.shard])
        assert shard.indices.dtype == np.int32


@settings(deadline=None, max_examples=30)
@given(**SIZES)
def test_sums_for_ghosts_come_home(n, n_shards, seed):
    """Column sums of the rows of each shard add up to those of the whole."""
    matrix = random_matrix(seed, n)
    starts, shards = cut(matrix, n_shards)
    sums = [
        np.bincount(
            shard.indices, weights=matrix[a:b].data, minlength=shard.n + shard.n_ghosts
        ).astype(float)
        for (a, b), shard in zip(pairwise(starts), shards, strict=True)
    ]
    parts = [shard.parts(one) for shard, one in zip(shards, sums, strict=True)]
    found = [shard.added(sums[at], [part[at] for part in parts]) for at, shard in enumerate(shards)]
    np.testing.assert_allclose(np.concatenate(found), matrix.sum(axis=0), rtol=1e-14)


@settings(deadline=None, max_examples=30)
@given(
    **SIZES,
    width=st.sampled_from([1, 2, 7, 32]),
    dtype=st.sampled_from([np.float32, np.float64]),
    scaled=st.booleans(),
    weighted=st.booleans(),
)
def test_steps_have_the_bits_of_one_machine(n, n_shards, seed, width, dtype, scaled, weighted):
    """Any sequence of steps, then the residual of its sum."""
    matrix = random_matrix(seed, n)
    given_scales = scales(seed, n) if scaled else (None, None, None)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, width + 3)).astype(dtype)
    at = slice(2, 2 + width)
    data = matrix.data if weighted else None
    pattern = ScaledPattern(matrix.indptr, matrix.indices, data, *given_scales)
    total = np.zeros((n, width + 1), dtype)
    whole = Steps(pattern, x, at, total, 1)
    starts, shards = panels(matrix, n_shards, given_scales, dtype, weighted=weighted)
    totals = [np.zeros((b - a, width + 1), dtype) for a, b in pairwise(starts)]
    for (a, b), shard, part in zip(pairwise(starts), shards, totals, strict=True):
        shard.load(x[a:b], at, part, 1)
        shard.begin(0.7)
    whole.begin(0.7)
    for alpha, beta, weight in rng.standard_normal((3, 3)):
        for shard, blocks in zip(shards, swap_blocks(shards), strict=True):
            shard.take(blocks)
        for shard in shards:
            shard.step(alpha, beta, weight)
        whole.step(alpha, beta, weight)
        found = joined_norms([shard.norms(2.0) for shard in shards], 2.0)
        np.testing.assert_allclose(found, whole.norms(2.0), rtol=1e-12)
    for shard in [whole, *shards]:
        shard.settle()
    np.testing.assert_array_equal(np.concatenate(totals), total)

    wanted = residual(pattern, x[:, at].copy(), slice(0, width), total[:, 1:].copy(), 0.6)
    for shard, part in zip(shards, totals, strict=True):
        shard.look_back(part, slice(1, 1 + width))
    for shard, blocks in zip(shards, swap_blocks(shards), strict=True):
        shard.take(blocks)
    rests = [
        shard.residual(x[a:b], 2, 0.6)
        for shard, (a, b) in zip(shards, pairwise(starts), strict=True)
    ]
    np.testing.assert_array_equal(np.concatenate(rests), wanted)


def test_threads_change_no_bit():
    """The ghosts, the steps and the exchange of rows in one thread and in two."""
    rng = np.random.default_rng(0)
    n, each = 6000, 20
    cells = np.sort(rng.integers(0, n, (n, each)), axis=1).ravel()
    matrix = sp.csr_array((np.ones(len(cells)), cells, np.arange(0, n * each + 1, each)))
    x = rng.standard_normal((n, 32)).astype(np.float32)
    found = []
    for threads in (1, 2):
        with limit_threads(threads):
            starts, shards = panels(matrix, 2, scales(0, n), np.float32)
            totals = [np.zeros((b - a, 32), np.float32) for a, b in pairwise(starts)]
            for (a, b), shard, total in zip(pairwise(starts), shards, totals, strict=True):
                shard.load(x[a:b], slice(0, 32), total, 0)
                shard.begin(1.0)
            for _ in range(2):
                for shard, blocks in zip(shards, swap_blocks(shards), strict=True):
                    shard.take(blocks)
                for shard in shards:
                    shard.step(2.0, -1.0, 0.5)
            found.append(np.concatenate(totals))
    np.testing.assert_array_equal(*found)


def test_two_panels_and_no_more():
    """Own rows and ghosts, own rows again: whatever is asked, in the same memory."""
    _, shards = panels(random_matrix(1, 40), 4, scales(1, 40), np.float32)
    for shard in shards:
        ghosts = shard.rows.ghosts
        rooms = [shard._now_room, shard._before_room]
        assert sum(room.nbytes for room in rooms) == (2 * ghosts.n + ghosts.n_ghosts) * 32 * 4
        for width in (32, 3, 32):
            x = np.ones((ghosts.n, width), np.float32)
            shard.load(x, slice(0, width), np.zeros_like(x), 0)
            assert np.shares_memory(shard.now, rooms[0])
            assert np.shares_memory(shard.before, rooms[1])


def test_what_is_given_is_one_contiguous_copy():
    """One array for each pair of shards, which later steps do not change."""
    _, shards = panels(random_matrix(2, 30), 3, scales(2, 30), np.float32)
    for shard in shards:
        x = np.ones((shard.rows.ghosts.n, 5), np.float32)
        shard.load(x, slice(0, 5), np.zeros_like(x), 0)
        for block, needed in zip(shard.given(), shard.rows.ghosts.needed, strict=True):
            assert block.flags.c_contiguous
            assert block.shape == (len(needed), 5)
            assert not np.shares_memory(block, shard.now)


@pytest.mark.parametrize("p", [1.0, 1.25, 2.0, 5.0, np.inf])
@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200, 0.0])
def test_joined_norms_are_those_of_the_whole(p, scale):
    """Of parts of different lengths, at sizes whose powers no number holds."""
    x = np.random.default_rng(0).standard_normal((30, 4)) * scale
    parts = [column_norms(x[a:b], p) for a, b in pairwise([0, 1, 12, 30])]
    np.testing.assert_allclose(joined_norms(parts, p), column_norms(x, p), rtol=1e-12)


def test_joined_norms_tell_what_is_not_finite():
    """A column that overflowed somewhere is not taken for a small one."""
    parts = [np.array([np.inf, np.nan]), np.ones(2)]
    for p in (2.0, np.inf):
        found = joined_norms(parts, p)
        assert not np.isfinite(found).any()
