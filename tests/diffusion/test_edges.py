"""Every accepted form of a graph, and every refusal."""

from types import SimpleNamespace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from suffuse.diffusion import PropagationOperator
from suffuse.diffusion.edges import read_graph, row_sums


def frame(*rows):
    """An edge frame of (source, target, weight) rows."""
    return pd.DataFrame(rows, columns=["source_id", "target_id", "weight"])


class TestForms:
    """What may be given."""

    @pytest.mark.parametrize(
        "make", [sp.csr_array, sp.csc_matrix, sp.coo_array, sp.lil_array, sp.csr_matrix, np.array]
    )
    def test_matrices(self, make):
        """Any sparse format, and a square array; nodes are positions."""
        dense = np.array([[0.0, 2.0], [1.0, 0.0]])
        matrix, ids, asymmetric = read_graph(make(dense))
        np.testing.assert_array_equal(matrix.toarray(), dense)
        np.testing.assert_array_equal(ids, [0, 1])
        assert asymmetric
        assert matrix.indices.dtype == np.int32

    def test_the_matrix_is_copied_never_changed(self):
        """Unsorted input with duplicates and zeros stays as it was."""
        matrix = sp.csr_array(
            (np.array([1.0, 0.0, 2.0, 1.0]), np.array([1, 0, 1, 0]), np.array([0, 3, 4]))
        )
        before = matrix.data.copy(), matrix.indices.copy()
        op = PropagationOperator(matrix, "row")
        np.testing.assert_array_equal(matrix.data, before[0])
        np.testing.assert_array_equal(matrix.indices, before[1])
        np.testing.assert_array_equal(op.degrees, [3.0, 1.0])
        matrix.data[:] = 9.0
        np.testing.assert_array_equal(op.apply(np.array([1.0, 5.0])), [5.0, 1.0])

    def test_stored_zeros_are_no_ties(self):
        """A stored zero leaves its node isolated."""
        matrix = sp.csr_array((np.array([0.0]), (np.array([0]), np.array([1]))), shape=(2, 2))
        np.testing.assert_array_equal(read_graph(matrix)[0].nnz, 0)

    def test_rounding_is_no_direction(self):
        """A matrix that is symmetric but for its last bits counts as symmetric, and becomes so."""
        matrix = np.array([[0.0, 0.1 + 0.2], [0.3, 0.0]])
        assert matrix[0, 1] != matrix[1, 0]
        read, _, asymmetric = read_graph(matrix)
        assert not asymmetric
        assert read[0, 1] == read[1, 0]
        assert read_graph(np.array([[0.0, 1.001], [1.0, 0.0]]))[2]

    def test_directed_networkx_graph_with_names(self):
        """Edge (u, v) means that u listens to v; names come back in the order of the graph."""
        graph = nx.DiGraph([("ann", "bob"), ("ann", "cy")])
        graph.add_node("dan")
        graph["ann"]["bob"]["weight"] = 3.0
        op = PropagationOperator(graph, "row")
        assert op.directed
        assert list(op.ids) == ["ann", "bob", "cy", "dan"]
        np.testing.assert_array_equal(op.apply(np.array([9.0, 4.0, 8.0, 1.0])), [5, 4, 8, 1])

    def test_multigraph_ties_add_up(self):
        """Parallel edges, the default weight among them."""
        graph = nx.MultiGraph([(0, 1), (0, 1)])
        graph.add_edge(0, 1, weight=0.5)
        np.testing.assert_array_equal(PropagationOperator(graph, "row").degrees, [2.5, 2.5])

    def test_labels_that_are_tuples_or_of_mixed_kinds(self):
        """Any hashable label survives."""
        graph = nx.Graph([((0, 0), (0, 1)), ("x", 7)])
        assert list(PropagationOperator(graph).ids) == [(0, 0), (0, 1), "x", 7]

    def test_edge_frame(self):
        """Source listens to target; the largest weight of a repeated edge counts."""
        edges = frame(("b", "a", 1.0), ("b", "c", 3.0), ("b", "a", 0.5))
        matrix, ids, asymmetric = read_graph(edges, directed=True)
        assert list(ids) == ["a", "b", "c"]
        np.testing.assert_array_equal(matrix.toarray(), [[0, 0, 0], [1, 0, 3], [0, 0, 0]])
        assert asymmetric

    def test_edge_frame_made_symmetric(self):
        """Both directions get the larger weight."""
        matrix = read_graph(frame((7, 5, 1.0), (5, 7, 4.0), (9, 5, 2.0)), directed=False)[0]
        np.testing.assert_array_equal(matrix.toarray(), [[0, 4, 2], [4, 0, 0], [2, 0, 0]])

    def test_edge_frame_without_weights_and_with_mixed_labels(self):
        """Weights default to one; labels without an order keep that of their appearance."""
        edges = pd.DataFrame({"source_id": ["x", 3], "target_id": [3, "y"]})
        matrix, ids, _ = read_graph(edges, directed=False)
        assert list(ids) == ["x", 3, "y"]
        np.testing.assert_array_equal(row_sums(matrix), [1, 2, 1])

    @pytest.mark.parametrize("dtype", ["string", "category", "int32", "Int64"])
    def test_edge_frame_of_any_column_type(self, dtype):
        """pandas' own types are read as what they hold."""
        edges = pd.DataFrame({"source_id": [3, 1], "target_id": [1, 2]}).astype(
            {"source_id": dtype, "target_id": dtype}
        )
        ids = read_graph(edges, directed=False)[1]
        assert [str(label) for label in ids] == ["1", "2", "3"]

    def test_social_graph(self):
        """Anything with an adjacency and ids."""
        graph = SimpleNamespace(adjacency=sp.csr_array(np.ones((2, 2))), ids=np.array(["u", "v"]))
        op = PropagationOperator(graph)
        assert list(op.ids) == ["u", "v"]
        with pytest.raises(ValueError, match="read-only"):
            op.ids[0] = "w"
        graph.ids[0] = "w"
        assert list(op.ids) == ["u", "v"]

    def test_directed_false_makes_any_graph_symmetric(self):
        """A directed networkx graph takes the way out that errors name."""
        op = PropagationOperator(nx.DiGraph([(0, 1)]), directed=False)
        assert not op.directed


