"""The two channels of social diffusion for newcomers, whom nobody in the fit listens to.

For a newcomer u with signal ``x_u`` and ties ``A_uv``, the fitted ``F_P x`` and ``r`` of everybody
else staying as they are::

    (F_P x)_u = (1 - a) x_u + a sum_v P_uv (F_P x)_v        over users of the fit and newcomers
    (F_W r)_u = sum_v W_uv r_v ,   W_uv = C_uv (D_u D'_v)^-1/2 ,   D'_v = D_v + C_uv

with the row of ``P`` that :class:`~suffuse.diffusion.newcomer_rows.Doorway` gives. Newcomers who
listen to each other are solved together. Over preference rows the filter is cut after two hops,
as in the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..diffusion.newcomer_rows import NewTies, by_degrees, damped_newcomers
from .channels import (
    ROW_HOPS,
    WEIGHING,
    Diffused,
    Setting,
    SocialChannels,
    Taste,
    agreement,
    evidence_weights,
    held_items,
)
from .execution import Rows
from .matrices import Csr, scaled_rows, single
from .newcomers import Newcomers
from .scoring import Floats, Signals, dense_signals, evidence, preferences, signal_scores


class FoldedChannels:
    """The channels of newcomers over those of a fit."""

    def __init__(
        self, fitted: SocialChannels, newcomers: Newcomers, signals: Sequence[Signals]
    ) -> None:
        self.fitted = fitted
        self.signals = signals
        self.counts = evidence(newcomers.rows)
        ties = NewTies(newcomers.listens, newcomers.among, _row_sums(newcomers.heard))
        self.tie_weights = ties.out
        self.listens, self.among = fitted.doorway.rows(ties)
        self._newcomers = newcomers
        use_weights = bool(getattr(fitted.parts[0][1], "use_weights", False))
        rows = preferences(newcomers.rows, use_weights=use_weights)
        self.held = held_items(rows, self.counts)

    @property
    def memory(self) -> tuple[Csr, Csr]:
        """Rows of ``W`` over the users of the fit and over newcomers; made when first asked for."""
        with WEIGHING:
            return self._memory

    @cached_property
    def _memory(self) -> tuple[Csr, Csr]:
        return _memory_ties(self.fitted, self._newcomers, self.signals[0])

    def diffused(self, fitted: Diffused) -> Diffused:
        """``z`` of all newcomers by the taste of ``fitted``, for dense parts of the base."""
        taste = fitted.taste
        factors: list[Floats | None] = []
        for place, (own, known) in enumerate(zip(self.signals, fitted.factors, strict=True)):
            if known is None or not isinstance(own, np.ndarray):
                factors.append(None)
                continue
            # the mixture with the users' own signals is not what travels on
            spread = (
                known if taste.evidence is None else self.fitted.spread_of(place, taste.damping)
            )
            near = np.unique(self.listens.indices)
            carried = self.listens[:, near] @ spread[near].astype(np.float64)
            found = damped_newcomers(own.astype(np.float64), carried, self.among, taste.damping)
            factors.append(self._weighed(own, found.astype(np.float32), taste))
        return Diffused(taste, tuple(factors))

    def taste_scores(self, rows: Rows, diffused: Diffused) -> Floats:
        """``z_u . item_map``, shape (len(rows), n_items)."""
        parts = self.fitted.parts
        if diffused.taste.damping == 0:
            return signal_scores(parts, self.signals, rows)
        mixtures = None
        signals: list[Signals] = []
        for (_, part), own, factors in zip(parts, self.signals, diffused.factors, strict=True):
            if factors is not None:
                signals.append(factors[rows])
                continue
            if mixtures is None:
                mixtures = self._mixtures(rows, diffused.taste)
            signals.append(single(mixtures[0] @ part.signals_ + mixtures[1] @ own))
        return signal_scores(parts, signals, np.arange(len(rows)))

    def memory_rows(self, rows: Rows) -> sparse.csr_array:
        """``(F_W r)_u``: the items of the friends of some newcomers, shape (len(rows), n_items)."""
        listens, among = self.memory
        return single(listens[rows] @ self.fitted.held + among[rows] @ self.held)

    def mix(self, taste: Floats, memory: sparse.csr_array | None, setting: Setting) -> Floats:
        """The sum of the channels, as in the fit."""
        return self.fitted.mix(taste, memory, setting)

    def _weighed(self, own: Floats, spread: Floats, taste: Taste) -> Floats:
        """``(1 - w) x + w F_P x``."""
        if taste.evidence is None:
            return spread
        weight = evidence_weights(taste, self.counts, self.tie_weights)[:, None]
        return np.asarray((1 - weight) * own + weight * spread, np.float32)

    def _mixtures(self, rows: Rows, taste: Taste) -> tuple[Csr, Csr]:
        """Rows of ``(1 - w) I + w F_P``, cut as in the fit, over users of the fit and newcomers."""
        a = taste.damping
        unit = _unit_rows(rows, len(self.counts))
        over_fit = sparse.csr_array((len(rows), self.listens.shape[1]))
        over_new = sparse.csr_array(unit.astype(np.float64))
        for _ in range(ROW_HOPS):
            further = self.fitted.operator.adjoint.apply(sparse.csr_array(over_fit.T)).T
            over_fit = sparse.csr_array(a * (further + over_new @ self.listens))
            over_new = sparse.csr_array(a * (over_new @ self.among) + (1 - a) * unit)
        weight = evidence_weights(taste, self.counts, self.tie_weights)[rows]
        return (
            scaled_rows(weight, over_fit),
            single(scaled_rows(1 - weight, unit) + scaled_rows(weight, over_new)),
        )


def _memory_ties(fitted: SocialChannels, newcomers: Newcomers, signals: Signals) -> tuple[Csr, Csr]:
    """Rows of ``W`` for newcomers: over the users of the fit, and over newcomers."""
    m = len(newcomers.ids)
    known = fitted.parts[0][1].signals_
    near = np.union1d(newcomers.listens.indices, newcomers.heard.indices).astype(np.int64)
    # everybody who matters, first those of the fit: the cosine asks for one array of signals
    everybody: Signals
    if isinstance(known, np.ndarray):
        everybody = np.concatenate([known[near], dense_signals(signals, np.arange(m))])
    else:
        everybody = single(sparse.vstack([known[near], sparse.csr_array(signals)]))

    def block(rows: Csr, first: int) -> Csr:
        """``C`` on ties whose targets are ``everybody`` from ``first`` on."""
        ties = sparse.coo_array(rows)
        sources, targets = ties.coords
        cells = (ties.data, (sources + len(near), targets + first))
        square = sparse.csr_array(cells, shape=(len(near) + m, len(near) + m))
        weighted = agreement(everybody, square)[len(near) :]
        return sparse.csr_array(weighted[:, first : first + rows.shape[1]])

    listens, heard = (block(part[:, near], 0) for part in (newcomers.listens, newcomers.heard))
    ties = NewTies(listens, block(newcomers.among, len(near)), _row_sums(heard))
    over_near, over_new = by_degrees(ties, fitted.agreement_sums[near], 0.5)
    wide = (over_near.data, near[over_near.indices], over_near.indptr)
    over_fit = sparse.csr_array(wide, shape=newcomers.listens.shape)
    return single(over_fit), single(over_new)


def _unit_rows(rows: Rows, n: int) -> Csr:
    """Rows of the identity."""
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_array((ones, rows, np.arange(len(rows) + 1)), shape=(len(rows), n))


def _row_sums(matrix: Csr) -> npt.NDArray[np.float64]:
    return np.asarray(matrix.sum(axis=1), np.float64).ravel()
