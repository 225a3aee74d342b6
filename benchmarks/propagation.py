"""The propagation kernel side by side with scipy's product and torch's CSR, in one run.

    pip install "suffuse[train]"
    python benchmarks/propagation.py            # three minutes; writes its part of RESULTS.md
    python benchmarks/propagation.py --large    # also a million people; some 4 GB

200,000 nodes, 20 ties each, 64 columns. Everything is measured in turns, so that a busy machine
hits all alike, and the best of the turns counts. scipy's product uses one thread, as it always
does; torch and ours use all cores of the process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from accuracy import machine, write_section

from suffuse.diffusion import PropagationOperator
from suffuse.diffusion.panels import Steps, panels_of
from suffuse.diffusion.polynomials import damped_coefficients

N, TIES, COLUMNS = 200_000, 20, 64
DAMPING, TOL = 0.3, 1e-4
TURNS = 7


def graph(n: int, ties: int, *, weighted: bool) -> sp.csr_array:
    """A random graph without direction, of so many ties per node on average."""
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(n, dtype=np.int32), ties // 2)
    cols = rng.integers(0, n, len(rows), dtype=np.int32)
    both = (np.r_[rows, cols], np.r_[cols, rows])
    made = sp.csr_array(sp.coo_array((np.ones(2 * len(rows), np.float32), both), shape=(n, n)))
    made.data[:] = 1.0
    made.sort_indices()
    if weighted:
        low, high = np.minimum(*made.nonzero()), np.maximum(*made.nonzero())
        made.data = (0.5 + (low * 7 + high * 13) % 100 / 100).astype(np.float32)
    return made


def in_turns(jobs: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Seconds of each job, the best of its turns; each has one before that does not count."""
    best = dict.fromkeys(jobs, np.inf)
    for turn in range(TURNS + 1):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            if turn:
                best[name] = min(best[name], time.perf_counter() - started)
    return best


def check(found: Any, expected: Any, kind: Any) -> None:
    """Stop if two answers differ by more than rounding."""
    gap = float(np.abs(np.asarray(found) - np.asarray(expected)).max())
    if not gap <= 200 * np.finfo(kind).eps:
        raise SystemExit(f"answers differ by {gap}")


def products(kind: Any, *, weighted: bool) -> str:
    """One product with P: a row of the table."""
    import torch

    operator = PropagationOperator(graph(N, TIES, weighted=weighted), "symmetric")
    matrix = operator.to_sparse().astype(kind)
    x = np.random.default_rng(1).standard_normal((N, COLUMNS)).astype(kind)
    parts = (torch.from_numpy(part.copy()) for part in (matrix.indptr, matrix.indices, matrix.data))
    csr, dense, place = torch.sparse_csr_tensor(*parts, matrix.shape), torch.from_numpy(x), x.copy()
    check(operator.apply(x), matrix @ x, kind)
    check(operator.apply(x), csr @ dense, kind)
    took = in_turns(
        {
            "scipy": lambda: matrix @ x,
            "torch": lambda: csr @ dense,
            "ours": lambda: operator.apply(x),
            "copy": lambda: np.copyto(place, x),
        }
    )
    gathered = matrix.nnz * COLUMNS * np.dtype(kind).itemsize
    ties = matrix.nnz * (12 if weighted else 4) * len(list(panels_of(COLUMNS)))
    moved = gathered + ties + 4 * x.nbytes  # the panels are written and read once more
    name = f"product, {np.dtype(kind).name}, {'weighted' if weighted else 'equal'} ties"
    rate = f"{moved / took['ours'] / 1e9:.0f} | {2 * x.nbytes / took['copy'] / 1e9:.0f}"
    return row(name, took, rate)


def row(name: str, took: dict[str, float], rate: str) -> str:
    """A row of the table."""
    cells = [f"{took[peer]:.4f}" for peer in ("scipy", "torch", "ours")]
    ratios = [f"{took[peer] / took['ours']:.1f}" for peer in ("scipy", "torch")]
    return f"| {name} | {' | '.join([*cells, *ratios, rate])} |"


def steps(kind: Any) -> str:
    """One step of the Chebyshev recurrence, the sum included: a row of the table."""
    import torch

    operator = PropagationOperator(graph(N, TIES, weighted=False), "symmetric")
    matrix = operator.to_sparse().astype(kind)
    x = np.random.default_rng(1).standard_normal((N, COLUMNS)).astype(kind)
    parts = (torch.from_numpy(part.copy()) for part in (matrix.indptr, matrix.indices, matrix.data))
    csr = torch.sparse_csr_tensor(*parts, matrix.shape)
    before, total = x.copy(), x.copy()
    now_t, before_t, total_t = (torch.from_numpy(x.copy()) for _ in range(3))
    ours = [
        Steps(operator._propagation.pattern, x, at, total, at.start) for at in panels_of(COLUMNS)
    ]
    for panel in ours:
        panel.begin(1.0)
    weight = kind(1e-3)

    def by_scipy() -> None:
        after = matrix @ x
        after *= 2
        np.subtract(after, before, out=before)
        np.add(total, weight * before, out=total)

    def by_torch() -> None:
        after = csr @ now_t
        after.mul_(2).sub_(before_t)
        total_t.add_(after, alpha=float(weight))

    def by_us() -> None:
        for panel in ours:
            panel.step(2.0, -1.0, float(weight))

    took = in_turns({"scipy": by_scipy, "torch": by_torch, "ours": by_us})
    return row(f"Chebyshev step, {np.dtype(kind).name}, equal ties", took, "|")


