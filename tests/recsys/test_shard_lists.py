"""Lists of one shard: those of one machine, however its users are cut into blocks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import suffuse as sf
from suffuse.recsys import shard_lists
from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.recommend import best_items
from suffuse.recsys.scoring import item_popularity, score_scale
from suffuse.recsys.shard_held import HeldRows, ShardHeld
from suffuse.recsys.shard_lists import (
    ListPlan,
    ShardLists,
    ShardPopularity,
    lists_of_shard,
    sampled,
    scale_of_sample,
)
from suffuse.recsys.shard_parts import (
    ShardFactors,
    ShardIds,
    ShardMemory,
    ShardRows,
    ShardTaste,
    ShardTies,
)

N_USERS, CUT = 120, (30, 85)


@pytest.fixture(scope="module")
def model() -> Any:
    """Social diffusion over factors, with memory and background in each group that may have it."""
    world = sf.datasets.make_social_world(N_USERS, 60, rng=0)
    rows = world.interactions
    places = rows.groupby("user_id").cumcount()
    number = rows["user_id"].astype("category").cat.codes
    # a fifth of the users without items, a fifth with few
    rows = rows[(number % 5 != 0) & ((number % 5 != 1) | (places < 3))]
    dials = {"damping": 0.3, "evidence": None, "memory": 1.0, "background": 0.03}
    given = {
        "normalization": "symmetric",
        "warm": {**dials, "evidence": 2.0, "background": 0.0},
        "few": {**dials, "memory": 4.0},
        "cold": {**dials, "damping": 0.6},
    }
    base = sf.ALS(n_factors=4, regularization=1.0, max_iter=2)
    return sf.SocialDiffusion(base, settings=given).fit(rows, social=world.social)


def shard_of(model: Any, *, settings: Any = None, **asked: Any) -> ShardLists:
    """The users of one shard in the middle of a model, with what lists need of the others."""
    first, last = CUT
    starts = (0, first, last, N_USERS)
    channels, prepared = model._state
    state = ShardState(shard=1, n_shards=3, n_threads=1)
    tables = [model.interactions_[a:b] for a, b in pairwise(starts)]
    state.put(ShardRows(tables[1], starts, 1))
    state.put(ShardTies(model.social_[first:last], starts, 1))
    factors = model.base_.user_factors_
    state.put(ShardFactors(factors[first:last], model.base_.item_factors_))
    tastes = {setting.taste: diffused.factors[0] for setting, diffused in prepared}
    state.put(ShardTaste({taste: part[first:last] for taste, part in tastes.items()}))
    state.put(ShardMemory(channels.ties[first:last]))
    state.put(ShardIds(model.user_ids_[first:last], model.item_ids_))
    state.put(ShardHeld(tuple(map(HeldRows.of, tables)), starts))
    state.put(ShardPopularity(item_popularity(model.interactions_)))
    options = {"k": 7, "filter_seen": True, "allowed": None, **asked}
    plan = ListPlan("recs", users_per_part=10, starts=starts, settings=settings, **options)
    return lists_of_shard(state, plan, scale=score_scale(model.base_))


def same(found: Any, expected: Any) -> None:
    """Items bit by bit, scores to their last digits."""
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6)


def test_the_model_has_every_kind_of_user(model: Any) -> None:
    """Many items, few and none, each with ties, in the shard that is looked at."""
    counts = np.diff(model.interactions_.indptr)[slice(*CUT)]
    tied = np.asarray(model.social_.sum(axis=1)).ravel()[slice(*CUT)] > 0
    assert all((tied & group).sum() > 3 for group in (counts > 5, counts == 0))
    assert (tied & (counts > 0) & (counts <= 5)).sum() > 3


@pytest.mark.parametrize("filter_seen", [True, False])
@pytest.mark.parametrize("few_items", [True, False])
def test_lists_of_a_shard_are_those_of_one_machine(
    model: Any, filter_seen: bool, few_items: bool
) -> None:
    """All channels, with items left out; by the base alone where there are no settings."""
    allowed = np.arange(60) % 4 == 0 if few_items else None
    for people, chosen in ((model, model.settings_), (model.base_, None)):
        shard = shard_of(model, settings=chosen, filter_seen=filter_seen, allowed=allowed)
        rows = np.arange(*CUT)
        expected = best_items(people, rows, 7, filter_seen=filter_seen, allowed=allowed)
        same(shard.lists(slice(0, len(rows))), expected)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 50), st.integers(1, 55), st.integers(1, 4000))
def test_blocks_may_be_cut_anywhere(model: Any, start: int, length: int, n_bytes: int) -> None:
    """Also where what friends hold is copied in pieces, down to those of one user."""
    stop = min(start + length, CUT[1] - CUT[0])
    shard = shard_of(model, settings=model.settings_)
    expected = best_items(model, np.arange(CUT[0] + start, CUT[0] + stop), 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_lists, "HELD_BYTES", n_bytes)
        same(shard.lists(slice(start, stop)), expected)


def test_what_friends_hold_is_copied_in_pieces(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As large as may be, and smaller only down to what the friends of one user hold."""
    copied: list[int] = []
    held = ShardHeld.held

    def counted(everybody: ShardHeld, friends: Any, n_items: int) -> Any:
        found = held(everybody, friends, n_items)
        copied.append(8 * found.nnz)
        return found

    monkeypatch.setattr(ShardHeld, "held", counted)
    shard = shard_of(model, settings=model.settings_)
    shard.lists(slice(0, 55))
    (whole,) = copied
    for n_bytes, n_pieces in ((whole, 1), (whole - 1, 2), (0, 55)):
        copied.clear()
        monkeypatch.setattr(shard_lists, "HELD_BYTES", n_bytes)
        shard.lists(slice(0, 55))
        assert len(copied) == n_pieces
        assert n_bytes == 0 or max(copied) <= n_bytes


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=5))
def test_shards_choose_whom_one_machine_chooses(sizes: list[int]) -> None:
    """The users whose scores the scale is taken from, evenly spaced among those with items."""
    n_active = sum(sizes)
    everybody = 3 * np.arange(n_active)
    step = max(1, n_active // 1000)
    expected = everybody[::step][:1000]
    starts = np.cumsum([0, *sizes])
    found = [
        sampled(everybody[first:last], int(first), n_active) for first, last in pairwise(starts)
    ]
    np.testing.assert_array_equal(np.concatenate(found), expected)


def test_the_scale_is_that_of_one_machine(model: Any) -> None:
    """Bit by bit, from the rows of the sample alone."""
    base = model.base_
    active = np.flatnonzero(np.diff(base.interactions_.indptr))
    found = scale_of_sample(
        base.interactions_[active], base.user_factors_[active], base.item_factors_
    )
    assert found == model._state[0].scale


def test_a_shard_without_ties_needs_nothing_of_the_graph(model: Any) -> None:
    """Neither diffused factors nor weighted ties: its users get the lists of the base model."""
    first, last = CUT
    state = ShardState(shard=0, n_shards=1, n_threads=1)
    state.put(ShardRows(model.interactions_[first:last], (0, last - first), 0))
    state.put(ShardTies(model.social_[first:last] * 0, (0, last - first), 0))
    state.get(ShardTies).adjacency.eliminate_zeros()
    base = model.base_
    state.put(ShardFactors(base.user_factors_[first:last], base.item_factors_))
    state.put(ShardIds(model.user_ids_[first:last], model.item_ids_))
    state.put(ShardPopularity(item_popularity(model.interactions_)))
    plan = ListPlan("recs", 5, True, None, 10, (0, last - first), model.settings_)
    shard = lists_of_shard(state, plan, scale=1.0)
    same(shard.lists(slice(0, last - first)), best_items(base, np.arange(first, last), 5))
