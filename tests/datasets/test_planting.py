"""The steps that plant a world: each true to its rule."""

import numpy as np
import pytest

from suffuse.datasets import WorldShape
from suffuse.datasets.planting import (
    check_unit,
    plant_activity,
    plant_choices,
    plant_strangers,
    plant_ties,
    plant_truth,
)


def test_no_genre_is_empty() -> None:
    """Also with as many genres as items."""
    shape = WorldShape(n_communities=10, n_circles=4)
    truth, n_communities = plant_truth(np.random.default_rng(0), 50, 40, shape)
    assert n_communities == 10
    assert sorted(truth.genres) == list(range(40))


def test_more_genres_than_items_are_refused() -> None:
    """The numbers are in the sentence."""
    shape = WorldShape(n_communities=11, n_circles=4)
    with pytest.raises(ValueError, match=r"at most n_items, 40; got 11 \* 4"):
        plant_truth(np.random.default_rng(0), 50, 40, shape)


def test_strangers_are_two_disjoint_groups_of_the_right_size() -> None:
    """A tenth without interactions, a fifth without friends."""
    shape = WorldShape(cold_fraction=0.1, isolated_fraction=0.2)
    cold, isolated = plant_strangers(np.random.default_rng(0), 500, shape)
    assert (len(cold), len(isolated)) == (50, 100)
    assert not set(cold) & set(isolated)


def test_every_cold_user_has_a_friend_and_no_isolated_one_has() -> None:
    """Over several seeds, and with few ties."""
    shape = WorldShape(mean_degree=1.0, cold_fraction=0.2, isolated_fraction=0.3)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        truth, _ = plant_truth(rng, 300, 100, shape)
        cold, isolated = plant_strangers(rng, 300, shape)
        ties = plant_ties(rng, truth, (cold, isolated), 0.9, shape)
        ends = set((ties // 300).tolist()) | set((ties % 300).tolist())
        assert set(cold.tolist()) <= ends
        assert not set(isolated.tolist()) & ends


def test_activity_has_its_mean_and_cold_users_have_none() -> None:
    """The mean over warm users is the one asked for, up to the cut at a third of the catalogue."""
    activity = plant_activity(np.random.default_rng(0), (20_000, 3000), np.array([7]), 20.0)
    assert activity[7] == 0
    assert activity.mean() == pytest.approx(20.0, rel=0.02)
    assert np.delete(activity, 7).min() >= 1


def test_copies_are_items_of_friends() -> None:
    """With half of the choices copied, two friends share far more than by their tastes."""
    rng, shape = np.random.default_rng(0), WorldShape(n_communities=2)
    truth, _ = plant_truth(rng, 40, 400, shape)
    activity = np.zeros(40, dtype=np.int64)
    activity[:2] = 60
    keys, seconds = plant_choices(rng, truth, np.array([0 * 40 + 1]), activity, 0.5)
    times = [
        dict(zip(keys[keys // 400 == u] % 400, seconds[keys // 400 == u], strict=True))
        for u in (0, 1)
    ]
    assert [len(held) for held in times] == [60, 60]
    apart, _ = plant_choices(rng, truth, np.array([0 * 40 + 1]), activity, 0.0)
    common = set(times[0]) & set(times[1])
    by_chance = set(apart[apart < 400]) & set(apart[apart >= 400] - 400)
    assert len(common) > len(by_chance) + 15


def test_copies_come_later_than_what_they_copy() -> None:
    """Own choices are at 1/2 of the time on average, copies at 3/4: uniform after uniform."""
    shape = WorldShape(n_communities=2)
    truth, _ = plant_truth(np.random.default_rng(0), 200, 900, shape)
    ring = np.array([u * 200 + u + 1 for u in range(199)])
    span = 2 * 365 * 24 * 3600
    means = []
    for share in (0.0, 0.5):
        rng = np.random.default_rng(1)
        _, seconds = plant_choices(rng, truth, ring, np.full(200, 50), share)
        assert seconds.max() < span
        means.append(seconds.mean() / span)
    # 10,000 uniform moments: 4 sigma is 0.012.
    assert means[0] == pytest.approx(0.5, abs=0.012)
    # Copies of what the user already holds become choices: some way to (1/2 + 3/4) / 2.
    assert 0.55 < means[1] < 0.625


def test_nobody_copies_from_a_friend_who_has_nothing() -> None:
    """A cold friend: all choices are the user's own, none is missing."""
    rng, shape = np.random.default_rng(0), WorldShape(n_communities=1)
    truth, _ = plant_truth(rng, 30, 200, shape)
    activity = np.zeros(30, dtype=np.int64)
    activity[3] = 25
    keys, _ = plant_choices(rng, truth, np.array([3 * 30 + 5]), activity, 1.0)
    assert len(keys) == 25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mean_interactions": 0}, "mean_interactions must be above 0; got 0"),
        ({"mean_degree": float("nan")}, "mean_degree must be above 0; got nan"),
        ({"cold_fraction": 1.2}, "cold_fraction must be between 0 and 1; got 1.2"),
        ({"cold_fraction": 0.5, "isolated_fraction": 0.5}, "must be at most 0.9"),
        ({"n_circles": 0}, "n_circles and n_communities must be at least 1"),
        ({"copying": -0.1}, "copying must be between 0 and 1; got -0.1"),
    ],
)
def test_bad_shapes_are_refused(arguments: dict[str, float], message: str) -> None:
    """Value and rule are in the sentence."""
    with pytest.raises(ValueError, match=message):
        WorldShape(**arguments)


def test_check_unit_lets_the_ends_pass() -> None:
    """0 and 1 are allowed."""
    check_unit(0, "x")
    check_unit(1, "x")
    with pytest.raises(ValueError, match="x must be between 0 and 1; got nan"):
        check_unit(float("nan"), "x")
