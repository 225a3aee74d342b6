"""Two models, added up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import suffuse as sf
from suffuse.recsys.scoring import score_scale

WORLD = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)


def test_scores_are_the_weighted_sum() -> None:
    """Each part over its mean score on the training cells."""
    first, second = sf.EASE(regularization=20.0), sf.SpectralFilter(n_factors=8)
    blend = sf.Blend(first, second, weight=0.3).fit(WORLD.interactions)
    rows = np.flatnonzero(np.diff(blend.interactions_.indptr))
    parts = [model.fit(WORLD.interactions) for model in (first, second)]
    expected = sum(
        share * part.score_users(rows) / score_scale(part)
        for share, part in zip((0.3, 0.7), parts, strict=True)
    )
    np.testing.assert_allclose(blend.score_users(rows), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_all_weight_on_one_part_ranks_like_it(weight: float) -> None:
    """The lists are those of the part that has the weight."""
    first, second = sf.EASE(regularization=20.0), sf.Popularity()
    blend = sf.Blend(first, second, weight=weight).fit(WORLD.interactions)
    alone = (first if weight else second).fit(WORLD.interactions)
    lists = [model.recommend(k=5)[["user_id", "item_id"]] for model in (blend, alone)]
    assert lists[0].equals(lists[1])


def test_a_blend_of_dense_and_sparse_parts_diffuses(tmp_path: Path) -> None:
    """As the base of social diffusion, saved and read back, it recommends the same."""
    base = sf.Blend(sf.ALS(n_factors=8, regularization=5.0), sf.EASE(regularization=20.0))
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    model.fit(WORLD.interactions, social=WORLD.social)
    model.save(tmp_path / "model")
    recs = model.recommend(k=5)
    assert sf.load_model(tmp_path / "model").recommend(k=5).equals(recs)
    assert not recs.equals(model.base_.recommend(k=5))


def test_bad_parts_are_refused() -> None:
    """A part without linear scores, and a weight outside [0, 1]."""
    with pytest.raises(TypeError, match="second must be a model with linear scores; got 'EASE'"):
        sf.Blend(sf.EASE(), "EASE").fit(WORLD.interactions)
    with pytest.raises(ValueError, match=r"weight must be a number in \[0, 1\]; got 1.5"):
        sf.Blend(sf.EASE(), sf.Popularity(), weight=1.5).fit(WORLD.interactions)
