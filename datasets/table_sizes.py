"""How large tables are: users, items, interactions and ties, before anything is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from .columns import INTERACTION_COLUMNS, SOCIAL_COLUMNS, find_columns
from .foreign_tables import as_pandas
from .interactions import Interactions
from .sharded_tables import ShardedTables
from .social_graph import SocialGraph


@dataclass(frozen=True)
class TableSizes:
    """Users, items, interactions, and ties as they are stored: an undirected one counts twice.

    Examples
    --------
    >>> TableSizes(n_users=1000, n_items=200, n_interactions=5000).n_ties
    0
    """

    n_users: int
    n_items: int
    n_interactions: int
    n_ties: int = 0


def table_sizes(
    interactions: Any, social: Any = None, *, directed: bool | None = None
) -> TableSizes:
    """Sizes of tables of any kind, or of none.

    Parameters
    ----------
    interactions : frame, matrix, Interactions, ShardedTables, or (n_users, n_items, n_interactions)
        Rows that will be merged or left out count.
    social : frame, graph, sparse matrix, SocialGraph, or number of ties, optional
        Users of the graph alone count where there are ids to compare.
    directed : bool, optional
        Whether a tie is stored once.

    Raises
    ------
    TypeError
        For what is no table.
    ValueError
        For sizes that are no whole numbers.

    Examples
    --------
    >>> table_sizes((1000, 200, 5000), 3000)
    TableSizes(n_users=1000, n_items=200, n_interactions=5000, n_ties=6000)
    """
    if isinstance(interactions, ShardedTables):
        known = interactions
        n_rows, n_ties = sum(known.n_rows), sum(known.n_ties)
        return TableSizes(known.n_users, known.n_items, n_rows, n_ties)
    n_ties = _ties(social, directed)
    if isinstance(interactions, tuple):
        n_users, n_items, n_rows = _counts(interactions)
        return TableSizes(n_users, n_items, n_rows, n_ties)
    users: Any
    if isinstance(interactions, Interactions):
        users, n_items, n_rows = interactions.user_ids, interactions.n_items, len(interactions)
    elif sparse.issparse(interactions):
        matrix: Any = interactions
        users, n_items, n_rows = np.arange(matrix.shape[0]), matrix.shape[1], int(matrix.nnz)
    else:
        users, n_items, n_rows = _in_frame(as_pandas(interactions))
    return TableSizes(len(users) + _strangers(social, users), n_items, n_rows, n_ties)


def _in_frame(frame: Any) -> tuple[Any, int, int]:
    """The distinct users, and the numbers of items and rows."""
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            "interactions must be a table, a sparse matrix or (n_users, n_items, n_interactions); "
            f"got {frame!r}"
        )
    roles = ("user_id", "item_id")
    names = find_columns(frame, {role: INTERACTION_COLUMNS[role] for role in roles})
    return frame[names["user_id"]].unique(), int(frame[names["item_id"]].nunique()), len(frame)


def _counts(sizes: tuple[Any, ...]) -> list[int]:
    names = ("n_users", "n_items", "n_interactions")
    if len(sizes) != len(names):
        raise ValueError(f"interactions must be a table or {names}; got {sizes!r}")
    return [_whole(name, size, 1) for name, size in zip(names, sizes, strict=True)]


def _ties(social: Any, directed: bool | None) -> int:
    """Stored ties."""
    if social is None:
        return 0
    if isinstance(social, SocialGraph):
        return int(social.adjacency.nnz)
    if sparse.issparse(social):
        matrix: Any = social
        return int(matrix.nnz)
    if hasattr(social, "number_of_edges"):
        both = not social.is_directed() if directed is None else not directed
        return int(social.number_of_edges()) * (2 if both else 1)
    if isinstance(social, int | np.integer):
        return _whole("social", social, 0) * (1 if directed else 2)
    frame = as_pandas(social)
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"social must be a graph, a table of ties or their number; got {social!r}")
    return len(frame) * (1 if directed else 2)


def _strangers(social: Any, users: Any) -> int:
    """How many users are known from the ties alone, where that can be told."""
    if isinstance(social, SocialGraph):
        people: Any = social.ids
    elif hasattr(social, "number_of_nodes"):
        people = list(social.nodes)
    elif hasattr(social, "columns"):
        frame = as_pandas(social)
        roles = ("source_id", "target_id")
        names = find_columns(frame, {role: SOCIAL_COLUMNS[role] for role in roles})
        people = pd.concat([frame[names[role]] for role in names]).unique()
    else:
        return 0
    return int((~pd.Index(pd.unique(pd.Series(people))).isin(users)).sum())


def _whole(name: str, value: Any, low: int) -> int:
    """``value`` as a whole number of at least ``low``, else an error."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}; got {value!r}")
    return int(value)
