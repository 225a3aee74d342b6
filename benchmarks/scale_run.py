"""One run of the scale benchmark in a process of its own: every stage, its seconds, its memory.

The peak of a stage is the high-water mark of the resident memory of the process, set back at the
beginning of the stage (``/proc/self/clear_refs``, Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

K, FACTORS, ITERATIONS = 20, 64, 15
REGULARIZATION, CONFIDENCE = 30.0, 10.0
#: users for whom implicit is asked at a time, by its own threads
ASKED = 100_000


class Stages:
    """Seconds of the clock and of the processors, and peak bytes, of named stages."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Measure what happens inside the block."""
        _forget_peak()
        begin, work = time.perf_counter(), time.process_time()
        yield
        self.found[name] = {
            "seconds": time.perf_counter() - begin,
            "processors": time.process_time() - work,
            "peak": peak_bytes(),
        }

    def part(self, name: str, seconds: float) -> None:
        """A part of a stage, by its seconds alone."""
        self.found[name] = {"seconds": seconds}


def _forget_peak() -> None:
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5", encoding="ascii")


def peak_bytes() -> float:
    """The high-water mark of the resident memory since it was set back."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


class _Clock:
    """When each stage of progress was first and last heard of."""

    def __init__(self) -> None:
        self.heard: dict[str, list[float]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        self.heard.setdefault(stage, [now, now])[1] = now


def ours(world: Path, out: Path, *, memory: float) -> dict[str, Any]:
    """Read, fit, diffuse, recommend for everybody, write, judge: as a user would."""
    import suffuse as sf

    stages, clock = Stages(), _Clock()
    begin = time.perf_counter()
    with stages.of("read"):
        table = sf.datasets.read_interactions(world / "interactions.parquet")
        graph = sf.datasets.read_social(world / "social.parquet", directed=False)
    sizes = {"users": table.n_users, "items": table.n_items, "rows": len(table)}
    base = sf.ALS(
        n_factors=FACTORS,
        regularization=REGULARIZATION,
        confidence=CONFIDENCE,
        max_iter=ITERATIONS,
    )
    model = sf.SocialDiffusion(base, damping=0.3, memory=memory, background=0.01)
    with stages.of("fit and diffuse"), sf.progress_to(clock):
        start = time.perf_counter()
        model.fit(table, social=graph)
        end = time.perf_counter()
    # the operator is made before the base is fitted, so that a bad graph is refused early
    normalising = clock.heard["normalising the graph"]
    before, after = normalising[1] - normalising[0], end - clock.heard["diffusing"][0]
    stages.part("fit", end - start - before - after)
    stages.part("diffuse", before + after)
    sizes["ties"] = graph.n_ties
    del table, graph
    with stages.of("recommend and write"):
        model.recommend_to(out, k=K, overwrite=True)
    whole = time.perf_counter() - begin
    sizes["memory"] = memory
    return {"sizes": sizes, "stages": stages.found, "whole": whole}


def judged(world: Path, lists: Path) -> dict[str, Any]:
    """What judging the written lists takes, with the default metrics and their intervals."""
    import pandas as pd

    import suffuse as sf

    stages = Stages()
    with stages.of("read"):
        recs = pd.read_parquet(lists)
        test = sf.datasets.read_interactions(world / "test.parquet")
        train = sf.datasets.read_interactions(world / "interactions.parquet")
    with stages.of("evaluate"):
        report = sf.evaluate(recs, test, train=train, metrics=["recall@20", "ndcg@20"])
    values = report.to_frame().set_index("metric")["value"].to_dict()
    return {"stages": stages.found, "values": values}


def implicit_alone(world: Path) -> dict[str, Any]:
    """The same factorisation and the same lists by ``implicit`` alone, from a matrix in memory."""
    import numpy as np
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy import sparse
    from threadpoolctl import threadpool_limits

    import suffuse as sf

    table = sf.datasets.read_interactions(world / "interactions.parquet")
    rows = sparse.csr_matrix(table.matrix)
    rows.data = np.ones_like(rows.data)
    n_users = rows.shape[0]
    del table
    stages = Stages()
    solver = AlternatingLeastSquares(
        factors=FACTORS,
        regularization=REGULARIZATION,
        alpha=CONFIDENCE,
        iterations=ITERATIONS,
        random_state=0,
        num_threads=len(os.sched_getaffinity(0)),
    )
    with threadpool_limits(1, user_api="blas"), stages.of("fit"):
        solver.fit(rows, show_progress=False)
    found = np.empty((n_users, K), np.int32)
    with threadpool_limits(1, user_api="blas"), stages.of("recommend"):
        for first in range(0, n_users, ASKED):
            asked = np.arange(first, min(first + ASKED, n_users))
            items, _ = solver.recommend(asked, rows[asked], N=K, filter_already_liked_items=True)
            found[asked] = items
    return {"stages": stages.found}


def main() -> None:
    """Print what one run found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("ours", "judged", "implicit"))
    parser.add_argument("world", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--memory", type=float, default=0.0)
    options = parser.parse_args()
    if options.what == "ours":
        found = ours(options.world, options.out, memory=options.memory)
    elif options.what == "judged":
        found = judged(options.world, options.out)
    else:
        found = implicit_alone(options.world)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
