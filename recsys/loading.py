"""Reading a saved model back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .als import ALS
from .blend import Blend
from .ease import EASE
from .graph_recommender import GraphRecommender
from .matrix_factorization import MatrixFactorization
from .popularity import Popularity
from .social import SocialDiffusion
from .spectral import SpectralFilter
from .store import read_model


def load_model(folder: str | Path) -> Any:
    """Read a model that ``save`` has written; arrays are opened by memory map, all bytes checked.

    Parameters
    ----------
    folder : path
        What ``save`` wrote.

    Returns
    -------
    The fitted model, of the class that was saved; it recommends the same.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If a part is missing or damaged, by its sha256, or the format is of a later version
        (``CorruptModelError``, with the part named).

    Notes
    -----
    Of a model that was saved in shards, the rows of users are read and checked when they are first
    asked for (``recsys/row_parts.py``); until then they need the folder.
    A folder that another process saves meanwhile is read as the old model or the new one. The
    first list of a ``SocialDiffusion`` takes longer than the next: its channels are prepared then.

    Examples
    --------
    >>> load_model("no/such/model")
    Traceback (most recent call last):
    FileNotFoundError: the model must be a folder; got 'no/such/model', which is none
    """
    classes: dict[str, Callable[[], Any]] = {
        "ALS": ALS,
        "Blend": _unfitted_blend,
        "EASE": EASE,
        "GraphRecommender": GraphRecommender,
        "MatrixFactorization": MatrixFactorization,
        "Popularity": Popularity,
        "SocialDiffusion": SocialDiffusion,
        "SpectralFilter": SpectralFilter,
    }
    return read_model(Path(folder), classes)


def _unfitted_blend() -> Blend:
    """A blend whose parameters the manifest will set."""
    return Blend(None, None)
