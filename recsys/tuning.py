"""What a search found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Tuning:
    """The result of :func:`suffuse.tune`.

    Attributes
    ----------
    model : recommender
        Unfitted, with all settings fixed: ``model.fit(train, social=...)`` needs no hold-out.
        A :class:`SocialDiffusion` where there was a graph, else the base model.
    base : recommender
        The base model alone, unfitted.
    trials : DataFrame
        One row per trial of a base model, in order: ``family``, its dials, ``ndcg@20`` and
        ``recall@20`` (means over the hold-outs it was judged on), ``lead`` and ``error`` (paired
        difference of NDCG to the best trial that is no blend, on the hold-outs that both know,
        and its standard error: the order of merit), ``hold_outs``, ``seconds`` and ``state``
        ("chosen", "judged", "behind", "failed: why").
    ablation : DataFrame, or None without a graph that has a tie
        What the graph changes on a hold-out: base, diffused, difference with its interval, for
        users with many, few and no interactions.
    settings : dict, or None without a graph
        The dials of social diffusion.
    seconds : float
        What the search took.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0)
    >>> found = sf.tune(world.interactions, bases=["SpectralFilter"], n_trials=1)
    >>> type(found.model).__name__, len(found.trials)
    ('SpectralFilter', 1)
    """

    model: Any
    base: Any
    trials: pd.DataFrame
    ablation: pd.DataFrame | None
    settings: dict[str, Any] | None
    seconds: float

    def __str__(self) -> str:
        best = self.trials.loc[self.trials["state"] == "chosen", "ndcg@20"].iloc[0]
        n_blends = int((self.trials["family"] == "Blend").sum())
        lines = [
            f"{len(self.trials) - n_blends} trials and {n_blends} blends in {self.seconds:.0f} s; "
            f"best NDCG@20 on hold-outs {best:.4f}",
            f"base: {_described(self.base)}",
        ]
        if self.ablation is not None:
            lines.append(self.ablation.to_string(index=False, float_format="{:.4f}".format))
        return "\n".join(lines)


def _described(model: Any) -> str:
    """A model as the call that makes it; a model in a model likewise."""
    given = {
        name: value
        for name, value in model.get_params(deep=False).items()
        if name not in ("n_jobs", "random_state") and value is not None
    }
    dials = ", ".join(f"{name}={_short(value)}" for name, value in given.items())
    return f"{type(model).__name__}({dials})"


def _short(value: Any) -> str:
    if hasattr(value, "get_params"):
        return _described(value)
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
