"""One run of the cluster benchmark in a process of its own: on one machine, or by Ray workers.

Both go from the two parquet files of a world to a folder of lists. Memory of workers is what
`/proc/PID/smaps_rollup` says twice a second: private bytes, and the share of what is shared.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from scale_run import CONFIDENCE, REGULARIZATION, peak_bytes

K = 10


class Watch:
    """Peaks of the memory of some processes, looked at twice a second, beside the run."""

    def __init__(self) -> None:
        self.private: dict[int, int] = {}
        self.shared: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            for pid in worker_pids():
                private, proportional = memory_of(pid)
                self.private[pid] = max(self.private.get(pid, 0), private)
                self.shared[pid] = max(self.shared.get(pid, 0), proportional)


def worker_pids() -> list[int]:
    """Workers of the Ray that this process has started, and of no other."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                title = (place / "cmdline").read_bytes()
                raylet = _parent(int(place.name))
                is_ours = title.startswith(b"ray::ShardActor") and _parent(raylet) == os.getpid()
            except (OSError, IndexError):
                continue
            if is_ours:
                found.append(int(place.name))
    return found


def _parent(pid: int) -> int:
    """The process that started another one."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rsplit(")", 1)[1].split()[1])


def memory_of(pid: int) -> tuple[int, int]:
    """Private bytes of a process, and these with its share of what it has in common."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return 0, 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return sizes["Private_Clean"] + sizes["Private_Dirty"], sizes["Pss"]


class Clock:
    """Seconds between what is heard of a stage and what is heard next, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last: tuple[str, float] | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if self._last is not None:
            name, before = self._last
            self.seconds[name] = self.seconds.get(name, 0.0) + now - before
        self._last = (stage, now)

    def pause(self) -> None:
        """What comes until the next stage belongs to none."""
        self._last = None


class Killer:
    """Kills a random worker every so often, so many times."""

    def __init__(self, times: int, every: float, seed: int) -> None:
        self.done, self._times, self._every = 0, times, every
        self._random = random.Random(seed)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._kill, daemon=True)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _kill(self) -> None:
        while self.done < self._times:
            if self._over.wait(self._random.uniform(0.3, 1.7) * self._every):
                return
            pids = sorted(worker_pids())
            if pids:
                os.kill(self._random.choice(pids), signal.SIGKILL)
                self.done += 1


def model_of(options: argparse.Namespace) -> Any:
    """The model of every run, its dials given."""
    import suffuse as sf

    base = sf.ALS(
        n_factors=options.factors,
        regularization=REGULARIZATION,
        confidence=CONFIDENCE,
        max_iter=options.iterations,
        n_jobs=options.threads,
    )
    return sf.SocialDiffusion(
        base, damping=0.3, memory=options.memory, background=0.01, n_jobs=options.threads
    )


def on_one(world: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Read, fit and write lists in this process."""
    import suffuse as sf

    begin = time.perf_counter()
    table = sf.datasets.read_interactions(world / "interactions.parquet")
    graph = sf.datasets.read_social(world / "social.parquet", directed=False)
    read = time.perf_counter()
    model = model_of(options).fit(table, social=graph)
    del table, graph
    fitted = time.perf_counter()
    model.recommend_to(out / "recs", k=K, overwrite=True)
    end = time.perf_counter()
    keep_factors(model, out)
    return {
        "read": read - begin,
        "fit": fitted - read,
        "lists": end - fitted,
        "whole": end - begin,
        "peak": peak_bytes(),
    }


def on_ray(world: Path, out: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The same by workers, each with its shard."""
    import suffuse as sf

    cluster = sf.RayCluster(n_shards=options.shards, storage=out / "run", address=options.address)
    model = model_of(options)
    clock = Clock()
    begin = time.perf_counter()
    killing = Killer(options.kills, options.every, options.seed)
    with Watch() as watch, killing as killer, sf.progress_to(clock):
        model.fit(world / "interactions.parquet", social=world / "social.parquet", backend=cluster)
        fitted = time.perf_counter()
        clock.pause()
        peak = peak_bytes()
        model.recommend_to(out / "recs", k=K, overwrite=True, backend=cluster)
        end = time.perf_counter()
    keep_factors(model, out)
    return {
        "fit": fitted - begin,
        "lists": end - fitted,
        "whole": end - begin,
        "stages": clock.seconds,
        "driver": peak,
        "private": sorted(watch.private.values(), reverse=True)[: options.shards],
        "proportional": sorted(watch.shared.values(), reverse=True)[: options.shards],
        "kills": killer.done,
        "traffic": cluster.traffic.to_frame().to_dict("records"),
    }


def keep_factors(model: Any, out: Path) -> None:
    """The fitted factors, for comparison."""
    np.save(out / "users.npy", model.base_.user_factors_)
    np.save(out / "items.npy", model.base_.item_factors_)


def main() -> None:
    """Print what one run found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("one", "ray"))
    parser.add_argument("world", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--memory", type=float, default=1.0)
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--address", default=None)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    run = on_one if options.what == "one" else on_ray
    print(json.dumps(run(options.world, options.out, options)))


if __name__ == "__main__":
    main()
