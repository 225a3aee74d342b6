"""Lists for people: the corners that the contract does not reach."""

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys import execution
from suffuse.recsys.recommend import best_items, checked_length
from suffuse.recsys.topk import NO_ITEM

TABLE = pd.DataFrame({"user_id": list("aaabbc"), "item_id": list("xyzxyx")})


@pytest.fixture
def model() -> sf.Popularity:
    """x is held by all, y by two, z by one."""
    return sf.Popularity().fit(TABLE)


def test_users_who_have_seen_everything_get_no_row(model: sf.Popularity) -> None:
    """Their list is empty; others' lists end where the allowed items end."""
    recs = model.recommend(k=2)
    assert list(zip(recs["user_id"], recs["item_id"], strict=True)) == [
        ("b", "z"),
        ("c", "y"),
        ("c", "z"),
    ]
    assert recs["rank"].tolist() == [1, 1, 2]


def test_best_items_are_codes(model: sf.Popularity) -> None:
    """Filled up with NO_ITEM, whose score is minus infinity."""
    items, scores = best_items(model, np.array([0, 2]), 2)
    assert items.tolist() == [[NO_ITEM, NO_ITEM], [1, 2]]
    assert np.isneginf(scores[0]).all()
    allowed = np.array([True, False, False])
    items, _ = best_items(model, np.array([0]), 1, filter_seen=False, allowed=allowed)
    assert items.tolist() == [[0]]
    assert best_items(model, np.array([], np.int64), 2)[0].shape == (0, 2)


@pytest.mark.parametrize(
    "users",
    [
        ["c", "b"],
        ("c", "b"),
        np.array(["c", "b"]),
        pd.Series(["c", "b"], index=[7, 3]),
        pd.Index(["c", "b"]),
        iter(["c", "b"]),
        {"c": 1, "b": 2},
    ],
)
def test_users_may_come_in_any_list(model: sf.Popularity, users: object) -> None:
    """Lists, arrays, columns, iterators."""
    assert model.recommend(users, k=1)["user_id"].tolist() == ["c", "b"]


def test_unknown_users_are_quoted_three_at_most(model: sf.Popularity) -> None:
    """The rest is counted."""
    with pytest.raises(ValueError, match=r"5 of 5 users are unknown: 1, 2, 3 and 2 more"):
        model.recommend([1, 2, 3, 4, 5], k=1)


def test_unknown_dates_are_quoted_as_dates() -> None:
    """Not as numbers of nanoseconds."""
    table = pd.DataFrame({"user_id": pd.date_range("2024-01-01", periods=2), "item_id": [1, 2]})
    model = sf.Popularity().fit(table)
    with pytest.raises(ValueError, match=r"unknown: Timestamp\('2030-05-05 00:00:00'\)"):
        model.recommend(pd.to_datetime(["2030-05-05"]), k=1)


def test_popular_lists_keep_to_the_allowed_items(model: sf.Popularity) -> None:
    """And leave nothing out as seen."""
    recs = model.recommend(["new", "c"], k=2, exclude_items=["x"], unknown_users="popular")
    assert recs["item_id"].tolist() == ["y", "z", "y", "z"]
    recs = model.recommend(["new"], k=3, unknown_users="popular")
    assert recs["item_id"].tolist() == ["x", "y", "z"]
    np.testing.assert_allclose(recs["score"], [3 / 6, 2 / 6, 1 / 6])


def test_only_unknown_users(model: sf.Popularity) -> None:
    """Skipped, they leave an empty frame with the right columns."""
    recs = model.recommend(["new"], k=1, unknown_users="skip")
    assert recs.empty
    assert recs.columns.tolist() == ["user_id", "item_id", "score", "rank"]
    with pytest.warns(UserWarning, match="1 of 1 users are unknown: 'new'; they are left out"):
        assert model.recommend(["new"], k=1, unknown_users="warn").empty


def test_warnings_point_at_the_caller(model: sf.Popularity) -> None:
    """At this file, not at the inside of the package."""
    with pytest.warns(UserWarning, match="unknown") as caught:
        model.recommend(["new"], k=1, unknown_users="warn")
    with pytest.warns(UserWarning, match="k must be at most") as longer:
        model.recommend(k=9)
    with pytest.warns(UserWarning, match="k must be at most") as similar:
        model.similar_items(k=9)
    assert {caught[0].filename, longer[0].filename, similar[0].filename} == {__file__}


def test_an_empty_allow_list_is_refused(model: sf.Popularity) -> None:
    """Nothing could be recommended to anybody."""
    with pytest.raises(ValueError, match="must leave at least one item to recommend; got none"):
        model.recommend(items=[])
    with pytest.raises(ValueError, match="must leave at least one item to recommend; got none"):
        model.recommend(exclude_items=list("xyz"))


def test_a_catalogue_of_one_item_has_no_similar_items() -> None:
    """Nothing to compare with: an empty frame."""
    model = sf.Popularity().fit(pd.DataFrame({"user_id": ["a"], "item_id": ["x"]}))
    assert model.similar_items(k=1).empty


def test_batches_do_not_change_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row at a time equals all at once, unknown users in between."""
    model = sf.EASE(regularization=1.0).fit(TABLE)
    asked = ["c", "new", "b", "a"]
    whole = model.recommend(asked, k=2, unknown_users="popular")
    monkeypatch.setattr(execution, "BATCH_BYTES", 1)
    parts = model.recommend(asked, k=2, unknown_users="popular")
    pd.testing.assert_frame_equal(whole, parts)


def test_checked_length() -> None:
    """Numpy's whole numbers are whole numbers."""
    assert checked_length(np.int32(3)) == 3
    with pytest.raises(ValueError, match="k must be a whole number of at least 1; got 0"):
        checked_length(0)
