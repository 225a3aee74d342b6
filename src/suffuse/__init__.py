"""Suffuse: social recommendation by stable diffusion.

A preference spreads through a circle of friends as a drop of dye spreads through water. The names
below are all that most people need; the rooms ``suffuse.recsys``, ``suffuse.diffusion``,
``suffuse.training`` and ``suffuse.datasets`` hold the rest.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from suffuse import datasets, diffusion, recsys, training
    from suffuse.diffusion import PropagationOperator
    from suffuse.recsys import (
        ALS,
        EASE,
        Blend,
        GraphRecommender,
        MatrixFactorization,
        NotFittedError,
        Popularity,
        RayCluster,
        Report,
        SocialDiffusion,
        SpectralFilter,
        Tuning,
        evaluate,
        fair_top_k,
        fairness_frontier,
        load_model,
        progress_to,
        report_page,
        spread,
        tune,
    )

#: name -> the room that holds it; rooms are imported when a name is first asked for
_ROOMS = {
    "PropagationOperator": "diffusion",
    "ALS": "recsys",
    "Blend": "recsys",
    "EASE": "recsys",
    "GraphRecommender": "recsys",
    "MatrixFactorization": "recsys",
    "NotFittedError": "recsys",
    "Popularity": "recsys",
    "RayCluster": "recsys",
    "Report": "recsys",
    "SocialDiffusion": "recsys",
    "SpectralFilter": "recsys",
    "Tuning": "recsys",
    "evaluate": "recsys",
    "fair_top_k": "recsys",
    "fairness_frontier": "recsys",
    "load_model": "recsys",
    "progress_to": "recsys",
    "report_page": "recsys",
    "spread": "recsys",
    "tune": "recsys",
}

__all__ = [
    "ALS",
    "EASE",
    "Blend",
    "GraphRecommender",
    "MatrixFactorization",
    "NotFittedError",
    "Popularity",
    "PropagationOperator",
    "RayCluster",
    "Report",
    "SocialDiffusion",
    "SpectralFilter",
    "Tuning",
    "datasets",
    "diffusion",
    "evaluate",
    "fair_top_k",
    "fairness_frontier",
    "load_model",
    "progress_to",
    "recsys",
    "report_page",
    "spread",
    "training",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(importlib.import_module(f"suffuse.{_ROOMS[name]}"), name)
    if name in __all__:
        return importlib.import_module(f"suffuse.{name}")
    raise AttributeError(f"module 'suffuse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
