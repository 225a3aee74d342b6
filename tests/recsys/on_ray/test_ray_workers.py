"""Workers that are processes: they keep, count, die and are put anew, on a Ray of two cores."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_info

from suffuse.diffusion.row_threads import thread_count
from suffuse.recsys import ray_losses, ray_workers
from suffuse.recsys.cluster_traffic import Traffic
from suffuse.recsys.cluster_workers import ClusterError, ShardState, WorkerLostError
from suffuse.recsys.ray_workers import RayWorkers

ray = pytest.importorskip("ray", reason="needs suffuse[cluster]")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray of this module, whose processes get the functions of this file by value."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="CRITICAL",
            object_store_memory=200 * 2**20,
        )
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    ray.shutdown()


@pytest.fixture(scope="module")
def three(cluster: None) -> Iterator[RayWorkers]:
    """Three workers that several tests share; a test that kills one leaves another there."""
    with RayWorkers(3, traffic=Traffic()) as workers:
        yield workers


class Kept:
    """What a worker keeps: a number, and how often it was set up."""

    def __init__(self, number: float) -> None:
        self.number, self.times = number, 1


def begin(state: ShardState, number: float) -> float:
    """Keep a number."""
    state.put(Kept(number + state.shard))
    return number + state.shard


def double(state: ShardState) -> float:
    """Change what is kept, in addition to what was set up."""
    state.get(Kept).times *= 2
    return float(state.get(Kept).times)


def block(state: ShardState, length: int) -> npt.NDArray[np.float64]:
    """An array of the number that is kept."""
    return np.full(length, state.get(Kept).number)


def blocks(state: ShardState, length: int) -> list[npt.NDArray[np.float64]]:
    """One array for each worker."""
    return [np.full(length, 10.0 * state.shard + other) for other in range(state.n_shards)]


def total(state: ShardState, *parts: npt.NDArray[np.float64]) -> float:
    """The sum, in order."""
    return float(sum(part.sum() for part in parts))


def slow_total(state: ShardState, *parts: npt.NDArray[np.float64]) -> float:
    """The sum, after a while."""
    time.sleep(0.5)
    return total(state, *parts)


def is_writeable(state: ShardState, part: npt.NDArray[np.float64]) -> bool:
    """Whether a value that came in may be changed."""
    return bool(part.flags.writeable)


def fails(state: ShardState) -> None:
    """Raise on worker 1."""
    if state.shard == 1:
        raise ValueError("weight must be finite; got nan")


def takes(state: ShardState, value: object) -> object:
    """Give back what came."""
    return value


def dies(state: ShardState) -> None:
    """End worker 0 as the system does."""
    if state.shard == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def threads(state: ShardState) -> tuple[int, int]:
    """Threads of our kernels, and of BLAS."""
    found = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
    return thread_count(), max(found, default=1)


def number_of_calls(state: ShardState) -> int:
    """How often this worker was asked, by its own count."""
    return state.get(Kept).times


# these come first: the three workers of the others take all cores


def test_storage_must_be_seen(cluster: None, tmp_path: Path) -> None:
    """A host without the folder is named."""
    with pytest.raises(ClusterError, match=r"storage must be .* does not see .*nowhere"):
        RayWorkers(1, traffic=Traffic(), probe=str(tmp_path / "nowhere"))


def test_another_version_is_refused(cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of another version might compute something else."""
    monkeypatch.setattr(ray_workers, "own_version", lambda: "0.0.1")
    with pytest.raises(ClusterError, match=r"of the same version .* and this process 0\.0\.1"):
        RayWorkers(1, traffic=Traffic())


