"""Every measure beyond accuracy by its name, over lists of raw ids."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from suffuse.recsys.groups import groups_of
from suffuse.recsys.judgement_context import Context
from suffuse.recsys.judgements import (
    CATALOGUE,
    PER_USER,
    popularity_divergence,
    probabilities,
    profile_popularity,
)
from suffuse.recsys.lists import Lists, lists_of

TRAIN = pd.DataFrame({"user_id": list("aabbccd"), "item_id": list("xyxzxyw")})
TEST = pd.DataFrame({"user_id": list("abbe"), "item_id": list("zyvx")})
RECS = pd.DataFrame(
    {
        "user_id": ["a", "a", "b", "b", "c", "e"],
        "item_id": ["z", "w", "y", "w", "w", "x"],
        "rank": [1, 2, 1, 2, 1, 1],
    }
)
KINDS = {"x": "old", "y": "old", "z": "new", "w": "new", "v": "new"}
#: by hand at k = 2: a, b and e are judged; x has 3 of 4 users, y 2, z and w 1; v is not in train
EXPECTED: dict[str, Any] = {
    "coverage": 1.0,
    "user_coverage": 1.0,
    "gini": (-3 - 1 + 1 + 6) / (4 * 5),
    "entropy": -(3 * 0.2 * math.log2(0.2) + 0.4 * math.log2(0.4)),
    "personalization": 1 - 2 * 0.5 / 6,
    "unlisted": [0.0, 0.0, 0.5],
    "novelty": [2.0, 1.5, -math.log2(3 / 4)],
    "arp": [1.0, 1.5, 3.0],
    "popularity_lift": (1.25 - 2.25) / 2.25,
    "long_tail": [0.5, 0.0, 0.0],  # of 7 rows x, y and w have four fifths
    "popular_overlap": [1.0, 1.0, 1.0],
    "unexpected_hits": [0.0, 0.0, 0.0],
    "unseen": [1.0, 1.0, 1.0],
    "rank_serendipity": [0.5 * (1 - 3 / 5), 0.5 * (1 - 4 / 5), 0.0],
    "list_entropy": [0.0, 1.0, 0.0],
    "awrf": 0.2,
}


@pytest.fixture
def lists() -> Lists:
    """Three judged users, one of them without a history; c is listed and has no truth."""
    return lists_of(RECS, TEST, train=TRAIN)


@pytest.fixture
def context(lists: Lists) -> Context:
    """Two kinds of items, however few."""
    groups = groups_of(lists.item_ids, KINDS, name="item_groups", key="item_id")
    return Context(item_groups=groups, min_group_size=1, attention="none")


@pytest.mark.parametrize("name", list(EXPECTED))
def test_values_by_hand(name: str, lists: Lists, context: Context) -> None:
    """What the tables above give with a pencil."""
    if name == "awrf":
        context = Context(context.item_groups, target={"new": 0.8, "old": 0.2}, attention="none")
    found = CATALOGUE[name](lists, 2, context)
    assert np.asarray(found).tolist() == pytest.approx(EXPECTED[name])


def test_probabilities_of_kinds(lists: Lists, context: Context) -> None:
    """Three judged users; a has x and y, b has x and z; v lies outside of the catalogue."""
    assert context.item_groups is not None
    codes = context.item_groups.codes
    shown = probabilities(lists, 2, codes, 2, relevant=False)
    assert shown.tolist() == pytest.approx([3 / (6 - 1), 2 / (6 - 3)])
    hits = probabilities(lists, 2, codes, 2, relevant=True)
    assert hits.tolist() == pytest.approx([1 / 2, 2 / 2])
    assert CATALOGUE["rsp"](lists, 2, context) == pytest.approx(np.std(shown) / np.mean(shown))
    assert CATALOGUE["reo"](lists, 2, context) == pytest.approx(np.std(hits) / np.mean(hits))


def test_profiles(lists: Lists, context: Context) -> None:
    """a had x and y, b had x and z, e had nothing."""
    assert profile_popularity(lists) == pytest.approx([2.5, 2.0, math.nan], nan_ok=True)
    found = popularity_divergence(lists, 2, context)
    assert np.isnan(found).tolist() == [False, False, True]
    kl = CATALOGUE["calibration_kl"](lists, 2, context)
    js = CATALOGUE["calibration_js"](lists, 2, context)
    assert np.isnan(kl).tolist() == np.isnan(js).tolist() == [False, False, True]
    assert np.asarray(js)[:2] == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_shape_and_range(name: str, lists: Lists, context: Context) -> None:
    """One value per user or one float, as ``PER_USER`` says, never an infinity."""
    found = CATALOGUE[name](lists, 2, context)
    if name in PER_USER:
        assert isinstance(found, np.ndarray)
        assert found.shape == (lists.n_users,)
    else:
        assert isinstance(found, float)
    assert not np.isinf(found).any()


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_neither_order_nor_names_matter(name: str, lists: Lists, context: Context) -> None:
    """Users renamed so that they stand in another order, and rows shuffled, change nothing."""
    renamed = {"a": "q", "b": "p", "c": "o", "d": "n", "e": "m"}
    frames = [
        frame.assign(user_id=frame["user_id"].map(renamed)).sample(frac=1, random_state=0)
        for frame in (RECS, TEST, TRAIN)
    ]
    other = lists_of(frames[0], frames[1], train=frames[2])
    again = Context(context.item_groups, min_group_size=1, attention="none")
    one, two = CATALOGUE[name](lists, 2, context), CATALOGUE[name](other, 2, again)
    values = np.asarray(two)[::-1] if name in PER_USER else two
    assert np.asarray(one) == pytest.approx(np.asarray(values), nan_ok=True)


@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - {"unlisted"}))
def test_a_repeated_item_is_an_empty_place(name: str, context: Context) -> None:
    """A list that repeats its first item is judged as the list that ends there."""
    judged = RECS[RECS["user_id"] != "c"]
    first = judged[judged["rank"] == 1]
    twice = pd.concat([first, first.assign(rank=2)])
    lists = [lists_of(recs, TEST, train=TRAIN) for recs in (first, twice)]
    found = []
    for each in lists:
        groups = groups_of(each.item_ids, KINDS, name="item_groups", key="item_id")
        fresh = Context(groups, min_group_size=1)
        found.append(np.asarray(CATALOGUE[name](each, 2, fresh)))
    assert found[1] == pytest.approx(found[0], nan_ok=True)


WITHOUT_TABLES = {
    *("coverage", "user_coverage", "gini", "gini_corrected", "entropy", "personalization"),
    *("unlisted", "ee_d", "ee_r", "ee_l", "iaa"),
}


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_what_is_missing_is_named(name: str) -> None:
    """Without training rows and groups a measure works, or says what it needs."""
    bare = lists_of(RECS, TEST)
    if name in WITHOUT_TABLES:
        assert not np.isinf(CATALOGUE[name](bare, 2, Context())).any()
        return
    with pytest.raises(ValueError, match=rf"must be given for the metric '{name}'; got None"):
        CATALOGUE[name](bare, 2, Context())


def test_k_beyond_the_lists_and_lists_without_an_item(lists: Lists, context: Context) -> None:
    """Nothing fails at k = 50; nobody listed gives NaN or 0, no error."""
    nobody = lists_of(RECS.assign(user_id="nobody"), TEST, train=TRAIN)
    empty = Context(groups_of(nobody.item_ids, KINDS, name="item_groups", key="item_id"))
    for name, judge in CATALOGUE.items():
        assert not np.isinf(judge(lists, 50, context)).any(), name
        assert not np.isinf(judge(nobody, 2, empty)).any(), name
    assert CATALOGUE["coverage"](nobody, 2, empty) == 0.0
    assert math.isnan(float(CATALOGUE["gini"](nobody, 2, empty)))
    assert np.isnan(CATALOGUE["novelty"](nobody, 2, empty)).all()


def test_loss_is_disparity_less_relevance(lists: Lists, context: Context) -> None:
    """``EE-L - EE-D + EE-R`` is the same whatever is listed: the length of the target."""
    reversed_lists = lists_of(RECS.assign(rank=3 - RECS["rank"]), TEST, train=TRAIN)
    lengths = []
    for each in (lists, reversed_lists):
        fresh = Context(attention="rbp")
        loss, disparity, relevance = (
            float(CATALOGUE[name](each, 2, fresh)) for name in ("ee_l", "ee_d", "ee_r")
        )
        lengths.append(loss - disparity + relevance)
        assert loss >= 0
    assert lengths[0] == pytest.approx(lengths[1])
    assert lengths[0] > 0
