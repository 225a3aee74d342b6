"""The social graph: read, merged, refused, aligned."""

import logging
import uuid

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.datasets import SocialGraph

TIES = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 5)), min_size=1, max_size=30
)


def frame_of(ties: list[tuple[object, object, int]]) -> pd.DataFrame:
    """Return ties as a frame."""
    return pd.DataFrame(ties, columns=["source_id", "target_id", "weight"])


@given(TIES, st.booleans())
@settings(deadline=None, max_examples=150)
def test_adjacency_agrees_with_a_dense_loop(
    ties: list[tuple[int, int, int]], directed: bool
) -> None:
    """The largest weight of a tie counts; undirected is symmetric; self ties are counted."""
    graph = SocialGraph.from_frame(frame_of(ties), directed=directed)
    place = {node: at for at, node in enumerate(graph.ids.tolist())}
    dense = np.zeros((len(place), len(place)))
    for u, v, w in ties:
        if u != v:
            dense[place[u], place[v]] = max(dense[place[u], place[v]], w)
    if not directed:
        dense = np.maximum(dense, dense.T)
    assert (graph.adjacency.toarray() == dense).all()
    assert graph.n_self_ties == sum(u == v for u, v, _ in ties)
    assert graph.n_ties + graph.n_merged + graph.n_self_ties == len(ties)
    assert graph.degrees.tolist() == (dense > 0).sum(axis=1).tolist()
    assert graph.in_degrees.tolist() == (dense > 0).sum(axis=0).tolist()
    assert graph.strengths.tolist() == dense.sum(axis=1).tolist()


@given(TIES, st.booleans())
@settings(deadline=None, max_examples=50)
def test_frame_and_networkx_round_trips(ties: list[tuple[int, int, int]], directed: bool) -> None:
    """Out and in again is the same graph; networkx keeps people without a tie as well."""
    graph = SocialGraph.from_frame(frame_of(ties), directed=directed)
    through = SocialGraph.from_networkx(graph.to_networkx())
    assert through.directed == directed
    assert through.ids.tolist() == graph.ids.tolist()
    assert (through.adjacency.toarray() == graph.adjacency.toarray()).all()
    if graph.n_ties:
        again = SocialGraph.from_frame(graph.to_frame(), directed=directed)
        assert (again.reindex(graph.ids)[0].toarray() == graph.adjacency.toarray()).all()


def test_a_networkx_digraph_with_text_ids_agrees_with_networkx() -> None:
    """Direction: an edge u -> v is an entry in row u."""
    source = nx.DiGraph()
    source.add_edge("zoe", "abe", weight=2.5)
    source.add_edge("abe", "kim")
    source.add_node("lone")
    graph = SocialGraph.from_networkx(source)
    expected = nx.to_numpy_array(source, nodelist=graph.ids.tolist())
    assert graph.directed
    assert graph.ids.tolist() == ["abe", "kim", "lone", "zoe"]
    assert (graph.adjacency.toarray() == expected).all()


def test_a_multigraph_keeps_the_largest_weight() -> None:
    """Parallel edges are one tie."""
    source = nx.MultiGraph([("a", "b", {"weight": 1.0}), ("b", "a", {"weight": 4.0})])
    graph = SocialGraph.from_networkx(source)
    assert graph.adjacency.toarray().tolist() == [[0, 4], [4, 0]]
    assert graph.n_merged == 1


def test_a_graph_without_edges_is_a_graph() -> None:
    """Three people, no tie: allowed, because the people are known."""
    graph = SocialGraph.from_networkx(nx.empty_graph(3))
    assert (graph.n_nodes, graph.n_ties) == (3, 0)
    assert len(graph.to_frame()) == 0


def test_ids_of_any_type_come_back() -> None:
    """UUIDs, tuples and numbers in one graph."""
    people = [uuid.UUID(int=5), (1, "a"), 7]
    graph = SocialGraph.from_frame(
        frame_of([(people[0], people[1], 1), (people[1], people[2], 1)]), directed=True
    )
    assert set(graph.to_networkx().edges) == {(people[0], people[1]), (people[1], people[2])}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"source_id": [1]}), "must have a column 'target_id'"),
        (frame_of([(1, None, 1)]), "target_id must not be null"),
        (frame_of([(1, 2, -1)]), "weight must be at least 0; got -1 at row 0"),
    ],
)
def test_bad_frames_are_refused(frame: pd.DataFrame, message: str) -> None:
    """One clear sentence each."""
    with pytest.raises(ValueError, match=message):
        SocialGraph.from_frame(frame, directed=False)


def test_bad_networkx_graphs_are_refused() -> None:
    """No node, or a weight that is none."""
    with pytest.raises(ValueError, match="at least one node; got an empty graph"):
        SocialGraph.from_networkx(nx.Graph())
    with pytest.raises(ValueError, match="edge weight must be finite; got nan"):
        SocialGraph.from_networkx(nx.Graph([(1, 2, {"weight": float("nan")})]))