def test_closed_workers_are_gone(cluster: None) -> None:
    """Their processes end, and their cores are free for the next ones."""
    for _ in range(2):
        with RayWorkers(2, traffic=Traffic(), n_threads=1) as workers:
            pids = [place.pid for place in workers.places]
            assert workers.fetch(workers.each(threads)) == [(1, 1)] * 2
        end = time.monotonic() + 10
        while any(_runs(pid) for pid in pids):
            assert time.monotonic() < end
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a process is there and no mere entry of a table."""
    try:
        state: Any = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except FileNotFoundError:
        return False
    return state.split()[0] not in "ZX"


def test_results_go_from_worker_to_worker(three: RayWorkers) -> None:
    """Handles arrive as values that cannot be changed; several returns are a list for each."""
    three.setup("begin", begin, [(0.5,)] * 3)
    made = three.each(block, [(40_000,)] * 3)
    assert [one.origin for one in made] == [0, 1, 2]
    sums = three.fetch(three.each(total, [tuple(made)] * 3))
    assert sums == [40_000 * (0.5 + 1.5 + 2.5)] * 3
    assert three.fetch(three.each(is_writeable, [(made[0],)] * 3)) == [False] * 3
    parts = three.each(blocks, [(7,)] * 3, n_returns=3)
    mine = [tuple(parts[other][shard] for other in range(3)) for shard in range(3)]
    assert three.fetch(three.each(total, mine)) == [7 * (0 + 10 + 20 + 3 * s) for s in range(3)]


def test_plain_arguments_stand_among_handles(three: RayWorkers) -> None:
    """Each in its place."""
    (one, *_) = three.each(takes, [("a",), ("b",), ("c",)])
    assert three.fetch([one]) == ["a"]
    given = [(one, None), (None, one), (one, one)]
    ends = three.fetch(three.each(_pair, given))
    assert ends == [("a", None), (None, "a"), ("a", "a")]


def _pair(state: ShardState, first: object, second: object) -> tuple[object, object]:
    return first, second


def test_bytes_are_counted_by_stage(three: RayWorkers) -> None:
    """Arrays of others count, one's own do not; nothing goes over a network on one host."""
    three.setup("begin", begin, [(0.0,)] * 3)
    three.traffic = Traffic()

    def body() -> list[float]:
        made = three.each(block, [(1000,)] * 3)
        found: list[float] = three.fetch(three.each(total, [tuple(made)] * 3, stage="gathering"))
        return found

    three.steadily(body)
    three.steadily(body)
    (stage,) = three.traffic.stages
    assert (stage.stage, stage.rounds, stage.network) == ("gathering", 2, 0)
    assert stage.moved == 2 * 3 * 2 * 8000


def test_an_error_is_raised_as_itself(three: RayWorkers) -> None:
    """Of its own type with its own words, also through a step that takes the result."""
    made = three.each(fails)
    with pytest.raises(ValueError, match=r"^weight must be finite; got nan$") as found:
        three.fetch(made)
    assert type(found.value) is ValueError
    with pytest.raises(ValueError, match=r"^weight must be finite; got nan$"):
        three.fetch(three.each(takes, [(made[1],)] * 3))
    with pytest.raises(ValueError, match=r"^weight must"):
        three.steadily(lambda: three.fetch(three.each(fails)))
    assert three.fetch(three.each(takes, [(1,)] * 3)) == [1, 1, 1]


def test_threads_are_the_share_of_the_cores(three: RayWorkers) -> None:
    """Three workers of two cores take one each, in our kernels and in BLAS."""
    assert three.fetch(three.each(threads)) == [(1, 1)] * 3


def test_a_killed_worker_is_replaced(three: RayWorkers) -> None:
    """In the middle of a step: the others stay, the new one is set up, the result is the same."""
    three.setup("begin", begin, [(1.0,)] * 3)
    three.setup("double", double, [()] * 3)
    before = [place.pid for place in three.places]

    def body() -> list[float]:
        made = three.each(block, [(30_000,)] * 3)
        found: list[float] = three.fetch(three.each(slow_total, [tuple(made)] * 3))
        return found

    expected = three.steadily(body)
    killer = threading.Timer(0.2, os.kill, (before[1], signal.SIGKILL))
    killer.start()
    assert three.steadily(body) == expected == [30_000 * 6.0] * 3
    killer.join()
    after = [place.pid for place in three.places]
    assert (after[0], after[2]) == (before[0], before[2])
    assert after[1] != before[1]
    assert three.fetch(three.each(number_of_calls)) == [2, 2, 2]
    three.forget("double")


def test_a_kill_between_steps_is_found(three: RayWorkers) -> None:
    """At the next step, and outside of ``steadily`` it is said."""
    three.setup("begin", begin, [(2.0,)] * 3)
    os.kill(three.places[2].pid, signal.SIGKILL)
    time.sleep(0.2)
    with pytest.raises(WorkerLostError):
        three.fetch(three.each(block, [(3,)] * 3))
    values = three.steadily(lambda: three.fetch(three.each(block, [(3,)] * 3)))
    assert [one.tolist() for one in values] == [[2.0] * 3, [3.0] * 3, [4.0] * 3]


def test_losses_without_an_end(three: RayWorkers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that kills its worker every time is given up in one sentence."""
    monkeypatch.setattr(ray_losses, "PATIENCE", 2)
    monkeypatch.setattr(ray_workers, "_PAUSE", 0.0)
    three.forget("begin")
    with pytest.raises(ClusterError, match="must keep its workers; 3 times in a row"):
        three.steadily(lambda: three.fetch(three.each(dies)))
    assert three.steadily(lambda: three.fetch(three.each(takes, [(1,)] * 3))) == [1, 1, 1]
