"""The social graph beside the training table: one universe of users, one adjacency."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from ..datasets.ids import locate
from ..datasets.interactions import Interactions
from ..datasets.sharded_tables import ShardedTables
from ..datasets.social_graph import SocialGraph
from ..datasets.tables import as_social_graph
from .matrices import Csr


def unsharded(interactions: Any, social: Any) -> tuple[Any, Any]:
    """The table and the graph of a folder of shards, for one machine; other input as it is."""
    if not isinstance(interactions, ShardedTables):
        return interactions, social
    refuse_second_graph(interactions, social)
    return interactions.to_interactions(), interactions.to_social()


def refuse_second_graph(tables: ShardedTables, social: Any) -> None:
    """Raise ``ValueError`` where a graph is given beside tables that bring their own."""
    if social is not None:
        raise ValueError(
            f"social must be left out where the tables hold the ties; got both {tables!r} and "
            f"{type(social).__name__}: make the tables anew with that graph (shard_tables)"
        )


def with_ties(
    table: Interactions, social: Any, *, directed: bool | None
) -> tuple[Interactions, Csr]:
    """The table with the users of the graph added, and the ties in the order of its users.

    A graph without anybody is a graph without a tie. Where no user of the graph has interactions,
    the ids of the two tables are probably of two kinds (1 against "1"), and a warning says so.
    """
    if social is None or _is_empty(social):
        return table, sparse.csr_array((table.n_users, table.n_users), dtype=np.float64)
    graph = as_social_graph(social, directed=directed)
    if graph.n_ties and (locate(table.user_ids, graph.ids, "users") < 0).all():
        warnings.warn(
            "social ids should be those of the interactions; got "
            f"{graph.ids[:1].tolist()} in the graph and {table.user_ids[:1].tolist()} in the "
            f"table, and none of the {graph.n_nodes} users of the graph has interactions: "
            "are the ids of one kind?",
            stacklevel=3,
        )
    table = table.with_users(graph.ids)
    adjacency, _ = graph.reindex(table.user_ids)
    return table, adjacency


def _is_empty(social: Any) -> bool:
    """Whether a frame has no row, or a graph no node."""
    if hasattr(social, "number_of_nodes"):
        return bool(social.number_of_nodes() == 0)
    if isinstance(social, SocialGraph):
        return social.n_nodes == 0
    return hasattr(social, "columns") and len(social) == 0
