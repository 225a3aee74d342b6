"""Measures of concentration between the values that lists can reach at all.

Lists of k different items cannot give everything to one item, nor can 5 places be shared evenly
by 4 items. So a raw Gini index, Jain index, entropy or coverage never reaches its ends, and two
of them are not comparable across catalogues (Rampisela et al., ACM TORS 2024).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .beyond import checked_lengths
from .list_checks import Values, item_table


def extreme_exposures(n_items: int, lengths: npt.ArrayLike) -> tuple[Values, Values]:
    """The most even and the most concentrated exposures that lists of these lengths can have.

    Parameters
    ----------
    n_items : int
        Size of the catalogue.
    lengths : array_like of int, shape (n_users,)
        How many different items of the catalogue each list holds.

    Returns
    -------
    even, concentrated : ndarray of shape (n_items,)
        Every item ``T // n`` times or once more, for T places; everybody shown the same items.

    Raises
    ------
    ValueError
        If a list is longer than the catalogue, or a length negative.

    Examples
    --------
    >>> even, concentrated = extreme_exposures(4, [2, 2, 2])
    >>> even.tolist(), concentrated.tolist()
    ([2.0, 2.0, 1.0, 1.0], [3.0, 3.0, 0.0, 0.0])
    """
    held = checked_lengths(n_items, lengths)
    each, left = divmod(int(held.sum()), n_items)
    even = np.full(n_items, float(each))
    even[:left] += 1
    longest = int(held.max(initial=0))
    shorter = np.cumsum(np.bincount(held, minlength=longest + 1))[:longest]
    concentrated = np.zeros(n_items)
    concentrated[:longest] = len(held) - shorter
    return even, concentrated


def corrected(
    measure: Callable[[Values], float], exposures: npt.ArrayLike, lengths: npt.ArrayLike
) -> float:
    """Where a measure stands between the two extremes, 0 most even, 1 most concentrated.

    ``(f(x) - f(even)) / (f(concentrated) - f(even))``; for measures that are largest where
    exposure is even, such as coverage, it is one minus the corrected form of the paper.

    Parameters
    ----------
    measure : callable
        From exposures to a number: ``gini``, ``jain``, ``entropy``, ``coverage``,
        :func:`satisfied`.
    exposures : array_like, shape (n_items,)
        How often each item of the catalogue is recommended.
    lengths : array_like of int, shape (n_users,)
        How many different items of the catalogue each list holds.

    Returns
    -------
    float
        In [0, 1]; NaN where only one value can be reached.

    Examples
    --------
    >>> from suffuse.recsys.beyond import coverage
    >>> corrected(coverage, [3, 2, 1, 0], [2, 2, 2])
    0.5
    """
    counts = item_table(exposures, "exposures")
    even, concentrated = (measure(each) for each in extreme_exposures(len(counts), lengths))
    if not abs(concentrated - even) > 1e-12:
        return float("nan")
    return float(np.clip((measure(counts) - even) / (concentrated - even), 0.0, 1.0))


def satisfied(exposures: npt.ArrayLike) -> float:
    """Share of items that are recommended at least as often as an even spread would have them.

    ``mean_i [x_i >= floor(sum x / n)]``: the maximin share (Patro et al., WWW 2020), FSat.

    Parameters
    ----------
    exposures : array_like, shape (n_items,)
        How often each item of the catalogue is recommended.

    Returns
    -------
    float
        In [0, 1]; NaN for an empty catalogue, or where nothing is recommended.

    Examples
    --------
    >>> satisfied([5, 1, 0, 1])
    0.75
    """
    counts = item_table(exposures, "exposures")
    total = float(counts.sum())
    return float((counts >= total // len(counts)).mean()) if total > 0 else float("nan")
