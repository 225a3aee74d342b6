"""The quick way into a table equals the way for all tables."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets.interactions import Interactions
from suffuse.recsys.integer_tables import integer_table

ROWS = st.lists(st.tuples(st.integers(-9, 9), st.integers(5, 12)), min_size=1, max_size=40)


@settings(deadline=None, max_examples=80)
@given(ROWS)
def test_the_same_table(rows: list[tuple[int, int]]) -> None:
    """Ids, rows, weights of repetitions, and how many were merged."""
    frame = pd.DataFrame(rows, columns=["user_id", "item_id"])
    quick, usual = integer_table(frame), Interactions.from_frame(frame)
    assert quick is not None
    for name in ("user_ids", "item_ids", "users", "items", "weights"):
        found, expected = getattr(quick, name), getattr(usual, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    assert (quick.n_merged, quick.n_zero) == (usual.n_merged, usual.n_zero)
    assert frame["user_id"].tolist() == [row[0] for row in rows]


def test_one_user_with_many_rows() -> None:
    """Beyond the length up to which it is plain insertion."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"user_id": 1, "item_id": rng.integers(0, 900, 1500)})
    quick = integer_table(frame)
    assert quick is not None
    np.testing.assert_array_equal(quick.items, Interactions.from_frame(frame).items)


PLAIN = pd.DataFrame({"user_id": [1, 2], "item_id": [3, 4]})


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.assign(weight=1.0),
        PLAIN.astype(str),
        PLAIN.assign(user_id=pd.array([1, None], "Int64")),
        PLAIN.astype(float),
        PLAIN.iloc[:0],
        PLAIN.rename(columns={"item_id": "movieId"}),
        PLAIN.assign(user_id=[0, 10**15]),
        "a table",
    ],
)
def test_other_tables_are_left_to_others(other: object) -> None:
    """Weights, texts, missing values, other names, wide ranges, and no rows."""
    assert integer_table(other) is None
