"""The dictionary: every line holds for the glass and for the circle, and the page says the same."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from suffuse.diffusion import Circle, Glass
from suffuse.diffusion.dictionary import DICTIONARY

PAGE = Path(__file__).parents[2] / "docs" / "dictionary.md"


@pytest.fixture(params=["glass", "circle"])
def mixture(request):
    """Either of the two."""
    if request.param == "glass":
        return Glass((6, 5), 1e-3).drop((1, 1), 1.0)
    return Circle(nx.karate_club_graph()).drop(0, 1.0)


@pytest.mark.parametrize("entry", DICTIONARY, ids=lambda entry: entry.water)
def test_the_code_runs_on_both(entry, mixture):
    """Each expression is one that Python can evaluate, on a glass and on a circle."""
    assert eval(entry.code, {"mixture": mixture}) is not None


def test_the_page_is_the_table():
    """Every line of the code stands in the page, and its pictures are there."""
    text = PAGE.read_text(encoding="utf-8")
    for entry in DICTIONARY:
        line = f"| {entry.water} | {entry.people} | `{entry.code}` | {entry.why} |"
        assert line in text
    assert {"dye", "water", "viscosity", "temperature"} <= {entry.water for entry in DICTIONARY}


def test_the_python_of_the_page_runs(capsys):
    """The block runs as it stands."""
    block = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    exec(compile(block, "dictionary.md", "exec"), {})
    assert "Circle(n=34" in capsys.readouterr().out


def test_cfl_is_the_bound_of_the_damping(mixture):
    """dt rate is at most 1 for the one, dt rate / (1 + dt rate) below 1 for the other."""
    assert mixture.largest_step * mixture.operator.rate == pytest.approx(1.0)


def test_even_is_doubly_stochastic(mixture):
    """Rows and columns of P sum to 1, and so the end is the mean."""
    matrix = mixture.operator.to_sparse().toarray()
    np.testing.assert_allclose(matrix.sum(axis=0), 1.0, atol=1e-12)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(mixture.equilibrium(), mixture.concentration.mean(), rtol=1e-12)


def test_viscosity_is_resistance():
    """Water twice as thick has twice the resistance, and so half the pace."""
    thin, thick = (Glass((6, 5), 1e-3, viscosity=eta) for eta in (1e-3, 2e-3))
    ratio = thick.operator.degrees / thin.operator.degrees
    np.testing.assert_allclose(ratio, 0.5, rtol=1e-12)
    assert thick.spectral_gap == pytest.approx(0.5 * thin.spectral_gap)
