"""Reading tables for a judgement."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys import ranked


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(-40, 40), unique=True, max_size=10),
    st.lists(st.one_of(st.integers(-60, 60), st.sampled_from([-(2**63), 2**63 - 1])), max_size=20),
)
def test_positions_by_table_and_by_hash(ids: list[int], wanted: list[int]) -> None:
    """The place of every id, -1 where it is unknown, far outside the range too."""
    known, values = np.array(ids, np.int64), np.array(wanted, np.int64)
    expected = [ids.index(value) if value in ids else -1 for value in wanted]
    assert ranked.positions(known, values, "ids").tolist() == expected
    assert ranked.positions(known, pd.Series(values), "ids").tolist() == expected
    texts = np.array(list(map(str, ids)), dtype=object)
    found = ranked.positions(texts, pd.Series(list(map(str, wanted)), dtype=object), "ids")
    assert found.tolist() == expected


def test_long_columns_are_hashed_once_for_each_value() -> None:
    """Texts, and whole numbers that may be missing."""
    rng = np.random.default_rng(0)
    wanted = rng.integers(0, 50, 3000)
    expected = [value - 10 if 10 <= value < 30 else -1 for value in wanted.tolist()]
    texts = pd.Series(wanted).astype(str)
    known = np.array([str(value) for value in range(10, 30)], dtype=object)
    assert ranked.positions(known, texts, "ids").tolist() == expected
    numbers = pd.Series(wanted, dtype="Int64")
    assert ranked.positions(np.arange(10, 30), numbers, "ids").tolist() == expected


def test_ids_of_a_wide_range_are_hashed() -> None:
    """No table of a trillion entries."""
    known = np.array([0, 10**12])
    assert ranked.positions(known, np.array([10**12, 5]), "ids").tolist() == [1, -1]


def test_features_by_raw_ids() -> None:
    """In the order of the items, NaN for those without a row."""
    features = pd.DataFrame({"item_id": ["b", "a"], "x": [1, 2], "y": [3.0, 4.0]})
    found = ranked.features_of(np.array(["a", "c"], dtype=object), features)
    assert found[0].tolist() == [2, 4]
    assert np.isnan(found[1]).all()
    with pytest.raises(ValueError, match="item_features must be a frame with a column item_id"):
        ranked.features_of(np.array(["a"]), features.drop(columns="item_id"))
    words = features.assign(x=["rock", "jazz"])
    with pytest.raises(
        ValueError, match=r"item_features must hold numbers .* other values in \['x'"
    ):
        ranked.features_of(np.array(["a"]), words)


def test_mixed_ids_stay_what_they_are() -> None:
    """Numbers in one table and texts in the other."""
    recs = pd.DataFrame({"user_id": [1], "item_id": ["x"], "rank": [1]})
    truth = ranked.table_of(pd.DataFrame({"user_id": [1], "item_id": [7]}), "test")
    universe = ranked.universe_of(recs, truth, None)
    assert universe.item_ids.tolist() == [7, "x"]
    assert universe.listed.tolist() == [1]
