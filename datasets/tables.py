"""One door for every kind of table: frames, sparse matrices, networkx graphs, our own values."""

from __future__ import annotations

from typing import Any

import pandas as pd
from scipy import sparse

from .columns import Columns
from .interactions import Interactions
from .social_graph import SocialGraph


def as_interactions(obj: Any, *, columns: Columns | None = None) -> Interactions:
    """Read interactions from a frame or a scipy sparse matrix; an `Interactions` is returned as is.

    Parameters
    ----------
    obj : DataFrame, scipy sparse array or Interactions
        The table.
    columns : mapping from role to column name, optional
        For frames, see `Interactions.from_frame`.

    Returns
    -------
    Interactions
        The table.

    Raises
    ------
    TypeError
        If `obj` is none of the three.

    Examples
    --------
    >>> import pandas as pd
    >>> as_interactions(pd.DataFrame({"user": ["a"], "item": ["x"]}))
    Interactions(1 rows, 1 users, 1 items)
    """
    if isinstance(obj, Interactions):
        return obj
    if isinstance(obj, pd.DataFrame):
        return Interactions.from_frame(obj, columns=columns)
    if sparse.issparse(obj):
        return Interactions.from_matrix(obj)
    raise TypeError(
        "interactions must be a pandas DataFrame, a scipy sparse array or Interactions; "
        f"got {type(obj).__name__}"
    )


def as_social_graph(
    obj: Any, *, directed: bool | None = None, columns: Columns | None = None
) -> SocialGraph:
    """Read a social graph from a frame, a sparse matrix or networkx.

    Parameters
    ----------
    obj : DataFrame, scipy sparse array, networkx graph or SocialGraph
        The ties; a `SocialGraph` is returned as is.
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
        If `obj` is none of the four.
    ValueError
        If `directed` contradicts what a networkx graph or a `SocialGraph` says.

    Examples
    --------
    >>> import networkx as nx
    >>> as_social_graph(nx.path_graph(3))
    SocialGraph(3 people, 2 undirected ties)
    """
    if isinstance(obj, pd.DataFrame):
        return SocialGraph.from_frame(obj, directed=bool(directed), columns=columns)
    if sparse.issparse(obj):
        return SocialGraph.from_matrix(obj, directed=bool(directed))
    if isinstance(obj, SocialGraph):
        graph = obj
    elif all(hasattr(obj, name) for name in ("nodes", "edges", "is_directed")):
        graph = SocialGraph.from_networkx(obj)
    else:
        raise TypeError(
            "social must be a pandas DataFrame, a scipy sparse array, a networkx graph or a "
            f"SocialGraph; got {type(obj).__name__}"
        )
    if directed is not None and directed != graph.directed:
        raise ValueError(
            f"directed must agree with the graph, which says {graph.directed}; got {directed}: "
            "leave it out, or convert the graph first"
        )
    return graph
