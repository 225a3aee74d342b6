"""Models as products of vectors, and their lists."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys import execution, factored
from suffuse.recsys.factored import (
    Factored,
    Term,
    VectorGroup,
    factored_lists,
    index_of,
    item_terms,
    kept_popularity,
    without_items,
)
from suffuse.recsys.newcomers import read_newcomers
from suffuse.recsys.pruned_topk import Memory
from suffuse.recsys.recommend import best_items
from suffuse.recsys.topk import NO_ITEM, Lists

Floats = npt.NDArray[np.float32]


def is_ranking_of(lists: Lists, scores: Floats, k: int) -> None:
    """Lists are those of a full sort, but for scores that rounding alone tells apart."""
    items, values = lists
    assert items.shape == (len(scores), min(k, scores.shape[1]))
    best = -np.sort(-scores, axis=1)[:, :k]
    size = np.abs(np.where(np.isfinite(scores), scores, 0.0)).max() + 1e-30
    np.testing.assert_allclose(values, best, rtol=2e-6, atol=2e-6 * size)
    filled = items != NO_ITEM
    np.testing.assert_array_equal(filled, np.isfinite(best))
    rows = np.nonzero(filled)[0]
    np.testing.assert_allclose(
        scores[rows, items[filled]], values[filled], rtol=2e-6, atol=2e-6 * size
    )
    for row in range(len(items)):
        listed = items[row][filled[row]]
        assert len(set(listed.tolist())) == len(listed)


def masked(model: Any, rows: npt.NDArray[np.int64]) -> Floats:
    """Scores with seen items left out."""
    scores = model.score_users(rows)
    scores[model.interactions_[rows].toarray() > 0] = -np.inf
    return np.asarray(scores, np.float32)


def three_users() -> sparse.csr_array:
    """Rows of which one is empty."""
    return sparse.csr_array(np.array([[1.0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]]))


MODELS = {
    "ALS": sf.ALS(n_factors=6, regularization=1.0),
    "Popularity": sf.Popularity(),
    "Popularity, weighted": sf.Popularity(use_weights=True),
    "Blend": sf.Blend(
        sf.ALS(n_factors=5, regularization=1.0), sf.ALS(n_factors=3, regularization=2.0), weight=0.3
    ),
    "Blend with popularity": sf.Blend(
        sf.ALS(n_factors=5, regularization=1.0), sf.Popularity(), weight=0.9
    ),
}


@pytest.fixture(params=list(MODELS))
def model(request: pytest.FixtureRequest, tall: SocialWorld) -> Any:
    """A model with vectors, fitted; some of its users hold nothing."""
    table = sf.datasets.Interactions.from_frame(tall.interactions)
    return MODELS[request.param].fit(table.with_users(np.arange(10_000, 10_020)))


def test_lists_are_the_ranking_of_the_scores(model: Any) -> None:
    """Of everybody, in any order, seen items left out or not."""
    rows = np.random.default_rng(0).permutation(len(model.user_ids_))
    assert model.factored(rows) is not None
    is_ranking_of(best_items(model, rows, 7), masked(model, rows), 7)
    everything = best_items(model, rows[:9], 1000, filter_seen=False)
    is_ranking_of(everything, model.score_users(rows[:9]), 1000)
    allowed = np.arange(len(model.item_ids_)) % 3 == 0
    some = np.where(allowed, masked(model, rows), np.float32(-np.inf))
    is_ranking_of(best_items(model, rows, 5, allowed=allowed), some, 5)


def test_every_place_belongs_to_one_group(model: Any) -> None:
    """Popularity is a group of its own where a model has nothing else for its strangers."""
    rows = np.arange(len(model.user_ids_))[::-1]
    groups = model.factored(rows)
    places = np.sort(np.concatenate([group.places for group in groups]))
    np.testing.assert_array_equal(places, np.arange(len(rows)))
    empty = without_items(model, rows)
    assert empty.sum() == 20
    if len(groups) == 2:
        np.testing.assert_array_equal(groups[1].places, np.flatnonzero(empty))


def test_cuts_and_threads_do_not_change_a_bit(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user at a time, and all at once."""
    rows = np.arange(len(model.user_ids_))
    whole = best_items(model, rows, 5)
    monkeypatch.setattr(execution, "BATCH_BYTES", 1)
    model.set_params(n_jobs=3)
    parts = best_items(model, rows, 5)
    np.testing.assert_array_equal(whole[0], parts[0])
    np.testing.assert_array_equal(whole[1], parts[1])


