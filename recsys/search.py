"""Choosing the settings of social diffusion on a hold-out, so that the graph must earn its place.

Every setting of a grid is judged on the same users, so settings are compared in pairs: a channel
stays only where leaving it out costs more than a standard error, and the graph as a whole only
where its gain exceeds two. Otherwise the simpler setting stays, down to no graph at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from .channels import Setting, SocialChannels, Taste
from .execution import Rows, map_batches
from .metrics import ndcg, recall
from .progress import tell
from .topk import NO_ITEM, top_k

#: length of the lists that are judged
LENGTH = 20
#: standard errors that the graph's gain must exceed, and that a single channel's must
WHOLE, SINGLE = 2.0, 1.0

Quality = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Recall and NDCG of every setting for every judged user, shape (n_settings, n_users)."""

    settings: tuple[Setting, ...]
    recall: Quality
    ndcg: Quality

    def to_frame(self) -> pd.DataFrame:
        """One row per setting: its dials (evidence NaN where None) and its mean recall and NDCG."""
        rows = [
            {
                "damping": setting.taste.damping,
                "evidence": np.nan if setting.taste.evidence is None else setting.taste.evidence,
                "memory": setting.memory,
                "background": setting.background,
                f"recall@{LENGTH}": recall,
                f"ndcg@{LENGTH}": ndcg,
            }
            for setting, recall, ndcg in zip(
                self.settings, _means(self.recall), _means(self.ndcg), strict=True
            )
        ]
        return pd.DataFrame(rows)

    def among(self, settings: Sequence[Setting]) -> Judged:
        """The same for some of the settings."""
        kept = [self.settings.index(setting) for setting in settings]
        return Judged(tuple(settings), self.recall[kept], self.ndcg[kept])

    def gain(self, better: Setting, worse: Setting) -> tuple[float, float]:
        """Mean paired difference of NDCG between two settings, and its standard error."""
        return paired(self._ndcg_of(better), self._ndcg_of(worse))

    def gain_over(self, other: Judged, setting: Setting) -> tuple[float, float]:
        """The same between two judgements of one setting on the same users."""
        return paired(self._ndcg_of(setting), other._ndcg_of(setting))

    def _ndcg_of(self, setting: Setting) -> Quality:
        return np.asarray(self.ndcg[self.settings.index(setting)])


def pooled(draws: Sequence[Judged], rows: Sequence[Rows]) -> Judged:
    """Several draws as one: a user who was judged more than once counts once, with the mean."""
    if len(draws) == 1:
        return draws[0]
    users, place = np.unique(np.concatenate(rows), return_inverse=True)
    times = np.maximum(np.bincount(place, minlength=len(users)), 1)

    def means(values: Sequence[Quality]) -> Quality:
        joined = np.concatenate(values, axis=1)
        sums = [np.bincount(place, weights=row, minlength=len(users)) for row in joined]
        return np.asarray(np.stack(sums) / times)

    return Judged(
        draws[0].settings,
        means([draw.recall for draw in draws]),
        means([draw.ndcg for draw in draws]),
    )


def paired(better: Quality, worse: Quality) -> tuple[float, float]:
    """Mean of the differences and its standard error (infinite for fewer than two users)."""
    difference = better - worse
    if len(difference) < 2:
        return 0.0, float("inf")
    return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(len(difference)))


def grid(
    tastes: Sequence[Taste], memories: Sequence[float], backgrounds: Sequence[float] = (0.0,)
) -> tuple[Setting, ...]:
    """All combinations, tastes slowest."""
    return tuple(
        Setting(taste, memory, background)
        for taste in tastes
        for memory in memories
        for background in backgrounds
    )


