"""Synthetic worlds: the same for the same seed, true to their homophily, worth recommending on."""

import numpy as np
import pandas as pd
import pytest

from suffuse.datasets import (
    SocialWorld,
    WorldShape,
    as_interactions,
    as_social_graph,
    make_social_world,
    split_random,
)


def same_community(world: SocialWorld) -> tuple[float, float, int]:
    """Return the share of ties within a community, that by chance, and the number of ties."""
    community = world.users.set_index("user_id").community
    sources = community[world.social.source_id].to_numpy()
    targets = community[world.social.target_id].to_numpy()
    ends = np.bincount(np.concatenate([sources, targets]))
    return float((sources == targets).mean()), float(((ends / ends.sum()) ** 2).sum()), len(sources)


def test_the_same_seed_gives_the_same_world() -> None:
    """All tables are equal, and another seed gives others."""
    one, two, other = (make_social_world(300, 120, rng=seed) for seed in (5, 5, 6))
    for name in ("interactions", "social", "users", "items"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    assert not one.interactions.equals(other.interactions)


def test_the_tables_are_what_they_say() -> None:
    """Ids in order, every pair and every tie once, times within two years, cold users known."""
    world = make_social_world(400, 150, rng=1)
    assert world.users.user_id.tolist() == [f"u{n:06d}" for n in range(400)]
    assert world.items.item_id.tolist() == [f"i{n:05d}" for n in range(150)]
    rows, ties = world.interactions, world.social
    assert not rows.duplicated(["user_id", "item_id"]).any()
    assert (ties.source_id < ties.target_id).all()
    assert not ties.duplicated().any()
    assert rows.timestamp.between("2024-01-01", "2025-12-31").all()
    held = rows.user_id.value_counts().reindex(world.users.user_id, fill_value=0)
    assert held.tolist() == world.users.activity.tolist()
    cold = world.users.user_id[world.users.activity == 0]
    assert len(cold) == 20
    assert set(cold) <= set(ties.source_id) | set(ties.target_id)
    assert len(set(ties.source_id) | set(ties.target_id)) <= 380
    assert set(world.users.group) == {"minority", "majority"}


def test_means_are_those_of_the_shape() -> None:
    """Ten friends on average, thirty items on average of warm users."""
    shape = WorldShape(mean_interactions=30.0, mean_degree=8.0)
    world = make_social_world(3000, 1500, shape=shape, rng=0)
    assert 2 * len(world.social) / 3000 == pytest.approx(8.0, rel=0.01)
    assert len(world.interactions) / (0.95 * 3000) == pytest.approx(30.0, rel=0.05)


def test_at_homophily_0_ties_say_nothing_about_taste() -> None:
    """The share of ties within a community is that of independent ends (4 sigma)."""
    share, chance, n_ties = same_community(make_social_world(4000, 1000, homophily=0.0, rng=0))
    assert abs(share - chance) < 4 * np.sqrt(chance * (1 - chance) / n_ties)


@pytest.mark.parametrize("homophily", [0.3, 0.6, 1.0])
def test_homophily_is_the_share_of_ties_that_taste_made(homophily: float) -> None:
    """h + (1 - h) * chance; rejection of repetitions takes a little within small circles."""
    world = make_social_world(4000, 1000, homophily=homophily, rng=0)
    share, _, _ = same_community(world)
    chance = same_community(make_social_world(4000, 1000, homophily=0.0, rng=0))[1]
    assert share == pytest.approx(homophily + (1 - homophily) * chance, abs=0.04)


def test_degrees_and_popularity_have_heavy_tails() -> None:
    """The top percent holds a multiple of its share: power laws, not Poisson."""
    world = make_social_world(5000, 2000, rng=0)
    degrees = np.sort(as_social_graph(world.social).degrees)[::-1]
    assert degrees[:50].sum() > 0.06 * degrees.sum()
    assert degrees[0] > 8 * degrees.mean()
    counts = np.sort(world.interactions.item_id.value_counts().to_numpy())[::-1]
    assert counts[:20].sum() > 0.05 * counts.sum()


def test_the_minority_is_correlated_with_the_community_but_not_given_by_it() -> None:
    """Its share grows with the number of the community, and stays below one half."""
    users = make_social_world(8000, 1000, rng=0).users
    share = (users.group == "minority").groupby(users.community).mean()
    assert share.iloc[-3:].mean() > 2 * share.iloc[:3].mean()
    assert share.max() < 0.5
    assert share.min() > 0


def test_true_scores_are_those_of_the_truth() -> None:
    """By id, in the order asked; an unknown user is refused."""
    world = make_social_world(200, 80, rng=0)
    scores = world.true_scores(["u000007", "u000002"])
    assert (scores == world.truth.scores([7, 2])).all()
    assert scores.sum(axis=1) == pytest.approx(1.0)
    with pytest.raises(KeyError, match="ids of this world; got 'nobody'"):
        world.true_scores(["nobody"])


def recall_at_20(scores: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Return the mean share of a user's test items among the 20 best new ones."""
    best = np.argsort(-np.where(train > 0, -np.inf, scores), axis=1)[:, :20]
    n_test = test.sum(axis=1)
    hits = np.take_along_axis(test, best, axis=1).sum(axis=1)
    return float((hits / np.maximum(n_test, 1))[n_test > 0].mean())


def rankings(homophily: float) -> dict[str, float]:
    """Return the recall of popularity, item similarity, the same with friends, and the truth."""
    world = make_social_world(homophily=homophily, rng=0)
    table = as_interactions(world.interactions).with_users(world.users.user_id)
    table = table.with_items(world.items.item_id)
    train_part, test_part = split_random(table, test_fraction=0.2, rng=0)
    train = train_part.matrix.toarray().astype(float)
    test = test_part.matrix.toarray()
    gram = np.linalg.inv(train.T @ train + 30 * np.eye(train.shape[1]))  # closed-form EASE
    weights = -gram / np.diag(gram)
    np.fill_diagonal(weights, 0)
    ties, _ = as_social_graph(world.social).reindex(table.user_ids)
    friends = (ties @ train) / np.maximum(ties.sum(axis=1), 1)[:, None]
    mixed = 0.7 * train + 0.3 * friends
    ranked = {
        "popularity": np.broadcast_to(train.sum(axis=0), train.shape),
        "items": train @ weights,
        "social": mixed @ weights + 0.1 * friends,
        "truth": world.truth.scores(np.arange(len(train))),
    }
    return {name: recall_at_20(scores, train, test) for name, scores in ranked.items()}


def test_the_default_world_rewards_recommenders_and_friends() -> None:
    """Item similarity beats popularity twice over, friends add to it, the truth is the ceiling."""
    recall = rankings(0.6)
    assert recall["items"] > 2 * recall["popularity"]
    assert recall["social"] > 1.03 * recall["items"]
    assert recall["truth"] > 1.2 * recall["social"]


def test_without_homophily_friends_do_not_help() -> None:
    """The control: the same mixture is worse than no mixture."""
    recall = rankings(0.0)
    assert recall["social"] < recall["items"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_users": 5}, "n_users must be a whole number of at least 20; got 5"),
        ({"n_items": 10.5}, "n_items must be a whole number of at least 20; got 10.5"),
        ({"homophily": 1.5}, "homophily must be between 0 and 1; got 1.5"),
        ({"shape": WorldShape(mean_degree=500)}, "mean_degree must be at most n_users / 8, 250.0"),
        ({"shape": WorldShape(mean_interactions=500)}, "mean_interactions must be at most n_items"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    """Value and rule are in the sentence."""
    with pytest.raises(ValueError, match=message):
        make_social_world(**arguments)
