"""Exact top-k by pruning against a full stable sort of every score."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.recsys import pruned_topk
from suffuse.recsys.exact_products import LANES
from suffuse.recsys.pruned_topk import ItemIndex, Memory, pruned_top_k
from suffuse.recsys.topk import NO_ITEM, Lists

Floats = npt.NDArray[np.float32]
SIZES = {"deadline": None, "max_examples": 60}


def every_score(users: Floats, items: Floats, added: Any = 0.0) -> Floats:
    """The scores by their definition: sixteen sums, folded in halves, the rest, one rounding."""
    width = users.shape[1]
    whole = width - width % LANES
    products = users[:, None, :].astype(np.float64) * items[None, :, :].astype(np.float64)
    lanes = np.zeros((len(users), len(items), LANES))
    for start in range(0, whole, LANES):
        lanes += products[:, :, start : start + LANES]
    half = LANES // 2
    while half:
        lanes = lanes[:, :, :half] + lanes[:, :, half:]
        half //= 2
    total = lanes[:, :, 0]
    for column in range(whole, width):
        total = total + products[:, :, column]
    with np.errstate(over="ignore"):
        return (total + added).astype(np.float32)


def by_full_sort(scores: Floats, k: int, left_out: npt.NDArray[np.bool_] | None = None) -> Lists:
    """Stable sort of every row by falling score."""
    scores = scores.copy()
    if left_out is not None:
        scores[left_out] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k].astype(np.int32)
    values = np.take_along_axis(scores, order, axis=1)
    return np.where(np.isneginf(values), NO_ITEM, order).astype(np.int32), values


def agree(found: Lists, expected: Lists) -> None:
    """Equal to the last bit."""
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def heavy(rng: np.random.Generator, n: int, d: int, spread: float) -> Floats:
    """Normal rows, their sizes log-normal."""
    rows = rng.standard_normal((n, d)) * rng.lognormal(0.0, spread, (n, 1))
    return rows.astype(np.float32)


@settings(**SIZES)
@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 20), st.integers(1, 40))
def test_equals_a_full_sort_with_many_ties(seed: int, n: int, d: int, k: int) -> None:
    """Small whole numbers, whose products are exact; seen items and k above the catalogue too."""
    rng = np.random.default_rng(seed)
    users = rng.integers(-2, 3, (7, d)).astype(np.float32)
    items = rng.integers(-2, 3, (n, d)).astype(np.float32)
    left_out = rng.random((7, n)) < rng.choice([0.0, 0.3, 0.95])
    found = pruned_top_k(users, ItemIndex.of(items), k, seen=sparse.csr_array(left_out * 1.0))
    scores = (users.astype(np.int64) @ items.T.astype(np.int64)).astype(np.float32)
    agree(found, by_full_sort(scores, k, left_out))


@settings(**SIZES)
@given(st.integers(0, 2**32), st.integers(1, 70), st.floats(0.0, 4.0), st.integers(1, 25))
def test_equals_a_full_sort_of_the_scores(seed: int, d: int, spread: float, k: int) -> None:
    """Sizes of any spread, to the last bit of the scores."""
    rng = np.random.default_rng(seed)
    users, items = heavy(rng, 5, d, 1.0), heavy(rng, 700, d, spread)
    found = pruned_top_k(users, ItemIndex.of(items), k)
    agree(found, by_full_sort(every_score(users, items), k))
    scores = users.astype(np.float64) @ items.T.astype(np.float64)
    near = np.take_along_axis(scores, found[0].astype(np.int64), axis=1)
    np.testing.assert_allclose(found[1], near, rtol=1e-6, atol=1e-6 * np.abs(scores).max())


@settings(**SIZES)
@given(st.integers(0, 2**32), st.floats(-0.5, 1.0), st.booleans())
def test_equals_a_full_sort_with_memory(seed: int, background: float, few: bool) -> None:
    """Additions to the score of some items, seen and allowed items, zero and negative scores."""
    rng = np.random.default_rng(seed)
    n, n_users = 400, 30
    users, items = heavy(rng, n_users, 9, 1.0), heavy(rng, n, 9, 1.0)
    users[:, 8], items[:, 8] = background, np.abs(items[:, 8])
    held = sparse.random_array((n_users, n), density=0.05, rng=rng, dtype=np.float32).tocsr()
    ties = sparse.random_array((n_users, n_users), density=0.2, rng=rng, dtype=np.float32).tocsr()
    seen = sparse.csr_array(held > 0)
    allowed = rng.random(n) < (0.2 if few else 0.9)
    rows = rng.permutation(n_users)[:11]
    index = ItemIndex.of(items).among(allowed)
    memory = Memory(ties, held, 3.0)
    found = pruned_top_k(users[rows], index, 12, rows=rows, seen=seen, memory=memory)
    # the sums over friends in the order of the ties, as they are stored
    added = np.zeros((n_users, n))
    cells = held.toarray().astype(np.float64)
    for user in range(n_users):
        for place in range(ties.indptr[user], ties.indptr[user + 1]):
            added[user] += np.float64(ties.data[place]) * cells[ties.indices[place]]
    left_out = seen.toarray()[rows] | ~allowed
    expected = by_full_sort(every_score(users[rows], items, 3.0 * added[rows]), 12, left_out)
    agree(found, expected)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_cuts_do_not_change_a_bit(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """One user or all at a time, blocks of any length, threads."""
    rng = np.random.default_rng(0)
    users, items = heavy(rng, 40, 24, 1.0), heavy(rng, 3000, 24, spread)
    seen = sparse.random_array((40, 3000), density=0.02, rng=rng, dtype=np.float32).tocsr()
    index = ItemIndex.of(items)
    rows = np.arange(40)
    expected = pruned_top_k(users, index, 15, seen=seen)
    agree(expected, by_full_sort(every_score(users, items), 15, seen.toarray() > 0))
    for block, size in ((1, 40), (63, 7), (64, 1), (100, 13), (5000, 40)):
        monkeypatch.setattr(pruned_topk, "BLOCK", block)
        parts = [rows[start : start + size] for start in range(0, 40, size)]
        with ThreadPoolExecutor(3) as pool:
            lists = list(
                pool.map(lambda p: pruned_top_k(users[p], index, 15, rows=p, seen=seen), parts)
            )
        for place in (0, 1):
            np.testing.assert_array_equal(
                np.concatenate([one[place] for one in lists]), expected[place]
            )


@settings(**SIZES)
@given(st.integers(0, 2**32), st.integers(1, 90), st.sampled_from([1, 50, 10**6]))
def test_cuts_do_not_change_a_bit_with_memory(seed: int, block: int, entries: int) -> None:
    """Blocks of any length, batches cut in two, users who drop out early and late."""
    rng = np.random.default_rng(seed)
    n, n_users = 300, 12
    users, items = heavy(rng, n_users, 18, 1.0), heavy(rng, n, 18, 1.5)
    held = sparse.random_array((n_users, n), density=0.2, rng=rng, dtype=np.float32).tocsr()
    ties = sparse.random_array((n_users, n_users), density=0.4, rng=rng, dtype=np.float32).tocsr()
    memory = Memory(ties, held, float(rng.choice([-5.0, 0.1, 5.0, 500.0])))
    index = ItemIndex.of(items)
    expected = pruned_top_k(users, index, 9, seen=held, memory=memory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pruned_topk, "BLOCK", block)
        patch.setattr(pruned_topk, "ENTRIES", entries)
        agree(pruned_top_k(users, index, 9, seen=held, memory=memory), expected)
    added = memory.weight * (ties.toarray().astype(float) @ held.toarray().astype(float))
    scores = users.astype(float) @ items.T.astype(float) + added
    scores[held.toarray() > 0] = -np.inf
    best = -np.sort(-scores, axis=1)[:, :9]
    size = np.abs(scores[np.isfinite(scores)]).max()
    np.testing.assert_allclose(expected[1], best, rtol=1e-6, atol=1e-6 * size)


def test_long_vectors_are_pruned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a few items are much longer than the others, only these are multiplied."""
    rng = np.random.default_rng(1)
    items = rng.standard_normal((5000, 16)).astype(np.float32)
    items[rng.permutation(5000)[:500]] *= 1000.0
    made = []
    product = np.dot

    def counted(left: Any, right: Any, out: Any) -> None:
        made.append(out.size)
        product(left, right, out=out)

    monkeypatch.setattr(pruned_topk.np, "dot", counted)
    users = heavy(rng, 20, 16, 1.0)
    found = pruned_top_k(users, ItemIndex.of(items), 10)
    assert sum(made) == 20 * pruned_topk.BLOCK
    agree(found, by_full_sort(every_score(users, items), 10))


