"""Who listens to whom: the social graph, checked, merged and encoded."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .columns import SOCIAL_COLUMNS, Columns, Floats, find_columns, read_weights
from .ids import (
    IdArray,
    as_id_array,
    axis_ids,
    distinct_ids,
    encode_ids,
    encode_pairs,
    holds_all,
    id_column,
    locate,
    union_ids,
)
from .merging import Rows, matrix_rows
from .tie_matrix import TieMatrix, moved_matrix, tie_matrix

if TYPE_CHECKING:
    import networkx as nx

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SocialGraph:
    """A social graph as a sparse matrix with its raw ids.

    ``adjacency[u, v]`` is how much ``ids[u]`` listens to ``ids[v]``. An undirected graph has a
    symmetric adjacency. There are no self ties. The adjacency is read-only.

    Make one with `from_frame`, `from_networkx`, `from_matrix` or
    `suffuse.datasets.as_social_graph`, which check
    and merge their input.

    Parameters
    ----------
    ids : ndarray, shape (n_nodes,)
        Distinct raw ids.
    adjacency : csr_array of float64, shape (n_nodes, n_nodes)
        Positive weights.
    directed : bool
        Whether a tie binds its source only.
    n_merged : int, default 0
        How many ties of the source were repetitions of another one.
    n_self_ties : int, default 0
        How many ties of the source led from a person to itself and were left out.
    n_zero : int, default 0
        How many ties of the source had weight 0 and were left out.

    Examples
    --------
    >>> import pandas as pd
    >>> ties = pd.DataFrame({"source_id": ["ann", "bo"], "target_id": ["bo", "cy"]})
    >>> graph = SocialGraph.from_frame(ties, directed=False)
    >>> graph.degrees.tolist()
    [1, 2, 1]
    """

    ids: IdArray
    adjacency: sparse.csr_array
    directed: bool
    n_merged: int = 0
    n_self_ties: int = 0
    n_zero: int = 0

    def __post_init__(self) -> None:
        """Check the shape and make the arrays read-only."""
        if self.adjacency.shape != (len(self.ids), len(self.ids)):
            raise ValueError(
                f"adjacency must have one row and column per id, {len(self.ids)}; "
                f"got shape {self.adjacency.shape}"
            )
        matrix = self.adjacency
        for array in (self.ids, matrix.data, matrix.indices, matrix.indptr):
            array.setflags(write=False)

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, *, directed: bool, columns: Columns | None = None
    ) -> SocialGraph:
        """Read a frame with one tie in every row.

        A tie from a person to itself is left out and counted, and so is a tie of weight 0; the
        people stay known. A tie listed several times counts once, with its largest weight; in an
        undirected graph both directions are the same tie.

        Parameters
        ----------
        frame : DataFrame
            Columns `source_id`, `target_id` and optionally `weight`, or well-known other names
            (source/target, user/friend, truster/trustee, follower/followee, from/to). The source
            listens to the target.
        directed : bool
            False: a tie binds both ways. True: only the source listens.
        columns : mapping from role to column name, optional
            For example ``{"source_id": "fan", "target_id": "idol"}``.

        Returns
        -------
        SocialGraph
            The graph of all people named in the frame; without anybody where it has no row.

        Raises
        ------
        ValueError
            If a column is missing or ambiguous, or an id or a weight is bad.

        Examples
        --------
        >>> import pandas as pd
        >>> ties = pd.DataFrame({"user": [1, 2, 2], "friend": [2, 1, 2]})
        >>> graph = SocialGraph.from_frame(ties, directed=False)
        >>> graph.n_ties, graph.n_merged, graph.n_self_ties
        (1, 1, 1)
        """
        found = find_columns(frame, SOCIAL_COLUMNS, columns)
        if len(frame) == 0:
            return cls(np.empty(0, dtype=object), sparse.csr_array((0, 0)), directed)
        source, target = found["source_id"], found["target_id"]
        names = (str(source), str(target))
        sources, targets, ids = encode_pairs(frame[source], frame[target], names)
        weights: Floats | None = None
        if "weight" in found:
            weights = read_weights(frame[found["weight"]], str(found["weight"]))
        ties = tie_matrix(sources, targets, weights, len(ids), directed=directed)
        return graph_of_ties(ids, ties, directed)

    @classmethod
    def from_networkx(cls, graph: nx.Graph) -> SocialGraph:
        """Read a networkx graph; nodes without a tie are kept.

        Parameters
        ----------
        graph : networkx Graph, DiGraph, MultiGraph or MultiDiGraph
            The edge attribute `weight` is the weight of a tie, 1 where it is absent. In a DiGraph
            an edge ``u -> v`` says that u listens to v.

        Returns
        -------
        SocialGraph
            The graph, directed if `graph` is.

        Raises
        ------
        ValueError
            If the graph has no node, or a weight is no finite number of at least 0.

        Examples
        --------
        >>> import networkx as nx
        >>> SocialGraph.from_networkx(nx.path_graph(3)).degrees.tolist()
        [1, 2, 1]
        """
        nodes = list(graph.nodes)
        if not nodes:
            raise ValueError("the social graph must have at least one node; got an empty graph")
        codes, ids = encode_ids(nodes, "node")
        code_of = dict(zip(nodes, codes.tolist(), strict=True))
        edges = list(graph.edges(data="weight", default=1.0))
        sources = np.array([code_of[u] for u, _, _ in edges], dtype=np.int32)
        targets = np.array([code_of[v] for _, v, _ in edges], dtype=np.int32)
        values = pd.Series([weight for _, _, weight in edges], dtype=object)
        weights = read_weights(values, "edge weight")
        directed = bool(graph.is_directed())
        ties = tie_matrix(sources, targets, weights, len(ids), directed=directed)
        return graph_of_ties(ids, ties, directed)

    @classmethod
    def from_matrix(
        cls, adjacency: Any, *, directed: bool, ids: Iterable[Any] | None = None
    ) -> SocialGraph:
        """Read a scipy sparse adjacency matrix.

        Parameters
        ----------
        adjacency : scipy sparse array or matrix, shape (n, n)
            Entry (u, v) is how much u listens to v: finite, at least 0.
        directed : bool
            False: the larger of the two directions binds both ways. True: as it stands.
        ids : iterable of hashable, optional
            Raw ids of the rows in their order; 0, 1, 2, ... by default.

        Returns
        -------
        SocialGraph
            The graph; every row stays known.

        Raises
        ------
        TypeError
            If the matrix is not sparse.
        ValueError
            If it is not square, or a weight is bad.

        Examples
        --------
        >>> from scipy import sparse
        >>> graph = SocialGraph.from_matrix(sparse.csr_array([[0, 1], [0, 0]]), directed=True)
        >>> graph.degrees.tolist()
        [1, 0]
        """
        ties, shape = matrix_rows(adjacency, "adjacency")
        if shape[0] != shape[1] or shape[0] == 0:
            raise ValueError(f"adjacency must be square, not empty; got shape {shape}")
        names, ends = axis_ids(ids, shape[0], "ids"), (ties.first, ties.second)
        distinct = tie_matrix(*ends, ties.weights, shape[0], directed=directed)
        return graph_of_ties(names, distinct, directed)

    @property
    def n_nodes(self) -> int:
        """Number of people, those without a tie included."""
        return len(self.ids)

    @property
    def n_ties(self) -> int:
        """Number of ties; in an undirected graph each counts once."""
        return int(self.adjacency.nnz if self.directed else self.adjacency.nnz // 2)

    @property
    def degrees(self) -> npt.NDArray[np.int64]:
        """How many others each person listens to, shape (n_nodes,)."""
        return np.diff(self.adjacency.indptr).astype(np.int64)

    @property
    def in_degrees(self) -> npt.NDArray[np.int64]:
        """How many others listen to each person, shape (n_nodes,)."""
        return np.bincount(self.adjacency.indices, minlength=self.n_nodes).astype(np.int64)

    @property
    def strengths(self) -> npt.NDArray[np.float64]:
        """Total weight with which each person listens to others, shape (n_nodes,)."""
        return np.asarray(self.adjacency.sum(axis=1), dtype=np.float64)

    def __repr__(self) -> str:
        """Return kind and sizes in words."""
        kind = "directed" if self.directed else "undirected"
        return f"SocialGraph({self.n_nodes} people, {self.n_ties} {kind} ties)"

    def node_codes(self, ids: Iterable[Any]) -> npt.NDArray[np.int64]:
        """Return the code of every given id, -1 for people who are unknown.

        Examples
        --------
        >>> import networkx as nx
        >>> SocialGraph.from_networkx(nx.path_graph(3)).node_codes([2, 9])
        array([ 2, -1])
        """
        return locate(self.ids, ids, "ids")

    def to_frame(self) -> pd.DataFrame:
        """Return the ties with raw ids: source_id, target_id, weight; undirected ones once each.

        People without a tie do not appear.

        Examples
        --------
        >>> import networkx as nx
        >>> SocialGraph.from_networkx(nx.path_graph(3)).to_frame().to_dict("list")
        {'source_id': [0, 1], 'target_id': [1, 2], 'weight': [1.0, 1.0]}
        """
        names, ties = id_column(self.ids), self._ties()
        return pd.DataFrame(
            {
                "source_id": names.take(ties.first).reset_index(drop=True),
                "target_id": names.take(ties.second).reset_index(drop=True),
                "weight": ties.weights.copy(),
            }
        )

    def to_networkx(self) -> nx.Graph:
        """Return a networkx Graph or DiGraph with the raw ids as nodes and weights on the edges.

        Examples
        --------
        >>> import networkx as nx
        >>> graph = SocialGraph.from_networkx(nx.path_graph(3, create_using=nx.DiGraph))
        >>> list(graph.to_networkx().edges)
        [(0, 1), (1, 2)]
        """
        import networkx as nx

        result = nx.DiGraph() if self.directed else nx.Graph()
        nodes = self.ids.tolist()
        result.add_nodes_from(nodes)
        ties = self._ties()
        ends = (ties.first.tolist(), ties.second.tolist(), ties.weights.tolist())
        result.add_weighted_edges_from(
            (nodes[u], nodes[v], weight) for u, v, weight in zip(*ends, strict=True)
        )
        return result

    def with_nodes(self, ids: Iterable[Any]) -> SocialGraph:
        """Return the same ties among a larger set of people.

        Parameters
        ----------
        ids : iterable of hashable
            People to add; known ones are fine. Codes may change: ids are kept in order. Where
            nobody is new, the graph itself is returned.

        Examples
        --------
        >>> import networkx as nx
        >>> SocialGraph.from_networkx(nx.path_graph(2)).with_nodes([7]).ids.tolist()
        [0, 1, 7]
        """
        more = as_id_array(ids, "ids")
        if holds_all(self.ids, more):
            return self
        _, union = union_ids(self.ids, more, "ids")
        adjacency, _ = self.reindex(union)
        return SocialGraph(
            union, adjacency, self.directed, self.n_merged, self.n_self_ties, self.n_zero
        )

    def subgraph(self, ids: Iterable[Any]) -> SocialGraph:
        """Return the ties among the given people, in the order given.

        Parameters
        ----------
        ids : iterable of hashable
            Distinct ids; those whom the graph does not know get no tie.

        Examples
        --------
        >>> import networkx as nx
        >>> SocialGraph.from_networkx(nx.path_graph(3)).subgraph([2, 1]).n_ties
        1
        """
        chosen = distinct_ids(ids, "ids")
        adjacency, _ = self.reindex(chosen)
        return SocialGraph(chosen, adjacency, self.directed)

    def reindex(self, ids: Iterable[Any]) -> tuple[sparse.csr_array, int]:
        """Return the adjacency with rows and columns in the order of the given ids.

        Parameters
        ----------
        ids : iterable of hashable, shape (m,)
            Distinct ids; those whom the graph does not know get an empty row.

        Returns
        -------
        adjacency : csr_array of float64, shape (m, m)
            The ties among these ids: a new matrix, which shares the read-only arrays of
            `adjacency` where the ids of the graph keep their order.
        n_left_out : int
            How many people of the graph are not among the ids; they and their ties are left out.

        Examples
        --------
        >>> import networkx as nx
        >>> adjacency, n_left_out = SocialGraph.from_networkx(nx.path_graph(3)).reindex([1, 0, 9])
        >>> adjacency.toarray().tolist(), n_left_out
        ([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], 1)
        """
        wanted = distinct_ids(ids, "ids")
        position = locate(wanted, self.ids, "ids")
        n_left_out = int((position < 0).sum())
        if n_left_out:
            logger.info("%d people of the social graph are not among the ids", n_left_out)
        return moved_matrix(self.adjacency, position, len(wanted)), n_left_out

    def _ties(self) -> Rows:
        """Return the ties in codes, undirected ones once each."""
        matrix = self.adjacency if self.directed else sparse.triu(self.adjacency, k=1)
        entries: Any = sparse.coo_array(matrix)
        return Rows(entries.coords[0], entries.coords[1], entries.data)


def graph_of_ties(ids: IdArray, ties: TieMatrix, directed: bool) -> SocialGraph:
    """Return the graph of distinct ties."""
    return SocialGraph(ids, ties.matrix, directed, ties.n_merged, ties.n_self_ties, ties.n_zero)
