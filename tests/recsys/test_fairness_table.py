"""One table of who is served and shown how."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.fairness_table import fairness_table, group_difference_table
from suffuse.recsys.groups import Groups, groups_of
from suffuse.recsys.judgement_context import Context
from suffuse.recsys.lists import Lists, lists_of


class World:
    """Lists of the most popular items in a social world, with groups of users and of items."""

    def __init__(self) -> None:
        made = sf.datasets.make_social_world(200, 60, homophily=0.6, rng=0)
        self.train, test = sf.datasets.split_random(made.interactions, rng=0)
        recs = sf.Popularity().fit(self.train).recommend(k=5)
        self.lists = lists_of(recs, test, train=self.train)
        self.social = made.social
        self.hits = {"hits@5": self.lists.hits.sum(axis=1) / 5.0}
        users, items = self.lists.user_ids.tolist(), self.lists.item_ids.tolist()
        self.user_labels: dict[Any, str] = {
            user: ("a", "b")[place % 2] for place, user in enumerate(users)
        }
        self.item_labels: dict[Any, str] = {
            item: ("x", "y", "z")[place % 3] for place, item in enumerate(items)
        }

    def context(self, labels: dict[Any, str] | None = None, **target: float) -> Context:
        """Groups of items, and the shares that they should have."""
        given = self.item_labels if labels is None else labels
        groups = groups_of(self.lists.item_ids, given, name="item_groups", key="item_id")
        return Context(groups, target=target or None)

    def user_groups(self, labels: dict[Any, str] | None = None) -> Groups:
        """Groups of users."""
        given = self.user_labels if labels is None else labels
        return groups_of(self.lists.user_ids, given, name="user_groups", key="user_id")


@pytest.fixture(scope="module")
def world() -> World:
    """One world for the module."""
    return World()


def value(frame: pd.DataFrame, metric: str, of: Any) -> float:
    """One cell of the table."""
    row = frame[(frame["metric"] == metric) & (frame["of"] == of)]
    assert len(row) == 1, metric
    return float(row["value"].iloc[0])


def test_every_row_that_the_tables_allow(world: World) -> None:
    """All rows, their intervals around them, and nothing to note."""
    frame, notes = fairness_table(
        world.lists,
        world.hits,
        context=world.context(),
        user_groups=world.user_groups(),
        social=world.social,
        directed=False,
    )
    assert notes == ()
    assert frame.columns.tolist() == ["metric", "of", "value", "low", "high", "n"]
    on_users = {"user_gini", "user_p10", "user_gap", "user_ratio", "user_std", "user_worst"}
    on_items = {"ee_l", "ee_d", "ee_r", "iaa", "pop_rsp", "pop_reo", "awrf", "ndkl", "rsp", "reo"}
    on_groups = {"exposure_share", "exposure_target", "log_dp", "log_eur", "log_rur"}
    expected = on_users | {"user_mad", "social_gap", "stranger_gap", "isolated_gap"}
    expected |= {f"{name}@5" for name in on_items | on_groups | {"demographic_parity"}}
    assert set(frame["metric"]) == expected | {"popularity_lift@5", "upd@5"}
    assert frame["value"].notna().all()
    inside = frame.dropna()
    assert set(frame["metric"]) - set(inside["metric"]) == {"exposure_target@5", "stranger_gap"}
    assert (inside["low"] <= inside["value"] + 1e-12).all()
    assert (inside["value"] <= inside["high"] + 1e-12).all()
    assert not np.isinf(frame.select_dtypes(float).to_numpy()).any()


def test_values_on_users_by_pandas(world: World) -> None:
    """The gap of the two groups, and of users with and without ties."""
    frame, _ = fairness_table(
        world.lists,
        world.hits,
        user_groups=world.user_groups(),
        social=world.social,
        directed=False,
    )
    hits = pd.Series(world.hits["hits@5"], index=world.lists.user_ids)
    means = hits.groupby(world.user_labels).mean()
    assert value(frame, "user_gap", "hits@5") == pytest.approx(means.max() - means.min())
    assert value(frame, "user_worst", "hits@5") == pytest.approx(means.min())
    tied = hits.index.isin([*world.social["source_id"], *world.social["target_id"]])
    apart = hits[~tied].mean() - hits[tied].mean()
    assert value(frame, "isolated_gap", "hits@5") == pytest.approx(apart)
    ends = world.social[world.social.isin(set(hits.index))[["source_id", "target_id"]].all(axis=1)]
    pairs = {tuple(sorted(pair)) for pair in ends[["source_id", "target_id"]].values.tolist()}
    gap = np.mean([abs(hits[u] - hits[v]) for u, v in pairs])
    assert value(frame, "social_gap", "hits@5") == pytest.approx(gap)
    strangers = [abs(one - other) for one, other in combinations(hits.tolist(), 2)]
    assert value(frame, "stranger_gap", "hits@5") == pytest.approx(np.mean(strangers))


def test_values_on_items_by_pandas(world: World) -> None:
    """Shares of the discounted places, targets of the catalogue, and their log ratio per item."""
    frame, _ = fairness_table(world.lists, {}, context=world.context())
    lists = world.lists
    places = pd.DataFrame(
        {
            "label": [world.item_labels[item] for item in lists.item_ids[lists.items].ravel()],
            "weight": np.tile(1 / np.log2(np.arange(2, 7)), lists.n_users),
            "hit": lists.hits.ravel(),
        }
    )
    gains = places[places["hit"]].groupby("label")["weight"].sum()
    took = lists.item_ids[lists.truth_items]
    tests = pd.Series([world.item_labels[item] for item in took]).value_counts()
    shares = places.groupby("label")["weight"].sum() / places["weight"].sum()
    sizes = pd.Series(world.item_labels).value_counts()
    for label, share in shares.items():
        assert value(frame, "exposure_share@5", label) == pytest.approx(share)
        assert value(frame, "exposure_target@5", label) == pytest.approx(sizes[label] / sizes.sum())
        others = (1 - share) / (sizes.sum() - sizes[label])
        ratio = math.log(share / sizes[label] / others)
        assert value(frame, "log_dp@5", label) == pytest.approx(ratio)
        others = (1 - share) / (tests.sum() - tests[label])
        ratio = math.log(share / tests[label] / others)
        assert value(frame, "log_eur@5", label) == pytest.approx(ratio)
        others = (gains.sum() - gains[label]) / (tests.sum() - tests[label])
        ratio = math.log(gains[label] / tests[label] / others)
        assert value(frame, "log_rur@5", label) == pytest.approx(ratio)
    target = sizes / sizes.sum()
    apart = (shares - target).abs().sum() / 2
    assert value(frame, "awrf@5", "item groups") == pytest.approx(apart)
    given, _ = fairness_table(world.lists, {}, context=world.context(x=0.5, y=0.5))
    apart = (shares - pd.Series({"x": 0.5, "y": 0.5, "z": 0.0})).abs().sum() / 2
    assert value(given, "awrf@5", "item groups") == pytest.approx(apart)


def test_the_interval_of_popularity_lift_is_that_of_drawing_users_anew(world: World) -> None:
    """Half its width against the spread over 500 resamples of the users of one group."""
    groups = world.user_groups()
    frame, _ = fairness_table(world.lists, {}, user_groups=groups)
    row = frame[(frame["metric"] == "popularity_lift@5") & (frame["of"] == "a")].iloc[0]
    counts = np.bincount(world.lists.train.items, minlength=world.lists.n_items)
    listed = counts[world.lists.items].mean(axis=1)
    had = pd.Series(counts[world.lists.train.items]).groupby(world.lists.train.users).mean()
    own = had.reindex(world.lists.train_users).to_numpy()
    inside = np.flatnonzero((groups.codes == 0) & ~np.isnan(own))
    rng, drawn = np.random.default_rng(0), []
    for _ in range(500):
        users = rng.choice(inside, len(inside))
        drawn.append(listed[users].mean() / own[users].mean() - 1)
    assert row["value"] == pytest.approx(listed[inside].mean() / own[inside].mean() - 1)
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * np.std(drawn), rel=0.15)


def test_small_and_empty_groups_are_named_with_their_count(world: World) -> None:
    """Two users, two items, and a group of each that nobody and nothing is in."""
    users, items = world.lists.user_ids, world.lists.item_ids
    few_users = dict.fromkeys(users.tolist(), "many") | dict.fromkeys(users[:2].tolist(), "few")
    few_items = dict.fromkeys(items.tolist(), "many") | dict.fromkeys(items[:2].tolist(), "rare")
    frame, notes = fairness_table(
        world.lists,
        world.hits,
        context=world.context({**few_items, "elsewhere": "gone"}),
        user_groups=world.user_groups({**few_users, "elsewhere": "absent"}),
    )
    assert "the group 'few' has 2 of the users, fewer than 10: its values are NaN" in notes
    assert "the group 'absent' has 0 of the users, fewer than 10: its values are NaN" in notes
    assert (
        "the group 'rare' has 2 of the items of the catalogue, fewer than 10: its values are NaN"
        in notes
    )
    assert (
        "the group 'gone' has 0 of the items of the catalogue, fewer than 10: its values are NaN"
        in notes
    )
    for metric, of in (
        ("user_gap", "hits@5"),
        ("exposure_share@5", "rare"),
        ("exposure_share@5", "gone"),
        ("popularity_lift@5", "few"),
        ("rsp@5", "item groups"),
    ):
        assert math.isnan(value(frame, metric, of)), metric
    assert value(frame, "exposure_share@5", "many") > 0
    assert not np.isinf(frame.select_dtypes(float).to_numpy()).any()


def test_unknown_users_are_a_group_of_their_own(world: World) -> None:
    """Half of the users without a label, whose group is called unknown."""
    half = world.lists.user_ids[::2].tolist()
    groups = world.user_groups(dict.fromkeys(half, "known"))
    assert groups.names == ("known", "unknown")
    frame, _ = fairness_table(world.lists, world.hits, user_groups=groups)
    hits = world.hits["hits@5"]
    known = np.isin(world.lists.user_ids, half)
    apart = abs(hits[known].mean() - hits[~known].mean())
    assert value(frame, "user_gap", "hits@5") == pytest.approx(apart)


def test_too_few_without_a_tie(world: World) -> None:
    """Everybody has a tie: there is nobody to compare with, and a note says so."""
    users = world.lists.user_ids
    circle = pd.DataFrame({"source_id": users, "target_id": np.roll(users, 1)})
    frame, notes = fairness_table(world.lists, world.hits, social=circle, directed=False)
    expected = "0 of the users are without any tie, fewer than 10: isolated_gap is NaN"
    assert notes == (expected,)
    assert math.isnan(value(frame, "isolated_gap", "hits@5"))
    assert value(frame, "social_gap", "hits@5") > 0


def test_a_graph_of_strangers(world: World) -> None:
    """Nobody of the graph is judged: no tie, no gap, no error."""
    strangers = pd.DataFrame({"source_id": [-1], "target_id": [-2]})
    frame, notes = fairness_table(world.lists, world.hits, social=strangers, directed=False)
    assert notes == ("0 of the users are with a tie, fewer than 10: isolated_gap is NaN",)
    assert math.isnan(value(frame, "social_gap", "hits@5"))


def test_labels_may_be_anything_and_in_any_order(world: World) -> None:
    """Groups relabelled: the same comparisons."""
    one, _ = fairness_table(world.lists, world.hits, user_groups=world.user_groups())
    names: dict[str, Any] = {"a": ("tuple", 2), "b": 1}
    relabelled = {user: names[label] for user, label in world.user_labels.items()}
    two, _ = fairness_table(world.lists, world.hits, user_groups=world.user_groups(relabelled))
    for metric in ("user_gap", "user_ratio", "user_std", "user_mad"):
        assert value(one, metric, "hits@5") == pytest.approx(value(two, metric, "hits@5"))


def test_nobody_is_listed(world: World) -> None:
    """Lists without an item: zeros and NaN, no infinity and no failure."""
    recs = pd.DataFrame({"user_id": ["nobody"], "item_id": [0], "rank": [1]})
    test = pd.DataFrame({"user_id": list("abc"), "item_id": [0, 1, 2]})
    lists: Lists = lists_of(recs, test)
    groups = groups_of(lists.item_ids, {0: "x"}, name="item_groups", key="item_id")
    context = Context(groups, min_group_size=1)
    frame, _ = fairness_table(lists, {"hits@1": np.zeros(3)}, context=context)
    assert not np.isinf(frame.select_dtypes(float).to_numpy()).any()
    assert math.isnan(value(frame, "user_gini", "hits@1"))
    assert math.isnan(value(frame, "exposure_share@1", "x"))


def test_group_differences_of_every_utility(world: World) -> None:
    """One row for each group and utility, the utility first."""
    both = {**world.hits, "zero": np.zeros(world.lists.n_users)}
    frame = group_difference_table(both, world.user_groups())
    assert frame[["metric", "group"]].values.tolist() == [
        ["hits@5", "a"], ["hits@5", "b"], ["zero", "a"], ["zero", "b"]
    ]  # fmt: skip
    assert frame["difference"].iloc[0] == pytest.approx(-frame["difference"].iloc[1])
    assert frame["p"].iloc[2] == 1.0
    assert group_difference_table({}, world.user_groups()).empty