def test_adversaries() -> None:
    """Vectors of zero, vectors all alike, one item, everything seen, no user."""
    ones = np.ones((4, 3), np.float32)
    index = ItemIndex.of(np.zeros((200, 3), np.float32))
    agree(
        pruned_top_k(ones, index, 3),
        (np.tile(np.int32([0, 1, 2]), (4, 1)), np.zeros((4, 3), np.float32)),
    )
    same = ItemIndex.of(np.ones((2000, 3), np.float32))
    items, scores = pruned_top_k(-ones, same, 5)
    assert items.tolist() == [[0, 1, 2, 3, 4]] * 4
    assert (scores == -3.0).all()
    items, scores = pruned_top_k(0 * ones, same, 2000)
    assert items.tolist() == [list(range(2000))] * 4
    everything = sparse.csr_array(np.ones((4, 2000)))
    items, scores = pruned_top_k(ones, same, 2, seen=everything)
    assert (items == NO_ITEM).all()
    assert np.isneginf(scores).all()
    assert pruned_top_k(ones, ItemIndex.of(ones[:1]), 9)[0].tolist() == [[0]] * 4
    assert pruned_top_k(ones[:0], same, 9)[0].shape == (0, 9)
    nothing = same.among(np.zeros(2000, np.bool_))
    assert (pruned_top_k(ones, nothing, 2)[0] == NO_ITEM).all()


