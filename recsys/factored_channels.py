"""Social diffusion as products of vectors and additions from memory, for lists by pruning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .channels import Diffused, Setting
from .execution import Rows
from .factored import Factored, Groups, Term, VectorGroup, item_terms, signal_terms
from .holdout import FEW
from .matrices import Csr
from .pruned_topk import Memory
from .scoring import Floats

#: vectors whose sizes are looked at to set the background beside them
_SAMPLE = 1000


class ListChannels(Protocol):
    """What lists need of the channels: ``SocialChannels``, or those of some users on a shard."""

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many items each user holds."""
        ...

    @property
    def tie_weights(self) -> npt.NDArray[Any]:
        """The weight of each user's ties."""
        ...

    @property
    def parts(self) -> Sequence[tuple[float, Any]]:
        """The linear models of the base, each with its weight."""
        ...

    @property
    def scale(self) -> float:
        """Mean score of the base on its training cells."""
        ...

    @property
    def popularity(self) -> Floats:
        """``q``, shape (n_items,)."""
        ...

    @property
    def ties(self) -> Csr:
        """``W``, a row for each user; only asked for where somebody has a memory."""
        ...

    @property
    def held(self) -> Csr:
        """``r``, a row for each column of ``ties``."""
        ...


def social_groups(
    base: Any,
    channels: ListChannels,
    prepared: Sequence[tuple[Setting, Diffused]],
    rows: Rows,
) -> Groups | None:
    """The terms of ``grouped_scores``: diffused factors and background, with memory beside them.

    ``prepared`` holds the settings of users with more than ``FEW`` items, with 1 to ``FEW`` and
    without. None where a part of the base has preference rows in place of factors.
    """
    items = item_terms(base)
    if items is None or not isinstance(base, Factored):
        return None
    counts, has_ties = channels.counts[rows], channels.tie_weights[rows] > 0
    masks = (counts > FEW, (counts > 0) & (counts <= FEW), counts == 0)
    found = []
    left = np.ones(len(rows), np.bool_)
    for mask, (setting, diffused) in zip(masks, prepared, strict=True):
        chosen = mask & has_ties
        if not chosen.any() or setting == Setting():
            continue
        left &= ~chosen
        terms = signal_terms(items, _signals(channels, diffused))
        found.append(_group(channels, setting, terms, np.flatnonzero(chosen)))
    others = np.flatnonzero(left)
    if len(others):
        own = base.factored(rows[others])
        if own is None:
            return None
        found += [replace(group, places=others[group.places]) for group in own]
    return tuple(found)


def _signals(channels: ListChannels, diffused: Diffused) -> list[Any]:
    """``z`` of all users for each part of the base."""
    return [
        part.signals_ if factors is None else factors
        for (_, part), factors in zip(channels.parts, diffused.factors, strict=True)
    ]


def _group(
    channels: ListChannels, setting: Setting, terms: tuple[Term, ...], places: Rows
) -> VectorGroup:
    """The terms of one group of users with their background and memory."""
    if setting.background:
        weight = channels.scale * setting.background
        lift = _even_lift(terms[0], weight)
        terms = (*terms, Term(None, channels.popularity[:, None], weight, lift))
    memory = None
    if setting.memory:
        memory = Memory(channels.ties, channels.held, channels.scale * setting.memory)
    return VectorGroup(places, terms, memory)


def _even_lift(term: Term, weight: float) -> float:
    """The power of two near ``sqrt(weight |x| / |y|)``, for a level of root mean square 1."""
    users = 1.0 if term.users is None else _size(term.users)
    ratio = weight * users / max(_size(term.items) * abs(term.weight), 1e-30)
    if not math.isfinite(ratio) or ratio <= 0.0:
        return 1.0
    return 2.0 ** round(math.log2(min(max(ratio, 1e-12), 1e12)) / 2)


def _size(vectors: Floats) -> float:
    """Root mean square of the norms of some vectors, evenly drawn."""
    some = np.asarray(vectors[:: max(1, len(vectors) // _SAMPLE)], np.float64)
    return float(np.sqrt((some**2).sum(axis=1).mean()))
