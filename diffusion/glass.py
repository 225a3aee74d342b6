"""A glass of water: dye drops in, time passes, someone stirs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from .blocks import check_number
from .drawing import draw_glass
from .drops import cells_of
from .faces import fick, ito
from .mixture import Mixture
from .spectrum import box_gap
from .stirring import stirred
from .walls import Walls, make_vessel
from .water import Viscosity, check_positive, stokes_einstein

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.float64]

# Full turns of the middle of the vortex; the reach of sliding rows.
_STRENGTH = {"rotation": 1.0, "shear": 0.5}


class Glass(Mixture):
    """Water on a grid, insulated, in which drops diffuse: ``dc/dt = div(D grad c)``, in SI units.

    ``D = k T / (6 pi eta r)`` (Stokes and Einstein, see `stokes_einstein`) in each cell, the
    harmonic mean of two cells on the face between them, and no flow through walls. All of it is
    one `PropagationOperator` (`operator`), the one that the recommender uses: `wait` is its
    ``heat``, ``diffuse`` or ``apply``, `equilibrium` its ``equilibrium``.

    What ends even: particles that are alike, wherever the water is connected. What does not: an
    isolated chamber, which keeps what it has. What comes even at different times: particles of
    two sizes, as ``D ~ 1/r``. In water of uneven temperature the end depends on the law, `form`.

    What is left out: convection (a real glass of uneven temperature stirs itself) and the Soret
    effect (gradients of temperature that drag particles). Pressure enters through viscosity alone
    and is constant, 0.1 MPa.

    Parameters
    ----------
    shape : int or tuple
        Cells along one, two or three axes.
    spacing : float or tuple
        Edge of a cell, m; one per axis if they differ.
    temperature : float or array of `shape`, default 293.15
        K. A field gives a field of D.
    particle_radius : float or mapping of name to float, default 0.5e-9
        m, of the particles of the dye. A mapping makes several species, which do not feel each
        other; arrays then have an axis of species in front.
    viscosity : "water", float or callable, default "water"
        `water_viscosity` by temperature, or a number in Pa s, or a function of K.
    walls : array, Partition, or list of them, optional
        Boolean array of `shape`, True in obstacles; thin `Partition` walls, with or without hole.
    diffusivity : float or array of `shape`, optional
        m^2/s, for what does not follow Stokes and Einstein: in place of temperature, radius and
        viscosity.
    form : {"fick", "ito"}, default "fick"
        Which equation an uneven D stands in. ``"fick"``, ``div(D grad c)``: flow follows the
        difference of c; ends even for any D. ``"ito"``, ``laplace(D c)``: every particle jumps
        by the D of where it *is*; ends as ``c ~ 1/D``, crowded where it is slow. Both keep the
        amount; where D is uniform they are the same. On graphs they are the flux and the column
        kind of P.

    Raises
    ------
    TypeError, ValueError
        For a measure that is not positive, a field or wall that does not fit, and water that is
        not liquid.

    Examples
    --------
    A centimetre of water at 20 C, a drop in the middle, one hour:

    >>> glass = Glass(shape=(32, 32), spacing=0.01 / 32)
    >>> glass.drop("centre", 1e-6).wait(3600)
    Glass(shape=(32, 32), spacing=0.0003125 m, time=3600 s, mixedness=0.9938)
    >>> bool(np.isclose(glass.amount, 1e-6, rtol=1e-14))
    True
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        spacing: float | Sequence[float],
        *,
        temperature: float | npt.ArrayLike = 293.15,
        particle_radius: float | Mapping[str, float] = 0.5e-9,
        viscosity: Viscosity = "water",
        walls: Walls = None,
        diffusivity: float | npt.ArrayLike | None = None,
        form: str = "fick",
    ) -> None:
        vessel = make_vessel(shape, spacing, walls)
        if form not in ("fick", "ito"):
            raise ValueError(f"form must be 'fick' or 'ito'; got {form!r}")
        radii = particle_radius if isinstance(particle_radius, Mapping) else {"": particle_radius}
        if diffusivity is None:
            wander = [stokes_einstein(temperature, radius, viscosity) for radius in radii.values()]
        else:
            wander = [np.asarray(diffusivity, dtype=np.float64)]
            check_positive("diffusivity", wander[0], "m^2/s")
        if len(wander) != len(radii) or not wander:
            raise ValueError(
                "particle_radius must name one species or more, and one alone with a diffusivity; "
                f"got {particle_radius!r}"
            )
        field = wander[0]
        if np.ndim(field) and np.shape(field) != vessel.shape:
            what = "temperature" if diffusivity is None else "diffusivity"
            raise ValueError(
                f"{what} must be a number or of shape {vessel.shape}; got {np.shape(field)}"
            )
        ready = (fick if form == "fick" else ito)(vessel, field)
        uniform = vessel.open and np.ndim(field) == 0
        super().__init__(
            ready,
            "flux" if form == "fick" else "column",
            np.arange(len(ready.masses), dtype=np.int32),
            shape=vessel.shape,
            wet=vessel.water,
            cell=vessel.cell,
            # particles of another size live in another time, by the same operator
            speeds={
                name: float(np.max(own) / np.max(field))
                for name, own in zip(radii, wander, strict=True)
            },
            gap=box_gap(vessel, float(field)) if uniform else None,
        )
        self._vessel, self._wander, self._stirs = vessel, wander, 0

    def __repr__(self) -> str:
        edges = " x ".join(f"{edge:g}" for edge in dict.fromkeys(self.spacing))
        return (
            f"Glass(shape={self.shape}, spacing={edges} m, time={self.time:g} s, "
            f"mixedness={self._words()})"
        )

    @property
    def spacing(self) -> tuple[float, ...]:
        """Edges of a cell, m."""
        return self._vessel.spacing

    @property
    def water(self) -> npt.NDArray[np.bool_]:
        """Where the water is: False in obstacles."""
        water = self._vessel.water
        return np.ones(self.shape, dtype=bool) if water is None else water

    @property
    def diffusivity(self) -> Any:
        """m^2/s: a number, or an array of `shape`; an axis of species in front of several."""
        fields = np.array(self._wander)
        if not self.species:
            fields = fields[0]
        return float(fields) if fields.ndim == 0 else fields

    def drop(
        self, where: Any, amount: float, *, radius: float | None = None, species: str | None = None
    ) -> Self:
        """Let a drop fall: `amount` of dye, spread evenly over some cells.

        Parameters
        ----------
        where
            ``"centre"``; one cell, a tuple of whole numbers; any other index into an array of
            the grid's shape, such as a boolean mask.
        amount
            Positive, in any unit (mol, g, particles).
        radius
            m: all cells whose centre is so near to the centre or to the cell given.
        species
            Its name, where there are several.

        Raises
        ------
        IndexError, KeyError, ValueError
            For a place that is not there or holds no water, and for a bad amount or name.

        Examples
        --------
        >>> Glass(4, 1e-3).drop(0, 2e-3).concentration
        array([2., 0., 0., 0.])
        """
        chosen = cells_of(self._vessel, where, radius)
        water = self._vessel.water
        self._add(chosen.ravel() if water is None else chosen[water], amount, species)
        return self

    def stir(
        self, times: int = 1, *, flow: str = "rotation", strength: float | None = None
    ) -> Self:
        """Stir: cells change places as in a flow. No time passes and nothing mixes by it.

        A permutation, so that the sorted concentrations stay the same to the last bit: stirring
        only stretches the border across which diffusion mixes.

        Parameters
        ----------
        times
            How often; the flow changes from one to the next as it does from call to call.
        flow
            ``"rotation"``: a vortex, left and right by turns; ``"shear"``: rows that slide past
            each other, along one axis and the other by turns.
        strength
            Full turns of the middle of the vortex, 1 by default; or how far rows slide, as a
            share of the glass, 0.5 by default.

        Raises
        ------
        TypeError, ValueError
            For a glass with walls, a line of cells, and bad numbers.

        Examples
        --------
        >>> import numpy as np
        >>> glass = Glass((8, 8), 1e-3).drop((2, 2), 1.0, radius=2e-3)
        >>> before = np.sort(glass.concentration, axis=None)
        >>> bool((np.sort(glass.stir().concentration, axis=None) == before).all())
        True
        """
        if not self._vessel.open:
            raise ValueError("walls must be absent for stirring, which would cross them; got some")
        if isinstance(times, bool) or not isinstance(times, (int, np.integer)) or times < 0:
            raise ValueError(f"times must be a whole number, 0 or more; got {times!r}")
        turns = _STRENGTH.get(flow, 0.0) if strength is None else strength
        check_number("strength", turns, "finite", math.isfinite)
        for _ in range(times):
            for dye in self._dyes.values():
                grid = dye.values.reshape(self.shape)
                dye.values = stirred(grid, flow, turns, self._stirs).ravel()
            self._stirs += 1
        return self

    def draw(self, *, species: str | None = None) -> Figure:
        """A picture of the glass, a matplotlib figure; its colours are those of `dye_colours`.

        Parameters
        ----------
        species
            Its name, where there are several.

        Examples
        --------
        >>> figure = Glass((16, 16), 1e-3).drop("centre", 1.0).wait(3600).draw()
        >>> figure.axes[0].get_title()
        '3600 s, 92 % mixed'
        """
        relative, mixed = self.relative, np.atleast_1d(self.mixedness)
        at = self.species.index(species) if species is not None else 0
        if self.species:
            relative = relative[at]
        return draw_glass(relative, f"{self.time:g} s, {100 * mixed[at]:.0f} % mixed")
