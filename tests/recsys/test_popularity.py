"""Popularity by hand."""

import numpy as np
import pandas as pd

import suffuse as sf

TABLE = pd.DataFrame(
    {"user_id": list("abcab"), "item_id": list("xxxyz"), "weight": [1.0, 1.0, 1.0, 5.0, 2.0]}
)


def test_a_score_is_the_share_of_the_rows() -> None:
    """Three rows of x, one of y, one of z."""
    model = sf.Popularity().fit(TABLE)
    np.testing.assert_allclose(model.item_scores_, [0.6, 0.2, 0.2])
    assert model.recommend(["c"], k=2)["item_id"].tolist() == ["y", "z"]
    assert model.recommend(["a", "b"], k=1)["item_id"].tolist() == ["z", "y"]


def test_weights_add_up_when_asked_for() -> None:
    """3, 5 and 2 of 10."""
    model = sf.Popularity(use_weights=True).fit(TABLE)
    np.testing.assert_allclose(model.item_scores_, [0.3, 0.5, 0.2])


def test_the_same_for_everybody() -> None:
    """Scores repeat; as signals, they are one number per user times the item scores."""
    model = sf.Popularity().fit(TABLE)
    scores = model.score_users(np.array([0, 2]))
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(model.score_signals(model.signals_), np.tile(scores[:1], (3, 1)))
    similar = model.similar_items(["x"], k=2)
    assert similar["similar_item_id"].tolist() == ["y", "z"]
