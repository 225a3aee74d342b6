"""Splits: disjoint, complete, seeded, and true to their rule."""

from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.datasets import (
    Interactions,
    social_until,
    split_cold_users,
    split_global_time,
    split_leave_k_out,
    split_random,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from("uvwxyz"), st.integers(0, 20)),
    min_size=2,
    max_size=40,
)
PAIR_SPLITS: list[Callable[..., Any]] = [
    lambda table, seed: split_random(table, test_fraction=0.3, rng=seed),
    lambda table, seed: split_leave_k_out(table, k=2, rng=seed),
    lambda table, seed: split_leave_k_out(table, k=1, by="last", rng=seed),
    lambda table, seed: split_cold_users(table, fraction=0.5, rng=seed),
]


def frame_of(rows: list[tuple[int, str, int]]) -> pd.DataFrame:
    """Return rows as a frame with an index and a column of its own."""
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    frame["note"] = np.arange(len(frame))
    return frame.set_index(pd.Index(np.arange(len(frame))[::-1]))


def pairs_of(frame: pd.DataFrame) -> set[tuple[Any, Any]]:
    """Return the distinct (user, item) pairs of a frame."""
    return set(zip(frame["user_id"], frame["item_id"], strict=True))


@pytest.mark.parametrize("split", PAIR_SPLITS)
@given(rows=ROWS, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_frames_are_split_into_disjoint_parts_that_hold_every_row(
    split: Callable[..., Any], rows: list[tuple[int, str, int]], seed: int
) -> None:
    """All columns, the index and the order of rows stay; no pair is on both sides."""
    frame = frame_of(rows)
    train, test = split(frame, seed)
    pd.testing.assert_frame_equal(pd.concat([train, test]).sort_values("note"), frame)
    assert train["note"].is_monotonic_increasing
    assert test["note"].is_monotonic_increasing
    assert not pairs_of(train) & pairs_of(test)


@pytest.mark.parametrize("split", PAIR_SPLITS)
@given(rows=ROWS, seed=st.integers(0, 99), rnd=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_the_split_depends_on_the_pairs_alone(
    split: Callable[..., Any], rows: list[tuple[int, str, int]], seed: int, rnd: Any
) -> None:
    """A frame, the shuffled frame and its Interactions are split alike; the same seed, too."""
    shuffled = rows.copy()
    rnd.shuffle(shuffled)
    _, test = split(frame_of(rows), seed)
    _, test_shuffled = split(frame_of(shuffled), seed)
    table = Interactions.from_frame(frame_of(rows))
    train_table, test_table = split(table, seed)
    assert pairs_of(test) == pairs_of(test_shuffled) == pairs_of(test_table.to_frame())
    assert train_table.user_ids is test_table.user_ids is table.user_ids
    total = train_table.matrix + test_table.matrix
    assert (total.toarray() == table.matrix.toarray()).all()


@given(ROWS, st.integers(0, 99), st.floats(0.01, 0.99))
@settings(deadline=None, max_examples=80)
def test_random_keeps_everybody_in_train(
    rows: list[tuple[int, str, int]], seed: int, fraction: float
) -> None:
    """The number of test pairs is the fraction rounded up or down, and never all of them."""
    table = Interactions.from_frame(frame_of(rows))
    train, test = split_random(table, test_fraction=fraction, rng=seed)
    n_all = np.bincount(table.users, minlength=table.n_users)
    n_test = np.bincount(test.users, minlength=table.n_users)
    assert (np.bincount(train.users, minlength=table.n_users) >= 1).all()
    assert (n_test <= np.ceil(fraction * n_all)).all()
    assert (n_test >= np.minimum(np.floor(fraction * n_all), n_all - 1)).all()


def test_the_share_of_test_is_right_for_users_of_every_size() -> None:
    """Users with 3 pairs give 0.6 of a pair on average, as the fraction says (4 sigma)."""
    n = 4000
    frame = pd.DataFrame({"user": np.repeat(np.arange(n), 3), "item": np.tile([1, 2, 3], n)})
    _, test = split_random(frame, test_fraction=0.2, rng=0)
    sigma = np.sqrt(n * 0.6 * 0.4)
    assert abs(len(test) - 0.6 * n) < 4 * sigma
    # Every one of the three pairs is as likely as the others.
    counts = test.item.value_counts()
    assert abs(counts - len(test) / 3).max() < 4 * np.sqrt(len(test) * 2 / 9)


@given(ROWS, st.integers(1, 4), st.integers(0, 99))
@settings(deadline=None, max_examples=80)
def test_leave_k_out_takes_exactly_k(rows: list[tuple[int, str, int]], k: int, seed: int) -> None:
    """k of every user with more than k pairs, none of the others."""
    table = Interactions.from_frame(frame_of(rows))
    _, test = split_leave_k_out(table, k=k, rng=seed)
    n_all = np.bincount(table.users, minlength=table.n_users)
    n_test = np.bincount(test.users, minlength=table.n_users)
    assert n_test.tolist() == np.where(n_all > k, k, 0).tolist()


@given(ROWS, st.integers(1, 3), st.integers(0, 99))
@settings(deadline=None, max_examples=80)
def test_leave_last_takes_the_latest(rows: list[tuple[int, str, int]], k: int, seed: int) -> None:
    """Nothing that stays is later than what goes, within a user."""
    table = Interactions.from_frame(frame_of(rows))
    train, test = split_leave_k_out(table, k=k, by="last", rng=seed)
    left, gone = train.to_frame(), test.to_frame()
    for user, group in gone.groupby("user_id"):
        assert left[left.user_id == user].timestamp.max() <= group.timestamp.min()


@given(ROWS, st.integers(1, 20))
@settings(deadline=None, max_examples=80)
def test_a_cut_in_time_separates(rows: list[tuple[int, str, int]], cut: int) -> None:
    """Train is before the cut, test is not; a cut with an empty side is refused."""
    frame = frame_of(rows)
    late = frame.timestamp >= cut
    if late.all() or not late.any():
        with pytest.raises(ValueError, match="cut must leave rows on both sides; got"):
            split_global_time(frame, cut=cut)
        return
    train, test = split_global_time(frame, cut=cut)
    pd.testing.assert_frame_equal(train, frame[~late])
    pd.testing.assert_frame_equal(test, frame[late])


def test_a_cut_by_share_takes_that_share() -> None:
    """100 moments: the last 25 are test, whatever the order; 0.2 is the default."""
    times = np.random.default_rng(0).permutation(100)
    frame = pd.DataFrame({"user": 1, "item": np.arange(100), "timestamp": times})
    train, test = split_global_time(frame, test_fraction=0.25)
    assert sorted(test.timestamp) == list(range(75, 100))
    assert train.timestamp.max() == 74
    assert len(split_global_time(Interactions.from_frame(frame))[1]) == 20


@pytest.mark.parametrize(
    "cut", ["2024-01-02", pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-02T01:00", tz="CET")]
)
def test_datetimes_are_cut_by_datetimes(cut: Any) -> None:
    """Texts, moments, and moments with a zone (midnight UTC is one o'clock CET)."""
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])
    frame = pd.DataFrame({"user": [1, 1, 2], "item": [1, 2, 1], "timestamp": days})
    train, test = split_global_time(frame, cut=cut)
    assert (len(train), len(test)) == (1, 2)


@given(ROWS, st.integers(0, 2), st.integers(0, 99))
@settings(deadline=None, max_examples=80)
def test_cold_users_keep_what_they_should(
    rows: list[tuple[int, str, int]], keep: int, seed: int
) -> None:
    """Every user in test has exactly `keep` pairs left; the others have all of theirs."""
    table = Interactions.from_frame(frame_of(rows))
    n_all = np.bincount(table.users, minlength=table.n_users)
    eligible = n_all > keep
    if not eligible.any():
        with pytest.raises(ValueError, match=f"more pairs than that; got keep={keep}"):
            split_cold_users(table, keep=keep, rng=seed)
        return
    train, test = split_cold_users(table, fraction=0.4, keep=keep, rng=seed)
    n_train = np.bincount(train.users, minlength=table.n_users)
    cold = np.unique(test.users)
    assert len(cold) == max(1, round(0.4 * eligible.sum()))
    assert (n_train[cold] == keep).all()
    warm = np.setdiff1d(np.arange(table.n_users), cold)
    assert (n_train[warm] == n_all[warm]).all()


def test_only_users_with_ties_become_cold() -> None:
    """With a graph, somebody has to be there to carry them: 0 and 1 are friends, 2 is alone."""
    frame = pd.DataFrame({"user": [0, 1, 2, 3], "item": [5, 5, 5, 5]})
    graph = nx.Graph([(0, 1), (7, 8)])
    graph.add_node(2)
    for seed in range(10):
        _, test = split_cold_users(frame, fraction=0.99, social=graph, rng=seed)
        assert set(test.user) == {0, 1}
    listens = nx.DiGraph([(3, 0)])
    assert set(split_cold_users(frame, fraction=0.5, social=listens, rng=0)[1].user) == {3}
    with pytest.raises(ValueError, match="more pairs than that and a tie"):
        split_cold_users(frame, social=nx.Graph([(7, 8)]))


@pytest.mark.parametrize("split", [split_random, split_leave_k_out, split_cold_users])
def test_a_map_of_columns_and_a_generator_are_understood(split: Callable[..., Any]) -> None:
    """The frame keeps its own column names; a Generator is drawn from."""
    frame = pd.DataFrame({"who": [1, 1, 1, 2, 2, 2], "what": list("abcabc")})
    columns = {"user_id": "who", "item_id": "what"}
    train, test = split(frame, columns=columns, rng=np.random.default_rng(1))
    assert list(train.columns) == ["who", "what"]
    assert len(train) + len(test) == 6
    assert len(test) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: split_random(f, test_fraction=0.0), "test_fraction must be between 0 and 1"),
        (lambda f: split_random(f, test_fraction=1.5), "test_fraction must be .* got 1.5"),
        (lambda f: split_random(f, test_fraction=float("nan")), "both excluded; got nan"),
        (lambda f: split_leave_k_out(f, k=0), "k must be a whole number of at least 1; got 0"),
        (lambda f: split_leave_k_out(f, k=True), "k must be a whole number"),
        (lambda f: split_leave_k_out(f, by="first"), "'random' or 'last'; got 'first'"),
        (lambda f: split_leave_k_out(f[["user", "item"]], by="last"), "a timestamp column"),
        (lambda f: split_global_time(f, cut=2, test_fraction=0.1), "must not both be given"),
        (lambda f: split_global_time(f, cut="2024-01-01"), "cut must be a number, as the"),
        (lambda f: split_cold_users(f, keep=-1), "keep must be a whole number"),
        (lambda f: split_cold_users(f, fraction=1), "fraction must be between 0 and 1"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[..., Any], message: str) -> None:
    """Value and rule are in the sentence."""
    frame = pd.DataFrame({"user": [1, 1], "item": [1, 2], "timestamp": [1, 2]})
    with pytest.raises(ValueError, match=message):
        call(frame)


def test_a_number_is_no_moment_for_datetimes() -> None:
    """Unix seconds or years? Not guessed."""
    days = pd.to_datetime(["2024-01-01", "2024-01-02"])
    frame = pd.DataFrame({"user": [1, 1], "item": [1, 2], "timestamp": days})
    with pytest.raises(ValueError, match="cut must be a datetime, as the timestamps are; got 2024"):
        split_global_time(frame, cut=2024)


def test_a_matrix_is_refused() -> None:
    """Frames and Interactions only."""
    with pytest.raises(TypeError, match="must be a pandas DataFrame; got csr_array"):
        split_random(sparse.csr_array([[1, 0]]))


def test_ties_after_the_cut_are_the_future() -> None:
    """Only earlier friendships stay; without times a graph cannot be cut."""
    ties = pd.DataFrame({"source": [1, 2, 3], "target": [2, 3, 1], "since": [1, 5, 9]})
    kept = social_until(ties, 5, columns={"timestamp": "since"})
    assert kept.since.tolist() == [1]
    with pytest.raises(ValueError, match="social must have a timestamp column"):
        social_until(ties, 5)