def test_groups_keep_to_their_places() -> None:
    """Two groups and a memory, by hand: scores 1 * (1, 2, 3), 2 * (3, 2, 1) + (0, 0, 9)."""
    rising, falling = np.float32([[1.0], [2.0], [3.0]]), np.float32([[3.0], [2.0], [1.0]])
    held = sparse.csr_array(np.float32([[0, 0, 3.0], [0, 0, 0], [0, 0, 0]]))
    ties = sparse.csr_array(np.float32([[0, 0, 0], [1.0, 0, 0], [0, 0, 0]]))
    groups = (
        VectorGroup(np.array([1]), (Term(None, rising),)),
        VectorGroup(np.array([0, 2]), (Term(None, falling, 2.0, 4.0),), Memory(ties, held, 3.0)),
    )
    rows = np.array([1, 0, 2])
    options: dict[str, Any] = {"allowed": None, "n_jobs": 1}
    items, scores = factored_lists(groups, rows, 2, seen=None, **options)
    assert items.tolist() == [[2, 0], [2, 1], [0, 1]]
    assert scores.tolist() == [[11.0, 6.0], [3.0, 2.0], [6.0, 4.0]]
    seen = sparse.csr_array(np.float32([[0, 0, 0], [0, 0, 1], [1, 1, 0]]))
    items, scores = factored_lists(groups, rows, 2, seen=seen, **options)
    assert items.tolist() == [[0, 1], [2, 1], [2, NO_ITEM]]


def test_an_index_is_made_once_per_model(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often lists are asked for, by the model and by newcomers; a fit makes another."""
    best_items(model, np.arange(len(model.user_ids_)), 3)
    made = []
    build = factored.ItemIndex.of
    monkeypatch.setattr(factored.ItemIndex, "of", lambda vectors: made.append(1) or build(vectors))
    for start in range(0, 20, 5):
        best_items(model, np.arange(start, start + 5), 3)
    model.recommend(interactions=pd.DataFrame({"user_id": ["x"], "item_id": model.item_ids_[:1]}))
    assert made == []
    model.fit(model.interactions_[:, ::-1])
    rows = np.flatnonzero(~without_items(model, np.arange(len(model.user_ids_))))
    best_items(model, rows[:5], 3)
    assert len(made) == 1


def test_an_update_gives_the_lists_of_new_factors(tall: SocialWorld) -> None:
    """The old index is not asked again."""
    model = sf.ALS(n_factors=4, regularization=1.0).fit(tall.interactions)
    model.recommend(k=3)
    rows = pd.DataFrame({"user_id": tall.interactions["user_id"].iloc[:4], "item_id": "new"})
    model.update(rows)
    everybody = np.arange(len(model.user_ids_))
    is_ranking_of(best_items(model, everybody, 4), masked(model, everybody), 4)


def test_preference_rows_are_no_vectors() -> None:
    """EASE, and what it is a part of, make all scores."""
    rows = three_users()
    ease = sf.EASE().fit(rows)
    assert not isinstance(ease, Factored)
    blend = sf.Blend(sf.EASE(), sf.ALS(n_factors=2, regularization=0.1)).fit(rows)
    assert blend.factored(np.arange(3)) is None
    assert item_terms(blend) is None
    is_ranking_of(best_items(blend, np.arange(3), 2), masked(blend, np.arange(3)), 2)


def test_newcomers_without_channels_have_vectors(tall: SocialWorld) -> None:
    """Their folded signals; popularity for those who bring nothing that the model knows."""
    model = sf.ALS(n_factors=6, regularization=1.0).fit(tall.interactions)
    table = pd.DataFrame({"user_id": ["a", "a", "b"], "item_id": model.item_ids_[[3, 8, 5]]})
    folded = model.fold_in(read_newcomers(model, table, None, directed=None))
    rows = np.array([1, 0])
    is_ranking_of(best_items(folded, rows, 6), masked(folded, rows), 6)
    assert len(folded.factored(rows)) == 1


def test_popularity_is_counted_once() -> None:
    """From the rows of a model, or its own scores."""
    model = sf.ALS(n_factors=2, regularization=0.1).fit(three_users())
    assert kept_popularity(model) is kept_popularity(model)
    np.testing.assert_allclose(kept_popularity(model), [0.5, 0.25, 0, 0.25])
    weighted = sf.Popularity().fit(three_users())
    assert kept_popularity(weighted) is weighted.item_scores_


def test_a_lift_changes_no_score() -> None:
    """A power of two on one side and its inverse on the other."""
    items = np.random.default_rng(0).standard_normal((9, 1)).astype(np.float32)
    term = Term(None, items, 3.0, 0.25)
    np.testing.assert_array_equal(term.of(np.arange(2))[:1] @ term.item_side().T, 3 * items.T)
    assert index_of((term,)) is index_of((Term(None, items, 3.0, 0.25),))
    assert index_of((term,)) is not index_of((Term(None, items, 3.0, 0.5),))


def test_factors_that_are_not_finite_are_refused() -> None:
    """With the row, before any list is made."""
    model = sf.ALS(n_factors=2, regularization=0.1).fit(three_users())
    model.user_factors_ = model.user_factors_.copy()
    model.user_factors_[2, 0] = np.nan
    with pytest.raises(ValueError, match="user vectors must be finite; got nan in row 2"):
        model.recommend(k=1)
