"""What workers of a cluster take, measured, against what is estimated."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

import suffuse as sf
from suffuse.datasets.interactions import Interactions
from suffuse.recsys.cluster import RayCluster
from suffuse.recsys.memory_by_shard import estimated_on_cluster
from suffuse.recsys.memory_estimate import TableSizes

SIZES = TableSizes(10**6, 10**5, 5 * 10**7, 2 * 10**7)


def private_bytes(pid: int) -> int:
    """Memory that a process has for itself alone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return sizes["Private_Clean"] + sizes["Private_Dirty"]


def peak_of_workers(table: Interactions) -> int:
    """The most that a worker of this process has had for itself in a fit."""
    peak, over = 0, threading.Event()

    def look() -> None:
        nonlocal peak
        while not over.wait(0.05):
            peak = max([peak, *map(private_bytes, own_workers())])

    watch = threading.Thread(target=look)
    watch.start()
    try:
        sf.ALS(n_factors=64, max_iter=1).fit(table, backend=RayCluster(n_shards=2))
    finally:
        over.set()
        watch.join()
    return peak


def own_workers() -> list[int]:
    """Workers of the Ray that this process has started: children of its children."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            title = (place / "cmdline").read_bytes()
            parent = (place / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
            above = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except OSError:
            continue
        if title.startswith(b"ray::ShardActor") and int(above.split()[1]) == os.getpid():
            found.append(int(place.name))
    return found


def table_of(n_users: int, n_items: int, n_rows: int) -> Interactions:
    """A table of chance."""
    rng = np.random.default_rng(0)
    keys = np.unique(rng.integers(0, n_users * n_items, n_rows))
    users, items = (keys // n_items).astype(np.int32), (keys % n_items).astype(np.int32)
    ones = np.ones(len(keys), np.float32)
    return Interactions(np.arange(n_users), np.arange(n_items), users, items, ones)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux to measure")
def test_estimates_come_near_what_is_measured() -> None:
    """Within a factor of two for what a worker takes beyond one with a tiny table."""
    ray = pytest.importorskip("ray", reason="needs suffuse[cluster]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="CRITICAL",
        )
    try:
        before = peak_of_workers(table_of(200, 50, 1000))
        table = table_of(150_000, 10_000, 2_000_000)
        measured = peak_of_workers(table) - before
    finally:
        ray.shutdown()
    found = estimated_on_cluster(
        sf.ALS(n_factors=64), table, None, directed=None, cluster=RayCluster(n_shards=2)
    )
    estimated = dict(found.stages)["worker: fit"]
    assert before > 30 * 2**20
    assert 0.5 < estimated / measured < 2.0, (estimated, measured)
