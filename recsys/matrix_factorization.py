"""Matrix factorisation trained by gradients, on a ranking loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from .contract import Recommender, require_fitted
from .execution import Rows, one_blas_thread
from .factored import Groups, own_groups, without_items
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
from .inputs import checked_count, preference_rows, training_table
from .matrices import Csr, still
from .memory_by_model import Needs, gradient_needs, refuse_too_large
from .memory_estimate import TableSizes
from .scoring import Floats, preferences, score_own_signals
from .starts import Start, start_bias, start_rows
from .update_record import forget_updates

if TYPE_CHECKING:
    from ..training.factor_modules import FactorModule


class MatrixFactorization(Recommender):
    """Factors of users and items, trained by gradients so that held items come before others.

    A score is ``x_u . y_i + b_i``, or for "softmax" ``cos(x_u, y_i) + t b_i``, with factors of
    users and items and a bias of the item that all users share. Two losses over pairs (u, i) of
    the table and random items j that u does not hold:

    ============  ================================================================================
    ``"softmax"`` ``-log( exp(s_ui / t) / (exp(s_ui / t) + sum_j exp(s_uj / t)) )`` with
                  ``t = temperature``; the j are shared by a batch
    ``"bpr"``     ``log(1 + exp(s_uj - s_ui))``; the j are drawn per pair
    ============  ================================================================================

    Both are computed in forms that neither overflow nor lose their gradient. Adam does the steps,
    under the guards of ``suffuse.training.Stable``, with warm-up and a cosine schedule over
    ``max_epochs``. Needs torch: ``pip install "suffuse[train]"``; a saved model does not.

    Parameters
    ----------
    n_factors : int
        Length ``d`` of the factors; more than users or items are of no use and are cut down to
        the smaller of the two.
    loss : {"softmax", "bpr"}
        See above.
    temperature : float
        ``t``; small ones weigh the hardest items most. Not used by "bpr".
    learning_rate : float
        Of Adam, after the warm-up.
    weight_decay : float
        Each step shrinks the factors by ``learning_rate * weight_decay``.
    batch_size : int, optional
        Pairs per step; a fortieth of the table, from 256 to 8192, where ``None``.
    n_negatives : int, optional
        Items j, of a batch for "softmax" and of a pair for "bpr"; 512 and 1 where ``None``.
    max_epochs : int
        Passes over the table at most; the schedule of the learning rate is made for them.
    patience : int or None
        A first training holds out a tenth of the cells and is judged on them by NDCG@20, every
        epoch or, with more than 40 of them, every ``max_epochs // 20``. It stops after so many
        judgements without a gain. Then a second training on all rows goes as far as the best
        one. ``None`` leaves the first out: ``max_epochs`` on all rows, in half the time.
    start : {"spectral", "random"}
        Where training begins: at the leading singular vectors of the table normalised by the
        degrees of users and items, which saves most of the way, or at normal numbers.
    random_state : int
        Seed of the start, the batches and the hold-out.
    n_jobs : int, optional
        Threads for judging and recommending; all cores when ``None``. Training runs on torch's
        own threads (``torch.set_num_threads``), whose number changes its last bits; ``n_jobs``
        changes none.
    device : str
        Where torch trains, such as "cpu" or "cuda".

    Attributes
    ----------
    user_factors_ : ndarray of shape (n_users, d + 1), float32, in the order of ``user_ids_``
    item_factors_ : ndarray of shape (n_items, d + 1), float32, in the order of ``item_ids_``
        The product of two rows is the score. The first d columns are factors, of length 1 for
        "softmax"; the last brings the bias in: it is 0.1 for users and ``10 b_i`` (``10 t b_i``)
        for items. Users without interactions have zeros.
    fold_map_ : ndarray of shape (d, d)
        From the items of a newcomer to their factors, see ``fold_signals``.
    n_epochs_ : int
        Epochs of the training on all rows.
    history_ : DataFrame
        A row for each epoch: ``epoch`` from 0, mean ``loss``, ``ndcg`` on the hold-out (NaN
        without one), the last learning ``rate``, steps ``held_back`` (skipped or rolled back) and
        ``clipped`` by the guards, ``seconds``, and which ``rows`` were trained on: "hold-out" (all
        but those held out) or "all".

    References
    ----------
    Rendle, Freudenthaler, Gantner & Schmidt-Thieme, "BPR: Bayesian personalized ranking from
    implicit feedback", UAI 2009. Wu et al., "On the effectiveness of sampled softmax loss for item
    recommendation", arXiv 2201.02327.

    Examples
    --------
    >>> import suffuse as sf
    >>> from suffuse.recsys.matrix_factorization import MatrixFactorization
    >>> world = sf.datasets.tiny_world()
    >>> model = MatrixFactorization(n_factors=2, max_epochs=3, patience=None)
    >>> model.fit(world.interactions).recommend(k=1).columns.tolist()
    ['user_id', 'item_id', 'score', 'rank']
    """

    user_factors_: Floats
    item_factors_: Floats
    fold_map_: Floats
    history_: pd.DataFrame
    n_epochs_: int

    def __init__(
        self,
        *,
        n_factors: int = 128,
        loss: Loss = "softmax",
        temperature: float = 0.2,
        learning_rate: float = 0.01,
        weight_decay: float = 0.0,
        batch_size: int | None = None,
        n_negatives: int | None = None,
        max_epochs: int = 10,
        patience: int | None = 3,
        start: Start = "spectral",
        random_state: int = 0,
        n_jobs: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.n_factors = n_factors
        self.loss = loss
        self.temperature = temperature
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.n_negatives = n_negatives
        self.max_epochs = max_epochs
        self.patience = patience
        self.start = start
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.device = device

    def fit(self, interactions: Any) -> Self:
        """Find the factors, from a fresh seeded start every time.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix or Interactions
            The training rows; columns ``user_id, item_id``. Weights are not used.

        Raises
        ------
        ImportError
            Without torch.
        ValueError
            For an empty or invalid table, or a parameter outside its range.
        TrainingDiverged
            If the guards had to skip too many steps in a row.

        Examples
        --------
        >>> import suffuse as sf
        >>> table = sf.datasets.tiny_world().interactions
        >>> model = MatrixFactorization(n_factors=2, max_epochs=2)
        >>> first = model.fit(table).user_factors_.copy()
        >>> bool((model.fit(table).user_factors_ == first).all())
        True
        """
        plan = TrainingPlan.of(self)
        needs_torch(plan.name)
        table = training_table(interactions)
        refuse_too_large(self, table)
        rows = preference_rows(table, use_weights=False)
        n_factors = min(checked_count("n_factors", self.n_factors), *rows.shape)

        def build(given: Csr) -> FactorModule:
            from ..training.factor_modules import FactorModule

            start = start_rows(given, n_factors, start=self.start, random_state=self.random_state)
            return FactorModule(start, given.shape[0], bias=start_bias(given))

        found = find_factors(table, build, plan)
        # read-only: lists keep an index of them, which a change in place would not reach
        self.user_factors_, self.item_factors_ = still(found.users), still(found.items)
        self.history_, self.n_epochs_ = found.history, found.n_epochs
        self.fold_map_ = fold_map(rows, found.users[:, :-1], found.items[:, :-1])
        self.interactions_ = rows
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        forget_updates(self)
        return self

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        pairs = pairs_in_a_step(self, sizes.n_interactions)
        return gradient_needs(sizes, self.n_factors, pairs)

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
        return own_groups(self, rows, without_items(self, rows))

    def score_signals(self, signals: Floats) -> Floats:
        """``signals . item_factors_^T``, shape (n_rows, n_items)."""
        require_fitted(self)
        return signals @ self.item_factors_.T

    def fold_signals(self, rows: Csr) -> Floats:
        """Factors of users who were not in ``fit``, from their items, shape (m, d).

        ``sum_i y_i / sqrt(n_u)`` through the linear map that gives the users of the fit their
        factors with the least squared error; then of length 1 for "softmax".
        """
        require_fitted(self)
        with one_blas_thread():
            held = held_means(preferences(rows, use_weights=False), self.item_factors_[:, :-1])
            found = np.asarray(held @ self.fold_map_, np.float32)
        return factor_rows(found, self.loss)

    def score_users(self, rows: Rows) -> Floats:
        """Scores of all items for some users; popularity for users without interactions."""
        require_fitted(self)
        return score_own_signals(self, rows)

    def score_similar(self, columns: Rows) -> Floats:
        """Cosine of item factors without their biases, shape (len(columns), n_items)."""
        require_fitted(self)
        unit = unit_rows(self.item_factors_[:, :-1])
        return np.asarray(unit[columns] @ unit.T, np.float32)
