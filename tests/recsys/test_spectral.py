"""The spectral filter against its dense formula and two hand-worked spreadings."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse
from scipy.interpolate import BarycentricInterpolator
from scipy.sparse.linalg import svds

import suffuse as sf
from suffuse.datasets import Interactions
from suffuse.recsys import spectral
from suffuse.recsys.sharing import sharing

Floats = npt.NDArray[np.float64]


def dense_filter(
    x: Floats, exponent: float, low_pass: float, n_factors: int, user_exponent: float = 1.0
) -> Floats:
    """The whole filter as an items x items matrix, by a full decomposition."""
    n, m = x.sum(axis=1), x.sum(axis=0)
    linear = (
        np.diag(m**-exponent) @ x.T @ np.diag(n**-user_exponent) @ x @ np.diag(m ** (exponent - 1))
    )
    if n_factors == 0:
        return linear
    _, _, vectors = np.linalg.svd(np.diag(n**-0.5) @ x @ np.diag(m**-0.5))
    v = vectors[:n_factors].T
    smooth: Floats = np.diag(m**-0.5) @ v @ v.T @ np.diag(m**0.5)
    return linear + low_pass * smooth


@pytest.fixture
def table() -> Interactions:
    """A random table of so few items that the randomised decomposition is exact."""
    dense = np.random.default_rng(0).random((60, 16)) < 0.25
    dense[np.arange(60), np.arange(60) % 16] = True
    return Interactions.from_matrix(sparse.csr_array(dense.astype(float)))


@pytest.mark.parametrize("exponent", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n_factors", [0, 4])
@pytest.mark.parametrize("use_weights", [False, True])
def test_scores_equal_the_dense_formula(
    table: Interactions, exponent: float, n_factors: int, use_weights: bool
) -> None:
    """For every exponent, with and without the low-pass."""
    matrix = table.matrix.copy()
    matrix.data = np.random.default_rng(0).integers(1, 4, matrix.nnz).astype(np.float32)
    model = sf.SpectralFilter(
        n_factors=n_factors, low_pass=0.7, exponent=exponent, use_weights=use_weights
    ).fit(matrix)
    x = matrix.toarray().astype(float)
    x = x if use_weights else (x > 0).astype(float)
    expected = x @ dense_filter(x, exponent, 0.7, n_factors)
    scores = model.score_users(np.arange(len(x)))
    np.testing.assert_allclose(scores, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("user_exponent", [0.0, 0.5, 0.75])
def test_active_users_may_count_more(table: Interactions, user_exponent: float) -> None:
    """``D_n^-g`` between the tables, in the first term alone."""
    model = sf.SpectralFilter(n_factors=3, user_exponent=user_exponent).fit(table)
    x = table.matrix.toarray()
    expected = x @ dense_filter(x, 0.6, 0.2, 3, user_exponent)
    scores = model.score_users(np.arange(len(x)))
    np.testing.assert_allclose(scores, expected, rtol=2e-4, atol=2e-5)


def test_low_pass_of_full_rank_is_the_identity(table: Interactions) -> None:
    """All singular vectors let everything through, hubs and leaves alike."""
    n_items = table.n_items
    both = sf.SpectralFilter(n_factors=10_000, low_pass=1.0, exponent=0.5).fit(table)
    linear = sf.SpectralFilter(n_factors=0, exponent=0.5).fit(table)
    assert both.vectors_.shape == (n_items, n_items)
    rows = np.arange(table.n_users)
    difference = both.score_users(rows) - linear.score_users(rows)
    np.testing.assert_allclose(difference, table.matrix.toarray() > 0, atol=2e-5)


TINY = pd.DataFrame({"user_id": list("aabbbc"), "item_id": list("xyxyzx")})


def test_heat_spreading_by_hand() -> None:
    """Exponent 0: x, y, z have 3, 2, 1 users; a holds x, y; b holds x, y, z; c holds x.

    User c has x. Everybody who holds x feels 1; an item's heat is the mean over its users of the
    mean over *their* items: x (1/2 + 1/3 + 1) / 3, y (1/2 + 1/3) / 2, z 1/3.
    """
    model = sf.SpectralFilter(n_factors=0, exponent=0.0).fit(TINY)
    scores = model.score_users(np.array([2]))[0]
    np.testing.assert_allclose(scores, [11 / 18, 5 / 12, 1 / 3], rtol=1e-6)


def test_probability_spreading_by_hand() -> None:
    """Exponent 1: the unit on x is shared among its 3 users, each share among the user's items.

    x (1/2 + 1/3 + 1) / 3, y (1/2 + 1/3) / 3, z 1/9: the total stays 1.
    """
    model = sf.SpectralFilter(n_factors=0, exponent=1.0).fit(TINY)
    scores = model.score_users(np.array([2]))[0]
    np.testing.assert_allclose(scores, [11 / 18, 5 / 18, 1 / 9], rtol=1e-6)
    np.testing.assert_allclose(scores.sum(), 1.0, rtol=1e-6)


def test_conserved_quantities(table: Interactions) -> None:
    """Exponent 1 keeps the total of every user; exponent 0 maps the constant to the constant."""
    rows = np.arange(table.n_users)
    held = np.diff(table.matrix.indptr)
    mass = sf.SpectralFilter(n_factors=0, exponent=1.0).fit(table)
    np.testing.assert_allclose(mass.score_users(rows).sum(axis=1), held, rtol=1e-4)
    heat = sf.SpectralFilter(n_factors=0, exponent=0.0).fit(table)
    constant = np.ones((1, table.n_items), np.float32)
    np.testing.assert_allclose(heat.score_signals(constant), constant, rtol=1e-5)


def test_exponent_one_half_is_gf_cf(table: Interactions) -> None:
    """``x R^T R + low_pass * x D^-1/2 V V^T D^1/2`` with R = D_u^-1/2 X D_i^-1/2 (Shen 2021)."""
    x = (table.matrix.toarray() > 0).astype(float)
    r = x / np.sqrt(x.sum(axis=1))[:, None] / np.sqrt(x.sum(axis=0))[None, :]
    values, vectors = np.linalg.eigh(r.T @ r)
    leading = vectors[:, np.argsort(values)[-4:]]
    roots = np.sqrt(x.sum(axis=0))
    expected = x @ r.T @ r + 0.3 * (x / roots) @ leading @ leading.T * roots
    model = sf.SpectralFilter(n_factors=4, low_pass=0.3, exponent=0.5).fit(table)
    scores = model.score_users(np.arange(len(x)))
    np.testing.assert_allclose(scores, expected, rtol=2e-4, atol=2e-5)


def test_similarity_is_the_filter_of_one_item(table: Interactions) -> None:
    """Row j of the filter."""
    x = (table.matrix.toarray() > 0).astype(float)
    model = sf.SpectralFilter(n_factors=4, low_pass=0.3, exponent=0.6).fit(table)
    expected = dense_filter(x, 0.6, 0.3, 4)
    np.testing.assert_allclose(
        model.score_similar(np.arange(table.n_items)), expected, rtol=2e-4, atol=2e-5
    )


def test_items_and_users_without_rows() -> None:
    """They score 0 and change nothing: no division by zero, no NaN."""
    rows = sparse.csr_array(np.array([[1.0, 1, 0], [0, 1, 0], [0, 0, 0]]))
    model = sf.SpectralFilter(n_factors=2).fit(rows)
    scores = model.score_signals(rows.toarray().astype(np.float32))
    assert np.isfinite(scores).all()
    assert (scores[:, 2] == 0).all()
    assert (scores[2] == 0).all()


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        ("exponent", 1.5, r"exponent must be a number in \[0, 1\]; got 1.5"),
        ("exponent", -0.1, r"exponent must be a number in \[0, 1\]; got -0.1"),
        ("low_pass", -1.0, r"low_pass must be a number in \[0, inf\); got -1.0"),
        ("n_factors", -1, "n_factors must be a whole number of at least 0; got -1"),
        ("random_state", "x", "random_state must be a whole number of at least 0; got 'x'"),
    ],
)
def test_bad_parameters_are_refused(parameter: str, value: object, sentence: str) -> None:
    """With the name, the rule and the value."""
    with pytest.raises(ValueError, match=sentence):
        sf.SpectralFilter(**{parameter: value}).fit(TINY)


def wide_table(seed: int = 0) -> Interactions:
    """A table of eight circles of users and a little noise, so that eight vectors stand out."""
    rng = np.random.default_rng(seed)
    user, item = np.arange(300) % 8, np.arange(80) % 8
    dense = rng.random((300, 80)) < np.where(user[:, None] == item[None, :], 0.6, 0.02)
    dense[np.arange(300), np.arange(300) % 80] = True
    return Interactions.from_matrix(sparse.csr_array(dense.astype(float)))


def projector(vectors: Floats) -> Floats:
    """What the span of some orthonormal columns lets through."""
    return np.asarray(vectors, np.float64) @ np.asarray(vectors, np.float64).T


@pytest.mark.parametrize("n_factors", [1, 5, 8])
def test_shared_vectors_span_what_scipy_finds(
    monkeypatch: pytest.MonkeyPatch, n_factors: int
) -> None:
    """The leading ones of more vectors are those that are found alone, up to their signs."""
    monkeypatch.setattr(spectral, "_SHARED_FACTORS", 30)
    table = wide_table()
    alone = sf.SpectralFilter(n_factors=n_factors).fit(table).vectors_
    with sharing():
        sf.SpectralFilter(n_factors=20).fit(table)
        together = sf.SpectralFilter(n_factors=n_factors).fit(table).vectors_
    x = table.matrix.toarray().astype(float)
    balanced = x / np.sqrt(np.outer(x.sum(axis=1), x.sum(axis=0)))
    _, _, rows = svds(balanced, k=n_factors, random_state=0)
    assert alone.shape == together.shape == (80, n_factors)
    for vectors in (alone, together):
        assert np.abs(projector(vectors) - projector(rows.T)).max() < 2e-3


def test_one_decomposition_serves_all_fits_on_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their dials; another seed, other weights, more vectors, or no block: another."""
    made = []

    def count(balanced: sparse.csr_array, n_factors: int, seed: int) -> Floats:
        made.append((n_factors, seed))
        return leading(balanced, n_factors, seed)

    leading = spectral._leading_vectors
    monkeypatch.setattr(spectral, "_SHARED_FACTORS", 30)
    monkeypatch.setattr(spectral, "_leading_vectors", count)
    table = wide_table()
    with sharing():
        for n_factors, exponent in ((10, 0.5), (30, 0.2), (4, 0.9)):
            sf.SpectralFilter(n_factors=n_factors, exponent=exponent, low_pass=0.1).fit(table)
        assert len(made) == 1
        sf.SpectralFilter(n_factors=4, random_state=1).fit(table)
        sf.SpectralFilter(n_factors=4, use_weights=True).fit(table)
        assert len(made) == 3
        sf.SpectralFilter(n_factors=40).fit(table)
        sf.SpectralFilter(n_factors=35).fit(table)
        assert len(made) == 4
        sf.SpectralFilter(n_factors=4).fit(wide_table(1))
        assert len(made) == 5
    sf.SpectralFilter(n_factors=4).fit(table)
    sf.SpectralFilter(n_factors=4).fit(table)
    assert len(made) == 7


