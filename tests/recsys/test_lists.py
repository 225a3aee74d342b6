"""Tables side by side as codes, against plain dictionaries."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys.lists import Lists, lists_of

USERS = st.sampled_from(["a", "b", "c", "d"])
ITEMS = st.integers(0, 7)


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Recommendations with ties and repetitions, test rows, training rows; numbers or texts."""
    kind: Any = draw(st.sampled_from([int, str]))
    rows = st.tuples(USERS, ITEMS, st.integers(1, 6))
    drawn = [draw(st.lists(rows, min_size=least, max_size=14)) for least in (0, 1, 1)]
    frames = []
    for rows_of, last in zip(drawn, ("rank", "weight", "weight"), strict=True):
        frame = pd.DataFrame(rows_of, columns=["user_id", "item_id", last])
        frame["item_id"] = frame["item_id"].map(kind).astype(object if kind is str else np.int64)
        if kind is int:
            frame["user_id"] = frame["user_id"].map(ord).astype(np.int64)
        frame[last] = frame[last].astype(np.int64)
        frames.append(frame)
    return frames[0], frames[1], frames[2]


def listed(frame: pd.DataFrame, user: Any) -> list[Any]:
    """A user's items by rank, equal ranks by item, without repetitions."""
    mine = frame[frame["user_id"] == user].sort_values(["rank", "item_id"])
    return list(dict.fromkeys(mine["item_id"]))


def raw_items(lists: Lists, row: int) -> list[Any]:
    """The items of a row as raw ids."""
    codes = lists.items[row]
    return lists.item_ids[codes[codes >= 0]].tolist()


@settings(deadline=None, max_examples=80)
@given(tables())
def test_lists_are_what_a_dictionary_says(
    case: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
) -> None:
    """Order, hits, truth, gains, training rows and counts, user by user."""
    recs, test, train = case
    lists = lists_of(recs, test, train=train)
    weights = test.groupby(["user_id", "item_id"])["weight"].sum()
    assert lists.user_ids.tolist() == sorted(set(test["user_id"]))
    catalogue = lists.item_ids[: lists.n_catalogue].tolist()
    assert catalogue == sorted(set(train["item_id"]))
    for row, user in enumerate(lists.user_ids):
        assert raw_items(lists, row) == listed(recs, user)
        taken = weights[user]
        own = slice(lists.truth_starts[row], lists.truth_starts[row + 1])
        truth = lists.truth_items[own]
        assert (np.diff(truth) > 0).all()
        found = dict(zip(lists.item_ids[truth].tolist(), lists.truth_gains[own], strict=True))
        assert found == {item: float(weight) for item, weight in taken.items()}
        for rank, code in enumerate(lists.items[row]):
            item = lists.item_ids[code] if code >= 0 else None
            assert lists.hits[row, rank] == (item in found)
            assert lists.gains[row, rank] == found.get(item, 0.0)
        had = set(train["item_id"][train["user_id"] == user])
        assert lists.train_rows is not None
        columns = lists.train_rows[[row], :].nonzero()[1]
        assert set(lists.item_ids[columns].tolist()) == had
    assert lists.train_counts is not None
    distinct = train.drop_duplicates(["user_id", "item_id"])["item_id"].value_counts()
    assert lists.train_counts[: lists.n_catalogue].tolist() == [distinct[i] for i in catalogue]
    assert lists.train_counts[lists.n_catalogue :].sum() == 0
    assert lists.n_train_users == train["user_id"].nunique()
    assert lists.counts["recommended items that the user already had"] == sum(
        len(set(listed(recs, u)) & set(train["item_id"][train["user_id"] == u]))
        for u in lists.user_ids
    )


@settings(deadline=None, max_examples=40)
@given(tables(), st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(
    case: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], seed: int
) -> None:
    """Ties of ranks included."""
    recs, test, train = case
    one = lists_of(recs, test, train=train)
    other = lists_of(recs.sample(frac=1.0, random_state=seed), test, train=train)
    for row in range(one.n_users):
        assert raw_items(one, row) == raw_items(other, row)


