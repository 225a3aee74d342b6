"""The social graph beside the training table."""

from __future__ import annotations

import networkx as nx
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.ties import with_ties

TABLE = sf.datasets.as_interactions(pd.DataFrame({"user_id": [1, 2], "item_id": ["a", "b"]}))


def test_users_of_the_graph_join() -> None:
    """Users known only from the graph get a row; ties follow the order of the users."""
    table, adjacency = with_ties(TABLE, nx.DiGraph([(9, 1)]), directed=None)
    assert table.user_ids.tolist() == [1, 2, 9]
    assert adjacency.toarray().tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    "empty", [None, nx.Graph(), pd.DataFrame({"source_id": [], "target_id": []})]
)
def test_an_empty_graph_is_a_graph_without_a_tie(empty: object) -> None:
    """No graph, a graph without nodes and a frame without rows change nothing."""
    table, adjacency = with_ties(TABLE, empty, directed=None)
    assert table is TABLE
    assert adjacency.nnz == 0
    model = sf.SocialDiffusion(sf.Popularity()).fit(TABLE, social=empty)
    assert model.recommend(k=1).equals(sf.Popularity().fit(TABLE).recommend(k=1))


def test_ids_of_two_kinds_are_noticed() -> None:
    """1 and "1" are two ids; a graph that shares nobody with the table is suspicious."""
    ties = pd.DataFrame({"source_id": ["1"], "target_id": ["2"]})
    with pytest.warns(UserWarning, match=r"got \['1'\] in the graph and \[1\] in the table"):
        with_ties(TABLE, ties, directed=False)