def filters(kind: Any) -> str:
    """The damped filter as a whole, certificate included: a row of the table."""
    import torch

    operator = PropagationOperator(graph(N, TIES, weighted=False), "symmetric")
    matrix = operator.to_sparse().astype(kind)
    x = np.random.default_rng(1).standard_normal((N, COLUMNS)).astype(kind)
    parts = (torch.from_numpy(part.copy()) for part in (matrix.indptr, matrix.indices, matrix.data))
    csr, start = torch.sparse_csr_tensor(*parts, matrix.shape), torch.from_numpy(x)
    weights = [float(weight) for weight in damped_coefficients(DAMPING, TOL / 2)]

    def series(product: Any, first: Any) -> Any:
        """The same polynomial by another's product, without a bound on its error."""
        before, now = first, product @ first
        total = weights[0] * before + weights[1] * now
        for weight in weights[2:]:
            before, now = now, 2.0 * (product @ now) - before
            total += weight * now
        return total

    found = operator.diffuse(x, DAMPING, tol=TOL)
    check(found, series(matrix, x), kind)
    took = in_turns(
        {
            "scipy": lambda: series(matrix, x),
            "torch": lambda: series(csr, start),
            "ours": lambda: operator.diffuse(x, DAMPING, tol=TOL),
        }
    )
    return row(f"damped filter, {np.dtype(kind).name}, certified by us alone", took, "|")


FIRST = """
import time, numpy as np, scipy.sparse as sp
from suffuse.diffusion import PropagationOperator
ring = sp.csr_array(sp.eye_array(50, k=1) + sp.eye_array(50, k=-1))
x = np.ones((50, 2), np.float32)
started = time.perf_counter()
PropagationOperator(ring, "symmetric").diffuse(x, 0.3)
print(time.perf_counter() - started)
"""


def first_calls() -> tuple[float, float]:
    """Seconds of the first small `diffuse` of a process: all compiled, and all from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        there = {**os.environ, "NUMBA_CACHE_DIR": folder}
        run = [sys.executable, "-c", FIRST]
        took = [
            float(subprocess.run(run, env=there, check=True, capture_output=True).stdout)
            for _ in range(2)
        ]
    return took[0], took[1]


def large() -> str:
    """A million people: how long."""
    adjacency = graph(1_000_000, 40, weighted=False)
    started = time.perf_counter()
    operator = PropagationOperator(adjacency, "symmetric")
    built = time.perf_counter() - started
    x = np.random.default_rng(1).standard_normal((1_000_000, COLUMNS), dtype=np.float32)
    took = in_turns_of(3, lambda: operator.diffuse(x, DAMPING, tol=TOL))
    return (
        f"1,000,000 nodes, {adjacency.nnz / 1e6:.0f} M directed ties, {COLUMNS} columns, float32: "
        f"operator built in {built:.1f} s; "
        f"`diffuse` at damping {DAMPING}, tol {TOL:g}: {took:.1f} s."
    )


def in_turns_of(turns: int, job: Callable[[], Any]) -> float:
    """Seconds of a job, the best of some turns."""
    best = np.inf
    for _ in range(turns):
        started = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="also a million people")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    compiled, cached = first_calls()
    lines = [
        "## Propagation: the kernel against scipy and torch",
        "",
        f"{machine()}, torch {torch.__version__} on {torch.get_num_threads()} threads, scipy on "
        f"one. {N:,} nodes, {TIES} ties each, {COLUMNS} columns; seconds, the best of {TURNS} "
        "turns. GB/s: rows gathered, ties and panels streamed; beside it what a plain copy of X "
        "reads and writes. `python benchmarks/propagation.py`",
        "",
        "| | scipy | torch CSR | ours | x scipy | x torch | ours GB/s | copy GB/s |",
        "|---|---|---|---|---|---|---|---|",
        products(np.float32, weighted=False),
        products(np.float32, weighted=True),
        products(np.float64, weighted=False),
        products(np.float64, weighted=True),
        steps(np.float32),
        steps(np.float64),
        filters(np.float32),
        filters(np.float64),
        "",
        f"The first `diffuse` of all takes {compiled:.1f} s, compilation included; that of a later "
        f"process, from the cache on disk, {cached:.2f} s.",
    ]
    if options.large:
        lines += ["", large()]
    write_section("propagation", "\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
