"""Two small social worlds that the tests of the room share, and workers in this process."""

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

import suffuse as sf
from suffuse.datasets import SocialWorld, WorldShape
from suffuse.recsys import cluster_fit, cluster_recommend
from suffuse.recsys.cluster import RayCluster
from suffuse.recsys.cluster_session import TemporaryStorage
from suffuse.recsys.cluster_traffic import Traffic
from suffuse.recsys.cluster_workers import Handle, ShardState, WorkerLostError

#: files that start Ray, which test_on_ray.py runs; by its name each can be run as any other
collect_ignore = ["on_ray"]


@pytest.fixture(scope="session")
def tall() -> SocialWorld:
    """More users than items: EASE inverts the item side."""
    shape = WorldShape(mean_interactions=10, mean_degree=8)
    return sf.datasets.make_social_world(150, 60, homophily=0.8, shape=shape, rng=0)


@pytest.fixture(scope="session")
def wide() -> SocialWorld:
    """More items than users: EASE inverts the user side."""
    shape = WorldShape(mean_interactions=15, mean_degree=8)
    return sf.datasets.make_social_world(90, 150, homophily=0.8, shape=shape, rng=0)


class WorkersHere:
    """Workers in this process, isolated as far as pickling does it, that can be killed.

    ``deaths`` are numbers of calls (counted over all workers) at which the worker dies that is
    called: its state is lost, the call fails.
    """

    def __init__(self, n: int, *, deaths: tuple[int, ...] = (), n_threads: int = 1) -> None:
        self.n, self.traffic = n, Traffic()
        self._deaths, self._n_threads, self.n_calls = set(deaths), n_threads, 0
        self._recipes: dict[str, tuple[Any, Any]] = {}
        self._states: list[ShardState | None] = [self._fresh(shard) for shard in range(n)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._states = [None] * self.n

    def _fresh(self, shard: int) -> ShardState:
        return ShardState(shard=shard, n_shards=self.n, n_threads=self._n_threads)

    def _call(self, shard: int, function: Any, arguments: tuple[Any, ...], stage: str) -> Any:
        self.n_calls += 1
        if self.n_calls in self._deaths:
            self._states[shard] = None
        state = self._states[shard]
        if state is None:
            raise WorkerLostError(f"worker {shard} is dead")
        taken = []
        for one in arguments:
            if isinstance(one, Handle):
                value = pickle.loads(one.value)
                if isinstance(value, np.ndarray):
                    value.setflags(write=False)
                    if one.origin != shard and stage:
                        self.traffic.note(stage, moved=value.nbytes)
                taken.append(value)
            else:
                taken.append(pickle.loads(pickle.dumps(one)))
        return function(state, *taken)

    def each(
        self, function: Any, arguments: Any = None, *, n_returns: int = 1, stage: str = ""
    ) -> list[Any]:
        """Call one after the other."""
        if stage:
            self.traffic.note(stage, rounds=1)
        made = []
        for shard in range(self.n):
            given = () if arguments is None else arguments[shard]
            found = self._call(shard, function, given, stage)
            if n_returns == 1:
                made.append(Handle(pickle.dumps(found), shard))
            else:
                if len(found) != n_returns:
                    raise AssertionError(f"{len(found)} values in place of {n_returns}")
                made.append([Handle(pickle.dumps(one), shard) for one in found])
        return made

    def fetch(self, handles: Any) -> list[Any]:
        """The values."""
        return [pickle.loads(handle.value) for handle in handles]

    def setup(self, key: str, function: Any, arguments: Any) -> list[Any]:
        """Call all now, and new ones later."""
        self.remember(key, function, arguments)
        return self.steadily(lambda: self.fetch(self.each(function, arguments)))

    def remember(self, key: str, function: Any, arguments: Any) -> None:
        """Call new ones later."""
        self._recipes[key] = (function, list(arguments))

    def forget(self, key: str) -> None:
        """Do not."""
        self._recipes.pop(key, None)

    def steadily(self, body: Any, *, done: Any = None) -> Any:
        """Again where one is dead, however often."""
        while True:
            try:
                self._revive()
                return body()
            except WorkerLostError:
                continue

    def _revive(self) -> None:
        """New workers in the places of dead ones, brought to where the others are."""
        for shard in range(self.n):
            if self._states[shard] is None:
                self._states[shard] = self._fresh(shard)
                for function, arguments in list(self._recipes.values()):
                    self._call(shard, function, arguments[shard], "")


@pytest.fixture(scope="session")
def workers_here() -> type[WorkersHere]:
    """The class of workers in this process."""
    return WorkersHere


class SessionHere:
    """A session of a cluster whose workers and tasks are in this process."""

    n_hosts = 1

    def __init__(
        self, cluster: RayCluster, deaths: tuple[int, ...], asked: list[int | None]
    ) -> None:
        self._cluster, self._deaths, self._asked = cluster, deaths, asked
        self.n_shards = cluster.n_shards or 2
        self._temporary = None if cluster.storage is not None else TemporaryStorage()
        self.storage = self._temporary.path if self._temporary else Path(cluster.storage or "")
        self.storage.mkdir(parents=True, exist_ok=True)

    def kept_storage(self) -> TemporaryStorage | None:
        """The temporary storage, which outlives the session from then on."""
        kept, self._temporary = self._temporary, None
        return kept

    def workers(self, n: int | None = None, *, n_threads: int | None = None) -> WorkersHere:
        """Some workers."""
        self._asked.append(n_threads)
        made = WorkersHere(n or self.n_shards, deaths=self._deaths, n_threads=n_threads or 1)
        made.traffic = self._cluster.traffic
        return made

    def run(self, function: Any, calls: Any) -> list[Any]:
        """One call after the other, each twice, as a task may be that was lost."""
        for call in calls:
            function(*pickle.loads(pickle.dumps(call)))
        return [function(*pickle.loads(pickle.dumps(call))) for call in calls]

    def close(self) -> None:
        """Remove what is temporary."""
        if self._temporary is not None:
            self._temporary.remove()


@pytest.fixture
def threads_asked() -> list[int | None]:
    """The limits on threads that ``clusters_here`` was given, in their order."""
    return []


@pytest.fixture
def clusters_here(
    monkeypatch: pytest.MonkeyPatch, threads_asked: list[int | None]
) -> Callable[..., None]:
    """From then on a backend is workers in this process, which die at ``deaths``."""

    def install(*, deaths: tuple[int, ...] = ()) -> None:
        @contextmanager
        def opened(cluster: RayCluster) -> Iterator[SessionHere]:
            one = SessionHere(cluster, deaths, threads_asked)
            try:
                yield one
            finally:
                one.close()

        for module in (cluster_fit, cluster_recommend):
            monkeypatch.setattr(module, "session", opened)

    install()
    return install
