"""Which settings of social diffusion a hold-out of the training table earns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse

from ..datasets.interactions import Interactions
from ..diffusion.operator import PropagationOperator
from .channels import FAINT, Setting, SocialChannels, Taste
from .holdout import Holdout, hold_out
from .scoring import parts_of
from .search import SINGLE, ablation, choose, grid, judge

AUTO: Final = "auto"
#: kinds of P that are tried, the plainest first
KINDS: Final = ("symmetric", "row", "doubly_stochastic")
TASTES = (Taste(0.1), Taste(0.2), Taste(0.3), Taste(0.5), Taste(0.5, 1.0), Taste(0.5, 5.0))
MEMORIES = (0.5, 1.0, 2.0, 4.0, 8.0)
FEW_TASTES = (Taste(0.3), Taste(0.5), Taste(0.7))
FEW_MEMORIES = (1.0, 4.0, 8.0)
FEW_BACKGROUNDS = (0.01, 0.03, 0.1)
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
    """The settings of users with many, few and no interactions, and what they were chosen on."""

    normalization: str | float
    warm: Setting
    few: Setting
    cold: Setting
    ablation: pd.DataFrame = field(default_factory=pd.DataFrame)
    trials: pd.DataFrame = field(default_factory=pd.DataFrame)


def as_given(dials: Dials, normalization: str | float) -> Selection:
    """The settings of a caller who fixed every dial."""
    damping, memory = dials.damping or 0.0, dials.memory or 0.0
    warm = Setting(Taste(damping, dials.evidence), memory)
    cold = Setting(Taste(damping), memory, max(dials.background or 0.0, FAINT))
    return Selection(normalization, warm, warm, cold)


def select(
    base: Any,
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
    is_dense = all(isinstance(part.signals_, np.ndarray) for _, part in parts_of(base))
    most = _JUDGED_DENSE if is_dense else _JUDGED_SPARSE
    held = held.at_most(most, random_state=random_state)
    kind = _best_kind(base, adjacency, held, kinds, n_jobs)
    channels = SocialChannels(base, adjacency, PropagationOperator(adjacency, kind))
    groups = {
        "warm": (held.warm, *_warm_grid(dials)),
        "few": (held.few, *_few_grid(dials)),
        "cold": (held.cold, *_cold_grid(dials)),
    }
    chosen, changes, trials = {}, [], []
    for name, (rows, settings, baseline) in groups.items():
        alone = POPULAR if name == "cold" else Setting()
        tried = tuple(dict.fromkeys((alone, *settings)))
        judged = judge(channels, tried, rows, held.truth, n_jobs=n_jobs)
        chosen[name] = choose(judged.among(settings), baseline)
        changes.append(ablation(judged, alone, chosen[name], name))
        trials.append(judged.to_frame().assign(users=name))
    return Selection(
        kind,
        **chosen,
        ablation=pd.concat(changes, ignore_index=True),
        trials=pd.concat(trials, ignore_index=True),
    )


def _best_kind(
    base: Any,
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


def _warm_grid(dials: Dials) -> tuple[tuple[Setting, ...], Setting]:
    """Settings of users with a history, and the one with every free dial at zero."""
    own = Taste(dials.damping or 0.0, dials.evidence)
    tastes = (own,) if dials.damping is not None else (Taste(), *TASTES)
    memories = (dials.memory,) if dials.memory is not None else (0.0, *MEMORIES)
    return grid(tastes, memories), Setting(tastes[0], memories[0])


def _few_grid(dials: Dials) -> tuple[tuple[Setting, ...], Setting]:
    """The same for users of whom little is known, with a popularity background."""
    own = Taste(dials.damping or 0.0, dials.evidence)
    tastes = (own,) if dials.damping is not None else (Taste(), *FEW_TASTES)
    memories = (dials.memory,) if dials.memory is not None else (0.0, *FEW_MEMORIES)
    backgrounds = (0.0, *FEW_BACKGROUNDS) if dials.background is None else (0.0,)
    return grid(tastes, memories, backgrounds), Setting(tastes[0], memories[0])


def _cold_grid(dials: Dials) -> tuple[tuple[Setting, ...], Setting]:
    """Settings of users without interactions, and popularity alone."""
    tastes = COLD_TASTES if dials.damping is None else (Taste(dials.damping),)
    memories = COLD_MEMORIES if dials.memory is None else (dials.memory,)
    backgrounds: tuple[float, ...] = BACKGROUNDS
    if dials.background is not None:
        backgrounds = (max(dials.background, FAINT),)
    settings = grid(tastes, memories, backgrounds)
    if dials.damping is None and dials.memory is None:
        return tuple(dict.fromkeys((POPULAR, *settings))), POPULAR
    # a caller who fixed a dial meant it for these users too
    return settings, settings[0]
