"""Data that comes with the package: a tiny named world, and one real table without a download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from .interactions import Interactions
from .tables import as_interactions

_TINY_CHOICES = {
    "ada": ["chess", "kites", "maps"],
    "ben": ["chess", "maps"],
    "cleo": ["chess", "drums"],
    "dan": ["drums", "jam", "tea"],
    "eve": ["jam", "tea"],
}
_TINY_TIES = [
    ("ada", "ben"),
    ("ada", "cleo"),
    ("ben", "finn"),
    ("ada", "finn"),
    ("cleo", "dan"),
    ("dan", "eve"),
]


@dataclass(frozen=True, eq=False)
class TinyWorld:
    """Two small tables that fit on a page.

    Parameters
    ----------
    interactions : DataFrame
        Columns user_id, item_id, timestamp.
    social : DataFrame
        Columns source_id, target_id: undirected friendships, each listed once.

    Examples
    --------
    >>> tiny_world().social.shape
    (6, 2)
    """

    interactions: pd.DataFrame
    social: pd.DataFrame


def tiny_world() -> TinyWorld:
    """Return six people, six items and six friendships, made up for examples.

    Ada, Ben and Cleo play chess; Dan and Eve have tea and jam. Finn is known from the social graph
    only: he is a friend of Ada and Ben and has chosen nothing yet.

    Returns
    -------
    TinyWorld
        The same two tables every time.

    Examples
    --------
    >>> world = tiny_world()
    >>> world.interactions.groupby("user_id").item_id.agg(list)["ben"]
    ['chess', 'maps']
    >>> sorted(set(world.social.target_id) - set(world.interactions.user_id))
    ['finn']
    """
    pairs = [(user, item) for user, items in _TINY_CHOICES.items() for item in items]
    interactions = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    interactions["timestamp"] = np.arange(len(pairs))
    return TinyWorld(interactions, pd.DataFrame(_TINY_TIES, columns=["source_id", "target_id"]))


def load_davis() -> pd.DataFrame:
    """Return which of 18 women attended which of 14 social events, 89 attendances.

    The one real table that needs no download: networkx ships it. It has no social graph of its
    own; `co_attendance` derives one, best from a training part only.

    Returns
    -------
    DataFrame
        Columns user_id (the woman) and item_id (the event, "E1" to "E14").

    References
    ----------
    A. Davis, B. B. Gardner, M. R. Gardner, Deep South, University of Chicago Press, 1941.

    Examples
    --------
    >>> attendance = load_davis()
    >>> attendance.shape, attendance.user_id.nunique(), attendance.item_id.nunique()
    ((89, 2), 18, 14)
    """
    import networkx as nx

    graph = nx.davis_southern_women_graph()
    women = sorted(node for node, kind in graph.nodes(data="bipartite") if kind == 0)
    pairs = [
        (woman, event)
        for woman in women
        for event in sorted(graph.neighbors(woman), key=lambda name: int(name[1:]))
    ]
    return pd.DataFrame(pairs, columns=["user_id", "item_id"])


def co_attendance(
    interactions: pd.DataFrame | Interactions, *, min_shared: int = 3
) -> pd.DataFrame:
    """Derive ties between users who share items. This is not a social graph that anybody observed.

    Two users are tied if they share at least `min_shared` items; the weight is the number of
    shared items. Derived from the whole table, such a graph knows the test rows: derive it from
    the training part. For small tables: time and memory grow with the pairs of users that share
    an item.

    Parameters
    ----------
    interactions : DataFrame or Interactions
        The table.
    min_shared : int, default 3
        At least 1.

    Returns
    -------
    DataFrame
        Columns source_id, target_id, weight; each tie once.

    Raises
    ------
    ValueError
        If `min_shared` is below 1.

    Examples
    --------
    >>> ties = co_attendance(load_davis(), min_shared=6)
    >>> ties.weight.min()
    np.float64(6.0)
    """
    if isinstance(min_shared, bool) or min_shared < 1:
        raise ValueError(f"min_shared must be a whole number of at least 1; got {min_shared!r}")
    table = as_interactions(interactions)
    attended = table.matrix.copy()
    attended.data = np.ones(attended.nnz)
    shared = sparse.coo_array(sparse.triu(attended @ attended.T, k=1))
    kept = shared.data >= min_shared
    sources, targets = (axis[kept] for axis in shared.coords)
    order = np.lexsort((targets, sources))
    names = pd.Series(table.user_ids)
    return pd.DataFrame(
        {
            "source_id": names.take(sources[order]).reset_index(drop=True),
            "target_id": names.take(targets[order]).reset_index(drop=True),
            "weight": shared.data[kept][order],
        }
    )
