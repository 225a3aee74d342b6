"""Signals of users, and the background for users without one."""

import numpy as np
from scipy import sparse

import suffuse as sf
from suffuse.recsys.scoring import (
    dense_signals,
    evidence,
    item_popularity,
    own_scores,
    popular_scores,
    preferences,
    score_own_signals,
    signal_scores,
)

ROWS = sparse.csr_array(np.array([[1.0, 1, 0], [0, 0, 0], [1, 0, 1]]))


def test_signals_are_dense_rows() -> None:
    """Factors as they are, preferences unpacked."""
    model = sf.EASE().fit(ROWS)
    found = dense_signals(model.signals_, np.array([2, 0]))
    assert found.tolist() == [[1, 0, 1], [1, 1, 0]]
    assert found.dtype == np.float32
    factors = sf.ALS(n_factors=2, regularization=0.1).fit(ROWS)
    np.testing.assert_array_equal(
        dense_signals(factors.signals_, np.array([1])), factors.user_factors_[1:2]
    )


def test_evidence_and_popularity() -> None:
    """Counts of rows, whatever their weights."""
    weighted = ROWS * 7.0
    assert evidence(weighted).tolist() == [2, 0, 2]
    np.testing.assert_allclose(item_popularity(weighted), [0.5, 0.25, 0.25])
    assert item_popularity(sparse.csr_array((2, 3))).tolist() == [0, 0, 0]


def test_users_without_interactions_score_popularity() -> None:
    """The others score by their own signals."""
    model = sf.EASE(regularization=2.0).fit(ROWS)
    scores = score_own_signals(model, np.arange(3))
    np.testing.assert_allclose(scores[1], [0.5, 0.25, 0.25])
    np.testing.assert_array_equal(
        scores[[0, 2]], model.score_signals(ROWS.toarray().astype(np.float32))[[0, 2]]
    )


def test_preferences_are_ones_unless_weights_are_used() -> None:
    """A copy in single precision; the rows that were given stay."""
    weighted = sparse.csr_array(ROWS * 7.0)
    assert preferences(weighted, use_weights=False).toarray().tolist() == ROWS.toarray().tolist()
    found = preferences(weighted, use_weights=True)
    assert found.toarray().tolist() == weighted.toarray().tolist()
    assert found.dtype == np.float32
    assert weighted.data.tolist() == [7.0] * 4


def test_signals_of_any_rows_are_scored_as_those_of_users() -> None:
    """The fitted signals, handed over, give the fitted scores; parts are weighted and added."""
    model = sf.EASE(regularization=2.0).fit(ROWS)
    rows = np.array([2, 0])
    parts = ((1.0, model),)
    found = signal_scores(parts, [model.signals_], rows)
    np.testing.assert_array_equal(found, own_scores(model, rows))
    twice = signal_scores(((1.5, model), (0.5, model)), [model.signals_] * 2, rows)
    np.testing.assert_allclose(twice, 2.0 * found, rtol=1e-6)
    assert dense_signals(model.signals_, rows).tolist() == [[1, 0, 1], [1, 1, 0]]


def test_what_strangers_get() -> None:
    """The share of rows; for popularity its own count, of weights where it uses them."""
    weighted = sparse.csr_array(np.array([[1.0, 3, 0], [0, 0, 4]]))
    np.testing.assert_allclose(popular_scores(sf.EASE().fit(weighted)), [1 / 3] * 3)
    model = sf.Popularity(use_weights=True).fit(weighted)
    np.testing.assert_allclose(popular_scores(model), [1 / 8, 3 / 8, 4 / 8])
