"""Sizes of tables, in every form in which they may come."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from suffuse.datasets import as_interactions, as_social_graph
from suffuse.datasets.table_sizes import TableSizes, table_sizes

ROWS = pd.DataFrame({"user_id": list("aabc"), "item_id": list("xyxz")})
TIES = pd.DataFrame({"source_id": list("abb"), "target_id": list("bcd")})
GRAPH = nx.Graph([("a", "b"), ("b", "c"), ("b", "d")])


@pytest.mark.parametrize("social", [TIES, GRAPH, as_social_graph(TIES)], ids=["frame", "nx", "own"])
@pytest.mark.parametrize("table", [ROWS, as_interactions(ROWS)], ids=["frame", "own"])
def test_every_form_has_the_same_size(table: Any, social: Any) -> None:
    """Three users with rows and one without, three ties in both directions."""
    assert table_sizes(table, social) == TableSizes(4, 3, 4, 6)
    assert table_sizes(table) == TableSizes(3, 3, 4)


def test_directions_matrices_and_numbers() -> None:
    """A directed tie is stored once; a matrix holds what it holds; numbers are taken as given."""
    assert table_sizes(ROWS, TIES, directed=True).n_ties == 3
    assert table_sizes(ROWS, nx.DiGraph(GRAPH)).n_ties == 6
    matrix = sparse.csr_array(np.eye(3, 5))
    assert table_sizes(matrix, matrix[:, :3]) == TableSizes(3, 5, 3, 3)
    assert table_sizes((10, 20, 30), 40) == TableSizes(10, 20, 30, 80)
    assert table_sizes((10, 20, 30), 40, directed=True) == TableSizes(10, 20, 30, 40)


@pytest.mark.parametrize("social", [(1, 2), [1, 2, 3], "social.parquet", 1.5])
def test_what_is_no_graph_is_refused(social: object) -> None:
    """A triple, a path or a fraction is neither ties nor their number."""
    with pytest.raises(TypeError, match="a graph, a table of ties or their number; got"):
        table_sizes((10, 5, 30), social)
