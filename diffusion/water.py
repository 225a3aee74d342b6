"""How thick water is, and how fast a particle wanders in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Viscosity: TypeAlias = "str | float | Callable[[Floats], npt.ArrayLike]"

#: J/K, exact by the definition of the kelvin (SI, 2019)
BOLTZMANN = 1.380649e-23
#: K, between which water is liquid at 0.1 MPa
FREEZING, BOILING = 273.15, 373.15

# Micropascal seconds and powers of T / 300 K: equation and coefficients of the source below.
_TERMS = ((280.68, -1.9), (511.45, -7.7), (61.131, -19.6), (0.45903, -40.0))


def water_viscosity(temperature: npt.ArrayLike) -> Any:
    """Dynamic viscosity of liquid water at 0.1 MPa, in Pa s.

    ``eta = 1e-6 sum_i a_i (T / 300 K)^b_i`` with four terms; within 1 % of the full formulation
    of the IAPWS. Pressure enters diffusion through viscosity alone, and is held at 0.1 MPa:
    up to 0.3 MPa the same numbers hold.

    Parameters
    ----------
    temperature
        In K, from 273.15 to 373.15, where water is liquid at this pressure. (The source allows
        253.15 to 383.15, undercooled and superheated water included.) Any shape.

    Returns
    -------
    float, or ndarray of the shape of `temperature`

    Raises
    ------
    ValueError
        For a temperature outside the range.

    References
    ----------
    Patek, Hruby, Klomfar, Souckova & Harvey, "Reference correlations for thermophysical
    properties of liquid water at 0.1 MPa", J. Phys. Chem. Ref. Data 38 (2009) 21,
    doi 10.1063/1.3043575; the same as IAPWS SR6-08(2011).

    Examples
    --------
    At 20 C, 1.0016 mPa s; at 80 C a third of it:

    >>> round(1e3 * water_viscosity(293.15), 4), round(1e3 * water_viscosity(353.15), 4)
    (1.0016, 0.354)
    """
    kelvin = np.asarray(temperature, dtype=np.float64)
    inside = (kelvin >= FREEZING) & (kelvin <= BOILING)
    if not inside.all():
        worst = float(kelvin[~inside].flat[0])
        hint = "in kelvin: add 273.15" if 0.0 <= worst <= 100.0 else "pass viscosity= in Pa s"
        raise ValueError(
            f"temperature must be from {FREEZING} to {BOILING} K, where water is liquid; "
            f"got {worst!r}: {hint}"
        )
    eta = 1e-6 * sum(a * (kelvin / 300.0) ** b for a, b in _TERMS)
    return float(eta) if kelvin.ndim == 0 else np.asarray(eta)


def stokes_einstein(
    temperature: npt.ArrayLike, particle_radius: float, viscosity: Viscosity = "water"
) -> Any:
    """Diffusivity of a sphere in a liquid, ``D = k T / (6 pi eta r)``, in m^2/s.

    Holds for particles that are alike, round, few, and larger than the molecules of the liquid;
    for molecules as small as a dye it is right to some 30 %.

    Parameters
    ----------
    temperature
        In K. Any shape.
    particle_radius
        In m, positive.
    viscosity
        ``"water"``, see `water_viscosity`; a number in Pa s; or a function from an array of K
        to Pa s.

    Returns
    -------
    float, or ndarray of the shape of `temperature`

    Raises
    ------
    ValueError
        For a temperature, radius or viscosity that is not positive and finite, or that water
        does not have as a liquid.

    References
    ----------
    Einstein, "Ueber die von der molekularkinetischen Theorie der Waerme geforderte Bewegung von
    in ruhenden Fluessigkeiten suspendierten Teilchen", Annalen der Physik 322 (1905) 549.

    Examples
    --------
    >>> f"{stokes_einstein(293.15, 0.5e-9):.3g}"
    '4.29e-10'
    """
    kelvin = np.asarray(temperature, dtype=np.float64)
    check_positive("temperature", kelvin, "K")
    check_positive("particle_radius", np.asarray(particle_radius, dtype=np.float64), "m")
    if isinstance(viscosity, str):
        if viscosity != "water":
            raise ValueError(
                f"viscosity must be 'water', a number in Pa s or a function; got {viscosity!r}"
            )
        eta = np.asarray(water_viscosity(kelvin))
    else:
        given = viscosity(kelvin) if callable(viscosity) else viscosity
        eta = np.asarray(given, dtype=np.float64)
    check_positive("viscosity", eta, "Pa s")
    wander = BOLTZMANN * kelvin / (6.0 * math.pi * eta * particle_radius)
    return float(wander) if wander.ndim == 0 else np.asarray(wander)


def check_positive(name: str, values: Floats, unit: str) -> None:
    """Refuse the first value that is not positive and finite.

    Examples
    --------
    >>> check_positive("radius", np.array([1.0, -2.0]), "m")
    Traceback (most recent call last):
    ...
    ValueError: radius must be positive and finite, in m; got -2.0
    """
    bad = ~((values > 0) & np.isfinite(values))
    if bad.any():
        raise ValueError(
            f"{name} must be positive and finite, in {unit}; got {float(values[bad].flat[0])!r}"
        )
