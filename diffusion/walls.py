"""Walls in a glass: missing faces between cells, and cells that hold no water."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Mask: TypeAlias = npt.NDArray[np.bool_]
Walls: TypeAlias = "Mask | Partition | Sequence[Mask | Partition] | None"


@dataclass(frozen=True)
class Partition:
    """A thin wall across the whole glass, between two layers of cells.

    Attributes
    ----------
    axis
        The axis that it stands across.
    before
        Between cells ``before - 1`` and ``before`` along that axis.
    hole
        What of the wall is open: an index into the wall, which is a grid of the other axes (an
        int, a slice, a tuple of them or a boolean mask); None for a wall without a hole.

    Examples
    --------
    >>> Partition(axis=1, before=32, hole=slice(28, 36))
    Partition(axis=1, before=32, hole=slice(28, 36, None))
    """

    axis: int
    before: int
    hole: Any = None


@dataclass(frozen=True, eq=False)
class Vessel:
    """Where the water is, and which neighbours touch.

    Attributes
    ----------
    shape
        Cells along each axis.
    spacing
        Edges of a cell in m, one per axis.
    water
        Shape ``shape``; False in an obstacle. None for water everywhere.
    closed
        Per axis the faces that are shut, of ``shape`` less one along the axis; None for none.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    water: Mask | None
    closed: tuple[Mask | None, ...]

    @property
    def n(self) -> int:
        """The number of cells, obstacles included."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def cell(self) -> float:
        """Volume of a cell: m, m^2 or m^3, by the number of axes."""
        return float(np.prod(self.spacing))

    @property
    def open(self) -> bool:
        """Whether nothing stands in the glass."""
        return self.water is None and all(faces is None for faces in self.closed)


def make_vessel(
    shape: int | Sequence[int], spacing: float | Sequence[float], walls: Walls
) -> Vessel:
    """Check the measures of a glass and what stands in it.

    Parameters
    ----------
    shape
        Cells along each of one to three axes.
    spacing
        Edge of a cell in m, one for all axes or one per axis.
    walls
        A boolean array of `shape`, True in obstacles; a `Partition`; a list of these; or None.

    Raises
    ------
    TypeError, ValueError
        For measures that are not positive, and for a wall that does not fit.

    Examples
    --------
    >>> vessel = make_vessel((4, 3), 1e-3, Partition(axis=0, before=2, hole=1))
    >>> vessel.closed[0].sum(axis=1)
    array([0, 2, 0])
    """
    sizes = _checked_shape(shape)
    edges = _checked_spacing(spacing, len(sizes))
    water: Mask | None = None
    closed: list[Mask | None] = [None] * len(sizes)
    for wall in _listed(walls):
        if isinstance(wall, Partition):
            shut = _shut_faces(wall, sizes)
            known = closed[wall.axis]
            closed[wall.axis] = shut if known is None else known | shut
        else:
            solid = np.asarray(wall)
            if solid.dtype != np.bool_ or solid.shape != sizes:
                raise ValueError(
                    f"walls must be boolean and of shape {sizes}, True in obstacles; "
                    f"got {solid.dtype} of shape {solid.shape}"
                )
            water = ~solid if water is None else water & ~solid
    if water is not None:
        if not water.any():
            raise ValueError("walls must leave room for water; got obstacles everywhere")
        water.flags.writeable = False
    return Vessel(sizes, edges, water, tuple(closed))


def _listed(walls: Any) -> Iterable[Any]:
    """One wall, several or none as a list."""
    if walls is None:
        return []
    if isinstance(walls, (list, tuple)) and all(
        isinstance(wall, (Partition, np.ndarray)) for wall in walls
    ):
        return walls
    return [walls]


def _checked_shape(shape: Any) -> tuple[int, ...]:
    """One to three positive whole numbers."""
    listed = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    whole = all(isinstance(k, (int, np.integer)) and not isinstance(k, bool) for k in listed)
    if not (whole and 1 <= len(listed) <= 3 and all(k >= 1 for k in listed)):
        raise ValueError(f"shape must be 1 to 3 whole numbers, 1 or more; got {shape!r}")
    return tuple(int(k) for k in listed)


def _checked_spacing(spacing: Any, n_axes: int) -> tuple[float, ...]:
    """A positive length per axis."""
    edges = np.asarray(spacing, dtype=np.float64)
    fits = edges.shape in ((), (n_axes,))
    if not (fits and (edges > 0).all() and np.isfinite(edges).all()):
        raise ValueError(
            f"spacing must be a positive length in m, one or {n_axes} of them; got {spacing!r}"
        )
    return tuple(float(edge) for edge in np.broadcast_to(edges, (n_axes,)))


def _shut_faces(wall: Partition, shape: tuple[int, ...]) -> Mask:
    """The faces across one axis that a partition shuts."""
    axis, n_axes = wall.axis, len(shape)
    if not 0 <= axis < n_axes:
        raise ValueError(f"axis must be from 0 to {n_axes - 1}; got {axis!r} in {wall}")
    if not 1 <= wall.before < shape[axis]:
        raise ValueError(
            f"before must be from 1 to {shape[axis] - 1}, between two cells; "
            f"got {wall.before!r} in {wall}"
        )
    layer = np.ones(tuple(k for other, k in enumerate(shape) if other != axis), dtype=bool)
    if wall.hole is not None:
        layer[wall.hole] = False
    shut = np.zeros(tuple(k - (other == axis) for other, k in enumerate(shape)), dtype=bool)
    np.moveaxis(shut, axis, 0)[wall.before - 1] = layer
    return shut
