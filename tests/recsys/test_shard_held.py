"""The items of friends on shards: the same rows as one machine holds, for whoever is asked."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.recsys.channels import held_items
from suffuse.recsys.matrices import Csr
from suffuse.recsys.scoring import evidence
from suffuse.recsys.shard_held import HeldRows, ShardHeld, block_ties


def table(rng: np.random.Generator, shape: tuple[int, int], weighted: bool) -> Csr:
    """Some rows, a few of them empty."""
    cells = (rng.random(shape) < 0.4) * (rng.random(shape) + 0.5 if weighted else 1.0)
    cells[rng.random(shape[0]) < 0.2] = 0
    return sparse.csr_array(cells.astype(np.float32))


def shards_of(rows: Csr, starts: tuple[int, ...]) -> ShardHeld:
    """The same rows, as shards hand them out."""
    cuts = pairwise(starts)
    return ShardHeld(tuple(HeldRows.of(rows[first:last]) for first, last in cuts), starts)


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 20),
    st.booleans(),
    st.lists(st.integers(1, 19), max_size=3),
)
def test_what_friends_hold_is_that_of_one_machine(
    seed: int, n_users: int, weighted: bool, cuts: list[int]
) -> None:
    """Bit by bit, whoever they are and wherever the users are cut."""
    rng = np.random.default_rng(seed)
    rows = table(rng, (n_users, 9), weighted)
    starts = (0, *sorted({cut for cut in cuts if cut < n_users}), n_users)
    friends = np.flatnonzero(rng.random(n_users) < 0.5)
    found = shards_of(rows, starts).held(friends, 9)
    expected = held_items(rows, evidence(rows))[friends]
    assert found.shape == (len(friends), 9)
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.data.dtype == np.float32


@pytest.mark.parametrize("weighted", [False, True])
def test_weights_travel_where_there_are_any(weighted: bool) -> None:
    """Equal ones are not sent; a table without rows sends nothing but where rows begin."""
    rows = table(np.random.default_rng(0), (6, 9), weighted)
    sent = HeldRows.of(rows)
    assert len(sent.data) == (rows.nnz if weighted else 0)
    assert sent.nbytes == 4 * (7 + rows.nnz * (1 + weighted))
    assert HeldRows.of(sparse.csr_array((2, 3), dtype=np.float32)).nbytes == 4 * 3


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.data())
def test_ties_of_a_block_are_the_same_on_friends_alone(
    seed: int, n_users: int, data: st.DataObject
) -> None:
    """The product with any rows is the same in the block, and zero outside."""
    rng = np.random.default_rng(seed)
    cells: Any = (rng.random((n_users, 15)) < 0.3) * rng.random((n_users, 15))
    ties = sparse.csr_array(cells.astype(np.float32))
    start = data.draw(st.integers(0, n_users - 1))
    stop = data.draw(st.integers(start + 1, n_users))
    some, friends = block_ties(ties, slice(start, stop))
    inside = np.zeros((n_users, 1), np.float32)
    inside[start:stop] = 1
    back = np.zeros(cells.shape, np.float32)
    back[:, friends] = some.toarray()
    np.testing.assert_array_equal(back, ties.toarray() * inside)
    assert (np.bincount(some.indices, minlength=len(friends)) > 0).all()
    assert all(np.diff(some.indices[a:b]).min(initial=1) > 0 for a, b in spans(some))


def spans(matrix: Csr) -> list[tuple[int, int]]:
    """Where each row begins and ends."""
    indptr = matrix.indptr.tolist()
    return list(pairwise(indptr))
