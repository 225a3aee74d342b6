"""Reading a saved model back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .als import ALS
from .blend import Blend
from .ease import EASE
from .popularity import Popularity
from .social import SocialDiffusion
from .spectral import SpectralFilter
from .store import read_model


def load_model(folder: str | Path) -> Any:
    """Read a model that ``save`` has written; arrays are opened by memory map.

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
        If a part is missing or damaged, by its sha256, or of another format.

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
        "Popularity": Popularity,
        "SocialDiffusion": SocialDiffusion,
        "SpectralFilter": SpectralFilter,
    }
    return read_model(Path(folder), classes)


def _unfitted_blend() -> Blend:
    """A blend whose parameters the manifest will set."""
    return Blend(None, None)
