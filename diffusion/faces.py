"""Fick's law on a grid: cells are nodes, the faces between them are ties."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from .edges import Matrix, narrow_indices
from .normalization import Propagation
from .scaled_pattern import ScaledPattern
from .walls import Vessel

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[Any]


def face_conductances(
    vessel: Vessel, diffusivity: float | Floats, *, harmonic: bool = True
) -> list[Floats]:
    """What flows through each face per difference of concentration, per time: ``D_face / dx^2``.

    ``D_face = 2 D_i D_j / (D_i + D_j)``, the harmonic mean: two resistances in series, which
    makes the flux through layers of any contrast exact. 0 where a wall stands.

    Parameters
    ----------
    vessel
        The grid and its walls.
    diffusivity
        In m^2/s, a number or an array of the grid's shape.
    harmonic
        False gives 1 in place of every ``D_face``.

    Returns
    -------
    list of ndarray
        One per axis, of the grid's shape less one along the axis, in 1/s.

    Examples
    --------
    >>> from suffuse.diffusion.walls import make_vessel
    >>> line = make_vessel(3, 0.5, None)
    >>> face_conductances(line, np.array([1.0, 3.0, 3.0]))
    [array([ 6., 12.])]
    """
    field = None if np.ndim(diffusivity) == 0 or not harmonic else np.asarray(diffusivity)
    level = float(diffusivity) if np.ndim(diffusivity) == 0 and harmonic else 1.0
    faces = []
    for axis, (size, edge) in enumerate(zip(vessel.shape, vessel.spacing, strict=True)):
        before = (slice(None),) * axis
        low, high = (*before, slice(0, size - 1)), (*before, slice(1, size))
        if field is None:
            shape = tuple(k - (other == axis) for other, k in enumerate(vessel.shape))
            through = np.full(shape, level / edge**2)
        else:
            through = 2.0 / (1.0 / field[low] + 1.0 / field[high]) / edge**2
        shut = vessel.closed[axis]
        if shut is not None:
            through[shut] = 0.0
        if vessel.water is not None:
            through[~(vessel.water[low] & vessel.water[high])] = 0.0
        faces.append(through)
    return faces


def fick(vessel: Vessel, diffusivity: float | Floats) -> Propagation:
    """``P = I - L / rate`` for ``dc/dt = div(D grad c) = -L c``: doubly stochastic, ends even.

    The same matrix as ``PropagationOperator(A, "flux")`` of the face conductances A, made without
    forming A. ``1 / rate`` is the CFL step, ``dx^2 / (2 d D)`` where D is uniform. Cells of
    obstacles are left out.

    Examples
    --------
    >>> from suffuse.diffusion.walls import make_vessel
    >>> P = fick(make_vessel(3, 1.0, None), 2.0)
    >>> P.rate, P.matrix.toarray()
    (4.0, array([[0.5, 0.5, 0. ],
           [0.5, 0. , 0.5],
           [0. , 0.5, 0.5]]))
    """
    faces = face_conductances(vessel, diffusivity)
    return _assemble(vessel, faces, None)


def ito(vessel: Vessel, diffusivity: float | Floats) -> Propagation:
    """``P`` for ``dc/dt = laplace(D c)``: keeps mass alone, ends as ``c ~ 1/D``.

    A column-stochastic P, as the kind "column" on graphs: each cell hands out in proportion to
    its own D, whatever the neighbour's. ``masses`` is ``1/D``, which makes it symmetric.

    Examples
    --------
    >>> from suffuse.diffusion.walls import make_vessel
    >>> P = ito(make_vessel(2, 1.0, None), np.array([1.0, 4.0]))
    >>> P.rate, P.matrix.toarray()
    (4.0, array([[0.75, 1.  ],
           [0.25, 0.  ]]))
    """
    faces = face_conductances(vessel, diffusivity, harmonic=False)
    own = np.broadcast_to(np.asarray(diffusivity, dtype=np.float64), vessel.shape).ravel()
    return _assemble(vessel, faces, own)


def _assemble(vessel: Vessel, faces: list[Floats], own: Floats | None) -> Propagation:
    """The propagation of the water cells, tied by faces; `own` multiplies each column."""
    n = vessel.n
    out = _outflow(vessel, faces)
    if own is not None:
        out *= own
    rate = float(out.max())
    scale = rate if rate > 0.0 else 1.0
    masses = np.ones(n) if own is None else 1.0 / own
    exponent = 0.5 if own is None else 0.0
    data, indices, indptr = _rows(vessel, faces, own, scale)
    matrix: Matrix = sp.csr_array((data, indices, indptr), shape=(n, n))
    matrix.has_sorted_indices = True
    if vessel.water is not None:
        wet = np.flatnonzero(vessel.water)
        matrix = sp.csr_array(matrix[wet][:, wet])
        masses, out = masses[wet], out[wet]
    made = Propagation(
        ScaledPattern.of(narrow_indices(matrix)), exponent, masses, rate, False, out, out
    )
    if vessel.open:
        # known without a search through the matrix: everything is one part
        made.__dict__["labels"] = np.zeros(n, dtype=np.int32)
    return made


def _outflow(vessel: Vessel, faces: list[Floats]) -> Floats:
    """The sum of the conductances around each cell, flat."""
    out = np.zeros(vessel.shape)
    for axis, through in enumerate(faces):
        along = np.moveaxis(out, axis, 0)
        inward = np.moveaxis(through, axis, 0)
        along[:-1] += inward
        along[1:] += inward
    return out.ravel()


def _rows(
    vessel: Vessel, faces: list[Floats], own: Floats | None, scale: float
) -> tuple[Floats, Indices, Indices]:
    """Data, indices and pointers of P: in each row the cells before, itself, the cells after.

    Counted first and filled in place: at 256^3 cells this matrix is most of the memory.
    """
    n = vessel.n
    kind = np.int32 if (2 * len(faces) + 1) * n < 2**31 else np.int64
    cells: Indices = np.arange(n, dtype=kind)
    grid = cells.reshape(vessel.shape)
    place: Indices = np.zeros(n + 1, dtype=kind)
    np.cumsum(_entries(vessel, faces), out=place[1:])
    pointers, data = place.copy(), np.empty(int(place[-1]))
    indices: Indices = np.empty(len(data), dtype=kind)
    place, rest = place[:-1], np.ones(n)

    def fill(axis: int, *, after: bool) -> None:
        there = faces[axis] > 0.0
        low, high = np.delete(grid, -1, axis)[there], np.delete(grid, 0, axis)[there]
        row, column = (low, high) if after else (high, low)
        weight = faces[axis][there] / scale
        if own is not None:
            weight *= own[column]
        indices[place[row]] = column
        data[place[row]] = weight
        place[row] += 1
        rest[column] -= weight

    for axis in range(len(faces)):
        fill(axis, after=False)
    middle = place.copy()
    place += 1
    for axis in reversed(range(len(faces))):
        fill(axis, after=True)
    indices[middle] = cells
    data[middle] = np.maximum(rest, 0.0)
    return data, indices, pointers


def _entries(vessel: Vessel, faces: list[Floats]) -> npt.NDArray[np.int8]:
    """How many entries the row of each cell has: one, and one for each open face."""
    counts = np.ones(vessel.shape, dtype=np.int8)
    for axis, through in enumerate(faces):
        along, there = np.moveaxis(counts, axis, 0), np.moveaxis(through > 0.0, axis, 0)
        along[:-1] += there
        along[1:] += there
    return counts.ravel()
