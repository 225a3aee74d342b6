"""Passes over all ties against dense formulas."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import suffuse as sf
from suffuse.diffusion.row_threads import limit_threads
from suffuse.recsys import channels
from suffuse.recsys.tie_kernels import normalise, summed, tie_cosines

Floats = npt.NDArray[np.float64]


def cosines(signals: Any, sources: Any, targets: Any) -> Floats:
    """``x_u . x_v / (|x_u| |x_v|)`` in double precision, 0 where a length is 0."""
    wide = np.asarray(signals, np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    unit = wide / np.where(lengths > 0, lengths, 1.0)[:, None]
    return np.einsum("ij,ij->i", unit[sources], unit[targets])


def some_ties(n: int, share: float, seed: int, index: type) -> sparse.csr_array:
    """Directed ties at random, with self ties and rows without any, weights from 0.5 to 2."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, n)) < share) * rng.uniform(0.5, 2.0, (n, n))
    if seed % 3 == 0:
        dense[rng.integers(n)] = 1.0  # one who is tied to everybody
    ties = sparse.csr_array(dense)
    ties.indices, ties.indptr = ties.indices.astype(index), ties.indptr.astype(index)
    return ties


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 25),
    st.sampled_from([1, 2, 7, 33]),
    st.floats(0.0, 0.6),
    st.integers(0, 999),
    st.sampled_from([np.int32, np.int64]),
    st.booleans(),
)
def test_cosines(n: int, d: int, share: float, seed: int, index: type, thin: bool) -> None:
    """Of dense and sparse signals, some of them zero; in both orders of memory."""
    rng = np.random.default_rng(seed)
    signals = rng.standard_normal((n, d)).astype(np.float32)
    signals[rng.random((n, d)) < (0.7 if thin else 0.1)] = 0.0
    signals[rng.random(n) < 0.2] = 0.0
    ties = some_ties(n, share, seed, index)
    targets = ties.indices
    sources = np.repeat(np.arange(n), np.diff(ties.indptr))
    expected = cosines(signals, sources, targets)
    for form in (signals, np.asfortranarray(signals), sparse.csr_array(signals)):
        found = tie_cosines(form, np.arange(n), ties.indptr, targets)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=2e-6)


def test_rows_need_not_be_those_of_the_signals() -> None:
    """A source of its own for each row, among signals that are more."""
    signals = np.array([[1, 0], [1, 1], [0, 3]], np.float32)
    found = tie_cosines(signals, np.array([2, 0]), np.array([0, 2, 3]), np.array([0, 1, 1]))
    np.testing.assert_allclose(found, [0, np.sqrt(0.5), np.sqrt(0.5)], rtol=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 25), st.floats(0.0, 0.6), st.integers(0, 999), st.booleans())
def test_weights_of_friends(n: int, share: float, seed: int, unweighted: bool) -> None:
    """``D_r^-1/2 C D_c^-1/2`` for row and column sums of ``C``, of weights in all precisions."""
    ties = some_ties(n, share, seed, np.int32)
    scale = np.random.default_rng(seed + 1).uniform(0.05, 1.05, ties.nnz).astype(np.float32)
    weights = np.ones(ties.nnz, np.float32) if unweighted else ties.data
    pattern = sparse.csr_array((weights * scale.astype(float), ties.indices, ties.indptr), (n, n))
    c = pattern.toarray()
    out, into = summed(weights, ties, scale)
    np.testing.assert_allclose(out, c.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(into, c.sum(axis=0), rtol=1e-12)
    normalise(weights, ties, scale, out, into)
    safe = [np.where(sums > 0, sums, 1.0) for sums in (out, into)]
    expected = (c / np.sqrt(np.outer(*safe)))[c > 0]
    np.testing.assert_allclose(scale, expected, rtol=1e-6)


@pytest.mark.parametrize("weight", [1e300, 1e-300])
def test_no_weight_is_too_large_or_too_small(weight: float) -> None:
    """``P(cA) = P(A)``, where single precision would overflow or vanish; weight 0 stays 0."""
    ties = sparse.csr_array(np.array([[0, 1.0], [1.0, 0]]))
    ties.data[:] = weight
    scale = np.ones(2, np.float32)
    normalise(ties.data, ties, scale, *summed(ties.data, ties, scale))
    np.testing.assert_allclose(scale, [1, 1], rtol=1e-6)
    nothing, scale = np.zeros(2), np.ones(2, np.float32)
    normalise(nothing, ties, scale, *summed(nothing, ties, scale))
    assert scale.tolist() == [0, 0]


def test_any_number_of_threads_gives_the_same_bits() -> None:
    """Cosines and weights, of enough ties that threads are used; and (u, v) gives what (v, u)."""
    rng = np.random.default_rng(0)
    n = 3000
    signals = rng.standard_normal((n, 16)).astype(np.float32)
    ends = rng.integers(0, n, (2, 30_000))
    ties = sparse.csr_array((np.ones(30_000), tuple(ends)), shape=(n, n))
    ties = sparse.csr_array(((ties + ties.T) > 0).astype(np.float64))
    rows = sparse.csr_array(signals * (rng.random(signals.shape) < 0.3))
    for form in (signals, rows):
        found = []
        for threads in (1, 2, 5):
            with limit_threads(threads):
                scale = np.abs(tie_cosines(form, np.arange(n), ties.indptr, ties.indices))
                turned = sparse.csr_array((scale.copy(), ties.indices, ties.indptr), ties.shape)
                sums = summed(ties.data, ties, scale)
                normalise(ties.data, ties, scale, *sums)
            found.append((scale.tobytes(), sums[0].tobytes(), sums[1].tobytes()))
            assert abs(turned - turned.T).max() == 0
        assert found[0] == found[1] == found[2]


def test_memory_that_nobody_uses_is_not_made() -> None:
    """Ties are weighed for the first row of memory, with memory 0 never, and then only once."""
    world = sf.datasets.make_social_world(n_users=100, n_items=60, rng=0)
    base = sf.ALS(n_factors=4, regularization=1.0)
    for memory in (0.0, 1.0):
        model = sf.SocialDiffusion(base, damping=0.3, memory=memory, background=0.1)
        model.fit(world.interactions, social=world.social).recommend(k=3)
        found = model._state[0]
        assert ("_weighted" in vars(found)) == ("_held" in vars(found)) == (memory > 0)
        assert found.ties is found.ties
        assert np.shares_memory(found.ties.indices, found.adjacency.indices)
        assert np.shares_memory(found.held.indices, model.interactions_.indices)


def test_threads_that_ask_at_once_weigh_the_ties_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes second waits for the first, and gets what it made."""
    world = sf.datasets.make_social_world(n_users=100, n_items=60, rng=0)
    model = sf.SocialDiffusion(sf.EASE(), damping=0.3, memory=0.0, background=0.1)
    found = model.fit(world.interactions, social=world.social)._state[0]
    weighed: list[int] = []

    def slowly(*given: Any) -> Any:
        weighed.append(1)
        time.sleep(0.05)
        return tie_cosines(*given)

    monkeypatch.setattr(channels, "tie_cosines", slowly)
    with ThreadPoolExecutor(4) as pool:
        ties = [ask.result() for ask in [pool.submit(lambda: found.ties) for _ in range(4)]]
    assert len(weighed) == 1
    assert all(one is ties[0] for one in ties)
