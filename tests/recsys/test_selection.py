"""Which dials the hold-out turns, and which it leaves alone."""

import numpy as np
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.datasets import Interactions, SocialGraph, SocialWorld
from suffuse.recsys.channels import FAINT, Setting, Taste
from suffuse.recsys.selection import (
    COLD_MEMORIES,
    COLD_TASTES,
    FEW_BACKGROUNDS,
    KINDS,
    MEMORIES,
    POPULAR,
    TASTES,
    Dials,
    Selection,
    as_given,
    select,
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
    assert len(warm) == (1 + len(TASTES)) * (1 + len(MEMORIES))
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
