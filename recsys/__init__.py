"""What a person recommends and judges with.

Names are imported when they are first asked for, so that importing the room is cheap.
"""

if __name__ != "suffuse.recsys":
    raise ImportError(
        f"this folder is suffuse.recsys, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .als import ALS
    from .blend import Blend
    from .cluster import RayCluster
    from .cluster_traffic import Traffic
    from .cluster_workers import ClusterError
    from .compat import Compat
    from .contract import NotFittedError, Recommender
    from .data_profile import Profile, profile
    from .doctor import examine
    from .ease import EASE
    from .evaluation import evaluate
    from .explanation import Explanation
    from .frontier import Frontier, fairness_frontier
    from .graded import graded_ndcg, ndcg_of_scores
    from .graph_recommender import GraphRecommender
    from .info_on_model import model_info
    from .intervals import bootstrap_interval, clustered_interval, normal_interval
    from .list_files import WrittenLists
    from .lists import Lists, lists_of
    from .loading import load_model
    from .matrix_factorization import MatrixFactorization
    from .memory_estimate import MemoryEstimate
    from .page import report_page
    from .page_on_model import model_page
    from .popularity import Popularity
    from .preference_spread import spread
    from .progress import progress_to
    from .report import Report
    from .report_on_model import model_report
    from .report_plots import plot_differences, plot_exposure, plot_groups, plot_popularity
    from .rerank import adjusted_significance, fair_top_k, minimum_protected, rejection_probability
    from .roc import auc, gauc
    from .settings_search import tune
    from .social import SocialDiffusion
    from .spectral import SpectralFilter
    from .store import CorruptModelError
    from .tuning import Tuning
    from .update_record import Update
    from .words import group_table, summary

__all__ = [
    "ALS",
    "EASE",
    "Blend",
    "ClusterError",
    "Compat",
    "CorruptModelError",
    "Explanation",
    "Frontier",
    "GraphRecommender",
    "Lists",
    "MatrixFactorization",
    "MemoryEstimate",
    "NotFittedError",
    "Popularity",
    "Profile",
    "RayCluster",
    "Recommender",
    "Report",
    "SocialDiffusion",
    "SpectralFilter",
    "Traffic",
    "Tuning",
    "Update",
    "WrittenLists",
    "adjusted_significance",
    "auc",
    "bootstrap_interval",
    "clustered_interval",
    "evaluate",
    "examine",
    "fair_top_k",
    "fairness_frontier",
    "gauc",
    "graded_ndcg",
    "group_table",
    "lists_of",
    "load_model",
    "minimum_protected",
    "model_info",
    "model_page",
    "model_report",
    "ndcg_of_scores",
    "normal_interval",
    "plot_differences",
    "plot_exposure",
    "plot_groups",
    "plot_popularity",
    "profile",
    "progress_to",
    "rejection_probability",
    "report_page",
    "spread",
    "summary",
    "tune",
]

#: module of this room -> the public names that it holds; no module is called like one of them
_HOMES = {
    "als": ("ALS",),
    "blend": ("Blend",),
    "cluster": ("RayCluster",),
    "cluster_traffic": ("Traffic",),
    "cluster_workers": ("ClusterError",),
    "compat": ("Compat",),
    "contract": (
        "NotFittedError",
        "Recommender",
    ),
    "data_profile": (
        "Profile",
        "profile",
    ),
    "doctor": ("examine",),
    "ease": ("EASE",),
    "evaluation": ("evaluate",),
    "explanation": ("Explanation",),
    "frontier": (
        "Frontier",
        "fairness_frontier",
    ),
    "graded": (
        "graded_ndcg",
        "ndcg_of_scores",
    ),
    "graph_recommender": ("GraphRecommender",),
    "info_on_model": ("model_info",),
    "intervals": (
        "bootstrap_interval",
        "clustered_interval",
        "normal_interval",
    ),
    "list_files": ("WrittenLists",),
    "lists": (
        "Lists",
        "lists_of",
    ),
    "loading": ("load_model",),
    "matrix_factorization": ("MatrixFactorization",),
    "memory_estimate": ("MemoryEstimate",),
    "page": ("report_page",),
    "page_on_model": ("model_page",),
    "popularity": ("Popularity",),
    "preference_spread": ("spread",),
    "progress": ("progress_to",),
    "report": ("Report",),
    "report_on_model": ("model_report",),
    "report_plots": (
        "plot_differences",
        "plot_exposure",
        "plot_groups",
        "plot_popularity",
    ),
    "rerank": (
        "adjusted_significance",
        "fair_top_k",
        "minimum_protected",
        "rejection_probability",
    ),
    "roc": (
        "auc",
        "gauc",
    ),
    "settings_search": ("tune",),
    "social": ("SocialDiffusion",),
    "spectral": ("SpectralFilter",),
    "store": ("CorruptModelError",),
    "tuning": ("Tuning",),
    "update_record": ("Update",),
    "words": (
        "group_table",
        "summary",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name, or a module of this room, when it is first asked for."""
    if name in _HOME_OF:
        value: object = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
