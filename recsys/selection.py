"""Which settings of social diffusion a hold-out of the training table earns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import clone

from ..datasets.interactions import Interactions
from ..diffusion.operator import PropagationOperator
from .channels import FAINT, Setting, SocialChannels, Taste
from .holdout import Holdout, hold_out
from .inputs import checked_number
from .matrices import Csr
from .scoring import parts_of
from .search import SINGLE, Judged, ablation, choose, grid, judge, pooled

AUTO: Final = "auto"
#: kinds of P that are tried, the plainest first
KINDS: Final = ("symmetric", "row", "doubly_stochastic")
TASTES = (Taste(0.1), Taste(0.2), Taste(0.3), Taste(0.5), Taste(0.5, 1.0), Taste(0.5, 5.0))
MEMORIES = (0.5, 1.0, 2.0, 4.0, 8.0)
FEW_TASTES = (Taste(0.3), Taste(0.5), Taste(0.7))
FEW_MEMORIES = (1.0, 4.0, 8.0)
#: up to popularity itself: with less, random ties pass for friends by smoothing towards it
#: what the graph must beat, never chosen itself
WARM_BACKGROUNDS = (0.003, 0.01, 0.03, 0.1, 0.3)
FEW_BACKGROUNDS = (0.01, 0.03, 0.1, 0.3, 1.0)
COLD_TASTES = (Taste(0.3), Taste(0.6), Taste(0.85))
COLD_MEMORIES = (0.0, 0.5, 1.0, 4.0)
BACKGROUNDS = (FAINT, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
#: users without interactions and nothing known of friends: popularity alone
POPULAR = Setting(background=1.0)
#: users of each group whom the hold-out judges at most: with dense factors, with sparse rows
_JUDGED_DENSE, _JUDGED_SPARSE = 8192, 2048
#: tables with fewer rows are held out several times
SMALL_TABLE, SMALL_DRAWS = 100_000, 3


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


def to_settings(selection: Selection) -> dict[str, Any]:
    """The settings as plain numbers, by which another fit can do without a hold-out."""
    groups = {"warm": selection.warm, "few": selection.few, "cold": selection.cold}
    return {"normalization": selection.normalization} | {
        name: {
            "damping": setting.taste.damping,
            "evidence": setting.taste.evidence,
            "memory": setting.memory,
            "background": setting.background,
        }
        for name, setting in groups.items()
    }


def from_settings(settings: Mapping[str, Any]) -> Selection:
    """The selection that :func:`to_settings` wrote; refused where a dial is missing or wrong."""
    names = {"normalization", "warm", "few", "cold"}
    if not isinstance(settings, Mapping) or set(settings) != names:
        raise ValueError(
            f"settings must be a mapping with {sorted(names)}, such as the settings_ of a fitted "
            f"SocialDiffusion; got {settings!r}"
        )
    warm, few, cold = (_setting(name, settings[name]) for name in ("warm", "few", "cold"))
    if warm.background:
        raise ValueError(
            "settings['warm']['background'] must be 0, for popularity is for users of whom little "
            f"is known; got {warm.background!r}"
        )
    # where friends know nothing either, popularity decides
    cold = replace(cold, background=max(cold.background, FAINT))
    return Selection(settings["normalization"], warm, few, cold)


def _setting(group: str, dials: Any) -> Setting:
    names = {"damping", "evidence", "memory", "background"}
    if not isinstance(dials, Mapping) or set(dials) != names:
        raise ValueError(f"settings[{group!r}] must hold {sorted(names)}; got {dials!r}")

    def number(name: str, high: float = float("inf"), above: bool = False) -> float:
        title = f"settings[{group!r}][{name!r}]"
        return checked_number(title, dials[name], high=high, above=above, below=True)

    evidence = None if dials["evidence"] is None else number("evidence", above=True)
    return Setting(Taste(number("damping", 1.0), evidence), number("memory"), number("background"))


def as_given(dials: Dials, normalization: str | float) -> Selection:
    """The settings of a caller who fixed every dial."""
    damping, memory = dials.damping or 0.0, dials.memory or 0.0
    warm = Setting(Taste(damping, dials.evidence), memory)
    cold = Setting(Taste(damping), memory, max(dials.background or 0.0, FAINT))
    return Selection(normalization, warm, warm, cold)


def set_dials(model: Any, selection: Selection) -> None:
    """Write a selection to the fitted names of a model."""
    model.normalization_ = selection.normalization
    model.damping_ = selection.warm.taste.damping
    model.evidence_ = selection.warm.taste.evidence
    model.memory_ = selection.warm.memory
    model.few_damping_ = selection.few.taste.damping
    model.few_evidence_ = selection.few.taste.evidence
    model.few_memory_ = selection.few.memory
    model.few_background_ = selection.few.background
    model.cold_damping_ = selection.cold.taste.damping
    model.cold_memory_ = selection.cold.memory
    model.background_ = selection.cold.background
    model.ablation_, model.search_ = selection.ablation, selection.trials


def fitted_selection(model: Any) -> Selection:
    """The fitted settings of a model's users with many, few and no interactions."""
    warm = Setting(Taste(model.damping_, model.evidence_), model.memory_)
    few = Setting(
        Taste(model.few_damping_, model.few_evidence_), model.few_memory_, model.few_background_
    )
    cold = Setting(Taste(model.cold_damping_), model.cold_memory_, model.background_)
    return Selection(model.normalization_, warm, few, cold)


