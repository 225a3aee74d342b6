"""Which dials the hold-out turns, and which it leaves alone."""

import copy
import json
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.datasets import Interactions, SocialGraph, SocialWorld
from suffuse.recsys import selection
from suffuse.recsys.channels import FAINT, Setting, Taste
from suffuse.recsys.search import Judged
from suffuse.recsys.selection import (
    COLD_MEMORIES,
    COLD_TASTES,
    FEW_BACKGROUNDS,
    KINDS,
    MEMORIES,
    POPULAR,
    TASTES,
    WARM_BACKGROUNDS,
    Dials,
    Selection,
    as_given,
    from_settings,
    select,
    to_settings,
)


def selected(
    world: SocialWorld,
    dials: Dials,
    *,
    kinds: tuple[str | float, ...] = ("symmetric",),
    directed: bool = False,
) -> Selection:
    """A selection over a small ALS."""
    graph = SocialGraph.from_frame(world.social, directed=directed)
    table = Interactions.from_frame(world.interactions).with_users(graph.ids)
    adjacency: sparse.csr_array = graph.reindex(table.user_ids)[0]
    base = sf.ALS(n_factors=8, regularization=1.0, max_iter=4)
    return select(base, table, adjacency, dials=dials, kinds=kinds, random_state=0, n_jobs=1)


def test_given_dials_are_taken_as_they_are() -> None:
    """For cold users the background is at least faint, so that friends' silence has an answer."""
    dials = Dials(damping=0.4, memory=2.0, background=0.0, evidence=3.0)
    chosen = as_given(dials, "row")
    assert chosen.normalization == "row"
    assert chosen.warm == Setting(Taste(0.4, 3.0), 2.0)
    assert chosen.cold == Setting(Taste(0.4), 2.0, FAINT)
    assert chosen.ablation.empty
    assert chosen.trials.empty
    assert as_given(Dials(0.4, 2.0, 0.5), "row").cold.background == 0.5


def test_any_free() -> None:
    """Evidence alone leaves nothing to choose."""
    assert Dials(0.1, 0.1).any_free
    assert not Dials(0.1, 0.1, 0.1).any_free


def test_everything_free_tries_everything(tall: SocialWorld) -> None:
    """Every taste and memory, with and without, for all three groups of users."""
    chosen = selected(tall, Dials())
    warm = chosen.trials[chosen.trials["users"] == "warm"]
    n_graph = (1 + len(TASTES)) * (1 + len(MEMORIES))
    assert len(warm) == n_graph + len(WARM_BACKGROUNDS)
    cold = chosen.trials[chosen.trials["users"] == "cold"]
    assert set(cold["damping"]) == {taste.damping for taste in (Taste(), *COLD_TASTES)}
    assert set(cold["memory"]) == set(COLD_MEMORIES)
    few = chosen.trials[chosen.trials["users"] == "few"]
    assert set(few["background"]) == {0.0, *FEW_BACKGROUNDS}
    assert len(chosen.ablation) == 6


def test_a_given_dial_is_never_turned(tall: SocialWorld) -> None:
    """Not for warm users, and not for cold ones unless popularity alone is better."""
    chosen = selected(tall, Dials(damping=0.25, evidence=4.0))
    assert chosen.warm.taste == Taste(0.25, 4.0)
    assert chosen.cold.taste == Taste(0.25) or chosen.cold == POPULAR
    chosen = selected(tall, Dials(memory=3.0))
    assert chosen.warm.memory == 3.0
    assert chosen.cold.memory == 3.0 or chosen.cold == POPULAR
    chosen = selected(tall, Dials(background=0.7))
    assert chosen.cold.background == 0.7 or chosen.cold == POPULAR
    assert chosen.warm.background == 0.0


def test_the_kind_is_one_that_the_graph_allows(tall: SocialWorld) -> None:
    """A directed graph has no doubly stochastic kind; a single kind is not questioned."""
    assert selected(tall, Dials(), kinds=KINDS).normalization in KINDS
    directed = selected(tall, Dials(), kinds=KINDS, directed=True)
    assert directed.normalization in ("symmetric", "row")
    assert selected(tall, Dials(), kinds=(0.25,)).normalization == 0.25


def test_the_plainest_kind_unless_another_is_clearly_better(tall: SocialWorld) -> None:
    """The same kind twice is no better than itself."""
    assert selected(tall, Dials(), kinds=("row", 1.0)).normalization == "row"


def test_a_tiny_world_has_too_few_to_choose_on() -> None:
    """No gain can be shown on a handful of users: no graph for those with a history."""
    world = sf.datasets.tiny_world()
    chosen = selected(world, Dials())
    assert chosen.warm == Setting()
    assert chosen.cold == POPULAR
    cold = chosen.ablation[chosen.ablation["users"] == "cold"]
    assert (cold["n_users"] == 0).all()
    assert cold["base"].isna().all()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_decides(tall: SocialWorld, seed: int) -> None:
    """The same hold-out, the same numbers."""
    graph = SocialGraph.from_frame(tall.social, directed=False)
    table = Interactions.from_frame(tall.interactions).with_users(graph.ids)
    adjacency = graph.reindex(table.user_ids)[0]

    def trials(random_state: int) -> np.ndarray:
        base = sf.EASE(regularization=10.0)
        found = select(
            base,
            table,
            adjacency,
            dials=Dials(),
            kinds=("row",),
            random_state=random_state,
            n_jobs=1,
        )
        return found.trials["ndcg@20"].to_numpy()

    np.testing.assert_array_equal(trials(seed), trials(seed))
    assert not np.array_equal(trials(seed), trials(seed + 1))