def test_a_product_that_rounds_wrongly_decides_nothing() -> None:
    """Items whose float32 products are all the same are told apart by their scores."""
    n = 300
    items = np.zeros((n, 3), np.float32)
    items[:, 0], items[:, 1] = 1.0, np.arange(n) * 2.0**-40
    items[:, 2] = -1.0
    users = np.ones((1, 3), np.float32)
    found = pruned_top_k(users, ItemIndex.of(items), 4)
    assert found[0].tolist() == [[299, 298, 297, 296]]
    np.testing.assert_array_equal(found[1][0], np.arange(299, 295, -1) * 2.0**-40)


def test_huge_and_tiny_vectors() -> None:
    """Where products overflow or underflow in single precision the order is still exact."""
    rng = np.random.default_rng(2)
    for scale in (1e19, 1e30, 3e38, 1e-20, 1e-38, 1e-44):
        items = (rng.uniform(-1, 1, (500, 5)) * scale).astype(np.float32)
        users = (rng.uniform(-1, 1, (6, 5)) * scale).astype(np.float32)
        agree(
            pruned_top_k(users, ItemIndex.of(items), 8),
            by_full_sort(every_score(users, items), 8),
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    """With the value, and with the row of the user or the item."""
    good, bad = np.ones((5, 3), np.float32), np.ones((5, 3), np.float32)
    bad[3, 1] = value
    with pytest.raises(ValueError, match=f"item vectors must be finite; got {value} in row 3"):
        ItemIndex.of(bad)
    with pytest.raises(ValueError, match=f"user vectors must be finite; got {value} in row 30"):
        pruned_top_k(bad, ItemIndex.of(good), 2, rows=np.arange(0, 50, 10))


def test_an_index_is_frozen_and_changes_nothing() -> None:
    """Its arrays are read-only, and those of the caller stay as they are."""
    vectors = np.asfortranarray(np.random.default_rng(3).standard_normal((50, 4)), np.float32)
    vectors.setflags(write=False)
    before = vectors.copy()
    index = ItemIndex.of(vectors)
    assert not any(part.flags.writeable for part in index.shelf)
    np.testing.assert_array_equal(vectors, before)
    np.testing.assert_array_equal(index.shelf.vectors, vectors[index.shelf.columns])
    assert (np.diff(index.shelf.norms) <= 0).all()
    np.testing.assert_array_equal(index.shelf.columns[index.shelf.places], np.arange(50))


@pytest.mark.parametrize(
    "laid_out",
    [
        np.asfortranarray,
        lambda vectors: np.repeat(vectors, 2, axis=0)[::2],
        lambda vectors: np.repeat(vectors, 2, axis=1)[:, ::2],
        lambda vectors: vectors.astype(np.float64),
    ],
    ids=["columns first", "every second row", "every second column", "double precision"],
)
def test_vectors_may_lie_in_memory_as_they_like(laid_out: Any) -> None:
    """The index has the norms of the vectors, and the lists are those of rows in order."""
    rng = np.random.default_rng(4)
    users, items = heavy(rng, 8, 40, 1.0), heavy(rng, 500, 40, 1.0)
    index = ItemIndex.of(laid_out(items))
    lengths = np.linalg.norm(items.astype(np.float64), axis=1)[index.shelf.columns]
    np.testing.assert_allclose(index.shelf.norms, lengths, rtol=1e-6)
    agree(pruned_top_k(laid_out(users), index, 10), pruned_top_k(users, ItemIndex.of(items), 10))


@settings(**SIZES)
@given(st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_allowed_items(seed: int, share: float) -> None:
    """By a smaller index or by bits: the list of a full sort over them."""
    rng = np.random.default_rng(seed)
    users, items = heavy(rng, 3, 6, 1.0), heavy(rng, 130, 6, 1.0)
    allowed = rng.random(130) < share
    found = pruned_top_k(users, ItemIndex.of(items).among(allowed), 20)
    left_out = np.broadcast_to(~allowed, (3, 130))
    agree(found, by_full_sort(every_score(users, items), 20, left_out))
