"""The two channels of social diffusion, taste and memory, and the popularity background.

For a user u with signal ``x_u`` (a row of factors or of preferences)::

    score_u = z_u . item_map + scale (memory (F_W r)_u + background q)

    z_u = (1 - w_u) x_u + w_u (F_P x)_u        taste: what people like my friends like
    (F_W r)_u = sum_v W_uv r_v                 memory: the very items that my friends hold

``F_P`` is the damped filter on the ties, ``r_v = x_v / sqrt(n_v)`` the items of v (one who holds
much says less about each), ``W = D^-1/2 C D^-1/2`` the ties weighted by agreement of taste,
``C_uv = A_uv (max(cos(x_u, x_v), 0) + floor)``, ``q`` the popularity of items with root mean
square 1 and ``scale`` the mean score of the base model on its own training cells, so that
``memory`` and ``background`` mean the same for every base model.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..diffusion.newcomer_rows import Doorway
from ..diffusion.operator import PropagationOperator
from .execution import Rows
from .holdout import FEW
from .matrices import Csr, scaled_rows, single
from .on_device import factors_device
from .scoring import (
    Floats,
    LinearModel,
    Signals,
    evidence,
    item_popularity,
    own_scores,
    parts_of,
    score_scale,
)
from .tie_kernels import normalise, summed, tie_cosines

#: weight of a tie between two people whose tastes do not agree at all (or are not known)
AGREEMENT_FLOOR = 0.05
#: reach of the taste channel over sparse preference rows; what lies beyond weighs damping^3
ROW_HOPS = 2
#: relative error of diffused factors, far below what could change a list
TOLERANCE = 1e-4
#: background that decides where friends know nothing: too small to outvote anything
FAINT = 1e-6

#: rows of diffused factors that are mixed with people's own at a time
_MIXED = 65536
#: threads that ask for the friends' items at the same time must not weigh all ties twice
WEIGHING = threading.RLock()


@dataclass(frozen=True)
class Taste:
    """How far taste travels: ``damping`` in [0, 1), and ``evidence`` (``c``) or None.

    With ``c`` the weight of the diffused taste is ``w_u = c d_u / (n_u + c d_u)``, for ``n_u``
    interactions and ties of total weight ``d_u``: users with much history stay themselves.
    Without, ``w_u = 1``.
    """

    damping: float = 0.0
    evidence: float | None = None


@dataclass(frozen=True)
class Setting:
    """The dials of one group of users: taste, weight of memory, weight of the background."""

    taste: Taste = Taste()
    memory: float = 0.0
    background: float = 0.0


@dataclass(frozen=True)
class Diffused:
    """One taste, ready to be scored: ``z`` of all users per part of the base, None for rows."""

    taste: Taste
    factors: tuple[Floats | None, ...]

    def of(self, rows: Rows) -> Diffused:
        """The same for some users alone, whose rows are then counted from 0."""
        return Diffused(
            self.taste, tuple(None if part is None else part[rows] for part in self.factors)
        )


class Channels(Protocol):
    """The channels of some users: those of the fit, or newcomers."""

    counts: npt.NDArray[np.int64]
    tie_weights: npt.NDArray[Any]

    def taste_scores(self, rows: Rows, diffused: Diffused) -> Floats:
        """``z_u . item_map``."""
        ...

    def memory_rows(self, rows: Rows) -> sparse.csr_array:
        """``(F_W r)_u``."""
        ...

    def mix(self, taste: Floats, memory: sparse.csr_array | None, setting: Setting) -> Floats:
        """The sum of the channels; ``memory`` may be None where its weight is 0."""
        ...


class SocialChannels:
    """The channels over one fitted base model and one graph."""

    def __init__(self, base: Any, adjacency: Csr, operator: PropagationOperator) -> None:
        self.base = base
        self.adjacency = adjacency
        self.parts = parts_of(base)
        self.operator = operator
        self.counts = evidence(base.interactions_)
        self.tie_weights = np.asarray(adjacency.sum(axis=1)).ravel()
        self.scale = score_scale(base)
        self.popularity = unit_popularity(item_popularity(base.interactions_))

    @property
    def ties(self) -> Csr:
        """``W``, shape (n_users, n_users), float32; made when first asked for."""
        with WEIGHING:
            return self._weighted[0]

    @property
    def held(self) -> Csr:
        """``r``, shape (n_users, n_items), float32; made when first asked for."""
        with WEIGHING:
            return self._held

    @property
    def agreement_sums(self) -> npt.NDArray[np.float64]:
        """Column sums of the ties weighted by agreement of taste, shape (n_users,)."""
        with WEIGHING:
            return self._weighted[1]

    @cached_property
    def _weighted(self) -> tuple[Csr, npt.NDArray[np.float64]]:
        return _weighted_ties(self.parts[0][1].signals_, self.adjacency)

    @cached_property
    def _held(self) -> Csr:
        return held_items(self.base.interactions_, self.counts)

    def diffused(self, taste: Taste) -> Diffused:
        """``z`` for all users, for the parts of the base that have dense factors."""
        return Diffused(taste, tuple(self._factors(part.signals_, taste) for _, part in self.parts))

    def taste_scores(self, rows: Rows, diffused: Diffused, places: Rows | None = None) -> Floats:
        """``z_u . item_map``, shape (len(rows), n_items).

        ``places`` are the rows of ``diffused`` that belong to ``rows``, where they differ.
        """
        if diffused.taste.damping == 0:
            return own_scores(self.base, rows)
        mixture = None
        scores: Floats | None = None
        for (weight, part), factors in zip(self.parts, diffused.factors, strict=True):
            if factors is not None:
                signals = factors[rows if places is None else places]
            else:
                mixture = self._mixture(rows, diffused.taste) if mixture is None else mixture
                signals = np.asarray((mixture @ part.interactions_).toarray(), np.float32)
            scored = np.float32(weight) * part.score_signals(signals)
            scores = scored if scores is None else scores + scored
        return own_scores(self.base, rows) if scores is None else scores

    def _factors(self, signals: Floats | Csr, taste: Taste) -> Floats | None:
        if not isinstance(signals, np.ndarray) or taste.damping == 0:
            return None
        spread = self._spread(signals, taste.damping)
        if taste.evidence is None:
            return spread
        mix_in(spread, signals, evidence_weights(taste, self.counts, self.tie_weights))
        return spread

    def _spread(self, signals: Floats, damping: float) -> Floats:
        """``F_P x``."""
        if device := factors_device():
            # torch is imported for those who ask for it
            from .device_diffusion import diffused_on

            tol = self.tolerance(damping)
            return diffused_on(device, self.operator, signals, damping, tol=tol)
        spread = self.operator.diffuse(signals, damping, tol=self.tolerance(damping))
        return np.asarray(spread, np.float32)

    @staticmethod
    def tolerance(damping: float) -> float:
        """The error allowed to diffused factors, relative to the norm of each column."""
        # what single precision can certify this close to damping 1
        floor = 64 * float(np.finfo(np.float32).eps) / (1 - damping)
        return max(TOLERANCE, floor)

    def spread_of(self, place: int, damping: float) -> Floats:
        """``F_P x`` of all users for one dense part of the base, kept for who comes next."""
        found = self._spreads.get((place, damping))
        if found is None:
            signals = np.asarray(self.parts[place][1].signals_)
            found = self._spreads[place, damping] = self._spread(signals, damping)
        return found

    @cached_property
    def _spreads(self) -> dict[tuple[int, float], Floats]:
        return {}

    @cached_property
    def doorway(self) -> Doorway:
        """What rows of ``P`` for newcomers need to know."""
        return Doorway.of(self.operator, self.adjacency)

    def memory_rows(self, rows: Rows) -> sparse.csr_array:
        """``(F_W r)_u``: the items of the friends of some users, shape (len(rows), n_items)."""
        return sparse.csr_array(self.ties[rows] @ self.held)

    def mix(self, taste: Floats, memory: sparse.csr_array | None, setting: Setting) -> Floats:
        """The sum of the channels; ``taste`` is not changed.

        ``memory`` may be None where its weight is 0.
        """
        scores = taste.copy()
        if setting.memory and memory is not None:
            add_rows(scores, memory, self.scale * setting.memory)
        if setting.background:
            scores += np.float32(self.scale * setting.background) * self.popularity[None, :]
        return scores

    def _mixture(self, rows: Rows, taste: Taste) -> sparse.csr_array:
        """Rows of ``(1 - w) I + w F_P``, truncated after ``ROW_HOPS`` steps, sparse."""
        n = len(self.counts)
        unit = sparse.csr_array(
            (np.ones(len(rows), np.float32), rows, np.arange(len(rows) + 1)), shape=(len(rows), n)
        )
        transpose = single(unit.T)
        spread = transpose
        for _ in range(ROW_HOPS):
            step = self.operator.adjoint.apply(spread)
            spread = single(taste.damping * step + (1 - taste.damping) * transpose)
        weight = evidence_weights(taste, self.counts, self.tie_weights)[rows]
        return single(scaled_rows(1 - weight, unit) + scaled_rows(weight, spread.T))


def grouped_scores(
    scores: Floats,
    rows: Rows,
    channels: Channels,
    prepared: Sequence[tuple[Setting, Diffused]],
) -> Floats:
    """Scores of the base, and those of the channels for users with ties, each by their group.

    ``prepared`` holds the settings of users with more than ``FEW`` items, with 1 to ``FEW`` and
    without.
    """
    counts, has_ties = channels.counts[rows], channels.tie_weights[rows] > 0
    groups = (counts > FEW, (counts > 0) & (counts <= FEW), counts == 0)
    for group, (setting, diffused) in zip(groups, prepared, strict=True):
        chosen = group & has_ties
        if chosen.any() and setting != Setting():
            part = rows[chosen]
            taste = channels.taste_scores(part, diffused)
            # all ties are weighed for the first row of memory: not where nobody remembers
            remembered = channels.memory_rows(part) if setting.memory else None
            scores[chosen] = channels.mix(taste, remembered, setting)
    return scores


def mix_in(spread: Floats, signals: Floats, weights: Floats) -> None:
    """``z_u = (1 - w_u) x_u + w_u (F_P x)_u``, in place of ``F_P x``."""
    weight = weights[:, None]
    for start in range(0, len(spread), _MIXED):
        part = slice(start, start + _MIXED)
        spread[part] *= weight[part]
        spread[part] += (1 - weight[part]) * signals[part]


def evidence_weights(
    taste: Taste, counts: npt.NDArray[np.int64], tie_weights: npt.NDArray[Any]
) -> Floats:
    """``w_u`` for users who hold ``n_u`` items and have ties of total weight ``d_u``."""
    if taste.evidence is None:
        return np.ones(len(counts), np.float32)
    social = taste.evidence * tie_weights
    return np.asarray(social / np.maximum(counts + social, 1e-12), np.float32)


def agreement(signals: Floats | sparse.csr_array, adjacency: sparse.csr_array) -> sparse.csr_array:
    """``C``: the ties weighted by agreement of the signals at their two ends."""
    ties = sparse.csr_array(adjacency)
    weights = ties.data * _of_ties(signals, ties)
    return sparse.csr_array((weights, ties.indices, ties.indptr), shape=ties.shape)


def agreement_ties(base: LinearModel, adjacency: sparse.csr_array) -> sparse.csr_array:
    """``W``: the ties weighted by agreement of taste, symmetrically normalised.

    Who has no tie has none here: memory is about others.
    """
    return _weighted_ties(base.signals_, adjacency)[0]


def _weighted_ties(signals: Signals, adjacency: Csr) -> tuple[Csr, npt.NDArray[np.float64]]:
    """``W`` and the column sums of ``C``; the indices are those of the adjacency."""
    ties: Csr = sparse.csr_array(adjacency)
    scale = _of_ties(signals, ties)
    out, into = summed(ties.data, ties, scale)
    normalise(ties.data, ties, scale, out, into)
    return sparse.csr_array((scale, ties.indices, ties.indptr), shape=ties.shape), into


def _of_ties(signals: Signals, ties: Csr) -> Floats:
    """``agreements`` of all ties, in the order in which they are stored."""
    return agreements(signals, np.arange(ties.shape[0]), ties.indptr, ties.indices)


def agreements(
    signals: Signals, sources: Rows, indptr: npt.NDArray[Any], targets: npt.NDArray[Any]
) -> Floats:
    """``max(cos(x_u, x_v), 0) + floor`` for ``u = sources[i]`` and each of its targets.

    ``targets[indptr[i]:indptr[i + 1]]`` belong to ``sources[i]``; shape (len(targets),).

    Examples
    --------
    >>> signals = np.array([[1, 0], [2, 0], [-1, 0]], np.float32)
    >>> found = agreements(signals, np.array([0]), np.array([0, 2]), np.array([1, 2]))
    >>> [f"{weight:.2f}" for weight in found]
    ['1.05', '0.05']
    """
    found = tie_cosines(signals, sources, indptr, targets)
    np.maximum(found, 0.0, out=found)
    found += np.float32(AGREEMENT_FLOOR)
    return found


def signal_cosines(
    signals: Floats | sparse.csr_array, sources: npt.NDArray[Any], targets: npt.NDArray[Any]
) -> Floats:
    """Cosine of the signals at the two ends of every tie, 0 where one is zero."""
    return tie_cosines(signals, sources, np.arange(len(sources) + 1), targets)


def add_rows(scores: Floats, rows: sparse.csr_array, weight: float) -> None:
    """``scores += weight * rows`` for sparse rows, in place."""
    users = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    scores[users, rows.indices] += np.float32(weight) * rows.data


def unit_popularity(popularity: Floats) -> Floats:
    """``q``: popularity with root mean square 1."""
    root = float(np.sqrt(np.mean(popularity**2)))
    return np.asarray(popularity / max(root, 1e-30), np.float32)


def held_items(interactions: Csr, counts: npt.NDArray[np.int64]) -> Csr:
    """``r``: preference rows over the root of how many items the user holds.

    The indices are those of ``interactions``.
    """
    scale = np.asarray(1.0 / np.sqrt(np.maximum(counts, 1)), np.float32)
    data = np.repeat(scale, np.diff(interactions.indptr))
    data *= interactions.data
    cells = (data, interactions.indices, interactions.indptr)
    return sparse.csr_array(cells, shape=interactions.shape)
