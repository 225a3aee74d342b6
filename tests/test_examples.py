"""Every example runs at a small size, writes its picture, and shows what it says."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suffuse.diffusion import stokes_einstein

ROOT = Path(__file__).parents[1]
NAMES = ("spread", "stir", "temperature", "two_sizes", "partition", "preference_on_a_graph")

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run an example at a size, and look whether it wrote a PNG."""

    def call(name: str, size: int) -> dict[str, Any]:
        spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        out = tmp_path / "picture.png"
        found: dict[str, Any] = module.main(size=size, out=out)
        assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
        return found

    return call


def test_all_examples_are_tested() -> None:
    """No script of the folder is left out, and each has a picture of modest size in the docs."""
    assert {path.stem for path in (ROOT / "examples").glob("*.py")} == set(NAMES)
    for name in NAMES:
        assert 10_000 < (ROOT / "docs" / f"{name}.png").stat().st_size < 150_000


def test_spread(run: Run) -> None:
    """Before the wall the variance is 2 D t; in the end that of an even strip, L^2 / 12."""
    variances = run("spread", 41)
    wander = stokes_einstein(293.15, 0.5e-9)
    assert variances["4 hours"] == pytest.approx(2 * wander * 4 * 3600, rel=1e-6)
    assert variances["27 days"] == pytest.approx(0.1**2 / 12, rel=0.05)


def test_stir(run: Run) -> None:
    """Stirring alone leaves segregation at 1; with diffusion it is far ahead of diffusion alone."""
    curves = run("stir", 48)
    assert curves["stirring alone"] == pytest.approx([1.0] * 61, abs=1e-12)
    both = int(np.argmax(np.array(curves["both"]) < 0.01))
    assert both > 0
    assert min(curves["diffusion alone"][: 3 * both]) > 0.01


def test_temperature(run: Run) -> None:
    """Fick's end is even; Ito's is uneven as D is between 5 and 80 C."""
    ends = run("temperature", 24)
    hot, cold = stokes_einstein(353.15, 1e-9), stokes_einstein(278.15, 1e-9)
    assert ends["fick"] == pytest.approx(1.0, abs=1e-12)
    assert ends["ito"] == pytest.approx(hot / cold, rel=1e-12)


def test_two_sizes(run: Run) -> None:
    """Four times the radius takes four times as long."""
    small, large = run("two_sizes", 24).values()
    assert large / small == pytest.approx(4.0, rel=0.02)


def test_partition(run: Run) -> None:
    """A hole is enough to end even; an isolated chamber stays clear."""
    ratios = run("partition", 24)
    assert ratios["a wall with a hole"] == pytest.approx(1.0, abs=1e-12)
    assert ratios["an obstacle"] == pytest.approx(1.0, abs=1e-12)
    assert ratios["a wall, no hole"] == np.inf


def test_preference_on_a_graph(run: Run) -> None:
    """After two and a half slowest modes both are mixed to 99 % and more."""
    ends = run("preference_on_a_graph", 24)
    assert min(ends.values()) > 0.99
