"""A recommender whose factors diffuse over the joint graph of users, items and ties."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy import sparse

from ..diffusion.newcomer_rows import Doorway, NewTies, damped_newcomers
from ..diffusion.operator import PropagationOperator
from ..training.joint_graph import joint_adjacency, joint_operator
from .contract import Recommender, require_fitted
from .execution import Rows, one_blas_thread
from .factored import Groups, own_groups, signal_terms, with_strangers
from .gradient_fit import (
    Loss,
    TrainingPlan,
    factor_rows,
    find_factors,
    fold_map,
    held_means,
    needs_torch,
    pairs_in_a_step,
    unit_rows,
)
from .inputs import checked_count, checked_number, preference_rows, training_table
from .matrices import Csr, single, still
from .memory_by_model import Needs, joint_graph_needs, refuse_too_large
from .memory_estimate import TableSizes
from .newcomers import Newcomers
from .recommend import Scorer
from .scoring import Floats, popular_scores, preferences
from .starts import Start, start_bias, start_rows
from .ties import with_ties
from .update_record import forget_updates

if TYPE_CHECKING:
    from ..training.factor_modules import GraphModule


class GraphRecommender(Recommender):
    """Factors that diffuse over users, items and ties while they are trained.

    Free rows ``E`` of all users and items pass through the damped filter of one operator, and what
    comes out are the factors::

        Z = (1-a) (I - aP)^-1 E ,   P from the joint adjacency [[s A, X], [X^T, 0]]

    with ``a = damping``, the items ``X`` that users hold, the ties ``A`` and ``s = social_weight``.
    Scores, with the biases of items, the losses, the guards and the hold-out are those of
    ``MatrixFactorization``. Gradients go back
    through the adjoint of the same filter, which can neither make them explode nor vanish. Without
    ties, with equal weights of the layers in place of damped ones, this is LightGCN. Users with
    ties and no interactions are carried by their friends. Needs torch: ``pip install
    "suffuse[train]"``; a saved model does not.

    Parameters
    ----------
    n_factors : int
        Length ``d`` of the factors; more than users or items are of no use and are cut down to
        the smaller of the two.
    damping : float in [0, 1)
        ``a``: the share of a row that comes from its neighbours; 0 is matrix factorisation.
    n_hops : int or None
        Cut the series of the filter after so many steps ("layers"); ``None`` solves it to ``tol``.
    tol : float
        Relative error of the filter where ``n_hops`` is ``None``.
    normalization : {"symmetric", "row", "column", "doubly_stochastic"} or float
        The kind of ``P``; "doubly_stochastic" wants ties that hold both ways.
    social_weight : float
        ``s``: how much a tie weighs against a held item; 0 leaves the graph out.
    loss, temperature, learning_rate, weight_decay, batch_size, n_negatives
        As in ``MatrixFactorization``.
    max_epochs, patience, start
        As in ``MatrixFactorization``. A step costs a filter over the whole graph and its adjoint,
        so batches should be large where the graph is.
    contrastive : float
        Weight of a contrast between two noisy views of the batch's users, and of its items (SimGCL,
        Yu et al., SIGIR 2022); 0 for none.
    random_state, n_jobs, device
        As in ``MatrixFactorization``.

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, d + 1), float32, in the order of ``user_ids_``
    item_factors_ : ndarray of shape (n_items, d + 1), float32, in the order of ``item_ids_``
        ``Z``, its rows of length 1 for "softmax", and a last column for the biases, as in
        ``MatrixFactorization``.
    lengths_ : ndarray of shape (n_users + n_items,)
        What the rows of ``Z``, users first, were divided by.
    fold_map_ : ndarray of shape (d, d)
        From the items of a newcomer to their own part of ``Z``, see ``fold_signals``.
    social_ : csr_array of shape (n_users, n_users)
        The ties.
    n_epochs_, history_
        As in ``MatrixFactorization``.

    References
    ----------
    He et al., "LightGCN: simplifying and powering graph convolution network for recommendation",
    SIGIR 2020. Klicpera, Bojchevski & Guennemann, "Predict then propagate", ICLR 2019: damping.

    Examples
    --------
    >>> import suffuse as sf
    >>> from suffuse.recsys.graph_recommender import GraphRecommender
    >>> world = sf.datasets.tiny_world()
    >>> model = GraphRecommender(n_factors=2, max_epochs=3, patience=None)
    >>> model = model.fit(world.interactions, social=world.social)
    >>> model.recommend(k=1).columns.tolist()
    ['user_id', 'item_id', 'score', 'rank']
    """

    user_factors_: Floats
    item_factors_: Floats
    lengths_: Floats
    fold_map_: Floats
    social_: sparse.csr_array
    history_: pd.DataFrame
    n_epochs_: int

    def __init__(
        self,
        *,
        n_factors: int = 128,
        damping: float = 0.85,
        n_hops: int | None = 3,
        tol: float = 1e-3,
        normalization: str | float = "symmetric",
        social_weight: float = 0.5,
        loss: Loss = "softmax",
        temperature: float = 0.2,
        learning_rate: float = 0.005,
        weight_decay: float = 0.0,
        batch_size: int | None = None,
        n_negatives: int | None = None,
        max_epochs: int = 10,
        patience: int | None = 3,
        start: Start = "spectral",
        contrastive: float = 0.0,
        random_state: int = 0,
        n_jobs: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.n_factors = n_factors
        self.damping = damping
        self.n_hops = n_hops
        self.tol = tol
        self.normalization = normalization
        self.social_weight = social_weight
        self.loss = loss
        self.temperature = temperature
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.n_negatives = n_negatives
        self.max_epochs = max_epochs
        self.patience = patience
        self.start = start
        self.contrastive = contrastive
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, interactions: Any, *, social: Any = None, directed: bool | None = None) -> Self:
        """Find the factors, from a fresh seeded start every time.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix or Interactions
            The training rows; columns ``user_id, item_id``. Weights are not used.
        social : DataFrame, networkx graph, sparse matrix or SocialGraph, optional
            Users known only from the graph become users of the model.
        directed : bool, optional
            Whether a tie binds its source alone (source listens to target). ``None`` takes the
            kind of a networkx graph, and both directions for frames and matrices.

        Raises
        ------
        ImportError
            Without torch.
        ValueError
            For an empty or invalid table or graph, or a parameter outside its range.
        TrainingDiverged
            If the guards had to skip too many steps in a row.

        Examples
        --------
        >>> import suffuse as sf
        >>> world = sf.datasets.tiny_world()
        >>> model = GraphRecommender(n_factors=2, max_epochs=2)
        >>> first = model.fit(world.interactions, social=world.social).user_factors_.copy()
        >>> again = model.fit(world.interactions, social=world.social).user_factors_
        >>> bool((again == first).all())
        True
        """
        plan = TrainingPlan.of(self)
        self._check()
        needs_torch(plan.name)
        table, ties = with_ties(training_table(interactions), social, directed=directed)
        refuse_too_large(self, table, ties)
        rows = preference_rows(table, use_weights=False)
        n_factors = min(self.n_factors, *rows.shape)

        def build(given: Csr) -> GraphModule:
            from ..training.factor_modules import GraphModule

            start = start_rows(given, n_factors, start=self.start, random_state=self.random_state)
            return GraphModule(
                self._operator(given, ties),
                start,
                given.shape[0],
                bias=start_bias(given),
                damping=self.damping,
                n_hops=self.n_hops,
                tol=self.tol,
            )

        found = find_factors(table, build, plan)
        # read-only: lists keep an index of them, which a change in place would not reach
        self.user_factors_, self.item_factors_ = still(found.users), still(found.items)
        self.lengths_ = found.lengths
        self.history_, self.n_epochs_ = found.history, found.n_epochs
        self.social_ = ties
        self.interactions_ = rows
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        forget_updates(self)
        self.__dict__.pop("_doorway", None)
        self.fold_map_ = self._fold_map()
        return self

    def _check(self) -> None:
        checked_count("n_factors", self.n_factors)
        checked_number("damping", self.damping, high=1.0, below=True)
        checked_number("social_weight", self.social_weight)
        checked_number("tol", self.tol, above=True)
        if self.n_hops is not None:
            checked_count("n_hops", self.n_hops)

    def _operator(self, rows: Csr, ties: Csr) -> PropagationOperator:
        return joint_operator(
            rows, ties, social_weight=self.social_weight, normalization=self.normalization
        )

    @cached_property
    def _doorway(self) -> Doorway:
        """What newcomers need to know of the joint graph."""
        adjacency = joint_adjacency(
            self.interactions_, self.social_, social_weight=self.social_weight
        )
        return Doorway.of(self._operator(self.interactions_, self.social_), adjacency)

    @property
    def _diffused(self) -> Floats:
        """``Z`` with its lengths, shape (n_users + n_items, d)."""
        joined = np.concatenate([self.user_factors_, self.item_factors_])[:, :-1]
        return np.asarray(joined * self.lengths_[:, None], np.float32)

    def _fold_map(self) -> Floats:
        """From held items to a user's own part of the diffused row, ``z_u - a (P z)_u``."""
        n_users = len(self.user_ids_)
        with one_blas_thread():
            diffused = self._diffused
            operator = self._operator(self.interactions_, self.social_)
            own = diffused - np.float32(self.damping) * operator.apply(diffused)
            return fold_map(self.interactions_, own[:n_users], diffused[n_users:])

    def fold_in(self, newcomers: Newcomers) -> Scorer:
        """Scores of users who were not in ``fit``, by their items and their ties."""
        require_fitted(self)
        return CarriedUsers(self, newcomers, self._folded(newcomers))

    def fold_signals(self, rows: Csr) -> Floats:
        """Factors of users who were not in ``fit``, from their items, shape (m, d).

        ``z = a sum_i P_ui z_i + m_u W``: what their items carry to them, and a part of their own,
        which the linear map ``W`` makes of ``m_u = sum_i z_i / sqrt(n_u)`` as the users of the fit
        have it with the least squared error.
        """
        require_fitted(self)
        m, n = rows.shape[0], len(self.user_ids_)
        ids = np.arange(m)
        nobody, alone = single(sparse.csr_array((m, n))), single(sparse.csr_array((m, m)))
        return self._folded(Newcomers(ids, rows, nobody, alone, nobody))

    def _folded(self, newcomers: Newcomers) -> Floats:
        """Signals of newcomers, shape (m, d)."""
        s, a = self.social_weight, self.damping
        rows = preferences(newcomers.rows, use_weights=False)
        ties = NewTies(
            sparse.csr_array(sparse.hstack([s * newcomers.listens, rows]).astype(np.float64)),
            sparse.csr_array((s * newcomers.among).astype(np.float64)),
            np.asarray((s * newcomers.heard).sum(axis=1) + rows.sum(axis=1), np.float64),
        )
        with one_blas_thread():
            over_fit, over_new = self._doorway.rows(ties)
            diffused = self._diffused
            own = held_means(rows, diffused[len(self.user_ids_) :]) @ self.fold_map_
            start = own.astype(np.float64) / (1.0 - a)
            found = damped_newcomers(start, over_fit @ diffused, over_new, a)
        folded = np.asarray(found, np.float32)
        return factor_rows(folded, self.loss)

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        pairs = pairs_in_a_step(self, sizes.n_interactions)
        return joint_graph_needs(sizes, self.n_factors, pairs, self.n_hops)

    @property
    def signals_(self) -> Floats:
        """The user factors, shape (n_users, d)."""
        require_fitted(self)
        return self.user_factors_

    @property
    def item_map_(self) -> Floats:
        """The item factors, shape (n_items, d): a score is ``signal . item``."""
        require_fitted(self)
        return self.item_factors_

    def factored(self, rows: Rows) -> Groups | None:
        """Of what vectors the scores of some users are made."""
        require_fitted(self)
        return own_groups(self, rows, np.asarray(~self.user_factors_[rows].any(axis=1)))

    def score_signals(self, signals: Floats) -> Floats:
        """``signals . item_factors_^T``, shape (n_rows, n_items)."""
        require_fitted(self)
        return signals @ self.item_factors_.T

    def score_users(self, rows: Rows) -> Floats:
        """Scores of all items; popularity for users with neither items nor friends."""
        require_fitted(self)
        return self.carried_scores(np.asarray(self.user_factors_[rows]))

    def carried_scores(self, signals: Floats) -> Floats:
        """Scores of rows of signals; popularity where a signal is nothing at all."""
        scores = self.score_signals(signals)
        empty = ~signals.any(axis=1)
        if empty.any():
            scores[empty] = popular_scores(self)
        return scores

    def score_similar(self, columns: Rows) -> Floats:
        """Cosine of item factors without their biases, shape (len(columns), n_items)."""
        require_fitted(self)
        unit = unit_rows(self.item_factors_[:, :-1])
        return np.asarray(unit[columns] @ unit.T, np.float32)


class CarriedUsers:
    """Scores of newcomers, those included who bring nothing but ties."""

    def __init__(self, model: GraphRecommender, newcomers: Newcomers, signals: Floats) -> None:
        self.user_ids_ = newcomers.ids
        self.item_ids_ = model.item_ids_
        self.interactions_ = newcomers.rows
        self.n_jobs = model.n_jobs
        # a tuple of one, as a blend has one for each of its models
        self.model, self.signals = model, (signals,)

    def factored(self, rows: Rows) -> Groups | None:
        """Of what vectors the scores of some newcomers are made."""
        terms = signal_terms([(1.0, self.model.item_map_)], self.signals)
        strangers = np.asarray(~self.signals[0][rows].any(axis=1))
        return with_strangers(self.model, terms, strangers)

    def score_users(self, rows: Rows) -> Floats:
        """Scores of all items for some newcomers, shape (len(rows), n_items)."""
        return self.model.carried_scores(self.signals[0][rows])