def choose(judged: Judged, baseline: Setting) -> Setting:
    """The best setting of the grid, simplified while that costs less than a standard error.

    A channel is turned off by giving it the dial of ``baseline``; the result is ``baseline``
    itself unless the gain over it exceeds ``WHOLE`` standard errors.
    """
    if judged.ndcg.shape[1] < 2:
        return baseline
    chosen = judged.settings[int(np.argmax(judged.ndcg.mean(axis=1)))]
    for simpler in ({"taste": baseline.taste}, {"memory": baseline.memory}):
        without = replace(chosen, **simpler)
        if without != chosen and without in judged.settings:
            gain, error = judged.gain(chosen, without)
            if gain <= SINGLE * error:
                chosen = without
    gain, error = judged.gain(chosen, baseline)
    return chosen if gain > WHOLE * error else baseline


def judge(
    channels: SocialChannels,
    settings: tuple[Setting, ...],
    rows: Rows,
    truth: sparse.csr_array,
    *,
    n_jobs: int | None,
) -> Judged:
    """Recall and NDCG at ``LENGTH`` of every setting for every one of the ``rows``."""
    tastes = dict.fromkeys(setting.taste for setting in settings)
    remembers = any(setting.memory for setting in settings)
    diffused = {}
    for place, taste in enumerate(tastes):
        tell("diffusing", place, len(tastes))
        diffused[taste] = channels.diffused(taste).of(rows)
    tell("diffusing", len(tastes), len(tastes))
    if len(rows) == 0:
        nobody = np.empty((len(settings), 0))
        return Judged(settings, nobody, nobody)

    def judge_batch(places: Rows) -> npt.NDArray[np.float64]:
        batch = rows[places]
        wanted = np.asarray(truth[batch].toarray() > 0)
        memory = channels.memory_rows(batch) if remembers else None
        seen = channels.base.interactions_[batch]
        users = np.repeat(np.arange(len(batch)), np.diff(seen.indptr))
        quality = np.empty((2, len(settings), len(batch)))
        current, scores = None, None
        for place, setting in enumerate(settings):
            if scores is None or setting.taste != current:
                current = setting.taste
                scores = channels.taste_scores(batch, diffused[current], places)
            mixed = channels.mix(scores, memory, setting)
            mixed[users, seen.indices] = -np.inf
            quality[:, place] = list_quality(mixed, wanted)
        return quality

    parts = map_batches(
        judge_batch,
        np.arange(len(rows)),
        row_bytes=24 * sum(channels.base.interactions_.shape),
        n_jobs=n_jobs,
        stage="choosing on a hold-out",
    )
    recall, ndcg = np.concatenate(parts, axis=2)
    return Judged(settings, recall, ndcg)


def ablation(judged: Judged, baseline: Setting, chosen: Setting, group: str) -> pd.DataFrame:
    """Base against diffused on the judged users, with the 95 % interval of the difference."""
    index = {setting: place for place, setting in enumerate(judged.settings)}
    rows = []
    for metric, values in (("recall", judged.recall), ("ndcg", judged.ndcg)):
        before, after = values[index[baseline]], values[index[chosen]]
        gain, error = paired(after, before)
        half = 1.96 * error if np.isfinite(error) else np.nan
        rows.append(
            {
                "users": group,
                "metric": f"{metric}@{LENGTH}",
                "base": before.mean() if len(before) else np.nan,
                "diffused": after.mean() if len(after) else np.nan,
                "difference": gain if len(before) else np.nan,
                "low": gain - half,
                "high": gain + half,
                "n_users": len(before),
            }
        )
    return pd.DataFrame(rows)


def _means(values: Quality) -> Quality:
    """Mean per setting, NaN where nobody was judged."""
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    return np.asarray(values.mean(axis=1))


def list_quality(scores: npt.NDArray[np.float32], wanted: npt.NDArray[np.bool_]) -> Quality:
    """Recall and NDCG per row, shape (2, n_rows); every row wants at least one item."""
    lists, _ = top_k(scores, LENGTH)
    hits = np.take_along_axis(wanted, np.maximum(lists, 0), axis=1) & (lists != NO_ITEM)
    n_wanted = wanted.sum(axis=1)
    return np.stack([recall(hits, n_wanted, LENGTH), ndcg(hits, n_wanted, LENGTH)])
