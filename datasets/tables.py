"""One door for every kind of table: frames, sparse matrices, networkx graphs, our own values."""

from __future__ import annotations

from typing import Any

import pandas as pd
from scipy import sparse

from .columns import Columns
from .foreign_tables import as_pandas as as_pandas
from .foreign_tables import from_bipartite
from .interactions import Interactions
from .sharded_tables import ShardedTables
from .social_graph import SocialGraph
from .table_sizes import TableSizes as TableSizes
from .table_sizes import table_sizes as table_sizes


def as_interactions(obj: Any, *, columns: Columns | None = None) -> Interactions:
    """Read interactions from a frame, a scipy sparse matrix or a networkx graph.

    Parameters
    ----------
    obj : DataFrame, scipy sparse array, networkx graph, Interactions or ShardedTables
        The table: a frame of pandas, polars or pyarrow (see `foreign_tables.as_pandas`), a
        bipartite networkx graph (see `foreign_tables.from_bipartite`); an `Interactions` is
        returned as is, shards are put together.
    columns : mapping from role to column name, optional
        For frames, see `Interactions.from_frame`.

    Returns
    -------
    Interactions
        The table.

    Raises
    ------
    TypeError
        If `obj` is none of these.

    Examples
    --------
    >>> import pandas as pd
    >>> as_interactions(pd.DataFrame({"user": ["a"], "item": ["x"]}))
    Interactions(1 rows, 1 users, 1 items)
    """
    if isinstance(obj, Interactions):
        return obj
    if isinstance(obj, ShardedTables):
        return obj.to_interactions()
    obj = as_pandas(obj)
    if isinstance(obj, pd.DataFrame):
        return Interactions.from_frame(obj, columns=columns)
    if sparse.issparse(obj):
        return Interactions.from_matrix(obj)
    if _is_graph(obj):
        return from_bipartite(obj)
    raise TypeError(
        "interactions must be a pandas DataFrame, a polars or pyarrow table, a scipy sparse array, "
        f"a bipartite networkx graph or Interactions; got {type(obj).__name__}"
    )


def as_social_graph(
    obj: Any, *, directed: bool | None = None, columns: Columns | None = None
) -> SocialGraph:
    """Read a social graph from a frame, a sparse matrix or networkx.

    Parameters
    ----------
    obj : DataFrame, scipy sparse array, networkx graph or SocialGraph
        The ties, a frame of pandas, polars or pyarrow; a `SocialGraph` is returned as is.
    directed : bool, optional
        None: a tie of a frame or a matrix binds both ways, a networkx graph and a `SocialGraph`
        say themselves.
    columns : mapping from role to column name, optional
        For frames, see `SocialGraph.from_frame`.

    Returns
    -------
    SocialGraph
        The graph.

    Raises
    ------
    TypeError
        If `obj` is none of these.
    ValueError
        If `directed` contradicts what a networkx graph or a `SocialGraph` says.

    Examples
    --------
    >>> import networkx as nx
    >>> as_social_graph(nx.path_graph(3))
    SocialGraph(3 people, 2 undirected ties)
    """
    obj = as_pandas(obj)
    if isinstance(obj, pd.DataFrame):
        return SocialGraph.from_frame(obj, directed=bool(directed), columns=columns)
    if sparse.issparse(obj):
        return SocialGraph.from_matrix(obj, directed=bool(directed))
    if isinstance(obj, SocialGraph):
        graph = obj
    elif _is_graph(obj):
        graph = SocialGraph.from_networkx(obj)
    else:
        raise TypeError(
            "social must be a pandas DataFrame, a polars or pyarrow table, a scipy sparse array, "
            f"a networkx graph or a SocialGraph; got {type(obj).__name__}"
        )
    if directed is not None and directed != graph.directed:
        raise ValueError(
            f"directed must agree with the graph, which says {graph.directed}; got {directed}: "
            "leave it out, or convert the graph first"
        )
    return graph


def _is_graph(obj: Any) -> bool:
    """Whether something is a networkx graph, by what it can do."""
    return all(hasattr(obj, name) for name in ("nodes", "edges", "is_directed"))
