"""The glass side by side with py-pde and FiPy, in one run; every measurement in its own process.

    pip install py-pde fipy
    python benchmarks/physics.py            # about ten minutes; writes its part of RESULTS.md

An insulated box of 512 x 512 cells, D = 1, spacing 1, a round drop of radius 30 off the centre, to
t = 100 and t = 1000. The truth is the exact solution of the grid by the cosine transform; errors
are the largest over the cells, relative to the concentration of the drop. py-pde steps explicitly
(Euler, numba) at 0.8 of the CFL bound, its fastest safe way; FiPy implicitly, in 20 steps.

"Whole" is the wall time of a fresh Python process, imports and compilation included. "Solve" is
that of a later solve in a process that has done one before; py-pde compiles anew for each, so that
the time of a solve of one step is taken off its time. Nothing is taken off ours, which builds its
operator anew for each. Then what happens at 1.04 of the CFL bound, a steady state in a closed box,
and 256^3 cells.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- physics: begin -->", "<!-- physics: end -->"
N = 512
TIMES = (100.0, 1000.0)
PEERS = ("suffuse", "py-pde", "FiPy")
PDE_STEP, FIPY_STEPS = 0.2, 20


def drop() -> np.ndarray:
    """The concentration at the beginning."""
    x, y = np.mgrid[:N, :N]
    return ((x - 200) ** 2 + (y - 130) ** 2 <= 30**2).astype(float)


def exact(start: np.ndarray, moment: float) -> np.ndarray:
    """The grid's own solution, by the cosine transform."""
    from scipy.fft import dctn, idctn

    rates = 2 - 2 * np.cos(np.pi * np.arange(N) / N)
    decay = np.exp(-(rates[:, None] + rates[None, :]) * moment)
    return np.asarray(idctn(dctn(start) * decay))


def suffuse_solve(start: np.ndarray, moment: float) -> np.ndarray:
    """Ours, as a user would write it, the building of the glass included."""
    from suffuse.diffusion import Glass

    glass = Glass((N, N), 1.0, diffusivity=1.0)
    glass.drop(start > 0, float(start.sum())).wait(moment)
    return glass.concentration


def pde_solve(start: np.ndarray, moment: float) -> np.ndarray:
    """py-pde, explicit Euler with numba."""
    from pde import CartesianGrid, DiffusionPDE, ScalarField

    grid = CartesianGrid([[0, start.shape[0]], [0, start.shape[1]]], start.shape)
    equation = DiffusionPDE(diffusivity=1.0, bc={"derivative": 0})
    state = ScalarField(grid, start)
    done = equation.solve(
        state, t_range=moment, dt=PDE_STEP, solver="euler", backend="numba", tracker=None
    )
    return np.asarray(done.data)


def fipy_solve(start: np.ndarray, moment: float) -> np.ndarray:
    """FiPy, implicit."""
    from fipy import CellVariable, DiffusionTerm, Grid2D, TransientTerm

    mesh = Grid2D(nx=start.shape[1], ny=start.shape[0], dx=1.0, dy=1.0)
    phi = CellVariable(mesh=mesh, value=start.ravel())
    equation = TransientTerm() == DiffusionTerm(coeff=1.0)
    for _ in range(FIPY_STEPS):
        equation.solve(var=phi, dt=moment / FIPY_STEPS)
    return np.asarray(phi.value).reshape(start.shape)


SOLVERS = {"suffuse": suffuse_solve, "py-pde": pde_solve, "FiPy": fipy_solve}


def measure_once(peer: str, moment: float) -> dict[str, Any]:
    """One solve in a fresh process; the caller takes the wall time of all of it."""
    start = drop()
    SOLVERS[peer](start, moment)
    return {}


