"""Tables in memory, written as shards."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.datasets import Interactions
from suffuse.datasets.shard_in_memory import id_kind, shard_in_memory


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.integers(1, 4), st.booleans())
def test_matrices_come_back(seed: int, n_shards: int, directed: bool) -> None:
    """Rows of all shards are the rows of the table and of the adjacency, in its order of ids."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(n_shards, 12))
    cells = sparse.random_array((n, 5), density=0.4, rng=rng, format="csr")
    cells = sparse.csr_array(cells + sparse.csr_array(([2.0], ([0], [0])), shape=(n, 5)))
    ids = rng.permutation(n)  # not in order: so they stay
    table = Interactions.from_matrix(cells, user_ids=ids, item_ids=list("edcba"))
    adjacency: Any = sparse.random_array((n, n), density=0.3, rng=rng, format="csr")
    with TemporaryDirectory() as place:
        folder = Path(place) / "tables"
        found = shard_in_memory(table, adjacency, folder, n_shards=n_shards, directed=directed)
        assert found.to_interactions().matrix.toarray().tolist() == cells.toarray().tolist()
        assert found.to_interactions().user_ids.tolist() == ids.tolist()
        assert found.item_ids().tolist() == list("edcba")
        dense = np.vstack([found.ties(shard).toarray() for shard in range(n_shards)])
        assert dense.tolist() == adjacency.toarray().tolist()
        assert found.directed is directed


@pytest.mark.parametrize(("back", "directed"), [(0.0, True), (2.0, True), (3.0, False)])
def test_whether_ties_are_directed_shows(back: float, directed: bool, tmp_path: Path) -> None:
    """Where nobody says, ties as strong both ways bind both; without ties there is no saying."""
    table = Interactions.from_frame(pd.DataFrame({"user": ["a", "b"], "item": [1, 2]}))
    ties = sparse.csr_array([[0.0, 3.0], [back, 0.0]])
    found = shard_in_memory(table, ties, tmp_path / "t", n_shards=2, directed=None)
    assert found.directed is directed
    alone = shard_in_memory(table, None, tmp_path / "u", n_shards=2, directed=True)
    assert alone.directed is None


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Ids of other kinds, an adjacency of another size, too many shards."""
    table = Interactions.from_frame(pd.DataFrame({"user": ["a", "b"], "item": [1, 2]}))

    def shard(table: Interactions, **options: Any) -> None:
        options = {"adjacency": None, "n_shards": 1, "directed": None, **options}
        adjacency = options.pop("adjacency")
        shard_in_memory(table, adjacency, tmp_path / "t", **options)

    with pytest.raises(ValueError, match="one row and column per user, 2; got shape"):
        shard(table, adjacency=sparse.csr_array((3, 3)), directed=False)
    with pytest.raises(ValueError, match="at most the number of users, 2; got 3"):
        shard(table, n_shards=3)
    odd = pd.DataFrame({"user": [(1, 2), (3, 4)], "item": [1, 2]})
    with pytest.raises(TypeError, match=r"user ids of sharded tables .*got \(1, 2\): turn them"):
        shard(Interactions.from_frame(odd))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ids", [[1.5], [True], [pd.Timestamp("2024-01-01")], ["a", 1]])
def test_ids_of_other_kinds(ids: list[Any]) -> None:
    """Have to become texts first."""
    with pytest.raises(TypeError, match="must be whole numbers or texts"):
        id_kind(np.array(ids, dtype=object) if len(ids) > 1 else np.array(ids), "ids")
