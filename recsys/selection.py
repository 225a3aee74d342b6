"""Which settings of social diffusion a hold-out of the training table earns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from scipy import sparse

from ..datasets.interactions import Interactions
from ..diffusion.operator import PropagationOperator
from .channels import FAINT, Setting, SocialChannels, Taste
from .holdout import Holdout, hold_out
from .scoring import LinearModel
from .search import SINGLE, Judged, ablation, choose, grid, judge

AUTO: Final = "auto"
#: kinds of P that are tried, the plainest first
KINDS: Final = ("symmetric", "row", "doubly_stochastic")
TASTES = (Taste(0.1), Taste(0.2), Taste(0.3), Taste(0.5), Taste(0.5, 1.0), Taste(0.5, 5.0))
MEMORIES = (0.5, 1.0, 2.0, 4.0, 8.0)
COLD_TASTES = (Taste(0.3), Taste(0.6), Taste(0.85))
COLD_MEMORIES = (0.0, 1.0, 4.0)
BACKGROUNDS = (FAINT, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
#: users without interactions and nothing known of friends: popularity alone
POPULAR = Setting(background=1.0)
#: users of each group whom the hold-out judges at most: with dense factors, with sparse rows
_JUDGED_DENSE, _JUDGED_SPARSE = 8192, 2048


@dataclass(frozen=True)
class Dials:
    """What the caller fixed; None where the hold-out chooses."""

    damping: float | None = None
    memory: float | None = None
    background: float | None = None
    evidence: float | None = None

    @property
    def any_free(self) -> bool:
        """Whether the hold-out has something to choose."""
        return None in (self.damping, self.memory, self.background)


@dataclass(frozen=True)
class Selection:
    """The settings of users with and without interactions, and what they were chosen on."""

    normalization: str | float
    warm: Setting
    cold: Setting
    ablation: pd.DataFrame = field(default_factory=pd.DataFrame)
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)


def as_given(dials: Dials, normalization: str | float) -> Selection:
    """The settings of a caller who fixed every dial."""
    damping, memory = dials.damping or 0.0, dials.memory or 0.0
    cold = Setting(Taste(damping), memory, max(dials.background or 0.0, FAINT))
    return Selection(normalization, Setting(Taste(damping, dials.evidence), memory), cold)


def select(
    base: LinearModel,
    table: Interactions,
    adjacency: sparse.csr_array,
    *,
    dials: Dials,
    kinds: Sequence[str | float],
    random_state: int,
    n_jobs: int | None,
) -> Selection:
    """Fit ``base`` on a reduced table and choose the free dials by what was hidden from it."""
    held = hold_out(table, np.diff(adjacency.indptr) > 0, random_state=random_state)
    base.fit(held.train)
    # rows of preferences are dearer to diffuse than factors
    most = _JUDGED_DENSE if isinstance(base.signals_, np.ndarray) else _JUDGED_SPARSE
    held = held.at_most(most, random_state=random_state)
    kind = _best_kind(base, adjacency, held, kinds, n_jobs)
    channels = SocialChannels(base, adjacency, PropagationOperator(adjacency, kind))
    judged, warm_baseline, warm = _select_warm(channels, held, dials, n_jobs)
    cold_judged, cold = _select_cold(channels, held, dials, n_jobs)
    changes = (
        ablation(judged, warm_baseline, warm, "warm"),
        ablation(cold_judged, POPULAR, cold, "cold"),
    )
    trials = (judged.to_frame().assign(users="warm"), cold_judged.to_frame().assign(users="cold"))
    return Selection(
        kind,
        warm,
        cold,
        ablation=pd.concat(changes, ignore_index=True),
        trials=pd.concat(trials, ignore_index=True),
    )


def _best_kind(
    base: LinearModel,
    adjacency: sparse.csr_array,
    held: Holdout,
    kinds: Sequence[str | float],
    n_jobs: int | None,
) -> str | float:
    """The kind of P that serves best at moderate damping; the plainest unless beaten clearly."""
    symmetric = abs(adjacency - adjacency.T).nnz == 0
    possible = [kind for kind in kinds if symmetric or kind != "doubly_stochastic"]
    if len(possible) == 1:
        return possible[0]
    probe = Setting(Taste(0.3))
    best, best_judged = possible[0], None
    for kind in possible:
        channels = SocialChannels(base, adjacency, PropagationOperator(adjacency, kind))
        judged = judge(channels, (probe,), held.warm, held.truth, n_jobs=n_jobs)
        if best_judged is None:
            best_judged = judged
            continue
        gain, error = judged.gain_over(best_judged, probe)
        if gain > SINGLE * error:
            best, best_judged = kind, judged
    return best


def _select_warm(
    channels: SocialChannels, held: Holdout, dials: Dials, n_jobs: int | None
) -> tuple[Judged, Setting, Setting]:
    """The setting of users with interactions, over the one with every free dial at zero."""
    own = Taste(dials.damping or 0.0, dials.evidence)
    tastes = (own,) if dials.damping is not None else (Taste(), *TASTES)
    memories = (dials.memory,) if dials.memory is not None else (0.0, *MEMORIES)
    baseline = Setting(tastes[0], memories[0])
    judged = judge(channels, grid(tastes, memories), held.warm, held.truth, n_jobs=n_jobs)
    return judged, baseline, choose(judged, baseline)


def _select_cold(
    channels: SocialChannels, held: Holdout, dials: Dials, n_jobs: int | None
) -> tuple[Judged, Setting]:
    """The setting of users without interactions, over popularity alone."""
    tastes = COLD_TASTES if dials.damping is None else (Taste(dials.damping),)
    memories = COLD_MEMORIES if dials.memory is None else (dials.memory,)
    backgrounds: tuple[float, ...] = BACKGROUNDS
    if dials.background is not None:
        backgrounds = (max(dials.background, FAINT),)
    settings = tuple(dict.fromkeys((POPULAR, *grid(tastes, memories, backgrounds))))
    judged = judge(channels, settings, held.cold, held.truth, n_jobs=n_jobs)
    return judged, choose(judged, POPULAR)