def measure_warm(peer: str, moment: float) -> dict[str, Any]:
    """Seconds of a solve after a first one, its error and its drift of mass."""
    start = drop()
    SOLVERS[peer](start, 1.0)
    seconds, compiling = [], []
    for _ in range(1 if peer == "FiPy" else 3):
        started = time.perf_counter()
        found = SOLVERS[peer](start, moment)
        seconds.append(time.perf_counter() - started)
        if peer == "py-pde":
            started = time.perf_counter()
            SOLVERS[peer](start, PDE_STEP)
            compiling.append(time.perf_counter() - started)
    return {
        "seconds": min(seconds) - min(compiling, default=0.0),
        "error": float(np.abs(found - exact(start, moment)).max()),
        "mass": float(abs(found.sum() / start.sum() - 1.0)),
        "lowest": float(found.min()),
    }


def measure_blow_up(peer: str, _: float) -> dict[str, Any]:
    """64 x 64 cells, one of them full, 500 explicit steps at 1.04 of the CFL bound."""
    n, dt, n_steps = 64, 0.26, 500
    start = np.zeros((n, n))
    start[32, 32] = 1.0
    if peer == "suffuse":
        from suffuse.diffusion import Glass

        try:
            Glass((n, n), 1.0, diffusivity=1.0).drop((32, 32), 1.0).wait(
                n_steps * dt, stepper="explicit", dt=dt
            )
        except ValueError as error:
            return {"said": f"refuses: `{error}`"}
        return {"said": "did not refuse"}
    if peer == "py-pde":
        from pde import CartesianGrid, DiffusionPDE, ScalarField

        grid = CartesianGrid([[0, n], [0, n]], n)
        equation = DiffusionPDE(diffusivity=1.0, bc={"derivative": 0})
        done = equation.solve(
            ScalarField(grid, start),
            t_range=n_steps * dt,
            dt=dt,
            solver="euler",
            backend="numba",
            tracker=None,
        )
        return {"said": f"returns values up to {np.abs(done.data).max():.0e}, without a word"}
    from fipy import CellVariable, ExplicitDiffusionTerm, Grid2D, TransientTerm

    phi = CellVariable(mesh=Grid2D(nx=n, ny=n, dx=1.0, dy=1.0), value=start.ravel())
    equation = TransientTerm() == ExplicitDiffusionTerm(coeff=1.0)
    for _step in range(n_steps):
        equation.solve(var=phi, dt=dt)
    return {"said": f"returns values up to {np.abs(phi.value).max():.0e}, without a word"}


def measure_steady(peer: str, _: float) -> dict[str, Any]:
    """The steady state of a closed box of 50 cells, the first ten of them full: .2 everywhere."""
    start = np.zeros(50)
    start[:10] = 1.0
    if peer == "suffuse":
        from suffuse.diffusion import Glass

        end = Glass(50, 1.0, diffusivity=1.0).drop(slice(0, 10), 10.0).equilibrium()
        return {"said": f"`equilibrium()` is .2 to {np.abs(end - 0.2).max():.0e}"}
    if peer == "py-pde":
        return {"said": "no call for it but a long run in time"}
    from fipy import CellVariable, DiffusionTerm, Grid1D

    phi = CellVariable(mesh=Grid1D(nx=50, dx=1.0), value=start)
    try:
        DiffusionTerm(coeff=1.0).solve(var=phi)
    except Exception as error:
        return {"said": f"stops: `{type(error).__name__}: {error}`"}
    return {"said": f"is off by {np.abs(phi.value - 0.2).max():.2g}"}


