"""Where a table is cut into shards of about the same load."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def even_cuts(loads: npt.NDArray[Any], n_shards: int) -> npt.NDArray[np.int64]:
    """Return where to cut a row of loads into ranges that carry about the same.

    Every cut is the one nearest to its share of the whole, so that a range is off by no more than
    the largest single load, and every range holds at least one.

    Parameters
    ----------
    loads : ndarray, shape (n,)
        Loads of at least 0.
    n_shards : int
        Number of ranges, at most ``n``.

    Returns
    -------
    ndarray of int64, shape (n_shards + 1,)
        Range ``s`` is ``cuts[s]`` to ``cuts[s + 1] - 1``.

    Raises
    ------
    ValueError
        If there are more ranges than loads, or less than one range.

    Examples
    --------
    >>> even_cuts(np.array([1, 1, 1, 1, 4]), 2)
    array([0, 4, 5])
    """
    n = len(loads)
    if n_shards < 1:
        raise ValueError(f"n_shards must be at least 1; got {n_shards!r}")
    if n_shards > n:
        raise ValueError(
            f"n_shards must be at most the number of users, {n}; got {n_shards}: take fewer shards"
        )
    before = np.concatenate([[0.0], np.cumsum(loads, dtype=np.float64)])
    shares = before[-1] * np.arange(n_shards + 1) / n_shards
    cuts: npt.NDArray[np.int64] = np.clip(np.searchsorted(before, shares), 1, n)
    cuts -= (shares - before[cuts - 1]) < (before[cuts] - shares)
    cuts[0], cuts[-1] = 0, n
    for shard in range(1, n_shards):
        lowest, highest = cuts[shard - 1] + 1, n - (n_shards - shard)
        cuts[shard] = min(max(cuts[shard], lowest), highest)
    return cuts
