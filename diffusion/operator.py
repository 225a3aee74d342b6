"""The propagation operator: one graph, one P, and three functions of time of it."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Literal, TypeAlias, final, overload

import numpy as np
import scipy.sparse as sp

from .blocks import Block as Dense
from .blocks import Bound, answer, as_block, as_sparse_block, check_hops, check_number
from .edges import Csr, Ids, Matrix, read_ties
from .equilibrium import dirichlet_energy, equilibrium
from .filters import damped, heat, multiply
from .normalization import Propagation, check_normalization, normalize

Hops: TypeAlias = "int | None"
No: TypeAlias = Literal[False]
Yes: TypeAlias = Literal[True]


@final
class PropagationOperator:
    """What flows along the ties of a graph, in one step, damped, or over time.

    ``A[u, v] >= 0`` is how much u listens to v, with row sums ``d_r`` and column sums ``d_c``.
    One matrix ``P`` and three functions of it, with ``L = rate (I - P)``:

    =========  ========================  ========================================================
    `apply`    ``P x``                   one step
    `diffuse`  ``(1-a) (I - aP)^-1 x``   damped; ``(I + tL)^-1`` at ``a = t rate / (1 + t rate)``
    `heat`     ``exp(-tL) x``            free spreading over a time t
    =========  ========================  ========================================================

    =======================  ===============================  ====================================
    ``normalization``        ``P``                            keeps
    =======================  ===============================  ====================================
    ``"row"``                ``D_r^-1 A``                     range: constants and bounds
    ``"column"``             ``A D_c^-1``                     total
    ``"symmetric"``          ``D_r^-1/2 A D_c^-1/2``          2-norm bound
    s in [0, 1]              ``D_r^-s A D_c^-(1-s)``          p-norm bound, ``p = 1/(1-s)``
    ``"doubly_stochastic"``  Sinkhorn scaling of A with       range, total and every norm
                             self loops                       bound; ends evenly mixed
    ``"flux"``               ``I - (D - A) / rate``,          the same; ``rate`` is the largest
                             Fick's law                       degree, ``1 / rate`` the CFL step
    =======================  ===============================  ====================================

    The norm in which ``P`` never expands is the p-norm of each column with ``p = 1/(1-s)``: the
    largest entry for "row", the 1-norm for "column", the 2-norm for "symmetric"; the 2-norm also
    for the last two kinds. Every ``tol`` below is relative to this norm of the input column.

    A node without ties keeps its value. For "row" that is a node that listens to no one, for
    "column" one that no one listens to, for other exponents one with neither. The operator is a
    value: nothing changes it, it changes no input, and it shares no memory with the adjacency.

    Parameters
    ----------
    adjacency : sparse matrix, networkx graph, edge frame, social graph or array
        - a scipy sparse matrix or array, or a 2-D numpy array, ``A`` itself;
        - a networkx graph, edge attribute ``weight`` (1 where there is none); an edge (u, v) of a
          directed graph means that u listens to v; parallel edges add up;
        - a frame with columns ``source_id``, ``target_id`` and optionally ``weight``: source
          listens to target; of an edge listed twice the largest weight counts; `directed` must
          be given;
        - an object with attributes ``adjacency`` (scipy sparse) and ``ids``.
    normalization : str or float, default "doubly_stochastic"
        See the table. Directed graphs are welcome to every exponent s, "row", "column" and
        "symmetric" included; the last two kinds need a symmetric ``A``.
    directed : bool, optional
        ``False`` gives both directions of a tie the larger weight; ``True`` and ``None`` take
        ``A`` as it is.

    Raises
    ------
    TypeError
        For something that is no graph, and for an edge frame without `directed`.
    ValueError
        For a matrix that is not square, a weight that is negative or not finite, an unknown
        normalization, and a directed graph where a symmetric one is needed.

    References
    ----------
    Zhou, Kuscsik, Liu, Medo, Wakeling & Zhang, "Solving the apparent diversity-accuracy dilemma
    of recommender systems", PNAS 107 (2010) 4511: the exponent s. Klicpera, Bojchevski &
    Guennemann, "Predict then propagate", ICLR 2019: the damped filter on graphs.

    Examples
    --------
    Three friends in a row; what the first one likes spreads:

    >>> import networkx as nx
    >>> P = PropagationOperator(nx.path_graph(["ann", "bob", "cy"]), "row")
    >>> P
    PropagationOperator(n=3, normalization='row', directed=False)
    >>> P.ids
    array(['ann', 'bob', 'cy'], dtype=object)
    >>> P.diffuse(np.array([1.0, 0.0, 0.0]), damping=0.5).round(4)
    array([0.5833, 0.1667, 0.0833])
    >>> P.heat(np.array([1.0, 0.0, 0.0]), time=100.0).round(4)
    array([0.25, 0.25, 0.25])
    """

    def __init__(
        self,
        adjacency: object,
        normalization: str | float = "doubly_stochastic",
        *,
        directed: bool | None = None,
    ) -> None:
        kind = check_normalization(normalization)
        ties, ids, asymmetric = read_ties(adjacency, directed=directed)
        ids.flags.writeable = False
        self._propagation = normalize(ties, kind, directed=asymmetric)
        self._normalization = kind
        self._ids = ids

    @classmethod
    def assembled(cls, ready: Propagation, kind: str | float, ids: Ids) -> PropagationOperator:
        """An operator around a propagation made elsewhere, such as that of a grid."""
        operator = cls.__new__(cls)
        operator._propagation, operator._normalization, operator._ids = ready, kind, ids
        return operator

    def __repr__(self) -> str:
        return (
            f"PropagationOperator(n={self.n}, normalization={self.normalization!r}, "
            f"directed={self.directed})"
        )

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, n)``."""
        return self.n, self.n

    @property
    def n(self) -> int:
        """The number of nodes."""
        return self._propagation.pattern.n

    @property
    def ids(self) -> Ids:
        """The raw label of each node, in the order of rows; positions for a bare matrix."""
        return self._ids

    @property
    def normalization(self) -> str | float:
        """The kind of ``P``, a name or the exponent s."""
        return self._normalization

    @property
    def directed(self) -> bool:
        """Whether the adjacency was not symmetric."""
        return self._propagation.directed

    @property
    def rate(self) -> float:
        """``L = rate (I - P)``: 1; for "flux" and grids the largest degree without self loops."""
        return self._propagation.rate

    @property
    def degrees(self) -> Dense:
        """Row sums of the adjacency: the total weight that each node listens with."""
        return self._propagation.degrees

    @property
    def adjoint(self) -> PropagationOperator:
        """The operator with ``P^T``: the backward pass of this one.

        Exponent s turns into 1 - s on the transposed graph; the symmetric kinds are their own.

        Examples
        --------
        >>> import networkx as nx
        >>> P = PropagationOperator(nx.star_graph(3), "row")
        >>> P.adjoint.normalization, P.adjoint.adjoint is P
        ('column', True)
        """
        return self._adjoint

    T = adjoint

    @cached_property
    def _adjoint(self) -> PropagationOperator:
        """The adjoint, made once; it remembers where it came from."""
        if self._propagation.symmetric:
            return self
        kind, turned = self._normalization, {"row": "column", "column": "row"}
        kind = turned.get(kind, kind) if isinstance(kind, str) else 1.0 - kind
        other = self.assembled(self._propagation.transposed(), kind, self._ids)
        other.__dict__["_adjoint"] = self
        return other

    def to_sparse(self) -> Matrix:
        """A copy of ``P`` as csr_array of float64, shape (n, n).

        Examples
        --------
        >>> PropagationOperator(np.array([[0, 1], [1, 0]]), "row").to_sparse().toarray()
        array([[0., 1.],
               [1., 0.]])
        """
        return self._propagation.matrix.copy()

    @overload
    def apply(self, X: Dense) -> Dense: ...
    @overload
    def apply(self, X: sp.sparray | sp.spmatrix) -> Csr: ...
    def apply(self, X: Dense | sp.sparray | sp.spmatrix) -> Dense | Csr:
        """One step, ``P X``.

        Parameters
        ----------
        X
            Shape (n,) or (n, m), dense, or scipy sparse (n, m). float32 stays float32, every
            other real type becomes float64. The answer has the form of X.

        Raises
        ------
        TypeError, ValueError
            For a wrong shape, a number that is not real and a value that is not finite.

        Examples
        --------
        >>> P = PropagationOperator(np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]]), "row")
        >>> P.apply(np.array([0.0, 1.0, 3.0]))
        array([2., 0., 0.])
        """
        if sp.issparse(X):
            sparse = as_sparse_block(X, self.n)
            return sp.csr_array(multiply(self._propagation, sparse))
        block, shape = as_block(X, self.n)
        return np.asarray(multiply(self._propagation, block)).reshape(shape)

    @overload
    def diffuse(
        self,
        X: Dense,
        damping: float,
        *,
        tol: float = ...,
        n_hops: Hops = ...,
        return_bound: No = ...,
    ) -> Dense: ...
    @overload
    def diffuse(
        self, X: Dense, damping: float, *, tol: float = ..., n_hops: Hops = ..., return_bound: Yes
    ) -> tuple[Dense, Bound]: ...
    def diffuse(
        self,
        X: Dense,
        damping: float,
        *,
        tol: float = 1e-6,
        n_hops: Hops = None,
        return_bound: bool = False,
    ) -> Dense | tuple[Dense, Bound]:
        """The damped filter, ``(1-a) (I - aP)^-1 X`` with ``a = damping``.

        Personalised PageRank, and one implicit Euler step of the heat equation over the time
        ``a / ((1-a) rate)``; see `time_from_damping`.

        Parameters
        ----------
        X : ndarray
            Shape (n,) or (n, m); the columns do not touch each other. float32 stays float32,
            every other real type becomes float64.
        damping : float
            ``a`` in [0, 1): the share that comes from the neighbours. 0 returns a copy.
        tol : float
            A guarantee: the error of each column is at most ``tol`` times the norm of the column,
            in the norm of the class docstring. Where ``tol`` is below ``8 eps / (1-a)``, the
            rounding floor of the type of X, that floor takes its place.
        n_hops : int, optional
            Sum the power series over so many steps only: ``x <- a P x + (1-a) X`` from
            ``x = X``. Nothing travels further, and range and total are kept; `tol` is not used.
        return_bound : bool
            Also return the certified bound on the error of each column.

        Returns
        -------
        Z : ndarray of the shape of X
        bound : ndarray (m,), or float for X of shape (n,)
            ``|(1-a) X - (I - aP) Z| / (1-a)``; only with `return_bound`.

        Raises
        ------
        TypeError, ValueError
            For a damping outside [0, 1), and for bad values or a bad shape of X.
        FloatingPointError
            If rounding keeps the error above `tol`; names the least `tol` that it allows.

        Examples
        --------
        >>> P = PropagationOperator(np.array([[0, 1], [1, 0]]), "row")
        >>> Z, bound = P.diffuse(np.array([3.0, 0.0]), damping=0.5, return_bound=True)
        >>> Z.round(5), bound <= 3e-6
        (array([2., 1.]), True)
        """
        check_number("damping", damping, "a number in [0, 1)", lambda a: 0.0 <= a < 1.0)
        check_number("tol", tol, "a positive finite number", lambda t: 0.0 < t < math.inf)
        check_hops(n_hops)
        block, shape = as_block(X, self.n)
        result, bound = damped(
            self._propagation, block, float(damping), tol=tol, n_hops=n_hops, certify=return_bound
        )
        return answer(result, bound, shape, return_bound)

    @overload
    def heat(self, X: Dense, time: float, *, tol: float = ..., return_bound: No = ...) -> Dense: ...
    @overload
    def heat(
        self, X: Dense, time: float, *, tol: float = ..., return_bound: Yes
    ) -> tuple[Dense, Bound]: ...
    def heat(
        self, X: Dense, time: float, *, tol: float = 1e-6, return_bound: bool = False
    ) -> Dense | tuple[Dense, Bound]:
        """Free spreading, ``exp(-time L) X`` with ``L = rate (I - P)``.

        Computed in double precision whatever the type of X.

        Parameters
        ----------
        X : ndarray
            Shape (n,) or (n, m), as in `diffuse`.
        time : float
            From 0, which returns a copy, to ``1e8 / rate``.
        tol : float
            A guarantee as in `diffuse`; its floor is ``8 eps (1 + time rate)`` of float64
            or, for float32, the ``4 eps`` of that type.
        return_bound : bool
            Also return the bound on the error of each column, as `diffuse` does.

        Raises
        ------
        TypeError, ValueError
            For a time out of range, and for bad values or a bad shape of X.

        Examples
        --------
        >>> P = PropagationOperator(np.array([[0, 1], [1, 0]]), "row")
        >>> P.heat(np.array([2.0, 0.0]), time=1.0).round(5)  # 1 + exp(-2), 1 - exp(-2)
        array([1.13534, 0.86466])
        """
        check_number("time", time, "0 or more and finite", lambda t: 0.0 <= t < math.inf)
        check_number("tol", tol, "a positive finite number", lambda t: 0.0 < t < math.inf)
        block, shape = as_block(X, self.n)
        result, bound = heat(self._propagation, block, float(time), tol=tol)
        return answer(result, bound, shape, return_bound)

    def equilibrium(self, X: Dense) -> Dense:
        """Where heat ends: ``lim exp(-tL) X``, in closed form for each connected component.

        "row": the mean weighted by degree; "column": the total, shared in proportion to degree;
        exponent s: ``x_u = d_u^(1-s) sum_v d_v^s x_v / sum_v d_v``; "doubly_stochastic" and
        "flux": the plain mean.

        X has shape (n,) or (n, m), as in `diffuse`.

        Raises
        ------
        ValueError
            For a directed graph, whose end state has no such form.

        Examples
        --------
        >>> P = PropagationOperator(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]]))
        >>> P.equilibrium(np.array([4.0, 0.0, 7.0]))
        array([2., 2., 7.])
        """
        block, shape = as_block(X, self.n)
        return equilibrium(self._propagation, block).reshape(shape)

    def dirichlet_energy(self, X: Dense) -> Bound:
        """How rough X is along the ties: ``y^T rate (I - S) y`` in the symmetric frame.

        ``S = D^(s-1/2) P D^(1/2-s)`` and ``y = D^(s-1/2) x``; written out, the sum over ties
        ``1/2 sum_uv A_uv (d_u^(s-1) x_u - d_v^(s-1) x_v)^2``, with plain differences for "row".
        For "doubly_stochastic" and "flux" ``1/2 sum_uv rate P_uv (x_u - x_v)^2 = x^T L x``.

        Parameters
        ----------
        X : ndarray
            Shape (n,) or (n, m), as in `diffuse`. The answer is a float or has shape (m,).

        Raises
        ------
        ValueError
            For a directed graph, which has no such energy.

        Examples
        --------
        >>> P = PropagationOperator(np.array([[0, 2], [2, 0]]), "row")
        >>> P.dirichlet_energy(np.array([3.0, 0.0]))
        18.0
        """
        block, shape = as_block(X, self.n)
        energy = dirichlet_energy(self._propagation, block)
        return float(energy[0]) if len(shape) == 1 else energy