@dataclass(frozen=True)
class _Draw:
    """One draw of the hold-out, and the base model that was fitted on what it leaves."""

    base: Any
    held: Holdout

    def judge(
        self, channels: SocialChannels, group: str, tried: tuple[Setting, ...], n_jobs: int | None
    ) -> Judged:
        """The settings on one group of users: "warm", "few" or "cold"."""
        rows = getattr(self.held, group)
        return judge(channels, tried, rows, self.held.truth, n_jobs=n_jobs)


def _channels(
    draws: Sequence[_Draw], adjacency: Csr, kind: str | float
) -> tuple[SocialChannels, ...]:
    """The channels over the base of every draw, with one operator."""
    operator = PropagationOperator(adjacency, kind)
    return tuple(SocialChannels(draw.base, adjacency, operator) for draw in draws)


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
    """Fit ``base`` on reduced tables and choose the free dials by what was hidden from it."""
    # a small table has few users to hide: several draws make up for it, and cost little there
    n_draws = SMALL_DRAWS if len(table) < SMALL_TABLE else 1
    draws = [_drawn(base, table, adjacency, random_state + place) for place in range(n_draws)]
    kind = _best_kind(draws, adjacency, kinds, n_jobs)
    everybody = tuple(zip(draws, _channels(draws, adjacency, kind), strict=True))
    groups = {"warm": _warm_grid(dials), "few": _few_grid(dials), "cold": _cold_grid(dials)}
    chosen, changes, trials = {}, [], []
    for name, (settings, baseline) in groups.items():
        alone = POPULAR if name == "cold" else Setting()
        tried = tuple(dict.fromkeys((alone, *settings)))
        judged = pooled(
            [draw.judge(channels, name, tried, n_jobs) for draw, channels in everybody],
            [getattr(draw.held, name) for draw in draws],
        )
        if name != "cold" and baseline == alone:
            chosen[name], alone = _over_background(judged, settings)
        else:
            chosen[name] = choose(judged.among(settings), baseline)
        changes.append(ablation(judged, alone, chosen[name], name))
        trials.append(judged.to_frame().assign(users=name))
    return Selection(
        kind,
        **chosen,
        ablation=pd.concat(changes, ignore_index=True),
        trials=pd.concat(trials, ignore_index=True),
    )


def _over_background(judged: Judged, settings: tuple[Setting, ...]) -> tuple[Setting, Setting]:
    """What the graph serves best, or the base alone; and the best that there is without the graph.

    Where a popularity background helps, random friends help too, as any smoothing does. So the
    graph must beat the base with its best background; where it does not, the base stays alone.
    """
    plain = tuple(
        setting for setting in settings if not setting.memory and not setting.taste.damping
    )
    alone = choose(judged.among(plain), Setting())
    chosen = choose(judged.among(settings), alone)
    return (Setting(), Setting()) if chosen == alone else (chosen, alone)


def _drawn(base: Any, table: Interactions, adjacency: Csr, random_state: int) -> _Draw:
    held = hold_out(table, np.diff(adjacency.indptr) > 0, random_state=random_state)
    fitted = clone(base).fit(held.train)
    # rows of preferences are dearer to diffuse than factors
    is_dense = all(isinstance(part.signals_, np.ndarray) for _, part in parts_of(fitted))
    most = _JUDGED_DENSE if is_dense else _JUDGED_SPARSE
    return _Draw(fitted, held.at_most(most, random_state=random_state))


def _best_kind(
    draws: Sequence[_Draw], adjacency: Csr, kinds: Sequence[str | float], n_jobs: int | None
) -> str | float:
    """The kind of P that serves best at moderate damping; the plainest unless beaten clearly."""
    if len(kinds) == 1:
        return kinds[0]
    symmetric = abs(adjacency - adjacency.T).nnz == 0
    possible = [kind for kind in kinds if symmetric or kind != "doubly_stochastic"]
    if len(possible) == 1:
        return possible[0]
    probe = Setting(Taste(0.3))
    rows = [draw.held.warm for draw in draws]
    best, best_judged = possible[0], None
    for kind in possible:
        everybody = zip(draws, _channels(draws, adjacency, kind), strict=True)
        judged = pooled(
            [draw.judge(channels, "warm", (probe,), n_jobs) for draw, channels in everybody], rows
        )
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
    settings, baseline = grid(tastes, memories), Setting(tastes[0], memories[0])
    if baseline == Setting():
        settings += tuple(Setting(background=weight) for weight in WARM_BACKGROUNDS)
    return settings, baseline


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
