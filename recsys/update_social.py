"""Updates of ``SocialDiffusion``: the base, the ties, and the taste diffused where it changed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from ..diffusion.local_diffusion import rediffuse
from ..diffusion.norms import column_norms
from ..diffusion.operator import PropagationOperator
from .channels import ROW_HOPS, Diffused, Setting, SocialChannels, Taste, evidence_weights
from .execution import one_blas_thread
from .scoring import Floats
from .selection import fitted_selection
from .update_change import Change, placed
from .update_dispatch import renewed_model
from .update_record import UpdatedPart

State = tuple[SocialChannels, list[tuple[Setting, Diffused]]]

#: below this weight of the diffused taste it cannot be read back from the mixture
_READABLE = 1e-3


def renewed_social(
    model: Any, change: Change, state: State | None
) -> tuple[Any, tuple[UpdatedPart, ...]]:
    """A copy of a fitted ``SocialDiffusion`` with new rows and ties, its settings as they are.

    Where the channels were prepared (``state``), the diffused taste is brought up to date from the
    residual, within the tolerance of the fit; otherwise they are prepared at the first list.
    """
    if change.ties is None:
        raise ValueError("the model holds no graph: fit again")
    # a kind of P that the new ties do not have is refused before anything is computed
    operator = PropagationOperator(change.ties.after, model.normalization_)
    fresh = copy.copy(model)
    fresh.base_, parts = _renewed_base(model.base_, change)
    fresh.social_ = change.ties.after
    fresh.interactions_ = fresh.base_.interactions_
    fresh.user_ids_, fresh.item_ids_ = change.user_ids, change.item_ids
    vars(fresh).pop("_prepared", None)
    with one_blas_thread():
        channels = SocialChannels(fresh.base_, change.ties.after, operator)
        if state is None:
            bound = _bound_of_fit(fresh, channels)
        else:
            update = _Rediffusion(channels, change, state[0])
            prepared = [(setting, update.diffused(known)) for setting, known in state[1]]
            vars(fresh)["_prepared"] = (channels, prepared)
            bound = update.bound
        reach = max(_reach(channels, setting) for setting in _groups(fresh))
    given = "the base model and the settings"
    taste = UpdatedPart("taste", "certified" if bound else "exact", given, bound)
    friends = UpdatedPart("memory", "exact", given, 0.0)
    carried = [_carried(part, reach) for part in parts]
    return fresh, (*carried, taste, friends)


def _renewed_base(base: Any, change: Change) -> tuple[Any, tuple[UpdatedPart, ...]]:
    """The base with the new rows; as it is where only ties between known users came."""
    if change.given.nnz == 0 and change.shape == base.interactions_.shape:
        return base, ()
    return renewed_model(base, change)


class _Rediffusion:
    """The diffused tastes of a fit, brought up to date."""

    def __init__(self, channels: SocialChannels, change: Change, old: SocialChannels) -> None:
        self.channels = channels
        self.change = change
        self.old = old
        self.bound = 0.0
        self.spreads: dict[tuple[int, float], Floats] = {}
        self.bounds: dict[tuple[int, float], float] = {}

    def diffused(self, known: Diffused) -> Diffused:
        """``z`` of everybody by the taste of ``known``."""
        factors = tuple(
            None if part is None else self._factors(place, known.taste, part)
            for place, part in enumerate(known.factors)
        )
        bound = sum(
            self.bounds[place, known.taste.damping]
            for place, part in enumerate(factors)
            if part is not None
        )
        self.bound = max(self.bound, bound)
        return Diffused(known.taste, factors)

    def _factors(self, place: int, taste: Taste, known: Floats) -> Floats:
        signals = np.asarray(self.channels.parts[place][1].signals_)
        spread = self._spread(place, taste, known, signals)
        if taste.evidence is None:
            return spread
        weight = evidence_weights(taste, self.channels.counts, self.channels.tie_weights)[:, None]
        return np.asarray((1 - weight) * signals + weight * spread, np.float32)

    def _spread(self, place: int, taste: Taste, known: Floats, signals: Floats) -> Floats:
        """``F_P x`` of everybody, from the old one."""
        key = place, taste.damping
        if key not in self.spreads:
            earlier = np.asarray(self.old.parts[place][1].signals_)
            before = self._unmixed(taste, known, earlier)
            # what the signals gained is kept by their owners first
            guess = signals.astype(np.float64)
            guess[self.change.old_users] -= earlier
            guess *= 1.0 - taste.damping
            guess[self.change.new_users] = signals[self.change.new_users]
            guess += placed(before, self.change.old_users, len(guess))
            found = rediffuse(
                self.channels.operator,
                signals,
                guess.astype(np.float32),
                taste.damping,
                tol=self.channels.tolerance(taste.damping),
            )
            self.spreads[key] = np.asarray(found.values, np.float32)
            self.bounds[key] = _in_scores(self.channels.parts[place], found.bound)
        return self.spreads[key]

    def _unmixed(self, taste: Taste, known: Floats, signals: Floats) -> Floats:
        """``F_P x`` from ``(1 - w) x + w F_P x``; a start only, so that no digit is owed."""
        if taste.evidence is None:
            return known
        weight = evidence_weights(taste, self.old.counts, self.old.tie_weights)[:, None]
        safe = np.maximum(weight, _READABLE)
        return np.asarray(signals + (known - signals) / safe, np.float32)


def _in_scores(part: tuple[float, Any], bounds: Any) -> float:
    """The largest difference of a score: no entry differs by more than the norm of its column."""
    weight, model = part
    reach = float(np.linalg.norm(bounds))
    return abs(weight) * reach * _longest_item(model)


def _longest_item(model: Any) -> float:
    """The largest length of an item's map: of its factors, or of the scores of unit signals."""
    if hasattr(model, "item_factors_"):
        return float(np.linalg.norm(model.item_factors_, axis=1).max(initial=0.0))
    width = np.asarray(model.signals_[:1]).shape[1]
    return float(np.linalg.norm(model.score_signals(np.eye(width, dtype=np.float32)), axis=0).max())