def test_bad_matrices_are_refused() -> None:
    """Not square, not sparse."""
    with pytest.raises(
        ValueError, match=r"adjacency must be square, not empty; got shape \(2, 3\)"
    ):
        SocialGraph.from_matrix(sparse.csr_array((2, 3)), directed=True)
    with pytest.raises(TypeError, match="adjacency must be a scipy sparse array"):
        SocialGraph.from_matrix(np.eye(2), directed=True)
    with pytest.raises(ValueError, match="one row and column per id, 3"):
        SocialGraph(np.arange(3), sparse.csr_array((2, 2)), True)


def test_a_lopsided_matrix_becomes_symmetric_by_its_maximum() -> None:
    """Undirected: the larger of the two directions counts."""
    matrix = sparse.csr_array(np.array([[0, 2, 0], [5, 9, 0], [0, 0, 0]]))
    graph = SocialGraph.from_matrix(matrix, directed=False, ids=["x", "y", "z"])
    assert graph.adjacency.toarray().tolist() == [[0, 5, 0], [5, 0, 0], [0, 0, 0]]
    assert (graph.n_self_ties, graph.n_merged, graph.n_nodes) == (1, 1, 3)


def test_what_is_left_out_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Self ties, zeros and repetitions are counted in the log."""
    ties = frame_of([(1, 1, 1), (1, 2, 0), (1, 3, 1), (3, 1, 2)])
    with caplog.at_level(logging.INFO, logger="suffuse.datasets"):
        graph = SocialGraph.from_frame(ties, directed=False)
    assert (graph.n_self_ties, graph.n_zero, graph.n_merged) == (1, 1, 1)
    for words in ("1 ties from a person to itself", "1 ties of weight 0", "merged 1 repeated ties"):
        assert words in caplog.text
    assert graph.ids.tolist() == [1, 2, 3]


@given(TIES, st.permutations(range(-2, 9)), st.integers(1, 11))
@settings(deadline=None, max_examples=100)
def test_reindex_agrees_with_dense_indexing(
    ties: list[tuple[int, int, int]], order: list[int], length: int
) -> None:
    """Row i of the result is person i of the given order, empty if unknown."""
    graph = SocialGraph.from_frame(frame_of(ties), directed=True)
    wanted = order[:length]
    adjacency, n_left_out = graph.reindex(wanted)
    dense, place = graph.adjacency.toarray(), {node: at for at, node in enumerate(graph.ids)}
    for i, u in enumerate(wanted):
        for j, v in enumerate(wanted):
            known = u in place and v in place
            assert adjacency[i, j] == (dense[place[u], place[v]] if known else 0)
    assert n_left_out == len(set(graph.ids.tolist()) - set(wanted))
    induced = graph.subgraph(wanted)
    assert induced.ids.tolist() == wanted
    assert (induced.adjacency.toarray() == adjacency.toarray()).all()


def test_with_nodes_adds_people_and_keeps_ties() -> None:
    """The same ties among more people."""
    graph = SocialGraph.from_frame(frame_of([("b", "d", 2)]), directed=False)
    larger = graph.with_nodes(["c", "a", "b"])
    assert larger.ids.tolist() == ["a", "b", "c", "d"]
    pd.testing.assert_frame_equal(larger.to_frame(), graph.to_frame())


def test_the_adjacency_is_read_only_and_the_codes_are_known() -> None:
    """Values are frozen; unknown people have code -1."""
    graph = SocialGraph.from_frame(frame_of([("b", "d", 2)]), directed=False)
    with pytest.raises(ValueError, match="read-only"):
        graph.adjacency.data[0] = 3
    assert graph.node_codes(["d", "nobody"]).tolist() == [1, -1]
    assert repr(graph) == "SocialGraph(2 people, 1 undirected ties)"


def test_a_frame_without_rows_is_a_graph_without_people() -> None:
    """Columns and no row: nobody is tied to anybody."""
    graph = SocialGraph.from_frame(frame_of([]), directed=False)
    assert (graph.n_nodes, graph.n_ties) == (0, 0)
    assert len(graph.to_frame()) == 0


def test_a_graph_among_its_own_people_is_a_view() -> None:
    """Nothing is copied where nothing moves; with people in between, the weights are shared."""
    graph = SocialGraph.from_frame(frame_of([("b", "d", 2), ("d", "f", 1)]), directed=False)
    same, n_left_out = graph.reindex(["b", "d", "f"])
    assert n_left_out == 0
    assert np.shares_memory(same.data, graph.adjacency.data)
    assert np.shares_memory(same.indices, graph.adjacency.indices)
    wider, _ = graph.reindex(["a", "b", "d", "e", "f"])
    assert np.shares_memory(wider.data, graph.adjacency.data)
    expected = np.zeros((5, 5))
    expected[1, 2] = expected[2, 1] = 2
    expected[2, 4] = expected[4, 2] = 1
    assert (wider.toarray() == expected).all()
    with pytest.raises(ValueError, match="read-only"):
        wider.data[0] = 7
    assert graph.with_nodes(["d", "b"]) is graph