SETTINGS: dict[str, Any] = {
    "normalization": "row",
    "warm": {"damping": 0.5, "evidence": 5.0, "memory": 2.0, "background": 0.0},
    "few": {"damping": 0.3, "evidence": None, "memory": 1.0, "background": 0.03},
    "cold": {"damping": 0.85, "evidence": None, "memory": 4.0, "background": 0.1},
}


def test_settings_there_and_back() -> None:
    """Plain numbers that JSON holds; what is read from them writes the same."""
    found = from_settings(SETTINGS)
    assert found.normalization == "row"
    assert found.warm == Setting(Taste(0.5, 5.0), 2.0)
    assert found.few == Setting(Taste(0.3), 1.0, 0.03)
    assert found.cold == Setting(Taste(0.85), 4.0, 0.1)
    assert to_settings(found) == SETTINGS
    assert json.loads(json.dumps(to_settings(found))) == SETTINGS
    assert to_settings(from_settings(MappingProxyType(SETTINGS))) == SETTINGS
    given = as_given(Dials(0.4, 2.0, 0.0, 3.0), 0.25)
    again = from_settings(to_settings(given))
    assert (again.normalization, again.warm, again.few, again.cold) == (
        0.25, given.warm, given.few, given.cold,
    )  # fmt: skip


def test_what_a_hold_out_chose_comes_back(tall: SocialWorld) -> None:
    """Every dial of every group that a real selection sets."""
    chosen = selected(tall, Dials(), kinds=KINDS)
    again = from_settings(to_settings(chosen))
    assert (again.warm, again.few, again.cold) == (chosen.warm, chosen.few, chosen.cold)


def test_the_background_of_cold_users_stays_above_zero() -> None:
    """Popularity decides where friends know nothing either, also by hand-written settings."""
    settings = copy.deepcopy(SETTINGS)
    settings["cold"]["background"] = 0
    assert from_settings(settings).cold.background == FAINT


@pytest.mark.parametrize(
    ("group", "dial", "value", "words"),
    [
        ("warm", "damping", 1.0, r"settings\['warm'\]\['damping'\] must be .*\[0, 1\); got 1.0"),
        ("few", "damping", -0.1, r"settings\['few'\]\['damping'\] must be .*got -0.1"),
        ("cold", "memory", float("inf"), r"settings\['cold'\]\['memory'\] must be .*got inf"),
        ("cold", "memory", "auto", r"settings\['cold'\]\['memory'\] must be .*got 'auto'"),
        ("few", "evidence", 0.0, r"settings\['few'\]\['evidence'\] must be .*\(0, inf\); got 0.0"),
        ("few", "background", None, r"settings\['few'\]\['background'\] must be .*got None"),
        ("warm", "background", 0.1, r"settings\['warm'\]\['background'\] must be 0.*got 0.1"),
    ],
)
def test_a_dial_outside_its_range_is_named(group: str, dial: str, value: Any, words: str) -> None:
    """With its group, its rule and its value; a dial that would do nothing is refused as well."""
    settings = copy.deepcopy(SETTINGS)
    settings[group][dial] = value
    with pytest.raises(ValueError, match=words):
        from_settings(settings)


@pytest.mark.parametrize("path", [("few",), ("normalization",), ("warm", "memory")])
def test_settings_are_whole_or_refused(path: tuple[str, ...]) -> None:
    """A missing part, one too many, or something else altogether."""
    less, more = copy.deepcopy(SETTINGS), copy.deepcopy(SETTINGS)
    inner = less if len(path) == 1 else less[path[0]]
    del inner[path[-1]]
    more["warm"]["speed"] = 3.0
    for bad in (less, more, {**SETTINGS, "hot": SETTINGS["warm"]}, 0.3, {}, {**SETTINGS, "few": 1}):
        with pytest.raises(ValueError, match=r"settings(\['\w+'\])? must .*got"):
            from_settings(bad)


@pytest.mark.parametrize(("friends", "expected"), [(0.0, Setting()), (0.1, Setting(Taste(0.3)))])
def test_the_graph_must_beat_a_background(friends: float, expected: Setting) -> None:
    """Popularity helps users of whom little is known; that is not what the graph changes."""
    plain, faint, taste = Setting(), Setting(background=0.03), Setting(Taste(0.3))
    settings = (plain, faint, taste)
    noise = np.random.default_rng(0).standard_normal((3, 300)) * 0.05
    gains = np.array([0.0, 0.05, friends])[:, None]
    judged = Judged(settings, noise, noise + gains)
    chosen, alone = selection._over_background(judged, settings)
    assert chosen == expected
    assert alone == (faint if friends else plain)


def test_random_ties_earn_nothing_for_users_with_few_items() -> None:
    """On a base that wants for popularity, whose mean over random people is no friendship."""
    world = sf.datasets.make_social_world(n_users=400, n_items=150, rng=3)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        ties = world.social.apply(rng.permutation)
        ties = ties[ties["source_id"] != ties["target_id"]]
        model = sf.SocialDiffusion(sf.EASE(regularization=50.0), random_state=10 * seed)
        model.fit(world.interactions, social=ties)
        assert (model.few_damping_, model.few_memory_) == (0.0, 0.0)
