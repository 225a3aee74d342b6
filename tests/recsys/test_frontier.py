"""The frontier: what is tried, on what, and which settings no other one beats."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suffuse as sf
from suffuse.recsys.frontier import Frontier, fairness_frontier, pareto_mask
from suffuse.recsys.holdout import hide_cells

POINTS = st.lists(
    st.tuples(st.integers(0, 5), st.one_of(st.integers(0, 5), st.just(float("nan")))),
    min_size=1,
    max_size=12,
)


@given(points=POINTS)
@settings(deadline=None, max_examples=80)
def test_the_mask_is_the_definition(points: list[tuple[float, float]]) -> None:
    """A point is on the front if no known point is as good in both and better in one."""
    found = pareto_mask(*np.array(points, float).T)
    known = [point for point in points if not np.isnan(point[1])]
    for (first, second), on_front in zip(points, found, strict=True):
        beaten = any(
            one >= first and other >= second and (one, other) != (first, second)
            for one, other in known
        )
        assert on_front == (not np.isnan(second) and not beaten)


def test_every_setting_is_judged_on_hidden_cells(tall: sf.datasets.SocialWorld) -> None:
    """Each value equals that of a fit and an evaluation by hand, in the order of the product."""
    dials = {"exponent": [0.2, 0.8], "n_factors": [0, 4]}
    frontier = fairness_frontier(
        sf.SpectralFilter(), dials, tall.interactions, accuracy="ndcg@5", fairness="coverage@10"
    )
    table = sf.datasets.as_interactions(tall.interactions)
    hidden = hide_cells(table, random_state=0)
    assert [tuple(setting.values()) for setting in frontier.settings] == [
        (0.2, 0), (0.2, 4), (0.8, 0), (0.8, 4),
    ]  # fmt: skip
    users, items = hidden.truth.nonzero()
    test = pd.DataFrame({"user_id": table.user_ids[users], "item_id": table.item_ids[items]})
    for setting, row in zip(frontier.settings, frontier.values.itertuples(), strict=True):
        model = sf.SpectralFilter(**setting).fit(hidden.train)
        recs = model.recommend(test["user_id"].unique(), 10)
        report = sf.evaluate(recs, test, train=hidden.train, metrics=["ndcg@5", "coverage@10"])
        values = report.to_frame().set_index("metric")
        assert row.accuracy == pytest.approx(values["value"]["ndcg@5"])
        assert row.accuracy_low == pytest.approx(values["low"]["ndcg@5"])
        assert row.fairness == pytest.approx(values["value"]["coverage@10"])
    assert frontier.higher_is_fairer
    best = frontier.to_frame()
    assert best.loc[best["accuracy"].idxmax(), "pareto"]
    assert len(frontier.plot().texts) == best["pareto"].sum()


def test_the_dial_of_social_diffusion(tall: sf.datasets.SocialWorld) -> None:
    """Damping and kind, with a measure of one's own; the model that is passed stays as it was."""
    model = sf.SocialDiffusion(sf.ALS(n_factors=4), memory=0.0, background=0.1)

    def worst_user(report: sf.Report) -> float:
        return float(report.per_user["ndcg@10"].min())

    frontier = fairness_frontier(
        model,
        {"normalization": ["row", "doubly_stochastic"], "damping": [0.3], "base__n_factors": [2]},
        tall.interactions,
        social=tall.social,
        accuracy="ndcg@10",
        fairness=worst_user,
        higher_is_fairer=True,
    )
    assert frontier.fairness == "worst_user"
    assert frontier.values["fairness"].tolist() == [
        report.per_user["ndcg@10"].min() for report in frontier.reports
    ]
    assert model.damping == "auto"
    assert model.base.n_factors == 4
    assert not hasattr(model, "base_")


def test_a_gap_between_groups_can_be_the_measure(tall: sf.datasets.SocialWorld) -> None:
    """A pair names a row of the fairness frame; less of a gap is fairer, more of a ratio."""
    users = tall.interactions["user_id"].unique()
    halves = {user: "odd" if place % 2 else "even" for place, user in enumerate(users)}
    options = {"accuracy": "ndcg@10", "user_groups": halves}
    dial = {"exponent": [0.1, 0.9]}
    model = sf.SpectralFilter(n_factors=0, low_pass=0.0)
    frontier = fairness_frontier(
        model, dial, tall.interactions, fairness=("user_gap", "ndcg@10"), **options
    )
    assert frontier.fairness == "user_gap of ndcg@10"
    assert not frontier.higher_is_fairer
    for report, row in zip(frontier.reports, frontier.values.itertuples(), strict=True):
        means = report.group_frame()
        means = means[means["metric"] == "ndcg@10"]["value"]
        assert row.fairness == pytest.approx(means.max() - means.min())
        assert row.fairness_low <= row.fairness <= row.fairness_high
    ratio = fairness_frontier(
        model, dial, tall.interactions, fairness=("user_ratio", "ndcg@10"), **options
    )
    assert ratio.higher_is_fairer
    with pytest.raises(ValueError, match="user_nothing"):
        fairness_frontier(
            model, dial, tall.interactions, fairness=("user_nothing", "ndcg@10"), **options
        )


def frontier_of(accuracy: list[float], fairness: list[float], *, rises: bool = False) -> Frontier:
    """A frontier of a dial that was turned step by step."""
    return Frontier(
        settings=tuple({"damping": place / 10} for place in range(len(accuracy))),
        accuracy="ndcg@20",
        fairness="gini@20",
        values=pd.DataFrame({"accuracy": accuracy, "fairness": fairness}),
        higher_is_fairer=rises,
        reports=(),
    )


def test_choose_takes_the_fairest_that_is_accurate_enough() -> None:
    """One per cent may be lost, not more; of two as fair the more accurate one."""
    frontier = frontier_of([0.2, 0.199, 0.1985, 0.1], [0.9, 0.7, 0.7, 0.1])
    assert frontier.choose() == {"damping": 0.1}
    assert frontier.choose(keep=0.5) == {"damping": 0.3}
    assert frontier.choose(keep=1.0) == {"damping": 0.0}
    assert frontier_of([0.2, 0.2], [0.1, 0.5], rises=True).choose() == {"damping": 0.1}
    assert frontier_of([0.2, 0.2], [float("nan"), 0.5]).choose() == {"damping": 0.1}
    with pytest.raises(ValueError, match="keep must be"):
        frontier.choose(keep=0.0)
    with pytest.raises(ValueError, match="fairness must be a number"):
        frontier_of([0.2], [float("nan")]).choose()


def test_bad_arguments(tall: sf.datasets.SocialWorld) -> None:
    """Nothing to try, names without a length, parameters and measures that are not there."""
    model, table = sf.SpectralFilter(n_factors=2), tall.interactions
    with pytest.raises(ValueError, match="values must hold a parameter"):
        fairness_frontier(model, {"exponent": []}, table)
    with pytest.raises(TypeError, match="values must be a mapping"):
        fairness_frontier(model, [0.1], table)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'damping'"):
        fairness_frontier(model, {"damping": [0.1]}, table)
    with pytest.raises(ValueError, match="'ndcg@20'; got 'ndcg'"):
        fairness_frontier(model, {"exponent": [0.1]}, table, accuracy="ndcg")
    with pytest.raises(ValueError, match="nonsense"):
        fairness_frontier(model, {"exponent": [0.1]}, table, fairness="nonsense@5")