def test_a_model_that_shared_stands_alone(tmp_path: Path) -> None:
    """It recommends and is saved as any other, after the block has ended."""
    table = wide_table()
    with sharing():
        model = sf.SpectralFilter(n_factors=8).fit(table)
    model.save(tmp_path / "model")
    recs = model.recommend(k=5)
    assert sf.load_model(tmp_path / "model").recommend(k=5).equals(recs)
    alone = sf.SpectralFilter(n_factors=8).fit(table).recommend(k=5)
    pairs = [set(map(tuple, found[["user_id", "item_id"]].to_numpy())) for found in (recs, alone)]
    assert len(pairs[0] & pairs[1]) > 0.98 * len(pairs[0])


@pytest.mark.parametrize("exponent", [0.5, 0.7])
@pytest.mark.parametrize(("order", "flatness"), [(1, 1.0), (4, 1.0), (8, 2.0), (9, 3.0)])
def test_the_plateau_is_a_function_of_the_spectrum(
    table: Interactions, exponent: float, order: int, flatness: float
) -> None:
    """The polynomial on the eigenvalues of a dense decomposition gives the same scores."""
    model = sf.SpectralFilter(n_factors=0, exponent=exponent, order=order, flatness=flatness)
    model.fit(table)
    x = table.matrix.toarray()
    n, m = x.sum(axis=1), x.sum(axis=0)
    balanced = x / np.sqrt(n)[:, None] / np.sqrt(m)[None, :]
    values, vectors = np.linalg.eigh(np.eye(len(m)) - balanced.T @ balanced)
    nodes = np.cos(np.pi * (np.arange(order + 1) + 0.5) / (order + 1))
    heights = (1 - np.sign(nodes) * np.abs(nodes) ** flatness) / 2
    # the interpolating polynomial, by barycentric weights and not by Chebyshev's recurrence
    transfer = BarycentricInterpolator(nodes, heights)(2 * values - 1)
    tilt = m ** (0.5 - exponent)
    expected = (x * tilt) @ vectors * transfer @ vectors.T / tilt
    scores = model.score_users(np.arange(len(n)))
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=2e-5)


def test_a_plateau_of_flatness_one_is_the_linear_filter(table: Interactions) -> None:
    """Whatever the degree."""
    rows = np.arange(table.n_users)
    linear = sf.SpectralFilter(n_factors=3).fit(table).score_users(rows)
    plateau = sf.SpectralFilter(n_factors=3, order=5).fit(table).score_users(rows)
    np.testing.assert_allclose(plateau, linear, rtol=1e-3, atol=1e-5)
