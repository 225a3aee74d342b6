"""What a page on a model is made of: the same numbers as by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.data_profile import history_labels
from suffuse.recsys.report_on_model import graph_of, model_frontier, model_report


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Training rows, test rows, ties."""
    world = sf.datasets.make_social_world(n_users=150, n_items=60, rng=0)
    train, test = sf.datasets.split_random(world.interactions, rng=0)
    return train, test, world.social


@pytest.fixture(scope="module")
def model(tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]) -> sf.SocialDiffusion:
    """A quick model with given dials."""
    base = sf.SpectralFilter(n_factors=8)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    return model.fit(tables[0], social=tables[2])


def test_the_evaluation_is_that_of_evaluate(
    model: sf.SocialDiffusion, tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    """Lists, baseline, groups and ties by hand give the same values."""
    train, test, social = tables
    found = model_report(model, test, k=5, frontier=False)
    users = [user for user in test["user_id"].unique() if user in set(model.user_ids_)]
    counts = train.groupby("user_id").size().reindex(model.user_ids_, fill_value=0)
    report = sf.evaluate(
        model.recommend(users, 5),
        test,
        train=train,
        user_groups=pd.Series(history_labels(counts), index=counts.index),
        baseline=model.base_.recommend(users, 5),
        social=social,
    )
    for name, values in report.per_user.items():
        np.testing.assert_allclose(found.report.per_user[name], values, equal_nan=True)
    assert report.differences is not None
    assert found.report.differences is not None
    for name, values in report.differences.items():
        np.testing.assert_allclose(found.report.differences[name], values, equal_nan=True)
    pd.testing.assert_frame_equal(found.report.group_frame(), report.group_frame(), check_like=True)
    assert found.own_groups == ("users", "items")
    assert found.frontier is None
    kinds = {"many items": (counts > 5).any(), "few items": counts.between(1, 5).any()}
    kinds["no items"] = (counts == 0).any()
    assert [one.kind for one in found.examples] == [kind for kind, some in kinds.items() if some]
    assert len(found.train) == found.profile.n_rows == len(train)


def test_given_groups_and_rows_are_used(
    model: sf.SocialDiffusion, tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    """Nothing is made up where something is given; a shorter table has a smaller catalogue."""
    train, test, _ = tables
    users = {user: "odd" if place % 2 else "even" for place, user in enumerate(model.user_ids_)}
    items = {item: "a" if place % 3 else "b" for place, item in enumerate(model.item_ids_)}
    found = model_report(
        model, test, train=train.head(100), user_groups=users, item_groups=items, k=3,
        frontier=False,
    )  # fmt: skip
    assert found.own_groups == ()
    assert found.report.user_groups is not None
    assert set(found.report.user_groups) == {"odd", "even"}
    assert found.report.exposure is not None
    assert {"a", "b"} <= set(found.report.exposure["group"])
    assert len(found.train) == 100


def test_the_graph_of_a_model_is_that_of_its_fit(
    model: sf.SocialDiffusion, tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
) -> None:
    """The same ties in both directions; the model's own arrays stay writeable as they were."""
    graph = graph_of(model)
    assert graph is not None
    assert (graph.adjacency != model.social_).nnz == 0
    pairs = {frozenset(pair) for pair in tables[2][["source_id", "target_id"]].to_numpy().tolist()}
    assert graph.n_ties == 2 * len(pairs)
    assert model.social_.data is not graph.adjacency.data


def test_the_frontier_of_a_graph(model: sf.SocialDiffusion) -> None:
    """No graph, kinds and dampings, and as fitted, which is one of them here."""
    found = model_frontier(model, k=5)
    assert found is not None
    names = found.to_frame()["setting"].tolist()
    assert names[0] == "no graph"
    assert names[-1] == "symmetric 0.3, as fitted"
    assert len(names) == 5
    assert found.pareto.any()
    # without the graph the lists are those of the base on the same hidden cells
    base = sf.fairness_frontier(
        sf.SpectralFilter(n_factors=8),
        {"n_factors": [8]},
        sf.datasets.as_interactions(model.base_.interactions_),
        accuracy="ndcg@5",
        fairness="gini@5",
    )
    assert found.values["accuracy"].iloc[0] == pytest.approx(base.values["accuracy"].iloc[0])


def test_models_with_and_without_a_dial(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    """EASE turns its regularization; popularity has nothing to turn."""
    ease = model_frontier(sf.EASE(regularization=10.0).fit(tables[0]), k=5)
    assert ease is not None
    assert ease.to_frame()["regularization"].tolist() == [1.0, 10.0, 100.0]
    assert model_frontier(sf.Popularity().fit(tables[0]), k=5) is None


def test_ids_of_another_kind_are_refused(model: sf.SocialDiffusion) -> None:
    """Nobody to judge is an error that quotes both kinds; so is no list."""
    test = pd.DataFrame({"user_id": [1, 2], "item_id": ["i00001", "i00002"]})
    with pytest.raises(ValueError, match=r"test must hold users of the model.*\[1\]"):
        model_report(model, test, frontier=False)
    with pytest.raises(ValueError, match="k must be"):
        model_report(model, test, k=0)
