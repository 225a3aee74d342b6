"""What a person recommends and judges with."""

if __name__ != "suffuse.recsys":
    raise ImportError(
        f"this folder is suffuse.recsys, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )

from .als import ALS
from .blend import Blend
from .contract import NotFittedError, Recommender
from .ease import EASE
from .evaluate import evaluate
from .loading import load_model
from .popularity import Popularity
from .progress import progress_to
from .report import Report
from .social import SocialDiffusion
from .spectral import SpectralFilter
from .store import CorruptModelError

__all__ = [
    "ALS",
    "EASE",
    "Blend",
    "CorruptModelError",
    "NotFittedError",
    "Popularity",
    "Recommender",
    "Report",
    "SocialDiffusion",
    "SpectralFilter",
    "evaluate",
    "load_model",
    "progress_to",
]
