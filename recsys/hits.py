"""What every metric of hits begins with: where the hits are, and what to divide by."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]
Denominator = Literal["k", "n", "min", "list", "hits", "precisions"]


def found(hits: Hits, k: int) -> tuple[Counts, Counts]:
    """User and rank (from 0) of every hit among the first ``k``, by user, then by rank."""
    cut = hits if k >= hits.shape[1] else hits[:, :k]
    rows, ranks = np.divmod(np.flatnonzero(cut), max(cut.shape[1], 1))
    return rows, ranks


def hits_at(hits: Hits, n_relevant: Counts, k: int) -> Values:
    """``sum_{r<=k} h_r``, the number of hits; shape (n_users,).

    Parameters
    ----------
    hits : ndarray of bool, shape (n_users, length)
        Whether each listed item is relevant.
    n_relevant : ndarray of int, shape (n_users,)
        Not used.
    k : int
        Length at which lists are cut.

    Examples
    --------
    >>> hits_at(np.array([[True, False, True]]), np.array([4]), 3).tolist()
    [2.0]
    """
    rows, _ = found(hits, k)
    return np.bincount(rows, minlength=len(hits)).astype(np.float64)


def summed(rows: Counts, worth: npt.NDArray[Any], hits: Hits) -> Values:
    """The sum of what each user's hits are worth; shape (n_users,)."""
    return np.asarray(np.bincount(rows, weights=worth, minlength=len(hits)), np.float64)


def divisor(denominator: Denominator, n_relevant: Counts, k: int) -> Counts | int:
    """``k``, the relevant items of each user, or the lesser of the two."""
    if denominator == "k":
        return k
    return n_relevant if denominator == "n" else np.minimum(n_relevant, k)


def held(hits: Hits, k: int, lengths: Counts | None) -> Counts:
    """How many items each list holds up to the cut."""
    if lengths is None:
        return np.full(len(hits), min(k, hits.shape[1]))
    return np.minimum(lengths, k)


def refuse_unless(value: str, allowed: tuple[str, ...], name: str) -> None:
    """Raise unless ``value`` is one of the allowed words."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