def measure_cube(_peer: str, moment: float) -> dict[str, Any]:
    """256^3 cells to t = 10: seconds to build and to wait, peak memory."""
    from suffuse.diffusion import Glass

    started = time.perf_counter()
    glass = Glass((256, 256, 256), 1.0, diffusivity=1.0).drop("centre", 1.0, radius=30.0)
    built = time.perf_counter()
    glass.wait(moment)
    return {
        "build": built - started,
        "wait": time.perf_counter() - built,
        "mass": float(abs(glass.amount - 1.0)),
        # in KB on Linux
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


JOBS = {
    "once": measure_once,
    "warm": measure_warm,
    "blow-up": measure_blow_up,
    "steady": measure_steady,
    "cube": measure_cube,
}


def child(job: str, peer: str, moment: float = 0.0) -> dict[str, Any]:
    """What a process of this script finds, and the wall time of all of it."""
    command = [sys.executable, str(Path(__file__)), "--job", job, "--peer", peer]
    started = time.perf_counter()
    result = subprocess.run(
        [*command, "--moment", str(moment)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    found["whole"] = time.perf_counter() - started
    print(job, peer, moment, found, file=sys.stderr, flush=True)
    return found


def machine() -> str:
    """Processor, threads and versions, in one line."""
    packages = ("suffuse", "numpy", "scipy", "numba", "py-pde", "fipy")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"Python {platform.python_version()}, {versions}; {os.cpu_count()} cores of a shared "
        "machine; suffuse uses one thread, the peers what they choose"
    )


def table(n: dict[tuple[str, float], dict[str, Any]]) -> list[str]:
    """Times, errors and ratios."""
    lines = [
        "| to t | program | whole s | solve s | error | drift of mass | lowest value |",
        "|---|---|---|---|---|---|---|",
    ]
    for moment in TIMES:
        for peer in PEERS:
            row = n[peer, moment]
            lines.append(
                f"| {moment:g} | {peer} | {row['whole']:.2f} | {row['seconds']:.2f} "
                f"| {row['error']:.0e} | {row['mass']:.0e} | {row['lowest']:.0e} |"
            )
    lines.append("")
    for moment in TIMES:
        ours = n["suffuse", moment]
        fastest = {
            what: min(n[peer, moment][what] for peer in PEERS[1:]) for what in ("whole", "seconds")
        }
        lines.append(
            f"To t = {moment:g} the faster peer takes {fastest['whole'] / ours['whole']:.1f} times "
            "as long as suffuse including start-up, and "
            f"{fastest['seconds'] / ours['seconds']:.1f} times without."
        )
    return lines


def run() -> str:
    """Everything, as Markdown."""
    numbers: dict[tuple[str, float], dict[str, Any]] = {}
    for moment in TIMES:
        for peer in PEERS:
            cold = child("once", peer, moment)
            numbers[peer, moment] = child("warm", peer, moment) | {"whole": cold["whole"]}
    lines = [
        "## A drop in a box, against py-pde and FiPy",
        "",
        f"{machine()}. 512 x 512 cells, D = 1, spacing 1. Truth: the cosine transform. py-pde: "
        f"explicit Euler, numba, dt = {PDE_STEP}; FiPy: implicit, {FIPY_STEPS} steps. Whole: a "
        "fresh process; solve: a later one, without py-pde's compilation. "
        "`python benchmarks/physics.py`",
        "",
        *table(numbers),
        "",
        "An explicit step of 1.04 times the CFL bound, 500 times:",
        "",
        *(f"- {peer} {child('blow-up', peer)['said']}" for peer in PEERS),
        "",
        "The steady state of a closed box:",
        "",
        *(f"- {peer}: {child('steady', peer)['said']}" for peer in PEERS),
        "",
    ]
    cube = child("cube", "suffuse", 10.0)
    lines.append(
        f"256^3 cells to t = 10: built in {cube['build']:.1f} s, waited in {cube['wait']:.1f} s, "
        f"drift of mass {cube['mass']:.0e}, peak memory {cube['peak_gb']:.1f} GB."
    )
    return "\n".join(lines)


def write_results(section: str) -> None:
    """Replace the part between the markers of RESULTS.md."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    if BEGIN not in text:
        text = f"{text.rstrip()}\n\n{BEGIN}\n{END}\n".lstrip()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    RESULTS.write_text(f"{head}{BEGIN}\n\n{section}\n\n{END}{tail}", encoding="utf-8")


def main() -> None:
    """Run one job in a child, everything otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--job", choices=list(JOBS), help=argparse.SUPPRESS)
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--moment", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(JOBS[options.job](options.peer, options.moment)))
        return
    write_results(run())


if __name__ == "__main__":
    main()
