"""Something that diffuses among nodes: cells of water, or people."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from .blocks import check_number
from .edges import Ids
from .mixing import Dye, entropy, segregation, time_until
from .normalization import Propagation
from .operator import PropagationOperator
from .spectrum import spectral_gap
from .stepping import Parts, check_step, explicit, implicit, largest_step

Floats = npt.NDArray[np.float64]


class Mixture:
    """Amounts on the nodes of a propagation, and the time that passes over them.

    What `Glass` and `Circle` have in common, which is everything but where a drop falls. Not
    made by hand.

    Parameters
    ----------
    ready : Propagation
        Of n nodes.
    kind : str
        Its name.
    ids : ndarray, shape (n,)
        Labels of the nodes.
    shape : tuple
        In which `concentration` is shown.
    wet : ndarray of bool of `shape`, optional
        Where the n nodes are in it; everywhere by default.
    cell : float
        Volume of a node.
    speeds : dict of name to float
        One for each species: how fast its time goes. The name of a single one is "".
    gap : float, optional
        The spectral gap at speed 1, where it is known beforehand.
    """

    def __init__(
        self,
        ready: Propagation,
        kind: str,
        ids: Ids,
        *,
        shape: tuple[int, ...],
        speeds: dict[str, float],
        wet: npt.NDArray[np.bool_] | None = None,
        cell: float = 1.0,
        gap: float | None = None,
    ) -> None:
        self._propagation = ready
        self._operator = PropagationOperator.assembled(ready, kind, ids)
        self._shape, self._wet, self._cell = shape, wet, cell
        self._parts = Parts(ready.labels if ready.labels.any() else None)
        self._dyes = {name: Dye(np.zeros(len(ids)), speed) for name, speed in speeds.items()}
        self._known_gap = gap
        self._time = 0.0

    def _words(self) -> str:
        """Mixedness of each species, for people."""
        return ", ".join(
            f"{1.0 - dye.segregation:.4f}" if dye.undiluted else "clear"
            for dye in self._dyes.values()
        )

    def _add(self, chosen: npt.NDArray[np.bool_], amount: float, species: str | None) -> None:
        """Spread an amount evenly over some nodes."""
        check_number("amount", amount, "positive and finite", lambda a: 0.0 < a < math.inf)
        if species is None and len(self._dyes) == 1:
            (species,) = self._dyes
        if species not in self._dyes:
            raise KeyError(f"species must be one of {list(self._dyes)}; got {species!r}")
        dye = self._dyes[species]
        values = dye.values.copy()
        values[chosen] += amount / (self._cell * int(chosen.sum()))
        dye.undiluted = max(dye.undiluted, float(values.max()))
        dye.values, dye.totals = values, self._parts.totals(values)

    def _shown(self, fields: list[Floats]) -> Floats:
        """Values of nodes in the shape of the vessel, an axis of species in front of several."""
        if self._wet is not None:
            spread = np.zeros((len(fields), *self._shape))
            spread[:, self._wet] = fields
        else:
            spread = np.array(fields).reshape(-1, *self._shape)
        shown = spread if self.species else spread[0]
        shown.flags.writeable = False
        return shown

    def _each(self, numbers: list[float]) -> Any:
        """A float, or an array where there are several species."""
        return np.array(numbers) if self.species else numbers[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of `concentration`, without the axis of species."""
        return self._shape

    @property
    def species(self) -> tuple[str, ...]:
        """Names in the order of the first axis of every answer; empty where there is one."""
        return () if "" in self._dyes else tuple(self._dyes)

    @property
    def operator(self) -> PropagationOperator:
        """The `PropagationOperator` that does the work, of the cells that hold water."""
        return self._operator

    @property
    def time(self) -> float:
        """How long was waited so far."""
        return self._time

    @property
    def concentration(self) -> Floats:
        """Amount per volume of a cell (m, m^2 or m^3 by the number of axes); 0 in obstacles.

        A read-only copy, of `shape`, or with an axis of species in front.
        """
        return self._shown([dye.values for dye in self._dyes.values()])

    @property
    def relative(self) -> Floats:
        """Concentration over its mean: 1 where even, NaN in obstacles; what pictures show."""
        shown = self._shown([dye.values / dye.values.mean() for dye in self._dyes.values()])
        return shown if self._wet is None else np.where(self._wet, shown, np.nan)

    @property
    def amount(self) -> Any:
        """All that was dropped, and is there still. An array with several species."""
        return self._each([self._cell * float(dye.values.sum()) for dye in self._dyes.values()])

    @property
    def segregation(self) -> Any:
        """Danckwerts' intensity of segregation: 1 unmixed, 0 even; see `mixing.segregation`."""
        return self._each([dye.segregation for dye in self._dyes.values()])

    @property
    def mixedness(self) -> Any:
        """One less Danckwerts' intensity of segregation: 0 unmixed, 1 even."""
        return self._each([1.0 - dye.segregation for dye in self._dyes.values()])

    @property
    def entropy(self) -> Any:
        """``-sum p log p`` of the shares of the cells, nats: from 0 to log n; never falls."""
        return self._each([entropy(dye.values) for dye in self._dyes.values()])

    @property
    def largest_step(self) -> float:
        """The CFL bound of the explicit stepper: ``dx^2 / (2 d D)`` in an open uniform box."""
        fastest = max(dye.speed for dye in self._dyes.values())
        return largest_step(self._operator.rate * fastest)

    @property
    def spectral_gap(self) -> Any:
        """Decay rate of the slowest mode, 1/s: what is uneven ends as ``exp(-gap t)``.

        The least over connected parts; infinite if no two cells touch. Of an open box of uniform
        D in closed form, else by Lanczos iteration. An array with several species.
        """
        return self._each([self._gap * dye.speed for dye in self._dyes.values()])

    @cached_property
    def _gap(self) -> float:
        if self._known_gap is not None:
            return self._known_gap
        on_grid = self._operator.normalization != "doubly_stochastic"
        n_axes = sum(size > 1 for size in self._shape) if on_grid else None
        return spectral_gap(self._propagation, n_axes=n_axes)

    def wait(
        self, seconds: float, *, stepper: str = "heat", dt: float | None = None, tol: float = 1e-10
    ) -> Self:
        """Let time pass. Amount and range are kept, whatever the stepper.

        Parameters
        ----------
        seconds
            0 or more; on a graph in units of ``1 / activity``.
        stepper
            ``"heat"``: exact up to `tol`, ``exp(-tL) c`` by Chebyshev polynomials;
            ``"explicit"``: Euler's step forward, which refuses a `dt` past `largest_step`;
            ``"implicit"``: Euler's step backward, the damped filter, stable at any `dt`.
        dt
            Length of an Euler step; `largest_step` for the explicit and all of `seconds` for the
            implicit one by default. The last step is shorter where it does not divide `seconds`.
        tol
            Error allowed, relative to the 2-norm of the concentration (for ``form="ito"`` the
            1-norm); of each step for the implicit stepper.

        Raises
        ------
        TypeError, ValueError
            For a negative time, another stepper, and a `dt` that is not positive or past the bound.

        Examples
        --------
        >>> from suffuse.diffusion import Glass
        >>> glass = Glass(3, 1.0, diffusivity=0.5).drop(1, 1.0)
        >>> glass.wait(1.0, stepper="explicit").concentration
        array([0.5, 0. , 0.5])
        >>> glass.wait(1e3).concentration.round(6)
        array([0.333333, 0.333333, 0.333333])
        """
        check_number("seconds", seconds, "0 or more and finite", lambda s: 0.0 <= s < math.inf)
        if stepper not in ("heat", "explicit", "implicit"):
            raise ValueError(f"stepper must be 'heat', 'explicit' or 'implicit'; got {stepper!r}")
        if dt is not None:
            check_number("dt", dt, "positive and finite", lambda s: 0.0 < s < math.inf)
            if stepper == "heat":
                raise ValueError(f"dt must be left out with stepper='heat'; got {dt!r}")
            if stepper == "explicit":
                check_step(dt, self.largest_step)
        for dye in self._dyes.values():
            if seconds > 0.0 and dye.undiluted > 0.0:
                self._age(dye, seconds, stepper, dt, tol)
        self._time += float(seconds)
        return self

    def _age(self, dye: Dye, seconds: float, stepper: str, dt: float | None, tol: float) -> None:
        """Age one species, in the time that its size makes its own."""
        time = seconds * dye.speed
        if stepper == "heat":
            values = self._operator.heat(dye.values, time, tol=tol)
        elif stepper == "explicit":
            step = self.largest_step if dt is None else dt
            values = explicit(self._operator, dye.values, time, dt=min(step, seconds) * dye.speed)
        else:
            step = (seconds if dt is None else dt) * dye.speed
            values = implicit(self._operator, dye.values, time, dt=step, tol=tol)
        even = self._operator.normalization != "column"
        low, high = (dye.values.min(), dye.values.max()) if even else (0.0, math.inf)
        self._parts.keep(values, float(low), float(high), dye.totals)
        dye.values = values

    def equilibrium(self) -> Floats:
        """Where waiting ends, in closed form for each connected part, as `concentration`.

        The mean of the part; for ``form="ito"`` its amount in proportion to ``1/D``.

        Examples
        --------
        >>> from suffuse.diffusion import Glass
        >>> Glass(4, 1.0).drop(0, 2.0).equilibrium()
        array([0.5, 0.5, 0.5, 0.5])
        """
        return self._shown([self._operator.equilibrium(dye.values) for dye in self._dyes.values()])

    def time_to_mix(self, target: float = 0.99) -> Any:
        """Time by which `mixedness` has reached a target at the latest, if nobody stirs.

        From the slowest mode: the segregation above that of the equilibrium falls at least as
        ``exp(-2 gap t)``, and in the end exactly so. From a segregation of 1 where no dye is yet;
        infinite where the equilibrium itself falls short, as with isolated chambers.

        Parameters
        ----------
        target
            In [0, 1): 0.99 stands for an intensity of segregation of 0.01.

        Returns
        -------
        float
            Seconds; on a graph units of ``1 / activity``. An array with several species.

        Raises
        ------
        ValueError
            For a target out of range, and in Ito's form, whose end is not even.

        Examples
        --------
        A glass of 10 cm that nobody stirs, in days:

        >>> from suffuse.diffusion import Glass
        >>> round(Glass(64, 0.1 / 64).time_to_mix(0.99) / 86400)
        63
        """
        check_number("target", target, "a number in [0, 1)", lambda t: 0.0 <= t < 1.0)
        if self._operator.normalization == "column":
            raise ValueError("form must be 'fick' for time_to_mix; got 'ito', which ends as 1/D")
        times = []
        for dye, gap in zip(self._dyes.values(), np.atleast_1d(self.spectral_gap), strict=True):
            now, end = 1.0, 0.0 if self._parts.n == 1 else math.nan
            if dye.undiluted > 0.0:
                now = dye.segregation
                end = segregation(self._operator.equilibrium(dye.values), dye.undiluted)
            elif self._parts.n > 1:
                raise ValueError("glass must hold dye, as it has several chambers: drop first")
            times.append(time_until(1.0 - target, now, end, float(gap)))
        return self._each(times)
