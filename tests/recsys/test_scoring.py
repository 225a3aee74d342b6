"""Signals of users, and the background for users without one."""

import numpy as np
from scipy import sparse

import suffuse as sf
from suffuse.recsys.scoring import evidence, item_popularity, own_signals, score_own_signals

ROWS = sparse.csr_array(np.array([[1.0, 1, 0], [0, 0, 0], [1, 0, 1]]))


def test_signals_are_dense_rows() -> None:
    """Factors as they are, preferences unpacked."""
    model = sf.EASE().fit(ROWS)
    found = own_signals(model, np.array([2, 0]))
    assert found.tolist() == [[1, 0, 1], [1, 1, 0]]
    assert found.dtype == np.float32
    factors = sf.ALS(n_factors=2, regularization=0.1).fit(ROWS)
    np.testing.assert_array_equal(own_signals(factors, np.array([1])), factors.user_factors_[1:2])


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
