"""Raw ids in arrow arrays."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.datasets import shard_ids
from suffuse.datasets.shard_ids import (
    DistinctIds,
    IdSketch,
    as_kind,
    joint_kind,
    kind_of,
    positions,
    ranges,
)

TEXTS = st.lists(st.text("aé\U0001f600\uffffz", max_size=3), max_size=20)
NUMBERS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9), max_size=20)


def arrow(ids: list[str] | list[int], text: bool) -> pa.Array:
    """Return ids as the arrays that the steps work on."""
    return pa.array(ids, pa.large_string() if text else pa.int64())


@settings(deadline=None, max_examples=60)
@given(TEXTS | NUMBERS, TEXTS | NUMBERS, st.integers(1, 9))
def test_ids_are_gathered_placed_and_cut_as_python_orders_them(
    some: list[str] | list[int], others: list[str] | list[int], pile: int
) -> None:
    """Sorted sets, their positions, and the ranges between some of them."""
    text = all(isinstance(one, str) for one in [*some, *others])
    if not text and any(isinstance(one, str) for one in [*some, *others]):
        others = some
        text = bool(some) and isinstance(some[0], str)
    with mock.patch.object(shard_ids, "_PILE", pile):
        gathered = DistinctIds(arrow([], text).type)
        for part in (some, others, some):
            gathered.add(arrow(part, text))
        found = gathered.in_order()
    expected = sorted({*some, *others})  # type: ignore[type-var]
    assert found.to_pylist() == expected
    places = positions(found, arrow(others, text))
    assert places.tolist() == [expected.index(one) for one in others]
    firsts = expected[1::3]
    inside = ranges(arrow(some, text), arrow(firsts, text))
    assert inside.tolist() == [sum(first <= one for first in firsts) for one in some]  # type: ignore[operator]


def test_a_sketch_is_the_same_whatever_the_order_and_the_repetitions() -> None:
    """It holds all ids as long as they fit, and counts about right where they do not."""
    rng = np.random.default_rng(0)
    ids = np.arange(50_000) * 13
    whole = IdSketch(60_000, pa.int64())
    whole.add(pa.array(ids))
    assert sorted(whole.ids.to_pylist()) == ids.tolist()
    assert whole.n_distinct == 50_000
    kept = []
    for seed in range(2):
        sketch = IdSketch(2000, pa.int64())
        for part in np.array_split(np.random.default_rng(seed).permutation(np.tile(ids, 2)), 7):
            sketch.add(pa.array(part))
        kept.append(sketch.ids.to_pylist())
        # the relative error of such a count is 1 / sqrt(size - 2), .022
        assert abs(sketch.n_distinct / 50_000 - 1) < 0.09
    assert kept[0] == kept[1]
    texts = IdSketch(2000, pa.large_string())
    texts.add(pa.array([str(one) for one in rng.permutation(ids)], pa.large_string()))
    assert abs(texts.n_distinct / 50_000 - 1) < 0.09


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.uint8(), "uint8"),
        (pa.large_string(), "text"),
        (pa.dictionary(pa.int32(), pa.int16()), "int16"),
        (pa.bool_(), None),
        (pa.timestamp("us"), None),
        (pa.null(), None),
    ],
)
def test_kinds_of_columns(kind: pa.DataType, expected: str | None) -> None:
    """Whole numbers and texts, also behind a dictionary, and nothing else."""
    assert kind_of(kind) == expected


def test_kinds_that_go_together() -> None:
    """Whole numbers do, where one type holds them all."""
    assert joint_kind(["text", "text"]) == "text"
    assert joint_kind(["uint8", "int8"]) == "int16"
    assert joint_kind(["uint64", "uint8"]) == "uint64"
    assert joint_kind(["uint64", "int64"]) is None
    assert joint_kind(["text", "int64"]) is None


def test_a_dictionary_is_written_out() -> None:
    """Its texts are ids like others, nulls stay."""
    found = as_kind(pa.array(["b", None, "b"]).dictionary_encode(), "text")
    assert found.type == pa.large_string()
    assert found.to_pylist() == ["b", None, "b"]
