"""Where a drop falls."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .edges import Ids
from .walls import Vessel


def cells_of(vessel: Vessel, where: Any, radius: float | None) -> npt.NDArray[np.bool_]:
    """The cells that a drop fills.

    Parameters
    ----------
    vessel
        The grid.
    where
        ``"centre"``, the cells next to the middle; one cell as a tuple of whole numbers; or any
        other index into an array of the grid's shape, a boolean mask included.
    radius
        In m: a round drop of all cells whose centre is so near; needs ``"centre"`` or one cell.

    Returns
    -------
    ndarray of bool, of the grid's shape

    Raises
    ------
    IndexError, ValueError
        For a place outside the glass, or without water.

    Examples
    --------
    >>> from suffuse.diffusion.walls import make_vessel
    >>> cells_of(make_vessel(4, 1e-3, None), "centre", None)
    array([False,  True,  True, False])
    """
    shape = vessel.shape
    if isinstance(where, str):
        if where != "centre":
            raise ValueError(f"where must be 'centre', a cell or an index; got {where!r}")
        middle = [(size - 1) / 2.0 for size in shape]
        chosen = np.zeros(shape, dtype=bool)
        chosen[tuple(slice((size - 1) // 2, size // 2 + 1) for size in shape)] = True
    else:
        chosen = np.zeros(shape, dtype=bool)
        try:
            chosen[where] = True
        except IndexError as error:
            raise IndexError(
                f"where must lie in a glass of {shape} cells; got {where!r}"
            ) from error
        middle = [float(place[0]) for place in np.nonzero(chosen)] if chosen.any() else []
    if radius is not None:
        if not isinstance(where, str) and chosen.sum() != 1:
            raise ValueError(f"where must be 'centre' or one cell with a radius; got {where!r}")
        if not 0.0 <= radius < np.inf:
            raise ValueError(f"radius must be 0 or more, in m; got {radius!r}")
        square = np.zeros(shape)
        for axis, (centre, edge) in enumerate(zip(middle, vessel.spacing, strict=True)):
            ahead = (np.arange(shape[axis]) - centre) * edge
            square += (ahead**2).reshape([-1 if k == axis else 1 for k in range(len(shape))])
        chosen |= square <= radius**2
    if vessel.water is not None:
        chosen &= vessel.water
    if not chosen.any():
        raise ValueError(f"where must hold at least one cell of water; got {where!r}")
    return chosen


def node_of(ids: Ids, where: Any) -> npt.NDArray[np.bool_]:
    """The node of a graph with this label, as a mask.

    Raises
    ------
    KeyError
        For a label that the graph does not have.

    Examples
    --------
    >>> node_of(np.array([10, 20]), 20)
    array([False,  True])
    """
    chosen = np.array([label == where for label in ids.tolist()], dtype=bool)
    if not chosen.any():
        raise KeyError(f"where must be a node of the graph; got {where!r}")
    return chosen
