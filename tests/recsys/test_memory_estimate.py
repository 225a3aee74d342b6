"""Sizes of what is to be fitted, in every form in which it may come, and estimates as text."""

from __future__ import annotations

from typing import Any

import networkx as nx
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.memory_estimate import MemoryEstimate, TableSizes, sizes_of

ROWS = pd.DataFrame({"user_id": list("aabc"), "item_id": list("xyxz")})
TIES = pd.DataFrame({"source_id": list("abb"), "target_id": list("bcd")})
GRAPH = nx.Graph([("a", "b"), ("b", "c"), ("b", "d")])


def test_what_a_model_was_fitted_on() -> None:
    """Where nothing is given; before a fit there is nothing to go by."""
    base = sf.ALS(n_factors=2, regularization=1.0)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    with pytest.raises(sf.NotFittedError):
        model.estimate_memory()
    model.fit(ROWS, social=TIES)
    assert sizes_of(model, None, None, directed=None) == TableSizes(4, 3, 4, 6)
    assert model.estimate_memory() == model.estimate_memory((4, 3, 4), social=3)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ((1, 2), ValueError, r"\('n_users', 'n_items', 'n_interactions'\); got \(1, 2\)"),
        ((1, 2.5, 3), ValueError, "n_items must be a whole number"),
        ((0, 2, 3), ValueError, "n_users must be a whole number of at least 1; got 0"),
        (7, TypeError, "interactions must be a table.*got 7"),
        (pd.DataFrame({"a": [1]}), ValueError, "column"),
    ],
)
def test_bad_sizes(given: Any, error: type[Exception], words: str) -> None:
    """The value is quoted."""
    with pytest.raises(error, match=words):
        sf.ALS().estimate_memory(given)


def test_bad_ties() -> None:
    """A count below zero."""
    with pytest.raises(ValueError, match="social must be a whole number of at least 0; got -1"):
        sf.ALS().estimate_memory((1, 2, 3), social=-1)


def test_an_estimate_is_a_table_in_words() -> None:
    """A line per stage, and the largest of them."""
    estimate = MemoryEstimate((("tables", 2**20), ("fit: factors", 3 * 2**30), ("model", 512)))
    assert estimate.peak == 3 * 2**30
    assert str(estimate).splitlines() == [
        "tables        1 MB",
        "fit: factors  3 GB",
        "model         512 bytes",
        "peak          3 GB",
    ]
