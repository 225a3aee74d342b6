"""Workers on a Ray cluster: one process for each shard, put anew where it is lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from .cluster_traffic import Traffic
from .cluster_workers import ClusterError, Handle, WorkerLostError
from .own_version import own_version
from .ray_actor import Call, Greeting, ShardActor, Taken
from .ray_errors import PackageMissingError, plain_error, ray_module
from .ray_hosts import Host, hosts_of, least_held, share_of_cores, spread
from .ray_losses import Losses

Result = TypeVar("Result")

#: seconds to wait for a process or a host, and between looks
_PATIENCE, _PAUSE = 120.0, 0.5


@dataclass(frozen=True)
class Place:
    """Where a worker is: Ray's name and the address of its host, and its process there."""

    node: str
    address: str
    pid: int


@dataclass(frozen=True, eq=False)
class _Seat:
    """A worker that runs: Ray's handle of it, its host, and its first words once they are here."""

    actor: Any
    host: Host
    greeting: Any


@dataclass(frozen=True, eq=False)
class _Kept:
    """A value on the cluster, the host of who made it, and hosts that have taken it since."""

    reference: Any
    node: str
    taken_by: set[str] = field(default_factory=set)


class RayWorkers:
    """The protocol :class:`~suffuse.recsys.cluster_workers.Workers` on processes of a cluster.

    Parameters
    ----------
    n : int
        Shards. They are spread over the hosts by cores; each worker computes with the cores that
        are its share.
    traffic : Traffic
        Where bytes are counted, up to the end of the latest ``steadily``.
    n_threads : int, optional
        At most so many for each worker.
    probe : str, optional
        A file that every worker must see.
    """

    def __init__(
        self,
        n: int,
        *,
        traffic: Traffic,
        n_threads: int | None = None,
        probe: str | None = None,
    ) -> None:
        self.n, self.traffic = n, traffic
        self._n_threads, self._probe = n_threads, probe
        self._ray = ray_module()
        self._recipes: dict[str, tuple[Callable[..., Any], list[tuple[Any, ...]]]] = {}
        self._depth = 0
        self._seats: list[_Seat | None] = [None] * n
        try:
            self.steadily(lambda: None)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """These workers, until the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End their processes."""
        self.close()

    def close(self) -> None:
        """End the processes; nothing else can be asked of them."""
        for shard, seat in enumerate(self._seats):
            if seat is not None and self._ray.is_initialized():
                self._ray.kill(seat.actor)
            self._seats[shard] = None

    @property
    def is_open(self) -> bool:
        """Whether there are processes."""
        return any(seat is not None for seat in self._seats)

    @property
    def places(self) -> tuple[Place, ...]:
        """Where each worker is now."""
        found = [(one, self._greeting(one)) for one in map(self._seat, range(self.n))]
        return tuple(Place(one.host.node, one.host.address, who.pid) for one, who in found)

    def each(
        self,
        function: Callable[..., Any],
        arguments: Sequence[tuple[Any, ...]] | None = None,
        *,
        n_returns: int = 1,
        stage: str = "",
    ) -> list[Any]:
        """Call a function on every worker, side by side; a handle for each result."""
        if stage:
            self.traffic.note(stage, rounds=1)
        made = []
        for shard in range(self.n):
            given = () if arguments is None else arguments[shard]
            found = self._call(shard, function, given, n_returns, stage)
            made.append(found[0] if n_returns == 1 else found)
        return made

    def fetch(self, handles: Sequence[Handle]) -> list[Any]:
        """The values, here."""
        return self._got([handle.value.reference for handle in handles])

    def setup(
        self, key: str, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Any]:
        """Call a function on all workers, now and on every new one."""
        self.remember(key, function, arguments)
        return self.steadily(lambda: self.fetch(self.each(function, arguments)))

    def remember(
        self, key: str, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> None:
        """Call a function on every new worker."""
        self._recipes[key] = (function, list(arguments))

    def forget(self, key: str) -> None:
        """No longer call what was set up under a key."""
        self._recipes.pop(key, None)

    def steadily(
        self, body: Callable[[], Result], *, done: Callable[[], object] | None = None
    ) -> Result:
        """``body()``, again from its beginning wherever a worker was lost, with a new one for it.

        Raises
        ------
        ClusterError
            Where workers are lost again and again, and nothing more is ``done`` between.
        """
        losses = Losses(done)
        self._depth += 1
        try:
            while True:
                try:
                    self._mend(bool(losses))
                    result = body()
                    if self._depth == 1:
                        self._collect()
                    return result
                except WorkerLostError as error:
                    losses.note(error)
                    time.sleep(_PAUSE if len(losses) > 1 else 0.0)
        finally:
            self._depth -= 1

    def _seat(self, shard: int) -> _Seat:
        """A worker that is there."""
        seat = self._seats[shard]
        if seat is None:
            raise WorkerLostError(f"worker {shard} is gone")
        return seat

    def _call(
        self,
        shard: int,
        function: Callable[..., Any],
        given: tuple[Any, ...],
        n_returns: int,
        stage: str,
    ) -> list[Handle]:
        """Hand a call to one worker."""
        seat, node = self._seat(shard), self._seat(shard).host.node
        plain, taken, values = list(given), [], []
        for position, one in enumerate(given):
            if not isinstance(one, Handle):
                continue
            kept: _Kept = one.value
            afar = node != kept.node and node not in kept.taken_by
            kept.taken_by.add(node)
            plain[position] = None
            taken.append(Taken(position, one.origin != shard, afar))
            values.append(kept.reference)
        call = Call(function, tuple(plain), tuple(taken), stage)
        found = seat.actor.run.options(num_returns=n_returns).remote(call, *values)
        references = [found] if n_returns == 1 else found
        return [Handle(_Kept(one, node), shard) for one in references]

    def _got(self, references: Sequence[Any]) -> list[Any]:
        """What Ray holds, or the error in our words."""
        try:
            return list(self._ray.get(list(references)))
        except self._ray.exceptions.RayError as error:
            found = plain_error(error)
        raise found

    def _collect(self) -> None:
        """Add what the workers have counted; what one counted that is lost by now is lost too."""
        asked = [self._seat(shard).actor.counted.remote() for shard in range(self.n)]
        for one in asked:
            try:
                (counts,) = self._got([one])
            except WorkerLostError:
                continue  # the next step finds out
            for stage, (moved, network) in counts.items():
                self.traffic.note(stage, moved=moved, network=network)

    def _mend(self, doubtful: bool) -> None:
        """Fill empty seats; where somebody was lost, find out who."""
        if doubtful:
            alive = {host.node for host in hosts_of(self._ray)}
            for shard, seat in enumerate(self._seats):
                if seat is not None and (seat.host.node not in alive or not self._answers(seat)):
                    self._ray.kill(seat.actor)
                    self._seats[shard] = None
        empty = [shard for shard, seat in enumerate(self._seats) if seat is None]
        places = dict(zip(empty, self._hosts_for(empty), strict=True))
        held = Counter(seat.host.node for seat in self._seats if seat is not None)
        held.update(host.node for host in places.values())
        # one that takes the place of a lost one must begin, with or without cores to be promised
        claims = len(empty) == self.n
        for shard, host in places.items():
            self._seats[shard] = self._started(shard, host, held[host.node], claims=claims)
        self._welcome(empty)
        prepared = [
            self._call(shard, function, arguments[shard], 1, "")[0]
            for shard in empty
            for function, arguments in list(self._recipes.values())
        ]
        self.fetch(prepared)

    def _answers(self, seat: _Seat) -> bool:
        """Whether a worker is alive, after what it is at; a short silence is forgiven."""
        end = time.monotonic() + _PATIENCE / 4
        while True:
            try:
                self._ray.get(seat.actor.greet.remote(None))
                return True
            except self._ray.exceptions.ActorUnavailableError:
                if time.monotonic() > end:
                    return False
                time.sleep(_PAUSE)
            except self._ray.exceptions.RayError:
                return False

    def _hosts_for(self, empty: list[int]) -> list[Host]:
        """Where new workers go: all at once by cores, one by one to where there are fewest."""
        end = time.monotonic() + _PATIENCE
        while empty and not (hosts := hosts_of(self._ray)):
            if time.monotonic() > end:
                raise ClusterError(
                    f"the cluster must have a host with cores for {len(empty)} workers; it has "
                    "none: start some (ray start --address ...)"
                )
            time.sleep(_PAUSE)
        if not empty:
            return []
        if len(empty) == self.n:
            return spread(hosts, self.n)
        held = Counter(seat.host.node for seat in self._seats if seat is not None)
        chosen = []
        for _ in empty:
            chosen.append(least_held(hosts, held))
            held[chosen[-1].node] += 1
        return chosen

    def _started(self, shard: int, host: Host, n_there: int, *, claims: bool) -> _Seat:
        """A new process for a shard on a host, where there will be ``n_there``."""
        share = share_of_cores(host, n_there)
        threads = max(int(share), 1)
        strategies = ray_module("ray.util.scheduling_strategies")
        actor = (
            self._ray.remote(ShardActor)
            .options(
                num_cpus=share if claims else 0,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy=strategies.NodeAffinitySchedulingStrategy(
                    host.node, soft=False
                ),
            )
            .remote(shard, self.n, min(threads, self._n_threads or threads))
        )
        return _Seat(actor, host, actor.greet.remote(self._probe))

    def _welcome(self, new: list[int]) -> None:
        """Hear new workers: of our version, and with the storage before them."""
        end, silent = time.monotonic() + _PATIENCE, list(new)
        while silent:
            waiting = [self._seat(shard).greeting for shard in silent]
            heard, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=1.0)
            silent = [one for one in silent if self._seat(one).greeting not in heard]
            alive = {host.node for host in hosts_of(self._ray)} if silent else set()
            for shard in silent:
                if self._seat(shard).host.node not in alive:
                    self._ray.kill(self._seat(shard).actor)
                    self._seats[shard] = None
                    raise WorkerLostError(f"the host of worker {shard} went before it began")
            if silent and time.monotonic() > end:
                raise ClusterError(
                    f"the cluster must have free cores for {self.n} workers; {len(silent)} did not "
                    f"start within {_PATIENCE:.0f} s: end other jobs, or ask for fewer shards"
                )
        for shard in new:
            seat = self._seat(shard)
            _check(self._greeting(seat), seat.host, self._probe)

    def _greeting(self, seat: _Seat) -> Greeting:
        """What a worker has said of itself."""
        try:
            (found,) = self._got([seat.greeting])
        except PackageMissingError:
            raise ClusterError(
                f"suffuse must be installed on every host; it is not on {seat.host.address}: "
                "install it there, or pass its wheel as py_modules"
            ) from None
        greeting: Greeting = found
        return greeting


def _check(greeting: Greeting, host: Host, probe: str | None) -> None:
    """Refuse a host that cannot give the same results."""
    if greeting.version != own_version():
        raise ClusterError(
            f"suffuse must be of the same version on every host; {host.address} has "
            f"{greeting.version} and this process {own_version()}: install one of them everywhere"
        )
    if not greeting.sees:
        raise ClusterError(
            f"storage must be a folder that every host sees; {host.address} does not see {probe}"
        )
