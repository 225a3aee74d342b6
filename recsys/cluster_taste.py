"""What lists need of the graph, on the workers: diffused factors, and ties by agreement."""

from __future__ import annotations

from pathlib import Path

from .cluster_agreement import weigh_ties
from .cluster_diffusion import diffuse_factors
from .cluster_workers import Workers
from .selection import Selection
from .store_manifest import seal


def taste_key(model: str, starts: tuple[int, ...]) -> str:
    """What diffused factors depend on besides settings: the model's fingerprint, and the cuts."""
    return seal({"model": model, "starts": list(starts)})


def prepare_taste(
    workers: Workers, selection: Selection, folder: Path, *, key: str, resume: bool
) -> None:
    """Diffuse the factors for every taste and weigh the ties, where a group of users needs it.

    ``folder`` takes what is finished; ``key`` tells what it depends on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = (selection.warm, selection.few, selection.cold)
    tastes = list(dict.fromkeys(setting.taste for setting in groups))
    diffuse_factors(
        workers,
        normalization=selection.normalization,
        tastes=tastes,
        folder=str(folder),
        key=key,
        resume=resume,
    )
    if any(setting.memory for setting in groups):
        weigh_ties(workers, folder=str(folder), key=key, resume=resume)
