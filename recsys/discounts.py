"""How much a place of a list counts, by its rank."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from .hits import refuse_unless

Discount = Literal["log2", "log2max2", "ln", "reciprocal", "none"]


def discounts(kind: Discount, length: int) -> npt.NDArray[np.float64]:
    """Weights of the ranks 1, 2, ... ``length``; shape (length,).

    Parameters
    ----------
    kind : {"log2", "log2max2", "ln", "reciprocal", "none"}
        ``1 / log2(r + 1)``; ``1 / log2(max(r, 2))`` (Jarvelin and Kekalainen's first form,
        LensKit); ``1 / ln(r + 1)``; ``1 / r``; 1.
    length : int
        How many.

    Raises
    ------
    ValueError
        For another kind.

    Examples
    --------
    >>> discounts("log2", 3).round(3).tolist()
    [1.0, 0.631, 0.5]
    >>> discounts("log2max2", 3).round(3).tolist()
    [1.0, 1.0, 0.631]
    """
    refuse_unless(kind, ("log2", "log2max2", "ln", "reciprocal", "none"), "discount")
    ranks = np.arange(1.0, length + 1)
    if kind == "log2":
        divisors = np.log2(ranks + 1)
    elif kind == "log2max2":
        divisors = np.log2(np.maximum(ranks, 2))
    elif kind == "ln":
        divisors = np.log(ranks + 1)
    else:
        divisors = ranks if kind == "reciprocal" else np.ones(length)
    return np.asarray(1.0 / divisors, np.float64)
