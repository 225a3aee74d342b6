"""The size of columns, the same to the bit however many threads measure it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import sparse_steps
from .row_threads import over_rows

Block = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

# Rows whose contributions are summed first: fixed, so that threads change no bit.
_GROUP = 2048
# Sums of squares between these are of squares that neither overflowed nor vanished.
_SAFE = 1e-200, 1e200


def column_norms(block: Block, p: float, *, over: Block | None = None) -> Floats:
    """The l_p norm of each column, of ``block / over`` by rows, without overflow.

    Examples
    --------
    >>> column_norms(np.array([[3.0, 1.0], [4.0, -1.0]]), 2.0)
    array([5.        , 1.41421356])
    """
    m = block.shape[1]
    if not block.size:
        return np.zeros(m)
    if p in (1.0, 2.0):
        total = _sums(block, p, over, np.ones(m))
        if p == 1.0:
            return total
        if bool(((total > _SAFE[0]) & (total < _SAFE[1])).all()):
            return np.asarray(np.sqrt(total))
    top = _tops(block, over)
    if p == np.inf:
        return top
    unit = np.where((top > 0) & np.isfinite(top), top, 1.0)
    return np.asarray(unit * _sums(block, p, over, unit) ** (1.0 / p))


def _sums(block: Block, p: float, over: Block | None, unit: Floats) -> Floats:
    """The sum of ``(|block / over| / unit)^p`` of each column."""
    found, pointers = _groups(block)
    way = (float(p), unit)
    over_rows(
        lambda first, last: sparse_steps.powers((first, last), _GROUP, block, over, way, found),
        pointers,
        columns=block.shape[1],
    )
    return np.asarray(found.sum(axis=0))


def _tops(block: Block, over: Block | None) -> Floats:
    """The largest ``|block / over|`` of each column."""
    found, pointers = _groups(block)
    over_rows(
        lambda first, last: sparse_steps.tops((first, last), _GROUP, block, over, found),
        pointers,
        columns=block.shape[1],
    )
    return np.asarray(found.max(axis=0))


def _groups(block: Block) -> tuple[Floats, npt.NDArray[np.int64]]:
    """A place for each group of rows, and their pointers."""
    n_groups = -(-block.shape[0] // _GROUP)
    return np.zeros((n_groups, block.shape[1])), np.arange(n_groups + 1, dtype=np.int64) * _GROUP
