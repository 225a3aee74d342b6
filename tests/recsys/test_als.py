"""ALS against implicit's own run, and against the normal equations."""

import numpy as np
import numpy.typing as npt
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse

import suffuse as sf
from suffuse.datasets import Interactions, SocialWorld
from suffuse.recsys import execution, progress_to

Floats = npt.NDArray[np.float64]


def exact_users(
    rows: sparse.csr_array, items: npt.NDArray[np.float32], confidence: float, penalty: float
) -> Floats:
    """``x_u = (Y^T C_u Y + r I)^-1 Y^T C_u p_u``, user by user (Hu et al. 2008, eq. 4)."""
    y = items.astype(float)
    users = np.zeros((rows.shape[0], y.shape[1]))
    for user, row in enumerate(rows.toarray()):
        weight = np.where(row > 0, confidence * row, 1.0)
        normal = y.T @ (weight[:, None] * y) + penalty * np.eye(y.shape[1])
        users[user] = np.linalg.solve(normal, y.T @ (weight * (row > 0)))
    return users


def weighted_table(world: SocialWorld) -> sparse.csr_array:
    """The table of a world with weights 1 to 4."""
    rows = sparse.csr_array(Interactions.from_frame(world.interactions).matrix.copy())
    rows.data = np.random.default_rng(0).integers(1, 5, rows.nnz).astype(np.float32)
    return rows


@pytest.mark.parametrize("use_weights", [False, True])
def test_item_factors_are_those_of_implicit(tall: SocialWorld, use_weights: bool) -> None:
    """The same seed, table and parameters: the same bits."""
    weighted = weighted_table(tall)
    model = sf.ALS(
        n_factors=6,
        regularization=2.0,
        confidence=7.0,
        max_iter=3,
        use_weights=use_weights,
        random_state=5,
        n_jobs=1,
    ).fit(weighted)
    cells = sparse.csr_matrix(weighted if use_weights else weighted.astype(bool), dtype=np.float32)
    with execution.one_blas_thread():
        solver = AlternatingLeastSquares(
            factors=6, regularization=2.0, alpha=7.0, iterations=3, random_state=5, num_threads=1
        )
        solver.fit(cells, show_progress=False)
    np.testing.assert_array_equal(model.item_factors_, solver.item_factors)


@pytest.mark.parametrize("use_weights", [False, True])
def test_user_factors_solve_the_normal_equations(tall: SocialWorld, use_weights: bool) -> None:
    """Exactly, given the item factors: what folding in would give."""
    weighted = weighted_table(tall)
    model = sf.ALS(
        n_factors=6, regularization=2.0, confidence=7.0, max_iter=3, use_weights=use_weights
    ).fit(weighted)
    rows = sparse.csr_array(weighted if use_weights else weighted.astype(bool), dtype=float)
    expected = exact_users(rows, model.item_factors_, 7.0, 2.0)
    np.testing.assert_allclose(model.user_factors_, expected, rtol=2e-4, atol=2e-6)


def test_scores_are_products_of_factors(tall: SocialWorld) -> None:
    """``x_u . y_i``."""
    model = sf.ALS(n_factors=5, regularization=1.0).fit(tall.interactions)
    rows = np.array([3, 0, 8])
    expected = model.user_factors_[rows].astype(float) @ model.item_factors_.T.astype(float)
    np.testing.assert_allclose(model.score_users(rows), expected, rtol=1e-4, atol=1e-6)


def test_similarity_is_the_cosine_of_item_factors(tall: SocialWorld) -> None:
    """From -1 to 1, 1 on the diagonal."""
    model = sf.ALS(n_factors=5, regularization=1.0).fit(tall.interactions)
    y = model.item_factors_.astype(float)
    unit = y / np.linalg.norm(y, axis=1, keepdims=True)
    found = model.score_similar(np.arange(len(y)))
    np.testing.assert_allclose(found, unit @ unit.T, atol=1e-5)


def test_the_seed_decides(tall: SocialWorld) -> None:
    """Another seed, other factors; the same seed, the same."""
    first, second, third = (
        sf.ALS(n_factors=4, random_state=seed).fit(tall.interactions).item_factors_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_progress_counts_the_alternations(tall: SocialWorld) -> None:
    """One unit each."""
    told: list[tuple[str, int, int]] = []
    with progress_to(lambda *news: told.append(news)):
        sf.ALS(n_factors=4, max_iter=3).fit(tall.interactions)
    assert told == [("fitting ALS", done, 3) for done in (0, 1, 2, 3)]


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        ("n_factors", 0, "n_factors must be a whole number of at least 1; got 0"),
        ("n_factors", 2.5, "n_factors must be a whole number of at least 1; got 2.5"),
        ("max_iter", 0, "max_iter must be a whole number of at least 1; got 0"),
        ("regularization", 0.0, r"regularization must be a number in \(0, inf\); got 0.0"),
        ("regularization", np.nan, r"regularization must be a number in \(0, inf\); got nan"),
        ("confidence", -1.0, r"confidence must be a number in \(0, inf\); got -1.0"),
        ("random_state", -1, "random_state must be a whole number of at least 0; got -1"),
        ("random_state", None, "random_state must be a whole number of at least 0; got None"),
        ("n_jobs", 0, "n_jobs must be a positive integer, -1 or None; got 0"),
    ],
)
def test_bad_parameters_are_refused(
    tall: SocialWorld, parameter: str, value: object, sentence: str
) -> None:
    """With the name, the rule and the value."""
    with pytest.raises(ValueError, match=sentence):
        sf.ALS(**{parameter: value}).fit(tall.interactions)


def test_factors_that_overflow_are_refused() -> None:
    """In our words, with the two numbers that did it."""
    rows = sparse.csr_array([[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match=r"keep the factors finite; got regularization=1e\+30"):
        sf.ALS(n_factors=1, regularization=1e30).fit(rows)


def test_a_penalty_that_kills_all_factors_is_noticed() -> None:
    """On a tiny table a strong penalty leaves nothing; the warning names it and the way out."""
    table = sf.datasets.tiny_world().interactions
    with pytest.warns(UserWarning, match="regularization must leave .* got 5000.0, too strong"):
        sf.ALS(n_factors=2, regularization=5000.0).fit(table)


def test_rows_of_popular_items_can_count_less() -> None:
    """The discount is the published model on a table whose weights are discounted."""
    table = sf.datasets.make_social_world(n_users=100, n_items=60, rng=0).interactions
    counts = table["item_id"].map(table["item_id"].value_counts()).to_numpy(dtype=float)
    average = counts.mean()
    weighted = table.assign(weight=((counts / average) ** -0.3).astype(np.float32))
    discounted = sf.ALS(n_factors=8, popularity_discount=0.3, n_jobs=1).fit(table)
    by_weight = sf.ALS(n_factors=8, use_weights=True, n_jobs=1).fit(weighted)
    np.testing.assert_allclose(discounted.user_factors_, by_weight.user_factors_, atol=1e-5)
