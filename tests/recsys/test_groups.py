"""Groups of users and of items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.groups import Groups, groups_of, labels_of, too_small

LISTS = pd.DataFrame({"user_id": list("aabbc"), "item_id": list("xyxzx"), "rank": [1, 2, 1, 2, 1]})
TEST = pd.DataFrame({"user_id": list("abd"), "item_id": list("xyx")})
LABELS = {"a": "old", "b": "young"}


@pytest.mark.parametrize(
    "groups",
    [LABELS, pd.Series(LABELS), pd.DataFrame({"user_id": ["a", "b"], "age": ["old", "young"]})],
)
def test_values_by_group_of_users(groups: Any) -> None:
    """By hand: a has a hit, b has none, d has no list and no label."""
    report = sf.evaluate(LISTS, TEST, metrics=["recall@2"], user_groups=groups, min_group_size=1)
    found = report.group_frame().set_index("group")["value"].to_dict()
    assert found == {"old": 1.0, "young": 0.0, "unknown": 0.0}


def test_groups_of_one_kind_are_the_whole() -> None:
    """With one label for everybody the group is the overall value."""
    report = sf.evaluate(
        LISTS, TEST, metrics=["ndcg@2"], user_groups=dict.fromkeys("abd", 1), min_group_size=1
    )
    whole, group = report.to_frame().iloc[0], report.group_frame().iloc[0]
    assert group["value"] == whole["value"]
    assert group["n_users"] == whole["n_users"]


def test_exposure_of_groups_of_items() -> None:
    """Of the four places of a and b, two show x; z has no label; c is not judged."""
    train = pd.DataFrame({"user_id": list("aaa"), "item_id": list("xyw")})
    groups = {"x": "new", "y": "old", "w": "old"}
    report = sf.evaluate(LISTS, TEST, train=train, metrics=["recall@2"], item_groups=groups)
    assert report.exposure is not None
    found = report.exposure.set_index("group")
    assert found["exposure"].to_dict() == {"new": 0.5, "old": 0.25, "unknown": 0.25}
    assert found["catalogue"].to_dict() == {"new": 1 / 3, "old": 2 / 3, "unknown": 0.0}


def test_the_signature_of_the_design() -> None:
    """The call as it is written down, with everything at its default."""
    report = sf.evaluate(
        LISTS, TEST, train=None, metrics=["recall@10", "ndcg@10", "gini"],
        user_groups=None, item_groups=None, baseline=None, ci=0.95,
    )  # fmt: skip
    assert report.to_frame().columns.tolist() == ["metric", "value", "low", "high", "n_users"]
    with pytest.raises(ValueError, match="user_groups must be given"):
        report.group_frame()


def test_bad_groups_are_refused() -> None:
    """Two labels for one id, a frame without labels, something that is no mapping."""
    twice = pd.DataFrame({"user_id": ["a", "a"], "age": [1, 2]})
    with pytest.raises(ValueError, match="one label for each id; got several for 'a'"):
        labels_of(np.array(["a"]), twice, name="user_groups", key="user_id")
    with pytest.raises(ValueError, match="one column of labels; got"):
        labels_of(np.array(["a"]), twice[["user_id"]], name="user_groups", key="user_id")
    with pytest.raises(TypeError, match="must be a mapping, Series or DataFrame; got list"):
        labels_of(np.array(["a"]), ["old"], name="user_groups", key="user_id")


def test_codes_of_groups() -> None:
    """Labels of any kind, in the order of their texts; empty groups are known; the rest unknown."""
    ids = np.array(["a", "b", "c"], dtype=object)
    labels = {"a": ("t", 1), "b": 2, "elsewhere": "gone"}
    found = groups_of(ids, labels, name="user_groups", key="user_id")
    assert found.names == (("t", 1), 2, "gone", "unknown")
    assert found.codes.tolist() == [0, 1, 3]
    assert found.sizes.tolist() == [1, 1, 0, 1]
    assert found.labels.tolist() == [("t", 1), 2, "unknown"]


def test_missing_labels_are_unknown() -> None:
    """None and NaN are no labels; nobody at all is nobody."""
    labels = pd.Series(["x", None, np.nan], index=["a", "b", "c"], dtype=object)
    found = groups_of(np.array(list("abc")), labels, name="user_groups", key="user_id")
    assert found.labels.tolist() == ["x", "unknown", "unknown"]
    nobody = groups_of(np.empty(0, object), labels, name="user_groups", key="user_id")
    assert nobody.names == ("x",)
    assert nobody.codes.tolist() == []


def test_codes_are_frozen() -> None:
    """A group of users is a value."""
    with pytest.raises(ValueError, match="read-only"):
        Groups(np.array([0]), ("x",)).codes[0] = 1


def test_small_groups_are_named() -> None:
    """One sentence each, with the count."""
    groups = Groups(np.array([0, 1, 1]), ("x", "y"))
    assert too_small(groups, np.array([1, 2]), 2, "users") == [
        "the group 'x' has 1 of the users, fewer than 2: its values are NaN"
    ]