def _bound_of_fit(fresh: Any, channels: SocialChannels) -> float:
    """What the tolerance of a fit allows the taste of everybody, as scores."""
    order = channels.operator._propagation.p
    largest = 0.0
    for damping in {setting.taste.damping for setting in _groups(fresh)} - {0.0}:
        total = 0.0
        for part in channels.parts:
            signals = part[1].signals_
            if isinstance(signals, np.ndarray):
                allowed = channels.tolerance(damping) * column_norms(signals, order)
                total += _in_scores(part, allowed)
        largest = max(largest, total)
    return largest


def _groups(fresh: Any) -> tuple[Setting, ...]:
    """The settings of users with many, few and no interactions."""
    settings = fitted_selection(fresh)
    return settings.warm, settings.few, settings.cold


def _reach(channels: SocialChannels, setting: Setting) -> float:
    """How much larger a difference of base scores can become in the sum of the channels.

    The taste adds up base scores with weights ``F_P 1`` at most; memory and background go with the
    scale, which is a mean of base scores.
    """
    a = setting.taste.damping
    spread = np.ones(len(channels.counts))
    for _ in range(ROW_HOPS):
        spread = a * channels.operator.apply(spread) + (1.0 - a)
    largest = np.asarray(channels.held.max(axis=1).todense(), np.float64).ravel()
    friends = float((channels.ties @ largest).max(initial=0.0))
    popular = float(channels.popularity.max(initial=0.0))
    taste = max(1.0, float(spread.max(initial=0.0)))
    return taste + setting.memory * friends + setting.background * popular


def _carried(part: UpdatedPart, reach: float) -> UpdatedPart:
    """A part of the base model, its bound as it arrives in the sum of the channels."""
    return part if not part.bound else replace(part, bound=part.bound * reach)
