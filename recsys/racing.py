"""Judging base models on hold-outs of one table, and giving up early on those that fall behind.

All models are judged on the same hidden cells of the same users, so they are compared in pairs. A
model that is more than two standard errors behind the best one so far is not fitted again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.interactions import Interactions
from .execution import Rows, map_batches
from .holdout import Holdout, hide_cells
from .search import WHOLE, list_quality, paired

Quality = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]

#: users of a hold-out that are judged at most
JUDGED = 5000


@dataclass(frozen=True)
class Judgement:
    """Recall and NDCG per hold-out, shape (2, n_users) each, and the seconds that it took."""

    quality: tuple[Quality, ...]
    seconds: float

    @property
    def recall(self) -> float:
        """Mean over users, then over hold-outs."""
        return float(np.mean([part[0].mean() for part in self.quality]))

    @property
    def ndcg(self) -> float:
        """Mean over users, then over hold-outs."""
        return float(np.mean([part[1].mean() for part in self.quality]))

    def lead_over(self, other: Judgement) -> tuple[float, float]:
        """Mean paired difference of NDCG on the hold-outs that both know, and its error."""
        shared = min(len(self.quality), len(other.quality))
        mine, theirs = (
            np.concatenate([part[1] for part in judged.quality[:shared]])
            for judged in (self, other)
        )
        return paired(mine, theirs)


def hold_outs(table: Interactions, count: int, *, random_state: int) -> tuple[Holdout, ...]:
    """``count`` reduced tables with what they hide; at most ``JUDGED`` users are judged in each.

    Of a tiny table a draw may hide nothing; it is left out.
    """
    rng = np.random.default_rng(random_state)
    seeds = rng.integers(2**31, size=count).tolist()
    draws = [
        hide_cells(table, random_state=seed).at_most(JUDGED, random_state=seed) for seed in seeds
    ]
    useful = tuple(held for held in draws if len(held.warm))
    if not useful:
        raise ValueError(
            "interactions must hold users with several items, so that some can be hidden to judge "
            f"by; got {len(table)} rows of {table.n_users} users, of which {count} draws hid none: "
            "choose the settings by hand"
        )
    return useful


def race(
    make: Callable[[], Any],
    held_out: Sequence[Holdout],
    best: Judgement | None,
    *,
    n_jobs: int | None,
) -> tuple[Judgement, Any]:
    """How a model does on each hold-out until it falls behind ``best``; and its first fit."""
    started = time.monotonic()
    quality: list[Quality] = []
    first = None
    for held in held_out:
        model = make().fit(held.train)
        first = model if first is None else first
        quality += judge_lists(partial(_alone, model), held, n_jobs=n_jobs)
        so_far = Judgement(tuple(quality), time.monotonic() - started)
        if best is not None and is_behind(so_far, best):
            break
    return Judgement(tuple(quality), time.monotonic() - started), first


def is_behind(judged: Judgement, best: Judgement) -> bool:
    """Whether ``judged`` is worse by more than ``WHOLE`` standard errors."""
    lead, error = judged.lead_over(best)
    return lead + WHOLE * error < 0


def judge_lists(
    score_sets: Callable[[Rows], Iterable[Scores]], held: Holdout, *, n_jobs: int | None
) -> list[Quality]:
    """Recall and NDCG of each set of scores for every judged user, shape (2, n_users) each."""
    seen_rows = held.train.matrix

    def judge_batch(rows: Rows) -> Quality:
        wanted = np.asarray(held.truth[rows].toarray() > 0)
        seen = seen_rows[rows]
        users = np.repeat(np.arange(len(rows)), np.diff(seen.indptr))
        found = []
        for scores in score_sets(rows):
            scores[users, seen.indices] = -np.inf
            found.append(list_quality(scores, wanted))
        return np.stack(found)

    parts = map_batches(
        judge_batch,
        held.warm,
        row_bytes=16 * sum(held.truth.shape),
        n_jobs=n_jobs,
        stage="judging on a hold-out",
    )
    return list(np.concatenate(parts, axis=2))


def _alone(model: Any, rows: Rows) -> list[Scores]:
    return [model.score_users(rows)]
