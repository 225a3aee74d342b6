"""What measures need beside the lists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from suffuse.recsys import judgement_context as beside
from suffuse.recsys.groups import Groups
from suffuse.recsys.judgement_context import Context
from suffuse.recsys.lists import lists_of

TRAIN = pd.DataFrame({"user_id": [1, 1, 2], "item_id": [7, 8, 7]})
RECS = pd.DataFrame({"user_id": [1, 1, 3], "item_id": [9, 8, 7], "rank": [1, 2, 1]})
TEST = pd.DataFrame({"user_id": [1, 3], "item_id": [9, 7]})


def test_what_was_made_once_is_kept_by_one_context_alone() -> None:
    """A copy begins with nothing."""
    context = Context()
    assert [context.once(("a", 1), lambda n=n: n) for n in (1, 2)] == [1, 1]
    assert replace(context).once(("a", 1), lambda: 3) == 3


def test_target_shares() -> None:
    """Of the catalogue by default; else as given, groups that are not named having none."""
    groups = Groups(np.array([0, 1, 1, 2]), ("a", "b", "c"))
    assert Context().fair_shares(groups, 4).tolist() == [0.25, 0.5, 0.25]
    assert Context().fair_shares(groups, 2).tolist() == [0.5, 0.5, 0.0]
    given = Context(target={"a": 0.25, "c": 0.75})
    assert given.fair_shares(groups, 4).tolist() == [0.25, 0.0, 0.75]
    with pytest.raises(ValueError, match=r"name groups of items, \['a', 'b', 'c'\]; got 'z'"):
        Context(target={"z": 1.0}).fair_shares(groups, 4)
    with pytest.raises(ValueError, match="shares that sum to 1; got"):
        Context(target={"a": 0.5}).fair_shares(groups, 4)
    with pytest.raises(ValueError, match="shares that sum to 1; got"):
        Context(target={"a": 1.5, "b": -0.5}).fair_shares(groups, 4)


def test_the_catalogue_and_what_lies_outside() -> None:
    """9 is listed and outside of train: it is no exposure of the catalogue."""
    lists = lists_of(RECS, TEST, train=TRAIN)
    assert beside.catalogue_counts(lists, 2, Context()).tolist() == [1.0, 1.0]
    assert beside.catalogue_lengths(lists, 2).tolist() == [1, 1]
    assert beside.catalogue_lengths(lists, 1).tolist() == [0, 1]


def test_items_by_the_users_who_had_them() -> None:
    """Both users had 7, one had 8, nobody had 9; features that are given go before."""
    lists = lists_of(RECS, TEST, train=TRAIN)
    found = beside.features_of_items(lists, Context(), "ild")
    assert found.toarray().tolist() == [[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    given = np.eye(3)
    assert beside.features_of_items(lists, Context(item_features=given), "ild") is given


def test_what_is_missing_is_named() -> None:
    """Each of the tables, and groups for another number of items."""
    bare = lists_of(RECS, TEST)
    with pytest.raises(ValueError, match="train must be given for the metric 'arp'"):
        beside.training_counts(bare, "arp")
    with pytest.raises(ValueError, match="train must be given for the metric 'unseen'"):
        beside.training_rows(bare, "unseen")
    with pytest.raises(ValueError, match="train or item_features must be given for the metric"):
        beside.features_of_items(bare, Context(), "ild")
    with pytest.raises(ValueError, match="item_groups must be given for the metric 'awrf'"):
        beside.groups_of_items(bare, Context(), "awrf")
    few = Context(Groups(np.array([0]), ("a",)))
    with pytest.raises(ValueError, match="one per item, 3; got 1"):
        beside.groups_of_items(bare, few, "awrf")
