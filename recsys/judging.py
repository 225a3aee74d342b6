"""From lists and names of metrics to values: per user, of all lists together, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .accuracy import ACCURACY, refuse_unknown
from .asked import Asked, asked
from .compat import Compat
from .judgement_context import Context
from .judgements import CATALOGUE
from .lists import Lists
from .variants import VARIANTS

Values = npt.NDArray[np.float64]

#: what ``metrics="default"`` means, each of the whole lists
DEFAULT_METRICS = (
    *("recall", "precision", "ndcg", "map", "mrr", "hit_rate"),
    *("coverage", "gini", "entropy", "personalization"),
)
#: and, where there are training rows, these too
DEFAULT_WITH_TRAIN = ("novelty", "arp", "long_tail", "popularity_lift", "unexpected_hits")

#: every metric that can be asked for by name
NAMES = frozenset({*ACCURACY, *CATALOGUE})

#: resamples of users behind the interval of a metric of all lists together: at most and at least
N_RESAMPLES, LEAST_RESAMPLES = 200, 50
#: cells of lists that may be gone through for these intervals, which is about a second
_MOST_CELLS = 40_000_000


@dataclass(frozen=True)
class Measured:
    """Values per user, values of all lists together, and the intervals of the latter."""

    per_user: dict[str, Values]
    spread: dict[str, float]
    spread_intervals: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Rules:
    """How names become values: definitions, what measures need beside the lists, the full length.

    ``longest`` is the cut of a metric asked for without one.
    """

    compat: Compat
    context: Context
    longest: int


def plan_of(metrics: Any, *, longest: int, has_train: bool) -> list[Asked]:
    """What was asked for; by default the default metrics of the whole lists."""
    if metrics is None or (isinstance(metrics, str) and metrics == "default"):
        names = (*DEFAULT_METRICS, *(DEFAULT_WITH_TRAIN if has_train else ()))
        metrics = [f"{name}@{max(longest, 1)}" for name in names]
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise TypeError(f"metrics must be a list of names; got {metrics!r}: pass [{metrics!r}]")
    plan = [asked(label, NAMES) for label in metrics]
    labels = [entry.label for entry in plan]
    repeated = next((label for label in labels if labels.count(label) > 1), None)
    if repeated is not None:
        raise ValueError(f"metrics must name each metric once; got {repeated!r} again")
    return plan


def measured(plan: list[Asked], lists: Lists, rules: Rules, *, z: float | None) -> Measured:
    """The values of all that was asked for; ``z`` standard errors for intervals of list metrics."""
    found = Measured({}, {}, {})
    for entry in plan:
        value = value_of(entry, lists, rules)
        if isinstance(value, np.ndarray):
            found.per_user[entry.label] = value
        else:
            found.spread[entry.label] = float(value)
    together = [entry for entry in plan if entry.label in found.spread]
    if z is not None and together:
        for label, error in _errors(together, lists, rules).items():
            value = found.spread[label]
            found.spread_intervals[label] = (value - z * error, value + z * error)
    return found


def value_of(entry: Asked, lists: Lists, rules: Rules) -> Values | float:
    """One metric under the preset's options and, above them, its own."""
    k = max(rules.longest, 1) if entry.k is None else entry.k
    options = rules.compat.options_of(entry.name, cut=entry.k is not None) | dict(entry.options)
    if entry.name in ACCURACY:
        refuse_unknown(ACCURACY[entry.name], options, entry.label)
        return ACCURACY[entry.name](lists, k, **options)
    if not options:
        return CATALOGUE[entry.name](lists, k, rules.context)
    chosen = VARIANTS.get(entry.name, CATALOGUE[entry.name])
    refuse_unknown(chosen, options, entry.label)
    return chosen(lists, k, rules.context, **options)


def _errors(plan: list[Asked], lists: Lists, rules: Rules) -> dict[str, float]:
    """The standard error of each metric over resampled users; nothing where that is dear."""
    cells = lists.items.size + len(lists.truth_items) + lists.n_items
    cells += 0 if lists.train is None else len(lists.train)
    n_resamples = min(_MOST_CELLS // (cells * len(plan)), N_RESAMPLES)
    if lists.n_users < 2 or n_resamples < LEAST_RESAMPLES:
        return {}
    rng = np.random.default_rng(0)
    drawn: dict[str, list[float]] = {entry.label: [] for entry in plan}
    for _ in range(n_resamples):
        sample = lists.take(rng.integers(0, lists.n_users, lists.n_users))
        # What a context keeps belongs to one set of lists.
        again = replace(rules, context=replace(rules.context))
        for entry in plan:
            drawn[entry.label].append(float(value_of(entry, sample, again)))
    return {label: float(np.std(values, ddof=1)) for label, values in drawn.items()}
