"""Social diffusion as products of vectors, against its scores."""

from typing import Any

import numpy as np
import pytest

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys.channels import Setting, Taste
from suffuse.recsys.holdout import FEW
from suffuse.recsys.recommend import best_items
from suffuse.recsys.selection import Selection, to_settings
from suffuse.recsys.topk import NO_ITEM

BASES: dict[str, Any] = {
    "ALS": sf.ALS(n_factors=6, regularization=1.0),
    "Popularity": sf.Popularity(),
    "Blend": sf.Blend(sf.ALS(n_factors=5, regularization=1.0), sf.Popularity(), weight=0.9),
}
#: every channel in some group, and groups that are those of the base
SETTINGS = {
    "all channels": (
        Setting(Taste(0.3, 2.0), 1.0),
        Setting(Taste(0.5), 0.5, 0.1),
        Setting(Taste(0.7), 2.0, 0.01),
    ),
    "memory alone": (Setting(Taste(), 1.0), Setting(), Setting(Taste(), 1.0, 1e-6)),
    "no graph": (Setting(), Setting(Taste(), 0.0, 0.3), Setting()),
}


@pytest.fixture(scope="module", params=list(BASES))
def base(request: pytest.FixtureRequest) -> Any:
    """A base model with vectors."""
    return BASES[request.param]


@pytest.fixture(scope="module", params=list(SETTINGS))
def model(base: Any, request: pytest.FixtureRequest, tall: SocialWorld) -> Any:
    """Users with many, few and no items, with ties and without."""
    users = tall.interactions["user_id"]
    place = users.groupby(users).cumcount()
    code = users.astype("category").cat.codes
    table = tall.interactions[(code % 3 == 0) | (place < code % 3)]
    ties = tall.social[tall.social["source_id"].astype(str).str[-1] != "7"]
    settings = to_settings(Selection("symmetric", *SETTINGS[request.param]))
    alone = sf.datasets.Interactions.from_frame(table).with_users(np.arange(90_000, 90_005))
    return sf.SocialDiffusion(base, settings=settings).fit(alone, social=ties)


def test_lists_are_the_ranking_of_the_scores(model: Any) -> None:
    """Of every group, but for scores that rounding alone tells apart."""
    rows = np.arange(len(model.user_ids_))
    counts = np.diff(model.interactions_.indptr)
    ties = np.diff(model.social_.indptr) > 0
    for group in (counts > FEW, (counts > 0) & (counts <= FEW), counts == 0):
        assert (group & ties).any()
    assert (~ties).any()
    groups = model.factored(rows)
    places = np.concatenate([group.places for group in groups])
    np.testing.assert_array_equal(np.sort(places), rows)
    scores = model.score_users(rows)
    scores[model.interactions_.toarray() > 0] = -np.inf
    items, values = best_items(model, rows, 9)
    assert (items != NO_ITEM).all()
    order = np.argsort(-scores, axis=1, kind="stable")[:, :9]
    size = np.abs(scores[np.isfinite(scores)]).max()
    best = np.take_along_axis(scores, order, axis=1)
    np.testing.assert_allclose(values, best, rtol=2e-6, atol=2e-6 * size)
    found = np.take_along_axis(scores, items.astype(np.int64), axis=1)
    np.testing.assert_allclose(found, best, rtol=2e-6, atol=2e-6 * size)
    assert (items == order).mean() > 0.99


def test_rows_in_any_order_and_number(model: Any) -> None:
    """A list does not depend on who else is asked for."""
    rows = np.random.default_rng(0).permutation(len(model.user_ids_))
    items, values = best_items(model, rows, 6)
    for place in range(0, len(rows), 17):
        alone = best_items(model, rows[place : place + 1], 6)
        np.testing.assert_array_equal(alone[0][0], items[place])
        np.testing.assert_array_equal(alone[1][0], values[place])


def test_preference_rows_make_all_scores(tall: SocialWorld) -> None:
    """Over EASE there are no vectors."""
    model = sf.SocialDiffusion(sf.EASE(), damping=0.2, memory=1.0, background=0.1)
    model.fit(tall.interactions, social=tall.social)
    assert model.factored(np.arange(3)) is None
    assert len(model.recommend(k=4)) == 4 * len(model.user_ids_)
