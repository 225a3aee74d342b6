"""Viscosity and Stokes-Einstein against tabulated water and by their laws."""

import numpy as np
import pytest

from suffuse.diffusion import stokes_einstein, water_viscosity


@pytest.mark.parametrize(
    ("celsius", "millipascal_seconds"),
    # Perry's Chemical Engineers' Handbook, table 2-135, saturated liquid at 280, 300, 320, 350 K
    [(6.85, 1.4337), (26.85, 0.85384), (46.85, 0.57702), (76.85, 0.36877)],
)
def test_viscosity_of_water(celsius, millipascal_seconds):
    """Steam tables of another source agree to half a percent."""
    assert 1e3 * water_viscosity(celsius + 273.15) == pytest.approx(millipascal_seconds, rel=5e-3)


def test_water_at_20_celsius():
    """D of a particle of 0.5 nm is 4.29e-10 m^2/s."""
    assert f"{stokes_einstein(293.15, 0.5e-9):.2e}" == "4.29e-10"


def test_hot_water_is_faster():
    """At 80 C everything mixes 3.4 times as fast as at 20 C."""
    ratio = stokes_einstein(353.15, 0.5e-9) / stokes_einstein(293.15, 0.5e-9)
    assert round(ratio, 1) == 3.4


def test_stokes_einstein_by_hand():
    """D = kT / (6 pi eta r), with a viscosity given as a number and as a function."""
    expected = 1.380649e-23 * 300.0 / (6 * np.pi * 2e-3 * 1e-9)
    assert stokes_einstein(300.0, 1e-9, 2e-3) == pytest.approx(expected, rel=1e-14)
    assert stokes_einstein(300.0, 1e-9, lambda kelvin: 6e-1 / kelvin) == pytest.approx(expected)


def test_a_field_of_temperatures():
    """A field gives a field, each entry as if alone; the coldest is the slowest."""
    field = np.array([[280.0, 290.0], [300.0, 350.0]])
    wander = stokes_einstein(field, 1e-9)
    assert wander.shape == (2, 2)
    assert wander[1, 0] == stokes_einstein(300.0, 1e-9)
    assert (np.diff(wander.ravel()) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((20.0, 1e-9), r"from 273.15 to 373.15 K.*got 20.0: in kelvin: add 273.15"),
        ((500.0, 1e-9), r"where water is liquid; got 500.0"),
        ((np.array([290.0, np.nan]), 1e-9), "temperature must be positive"),
        ((293.0, 0.0), r"particle_radius must be positive and finite, in m; got 0.0"),
        ((293.0, 1e-9, "oil"), r"viscosity must be 'water'.*got 'oil'"),
        ((293.0, 1e-9, -1.0), r"viscosity must be positive"),
    ],
)
def test_bad_water(arguments, message):
    """The value, the rule and the way out."""
    with pytest.raises(ValueError, match=message):
        stokes_einstein(*arguments)
