"""Distinct pairs of a table and their order within every user."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets import Interactions
from suffuse.datasets.pairs import Pairs, find_pairs, positions, present, row_times

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=30
)


@given(ROWS)
@settings(deadline=None, max_examples=100)
def test_every_row_knows_its_pair(rows: list[tuple[int, int, int]]) -> None:
    """Pairs are the distinct (user, item) in order, with the latest time."""
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    pairs = find_pairs(frame, None, with_times=True)
    distinct = sorted({(u, i) for u, i, _ in rows})
    assert pairs.pair_of_row is not None
    assert [distinct[at] for at in pairs.pair_of_row] == [(u, i) for u, i, _ in rows]
    assert pairs.times is not None
    assert pairs.times.tolist() == [
        max(t for u, i, t in rows if (u, i) == pair) for pair in distinct
    ]
    assert pairs.user_ids[pairs.users].tolist() == [u for u, _ in distinct]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30).map(sorted), st.integers(0, 99))
@settings(deadline=None, max_examples=100)
def test_positions_are_ranks_within_the_user(users: list[int], seed: int) -> None:
    """The oracle is sorting each user's keys in Python."""
    codes = np.array(users, dtype=np.int32)
    keys = np.random.default_rng(seed).random(len(users))
    got = positions(Pairs(codes, np.arange(5), None, None), (keys,))
    for at, user in enumerate(users):
        own = sorted(keys[codes == user])
        assert got[at] == own.index(keys[at])


def test_an_empty_table_is_refused() -> None:
    """Frame and Interactions alike."""
    table = Interactions.from_frame(pd.DataFrame({"user": [1], "item": [1]}))
    with pytest.raises(ValueError, match="at least one row; got an empty table"):
        find_pairs(table.select([False]), None)
    with pytest.raises(ValueError, match="at least one row; got an empty table"):
        find_pairs(pd.DataFrame({"user": [], "item": []}), None)


def test_missing_times_are_said() -> None:
    """The columns that were found are listed for a frame."""
    frame = pd.DataFrame({"user": [1], "item": [1]})
    with pytest.raises(ValueError, match=r"timestamp column.*\['user', 'item'\]"):
        row_times(frame, None)
    with pytest.raises(ValueError, match="must have timestamps"):
        row_times(Interactions.from_frame(frame), None)
    with pytest.raises(ValueError, match="must have timestamps"):
        present(None)
