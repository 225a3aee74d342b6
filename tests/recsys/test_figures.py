"""The picture of the demonstration shows the numbers that it was given."""

from __future__ import annotations

import numpy as np
import pytest

import suffuse as sf
from suffuse.recsys.figures import draw_demo


def test_bars_and_curves_are_the_numbers() -> None:
    """Bar heights are the reports' values, and the shares of a preference sum to one."""
    world = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0)
    base = sf.ALS(n_factors=8, regularization=5.0)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.1)
    model.fit(world.interactions, social=world.social)
    recs = model.recommend(k=10, filter_seen=False)
    reports = {
        (group, name): sf.evaluate(
            recs[recs["rank"] > start], world.interactions, metrics=["ndcg@10"]
        )
        for group in ("warm", "cold")
        for start, name in enumerate(("one", "two"))
    }
    left, right = draw_demo(reports, model).axes
    heights = sorted(bar.get_height() for bar in left.patches)
    values = sorted(report.to_frame()["value"][0] for report in reports.values())
    assert heights == pytest.approx(values)
    for line in right.lines:
        assert np.sum(line.get_ydata()) == pytest.approx(1.0, abs=1e-5)
