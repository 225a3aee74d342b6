"""The centrepiece: any linear recommender, with preferences diffused along a social graph."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from scipy import sparse
from sklearn.base import clone

from ..datasets.interactions import Interactions
from ..diffusion.operator import PropagationOperator
from ..diffusion.row_threads import limit_threads
from .als import ALS
from .blend import Blend
from .channels import Diffused, Setting, SocialChannels, grouped_scores
from .contract import Recommender, require_fitted
from .execution import Rows, one_blas_thread, resolve_jobs
from .factored import Groups
from .factored_channels import social_groups
from .inputs import checked_count, checked_number, training_table
from .memory_by_model import Needs, refuse_too_large, social_needs
from .memory_estimate import TableSizes
from .newcomer_channels import FoldedChannels
from .newcomers import FoldedUsers, Newcomers, folded_signals
from .on_device import checked_device, diffusing_on
from .progress import tell
from .recommend import Scorer
from .scoring import Floats
from .selection import (
    AUTO,
    KINDS,
    Dials,
    Selection,
    as_given,
    fitted_selection,
    from_settings,
    select,
    set_dials,
    to_settings,
)
from .ties import unsharded, with_ties
from .update_change import Change
from .update_factors import Renewal
from .update_record import answers_from_memory, forget_updates
from .update_social import renewed_social

logger = logging.getLogger(__name__)

State = tuple[SocialChannels, list[tuple[Setting, Diffused]]]
#: threads that ask for the first list at the same time must not prepare it twice
_PREPARING = threading.Lock()

Auto = Literal["auto"]


class SocialDiffusion(Recommender):
    """Recommend what one likes, what friends like alike, and what friends hold.

    Over any base model whose scores are linear in a signal ``x_u`` per user::

        score_u = z_u . item_map + scale (memory (F_W r)_u + background q)
        z_u = (1 - w_u) x_u + w_u (F_P x)_u ,   F_P = (1 - a) (I - a P)^-1

    with ``a = damping``, the weight ``w_u = c d_u / (n_u + c d_u)`` (``c = evidence``; 1 where it
    is None), ``n_u`` the number of items of u and ``d_u`` the weight of their ties, ``W`` the ties
    weighted by agreement of taste, ``r_v = x_v / sqrt(n_v)`` the items of v and ``q`` popularity
    (see ``recsys/channels.py``). Users without interactions have a setting of their own: friends
    carry them as far as friends are of use, and popularity beyond.

    Parameters
    ----------
    base : recommender, optional
        ``ALS()`` by default; ``EASE``, ``SpectralFilter`` or ``Popularity`` serve as well. It is
        cloned, never changed.
    normalization : {"symmetric", "row", "column", "doubly_stochastic"}, float or "auto"
        The kind of ``P``; "auto" lets the hold-out choose between the first, second and fourth.
    damping : float in [0, 1) or "auto"
        How far taste travels; 0 turns the taste channel off.
    memory : float or "auto"
        Weight of the items that friends hold; 0 turns the channel off.
    evidence : float or None
        ``c``, where ``damping`` is given; with ``damping="auto"`` the hold-out decides.
    background : float or "auto"
        Weight of popularity for users without interactions; it never falls below 1e-6, so that
        popularity decides where friends know nothing either.
    settings : mapping, optional
        All dials at once, as the ``settings_`` of a fitted model or of ``suffuse.tune`` hold them;
        nothing is chosen then, and the other dials are not looked at.
    random_state : int
        Seed of the hold-out; a whole number, so that a second fit equals the first.
    n_jobs : int, optional
        Threads; all cores when ``None``. The result does not depend on it.

    Attributes
    ----------
    base_ : the fitted base model
    damping_, evidence_, memory_ : float, float or None, float
        The setting of users with more than five interactions; "auto" gives exactly 0 where the
        graph's gain on the hold-out does not exceed two standard errors.
    few_damping_, few_evidence_, few_memory_, few_background_
        The same for users with one to five interactions, chosen on users of whom so many were
        left; ``few_background_`` is the weight of popularity for them.
    cold_damping_, cold_memory_, background_ : float
        The setting of users with ties and without interactions.
    normalization_ : str or float
    settings_ : dict
        All of these as plain numbers: ``SocialDiffusion(base, settings=model.settings_)`` makes
        the same model without a hold-out.
    ablation_ : DataFrame
        Columns ``users, metric, base, diffused, difference, low, high, n_users``: what the graph
        changes on the hold-out (warm users: some cells hidden; few: all but 1, 2 or 5; cold: all),
        with 95 % intervals. The base has the popularity background that suits it best here, for
        cold it is popularity alone. The chosen setting was picked on these users, so its gain is
        slightly flattered. Empty where nothing was "auto".
    search_ : DataFrame
        Every setting that was tried, with its recall and NDCG on the hold-out.

    Notes
    -----
    With factors (``ALS``) the taste channel is solved to a relative error of 1e-4; over
    preference rows (``EASE``, ``SpectralFilter``) it reaches two hops, which keeps it sparse.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=300, n_items=100, rng=0)
    >>> model = sf.SocialDiffusion(sf.ALS(n_factors=16), damping=0.3, memory=1.0, background=0.01)
    >>> recs = model.fit(world.interactions, social=world.social).recommend(k=5)
    >>> bool(recs.groupby("user_id").size().eq(5).all())
    True
    """

    base_: Any
    social_: sparse.csr_array
    normalization_: str | float
    damping_: float
    memory_: float
    cold_damping_: float
    cold_memory_: float

    def __init__(
        self,
        base: Any = None,
        *,
        normalization: str | float = "symmetric",
        damping: float | Auto = "auto",
        memory: float | Auto = "auto",
        evidence: float | None = None,
        background: float | Auto = "auto",
        settings: Mapping[str, Any] | None = None,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.base = base
        self.normalization = normalization
        self.damping = damping
        self.memory = memory
        self.evidence = evidence
        self.background = background
        self.settings = settings
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        interactions: Any,
        *,
        social: Any = None,
        directed: bool | None = None,
        device: str | None = None,
        backend: Any = None,
    ) -> Self:
        """Fit the base model, choose the settings that are "auto", and diffuse.

        Parameters
        ----------
        interactions : DataFrame, sparse matrix, Interactions or ShardedTables
            The training rows; columns ``user_id, item_id`` and optionally ``weight``.
        social : DataFrame, networkx graph, sparse matrix or SocialGraph, optional
            Users known only from the graph become users of the model. Without a graph, or with
            one that has no tie, the result equals the base model.
        directed : bool, optional
            Whether a tie binds its source alone (source listens to target). ``None`` takes the
            kind of a networkx graph, and both directions for frames and matrices.
        device : {"cpu", "cuda", "cuda:0", ...}, optional
            Diffuse factors by torch, to the same tolerance; see ``recsys/device_diffusion.py``.
        backend : "ray" or RayCluster, optional
            Fit over ``ALS`` on a Ray cluster, to the same model; see ``recsys/cluster_fit.py``.

        Raises
        ------
        ValueError
            For an empty or invalid table or graph, or a parameter outside its range.

        Examples
        --------
        >>> import networkx as nx
        >>> import suffuse as sf
        >>> world = sf.datasets.tiny_world()
        >>> follows = nx.DiGraph([("newcomer", str(world.interactions["user_id"].iloc[0]))])
        >>> base = sf.ALS(n_factors=2, regularization=1.0)
        >>> model = SocialDiffusion(base, damping=0.5, memory=1.0, background=0.01)
        >>> model = model.fit(world.interactions, social=follows)
        >>> "newcomer" in model.user_ids_
        True
        """
        self._checked()
        fresh, device = self.fresh_base(), checked_device(device)
        if backend is not None:
            # ray and what needs it are imported for those who ask for them
            from .cluster_fit import Source, fit_on_cluster

            fit_on_cluster(self, Source(interactions, social, directed), backend, device=device)
            return self
        interactions, social = unsharded(interactions, social)
        table = training_table(interactions)
        table, adjacency = with_ties(table, social, directed=directed)
        refuse_too_large(self, table, adjacency)
        if adjacency.nnz == 0:
            logger.info("the social graph has no tie: the result equals the base model")
        with self._alone(device):
            # a kind of P that this graph does not have is refused here, not at the first list
            tell("normalising the graph", 0, 1)
            operator = self._given_operator(adjacency)
            tell("normalising the graph", 1, 1)
            selection = self.chosen_selection(table, adjacency)
        self.base_ = fresh.fit(table)
        set_dials(self, selection)
        self.social_ = adjacency
        self.interactions_ = self.base_.interactions_
        self.user_ids_, self.item_ids_ = table.user_ids, table.item_ids
        self.__dict__.pop("_prepared", None)
        forget_updates(self)
        with _PREPARING, self._alone(device):
            vars(self).update(_prepared=self._prepare(operator), _device=device)
        return self

    def renewed(self, change: Change) -> Renewal:
        """A copy with new rows and ties, its settings as chosen in fit, for :meth:`update`."""
        return renewed_social(self, change, vars(self).get("_prepared"))

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write the fitted model to a folder, as every model does."""
        super().save(folder, overwrite=overwrite)
        # who loads this diffuses anew; so does this model from here on: both give the same bytes
        if answers_from_memory(self):
            self.__dict__.pop("_prepared", None)

    def score_users(self, rows: Rows) -> Floats:
        """Scores of all items for some users, shape (len(rows), n_items)."""
        require_fitted(self)
        channels, prepared = self._state
        scores = np.asarray(self.base_.score_users(rows), np.float32)
        return grouped_scores(scores, rows, channels, prepared)

    def factored(self, rows: Rows) -> Groups | None:
        """Of what vectors the scores of some users are made, where the base model has vectors."""
        require_fitted(self)
        channels, prepared = self._state
        return social_groups(self.base_, channels, prepared, rows)

    def fold_in(self, newcomers: Newcomers) -> Scorer:
        """Scores of users who were not in ``fit``, by their items and their ties."""
        require_fitted(self)
        channels, prepared = self._state
        with one_blas_thread():
            signals = folded_signals(self.base_, newcomers.rows)
            folded = FoldedChannels(channels, newcomers, signals)
            settings = [(setting, folded.diffused(known)) for setting, known in prepared]
        return FoldedUsers(
            self.base_, newcomers, signals, n_jobs=self.n_jobs, channels=folded, prepared=settings
        )

    def score_similar(self, columns: Rows) -> Floats:
        """Similarity of items in the base model's space."""
        require_fitted(self)
        return np.asarray(self.base_.score_similar(columns), np.float32)

    @property
    def _state(self) -> State:
        """The channels over the fitted base, and each group's setting with its diffused factors."""
        with _PREPARING, self._alone():
            return self._prepared

    @cached_property
    def _prepared(self) -> State:
        return self._prepare(None)

    def _prepare(self, operator: PropagationOperator | None) -> State:
        """The state, with the operator of the fit where that has one of the right kind."""
        fitted = fitted_selection(self)
        groups = (fitted.warm, fitted.few, fitted.cold)
        tastes = list(dict.fromkeys(one.taste for one in groups))  # often shared, and each is slow
        tell("diffusing", 0, len(tastes))
        if operator is None or operator.normalization != self.normalization_:
            operator = PropagationOperator(self.social_, self.normalization_)
        channels = SocialChannels(self.base_, self.social_, operator)
        if any(setting.memory for setting in groups):
            _ = channels.ties, channels.held
        diffused = {}
        for place, taste in enumerate(tastes):
            tell("diffusing", place, len(tastes))
            diffused[taste] = channels.diffused(taste)
        tell("diffusing", len(tastes), len(tastes))
        return channels, [(setting, diffused[setting.taste]) for setting in groups]

    @contextmanager
    def _alone(self, device: str | None = None) -> Iterator[None]:
        """One thread of BLAS, and as many threads of ours as the caller allows."""
        with one_blas_thread(), limit_threads(resolve_jobs(self.n_jobs)), diffusing_on(device):
            yield

    def _checked(self) -> Dials:
        """The dials: a number where given, None where the hold-out chooses."""
        checked_count("random_state", self.random_state, low=0)
        if self.settings is not None:
            from_settings(self.settings)
        if self.evidence is not None:
            checked_number("evidence", self.evidence, above=True)
        return Dials(
            damping=_dial("damping", self.damping, high=1.0),
            memory=_dial("memory", self.memory),
            background=_dial("background", self.background),
            evidence=self.evidence,
        )

    def fresh_base(self) -> Any:
        """An unfitted copy of the base model, with our number of threads where it sets none."""
        is_linear = hasattr(type(self.base), "score_signals") or isinstance(self.base, Blend)
        if self.base is not None and not is_linear:
            raise TypeError(
                "base must be a model with linear scores, such as ALS(), EASE(), "
                f"SpectralFilter(), Popularity() or Blend(...); got {self.base!r}"
            )
        base: Any = ALS() if self.base is None else clone(self.base)
        if self.n_jobs is not None and base.get_params().get("n_jobs", 0) is None:
            base.set_params(n_jobs=self.n_jobs)
        return base

    def _given_operator(self, adjacency: sparse.csr_array) -> PropagationOperator | None:
        """The operator of the kind that the caller names, None where the hold-out chooses it."""
        kind = self.normalization
        if self.settings is not None and adjacency.nnz:
            kind = from_settings(self.settings).normalization
        elif self.settings is not None or kind == AUTO:
            return None
        return PropagationOperator(adjacency, kind)

    def given_selection(self, *, has_ties: bool) -> Selection | None:
        """The settings where nothing is left to a hold-out, None where something is."""
        dials = self._checked()
        if not has_ties:
            dials = Dials(damping=0.0, memory=0.0, background=1.0)
        elif self.settings is not None:
            return from_settings(self.settings)
        if has_ties and (dials.any_free or self.normalization == AUTO):
            return None
        return as_given(dials, KINDS[0] if self.normalization == AUTO else self.normalization)

    def chosen_selection(self, table: Interactions, adjacency: sparse.csr_array) -> Selection:
        """The settings, those that are "auto" by a hold-out of the table."""
        given = self.given_selection(has_ties=adjacency.nnz > 0)
        if given is not None:
            return given
        return select(
            self.fresh_base(),
            table,
            adjacency,
            dials=self._checked(),
            kinds=KINDS if self.normalization == AUTO else (self.normalization,),
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )

    def memory_needs(self, sizes: TableSizes) -> Needs:
        """What a fit and the fitted model need beyond the tables, for ``estimate_memory``."""
        base = self.fresh_base()
        chooses = self.settings is None and self._checked().any_free
        return social_needs(base.memory_needs(sizes), sizes, chooses=chooses)

    @property
    def settings_(self) -> dict[str, Any]:
        """The settings of all groups as plain numbers."""
        require_fitted(self)
        return to_settings(fitted_selection(self))


def _dial(name: str, value: Any, *, high: float = float("inf")) -> float | None:
    """A number in [0, high), or None for "auto"."""
    if isinstance(value, str) and value == AUTO:
        return None
    return checked_number(name, value, high=high, below=True, otherwise='"auto"')
