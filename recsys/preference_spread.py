"""How a preference travels among the people of a model: the call of the glass, on its ties."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..datasets.tables import as_social_graph
from ..diffusion.circle import Circle
from ..diffusion.operator import PropagationOperator
from ..diffusion.spreading import Spread, spread_over
from .contract import require_fitted
from .execution import one_blas_thread


def spread(
    model_or_operator: Any,
    seeds: Any,
    times: Iterable[float],
    *,
    share: float = 0.5,
    normalization: str | float | None = None,
) -> Spread:
    """Drop a preference on some users and see who receives it, when: ``exp(-t L) x``.

    Time is in units in which everybody passes on, at rate 1, what they hold. The same call as the
    glass: on ties that hold both ways it is ``Circle(ties).drop(user, 1).wait(t)``.

    Parameters
    ----------
    model_or_operator : Recommender with ties, PropagationOperator, Circle or social graph
        A fitted ``SocialDiffusion`` or ``GraphRecommender``, an operator, or ties as ``fit`` takes
        them (a frame, which binds both ways, a networkx graph, a sparse matrix, `SocialGraph`).
    seeds : raw id, iterable of raw ids, or mapping from raw id to amount
        On whom it falls; an amount of 1 each by default.
    times : iterable of float
        From 0.
    share : float in (0, 1]
        A user is reached when they first hold this share of what they end with.
    normalization : str or float, optional
        The kind of P. By default "doubly_stochastic", which ends evenly mixed, and on directed
        ties "column", which keeps the total as well; an operator says itself.

    Returns
    -------
    Spread
        ``to_frame()`` is a row for each user in the order of arrival, ``curve()`` one for each
        moment; `suffuse.recsys.spread_plots.draw_spread` is the picture.

    Raises
    ------
    TypeError, ValueError, KeyError
        For a model without ties, an unknown seed, bad times, and a kind of P that the ties do
        not have.

    Examples
    --------
    >>> import networkx as nx
    >>> found = spread(nx.path_graph(["ann", "bob", "cy"]), "ann", [0, 2])
    >>> found.amounts.round(3).tolist()
    [[1.0, 0.0, 0.0], [0.583, 0.3, 0.117]]
    >>> found.to_frame()["arrival"].round(1).tolist()
    [0.0, 0.6, inf]
    """
    with one_blas_thread():
        return spread_over(_operator(model_or_operator, normalization), seeds, times, share=share)


def _operator(source: Any, kind: str | float | None) -> PropagationOperator:
    """The operator of a model, of a graph, or as it is."""
    if isinstance(source, Circle):
        source = source.operator
    if isinstance(source, PropagationOperator):
        if kind is not None and kind != source.normalization:
            raise ValueError(
                f"normalization must be left out with an operator, which is {source.normalization}"
                f"; got {kind!r}"
            )
        return source
    if hasattr(source, "get_params"):
        require_fitted(source)
        ties = getattr(source, "social_", None)
        if ties is None or ties.nnz == 0:
            raise ValueError(
                f"model must have ties; got {source!r} without any: fit a SocialDiffusion with "
                "social=..."
            )
        graph: Any = _Ties(sparse.csr_array(ties, dtype=np.float64), source.user_ids_)
    else:
        graph = as_social_graph(source)
    if kind is None:
        adjacency = sparse.csr_array(graph.adjacency)
        even = abs(adjacency - adjacency.T).max() == 0 if adjacency.nnz else True
        kind = "doubly_stochastic" if even else "column"
    return PropagationOperator(graph, kind)


class _Ties:
    """A matrix of ties with its ids, as the operator reads it."""

    def __init__(self, adjacency: sparse.csr_array, ids: Any) -> None:
        self.adjacency = adjacency
        self.ids = ids


def user_frame(found: Spread) -> pd.DataFrame:
    """`Spread.to_frame` in the words of a recommender: ``user_id`` for a node.

    Examples
    --------
    >>> import networkx as nx
    >>> user_frame(spread(nx.path_graph(2), 0, [1.0])).columns[0]
    'user_id'
    """
    return found.to_frame().rename(columns={"node_id": "user_id"})