class TestRefusals:
    """What may not be given, and what the error says."""

    def test_not_square(self):
        """The shape is quoted."""
        with pytest.raises(ValueError, match=r"adjacency must be square; got shape \(2, 3\)"):
            PropagationOperator(sp.csr_array((2, 3)))

    @pytest.mark.parametrize("empty", [sp.csr_array((0, 0)), nx.Graph(), frame()])
    def test_no_node(self, empty):
        """A graph needs a node."""
        with pytest.raises(ValueError, match="adjacency must have at least one node"):
            PropagationOperator(empty, directed=False)

    @pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
    def test_bad_weight_of_a_matrix(self, bad):
        """Row and column are named."""
        matrix = np.ones((3, 3))
        matrix[1, 2] = bad
        with pytest.raises(ValueError, match=f"weight must be .* got {bad} at row 1, column 2"):
            PropagationOperator(matrix)

    def test_bad_weight_of_a_networkx_graph(self):
        """The names of the nodes are named."""
        graph = nx.DiGraph()
        graph.add_edge("a", "b", weight=-2.0)
        with pytest.raises(ValueError, match=r"got -2.0 at source_id 'a', target_id 'b'"):
            PropagationOperator(graph)

    def test_bad_weight_of_a_frame(self):
        """The row of the frame is named."""
        with pytest.raises(ValueError, match=r"got nan in row 1 \(source_id 3, target_id 4\)"):
            PropagationOperator(frame((1, 2, 1.0), (3, 4, np.nan)), directed=True)

    def test_overflowing_sum(self):
        """Weights that are finite one by one but not together."""
        with pytest.raises(ValueError, match="weight must have a finite sum"):
            PropagationOperator(np.full((2, 2), 1e308))

    def test_missing_id(self):
        """The row of the frame is named."""
        with pytest.raises(
            ValueError, match=r"target_id must not be missing; got (None|nan) in row 1"
        ):
            PropagationOperator(frame(("a", "b", 1.0), ("a", None, 1.0)), directed=True)

    def test_frame_needs_a_direction(self):
        """Both ways out are named."""
        with pytest.raises(
            TypeError, match=r"directed must be given .* got None: .*directed=False"
        ):
            PropagationOperator(frame((1, 2, 1.0)))

    def test_frame_without_columns(self):
        """The columns that it has are quoted."""
        with pytest.raises(ValueError, match=r"columns source_id, target_id; got \['a'\]"):
            PropagationOperator(pd.DataFrame({"a": [1]}), directed=True)

    @pytest.mark.parametrize(
        ("thing", "what"),
        [([[0, 1], [1, 0]], "a list"), (np.ones(3), "a 1-dimensional array"), ("graph", "a str")],
    )
    def test_no_graph(self, thing, what):
        """What it was is named, and what it may be."""
        with pytest.raises(TypeError, match=f"adjacency must be a scipy sparse .* got {what}"):
            PropagationOperator(thing)

    def test_complex_weights(self):
        """Weights are real numbers."""
        with pytest.raises(TypeError, match="adjacency must hold real numbers; got dtype complex"):
            PropagationOperator(sp.csr_array(np.array([[1j]])))
        with pytest.raises(TypeError, match="adjacency must hold real numbers; got dtype <U1"):
            PropagationOperator(np.array([["a"]]))

    def test_ids_of_another_length(self):
        """One label per node."""
        graph = SimpleNamespace(adjacency=sp.csr_array((2, 2)), ids=["a"])
        with pytest.raises(ValueError, match=r"ids must hold one label per node; got shape \(1,\)"):
            PropagationOperator(graph)

    def test_dense_adjacency_of_a_social_graph(self):
        """The adjacency inside is sparse."""
        graph = SimpleNamespace(adjacency=np.ones((1, 1)), ids=["a"])
        with pytest.raises(TypeError, match=r"adjacency.adjacency must be a scipy sparse"):
            PropagationOperator(graph)

    def test_directed_is_a_truth_value(self):
        """Not a word."""
        with pytest.raises(TypeError, match="directed must be True, False or None; got 'yes'"):
            PropagationOperator(np.ones((1, 1)), directed="yes")
