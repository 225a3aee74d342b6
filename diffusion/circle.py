"""A circle of friends as a glass of water: a preference drops on one of them, and spreads."""

from __future__ import annotations

import math
from typing import Any, Self

from .blocks import check_number
from .drops import node_of
from .edges import read_ties
from .mixture import Mixture
from .normalization import normalize


class Circle(Mixture):
    """People as water: a preference dropped on one spreads along ties, by the calls of `Glass`.

    The doubly stochastic kind of P: of all kinds the one that keeps range and amount and ends
    evenly mixed, as dye in a glass does. A tie of weight w has the resistance 1/w.

    Parameters
    ----------
    graph, directed
        As of `PropagationOperator`; ties must hold both ways.
    activity : float, default 1.0
        How often people pass on what they like, per unit of time: the temperature.

    Raises
    ------
    TypeError, ValueError
        As `PropagationOperator`, and for an activity that is not positive.

    Examples
    --------
    >>> import networkx as nx
    >>> friends = Circle(nx.path_graph(["ann", "bob", "cy"]))
    >>> friends.drop("ann", 1.0).wait(2.0)
    Circle(n=3, time=2, mixedness=0.8347)
    >>> friends.equilibrium().round(3)
    array([0.333, 0.333, 0.333])
    """

    def __init__(
        self, graph: object, *, activity: float = 1.0, directed: bool | None = None
    ) -> None:
        check_number("activity", activity, "positive and finite", lambda a: 0.0 < a < math.inf)
        ties, ids, asymmetric = read_ties(graph, directed=directed)
        ids.flags.writeable = False
        even = normalize(ties, "doubly_stochastic", directed=asymmetric)
        speeds = {"": float(activity)}
        super().__init__(even, "doubly_stochastic", ids, shape=(len(ids),), speeds=speeds)

    def __repr__(self) -> str:
        return f"Circle(n={self.shape[0]}, time={self.time:g}, mixedness={self._words()})"

    def drop(self, where: Any, amount: float) -> Self:
        """Let a preference fall on one person.

        Parameters
        ----------
        where
            The raw id of a node.
        amount
            Positive.

        Raises
        ------
        KeyError, ValueError
            For an id that the graph does not have, and for a bad amount.

        Examples
        --------
        >>> import networkx as nx
        >>> Circle(nx.path_graph(3)).drop(1, 6.0).wait(50.0).concentration.round(6)
        array([2., 2., 2.])
        """
        self._add(node_of(self.operator.ids, where), amount, None)
        return self
