"""One door for every kind of table."""

import networkx as nx
import pandas as pd
import pytest
from scipy import sparse

from suffuse.datasets import Interactions, SocialGraph, as_interactions, as_social_graph

FRAME = pd.DataFrame({"who": ["a", "b"], "item": [1, 2]})
TIES = pd.DataFrame({"fan": ["a"], "idol": ["b"]})
TIE_COLUMNS = {"source_id": "fan", "target_id": "idol"}


def test_interactions_from_everything() -> None:
    """A frame with a map, a matrix, and a table that stays the same object."""
    table = as_interactions(FRAME, columns={"user_id": "who"})
    assert isinstance(table, Interactions)
    assert as_interactions(table) is table
    assert as_interactions(sparse.eye_array(2).tocsr()).n_users == 2


@pytest.mark.parametrize("bad", [None, [(1, 2)], {"user": [1]}, "table.csv"])
def test_other_interactions_are_refused(bad: object) -> None:
    """The type is named."""
    with pytest.raises(TypeError, match=f"interactions must be a pandas .*{type(bad).__name__}"):
        as_interactions(bad)


def test_a_tie_of_a_frame_or_a_matrix_binds_both_ways_unless_said() -> None:
    """None means undirected there."""
    matrix = sparse.csr_array([[0, 1], [0, 0]])
    assert not as_social_graph(TIES, columns=TIE_COLUMNS).directed
    assert as_social_graph(TIES, columns=TIE_COLUMNS, directed=True).directed
    assert not as_social_graph(matrix).directed
    assert as_social_graph(matrix, directed=True).degrees.tolist() == [1, 0]


def test_networkx_says_itself_whether_it_is_directed() -> None:
    """A contradiction is refused, agreement is not."""
    digraph = nx.DiGraph([(1, 2)])
    assert as_social_graph(digraph).directed
    assert as_social_graph(digraph, directed=True).directed
    assert not as_social_graph(nx.path_graph(3)).directed
    with pytest.raises(ValueError, match="says True; got False"):
        as_social_graph(digraph, directed=False)


def test_a_social_graph_stays_the_same_object() -> None:
    """No copy."""
    graph = as_social_graph(nx.path_graph(3))
    assert isinstance(graph, SocialGraph)
    assert as_social_graph(graph) is graph


@pytest.mark.parametrize("bad", [None, [(1, 2)], 3])
def test_other_graphs_are_refused(bad: object) -> None:
    """The type is named."""
    with pytest.raises(TypeError, match=f"social must be a pandas .*{type(bad).__name__}"):
        as_social_graph(bad)
