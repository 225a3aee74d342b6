"""Stirring: water changes places, and nothing else happens to it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

# Two vortices by turns, each centred this far along the longer side: Aref's blinking vortex.
_CENTRES = (1.0 / 3.0, 2.0 / 3.0)
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def rotation(shape: tuple[int, int], turns: float, *, centre: float = 0.5) -> Places:
    """A vortex that fills a rectangle: closed rings of cells, each turned by a whole number.

    The rings are the level lines of the stream function ``sin(pi g(x)) sin(pi y)`` with
    ``g(centre) = 1/2``, one cell wide on average. The innermost turns by `turns`, the outermost,
    along the wall, not at all. A permutation: every cell keeps its water, whole.

    Parameters
    ----------
    shape
        Cells along x and y.
    turns
        Full turns of the middle, any sign.
    centre
        Where along x the middle is, in (0, 1).

    Returns
    -------
    ndarray of intp, shape (shape[0] * shape[1],)
        Cell i gets the water of cell ``result[i]``, cells in C order.

    References
    ----------
    Aref, "Stirring by chaotic advection", Journal of Fluid Mechanics 143 (1984) 1: two such
    vortices by turns.

    Examples
    --------
    >>> places = rotation((4, 4), 0.5)
    >>> bool((np.sort(places) == np.arange(16)).all())
    True
    """
    if not 0.0 < centre < 1.0:
        raise ValueError(f"centre must be between 0 and 1; got {centre!r}")
    x, y = ((np.arange(size) + 0.5) / size for size in shape)
    warped = x ** (math.log(0.5) / math.log(centre))
    stream = (np.sin(np.pi * warped)[:, None] * np.sin(np.pi * y)[None, :]).ravel()
    angle = np.arctan2((y - 0.5)[None, :] * shape[1], (x - centre)[:, None] * shape[0]).ravel()
    rank = np.empty(len(stream))
    rank[np.argsort(-stream, kind="stable")] = np.arange(len(stream))
    # the radius of a disc of the same area says which ring it is
    ring = np.sqrt(rank / np.pi).astype(np.intp)
    order = np.lexsort((angle, ring))
    ends = np.cumsum(np.bincount(ring))
    result = np.empty(len(stream), dtype=np.intp)
    for number, (first, last) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        cells = order[first:last]
        shift = round(turns * (1.0 - number / len(ends)) * len(cells))
        result[cells] = np.roll(cells, shift)
    return result


def shear(shape: tuple[int, int], reach: float, *, phase: float = 0.0) -> Places:
    """Rows that slide past each other: row i by ``reach * sin(2 pi (i/n + phase))`` of its length.

    Each by a whole number of cells, and round: what leaves at one wall comes back at the other.
    A permutation; see `rotation` for the shape of the answer.

    Examples
    --------
    >>> places = shear((4, 4), 0.25)
    >>> places.reshape(4, 4)[:2]
    array([[0, 1, 2, 3],
           [7, 4, 5, 6]])
    """
    rows, length = shape
    slide = reach * length * np.sin(2.0 * np.pi * (np.arange(rows) / rows + phase))
    shifts = np.rint(slide).astype(np.intp)
    column = (np.arange(length)[None, :] - shifts[:, None]) % length
    return np.asarray(np.arange(rows)[:, None] * length + column, dtype=np.intp).ravel()


def stirred(values: Floats, flow: str, strength: float, number: int) -> Floats:
    """The values after stir number `number` of a flow, in the plane whose turn it is.

    Parameters
    ----------
    values
        Shape of a grid of two or three axes.
    flow
        ``"rotation"``, whose vortex changes sides from stir to stir, or ``"shear"``, which
        changes between the two axes of the plane.
    strength
        Full turns of the middle, or the reach of the slide as a share of the glass.
    number
        How often the glass was stirred before. In three dimensions the plane changes, too.

    Raises
    ------
    ValueError
        For another flow, and for a line of cells, which cannot be stirred.

    Examples
    --------
    >>> dye = np.eye(4)
    >>> bool((np.sort(stirred(dye, "shear", 0.5, 1).ravel()) == np.sort(dye.ravel())).all())
    True
    """
    long = [axis for axis, size in enumerate(values.shape) if size > 1]
    if len(long) < 2:
        raise ValueError(f"shape must have two axes to be stirred; got {values.shape}")
    planes = [(a, b) for a in long for b in long if a < b]
    first, second = planes[(number // 2) % len(planes)]
    odd = number % 2
    if flow == "shear" and odd:
        first, second = second, first
    front = np.moveaxis(values, (first, second), (0, 1))
    plane = (front.shape[0], front.shape[1])
    if flow == "rotation":
        places = rotation(plane, strength, centre=_CENTRES[odd])
    elif flow == "shear":
        places = shear(plane, strength, phase=(number * _GOLDEN) % 1.0)
    else:
        raise ValueError(f"flow must be 'rotation' or 'shear'; got {flow!r}")
    moved = front.reshape(plane[0] * plane[1], -1)[places].reshape(front.shape)
    return np.ascontiguousarray(np.moveaxis(moved, (0, 1), (first, second)))