@settings(deadline=None, max_examples=40)
@given(tables(), st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_some_of_the_users(
    case: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], wanted: list[int]
) -> None:
    """Rows of everything, repeated as asked."""
    lists = lists_of(case[0], case[1], train=case[2])
    rows = np.array(wanted) % lists.n_users
    taken = lists.take(rows)
    np.testing.assert_array_equal(taken.hits, lists.hits[rows])
    np.testing.assert_array_equal(taken.gains, lists.gains[rows])
    np.testing.assert_array_equal(taken.n_relevant, lists.n_relevant[rows])
    assert taken.train_rows is not None
    assert lists.train_rows is not None
    np.testing.assert_array_equal(taken.train_rows.toarray(), lists.train_rows.toarray()[rows])


def frame(user: Any, items: list[Any], ranks: list[float]) -> pd.DataFrame:
    """One user's list."""
    return pd.DataFrame({"user_id": [user] * len(items), "item_id": items, "rank": ranks})


TRUTH = pd.DataFrame({"user_id": ["a"], "item_id": ["z"]})


def test_gaps_of_ranks() -> None:
    """Closed, or places of misses; tied ranks take the next free place."""
    recs = frame("a", ["x", "y", "z"], [2, 2, 6])
    assert lists_of(recs, TRUTH).hits.tolist() == [[False, False, True]]
    kept = lists_of(recs, TRUTH, gaps="miss")
    assert (kept.items[0] >= 0).tolist() == [False, True, True, False, False, True]
    assert kept.hits[0].tolist() == [False] * 5 + [True]


def test_long_lists_are_sorted_too() -> None:
    """Beyond the length up to which it is plain insertion."""
    rng = np.random.default_rng(0)
    items = rng.permutation(500)
    recs = frame("a", items.tolist(), rng.integers(0, 40, 500).tolist())
    lists = lists_of(recs, pd.DataFrame({"user_id": ["a"], "item_id": [3]}))
    assert raw_items(lists, 0) == listed(recs, "a")


def test_equal_scores_stand_in_the_order_of_ids() -> None:
    """A constant scorer gains nothing from the order of rows, with or without training rows."""
    recs = pd.DataFrame({"user_id": "a", "item_id": ["z", "x", "y"], "score": 0.5})
    train = pd.DataFrame({"user_id": ["b"], "item_id": ["z"]})
    for known in (None, train):
        lists = lists_of(recs, TRUTH, train=known)
        assert raw_items(lists, 0) == ["x", "y", "z"]


def test_ranks_that_are_no_places_are_refused() -> None:
    """Where gaps count: fractions, zero, and ranks that no memory could hold."""
    for rank in (0, 1.5):
        with pytest.raises(ValueError, match=r"must be a whole number from 1 .* in row 0"):
            lists_of(frame("a", ["x"], [rank]), TRUTH, gaps="miss")
    with pytest.raises(ValueError, match="rank must be small enough"):
        lists_of(frame("a", ["x"], [1e12]), TRUTH, gaps="miss")


def test_everything_is_read_only() -> None:
    """Nobody changes a list by accident."""
    lists = lists_of(frame("a", ["x"], [1]), TRUTH)
    with pytest.raises(ValueError, match="read-only"):
        lists.items[0, 0] = 0


def test_without_training_rows() -> None:
    """No history, and the catalogue is all that was seen."""
    lists = lists_of(frame("a", ["x"], [1]), TRUTH)
    assert lists.train_rows is None
    assert lists.train_counts is None
    assert lists.n_train_users == 0
    assert lists.train_users.tolist() == [-1]
    assert sorted(lists.item_ids.tolist()) == ["x", "z"]
    assert lists.n_catalogue == 2
