"""Workers that each hold one shard: what the steps of a fit ask of them, however they run.

A step is a function of a module, called on every worker with the worker's :class:`ShardState` and
some arguments. What it returns stays where it was made until somebody fetches it: the driver sees
a :class:`Handle`, and hands it to the next step, where it arrives as the value. So factor blocks
go from worker to worker, and never through the driver.

A function may be called again with the same arguments after a worker was lost, on workers that
have run it before and on a new one that has not: it must give the same result each time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from .cluster_traffic import Traffic

Part = TypeVar("Part")
Result = TypeVar("Result")


class WorkerLostError(RuntimeError):
    """A worker, or something that it had made, is gone; others may go on."""


class ClusterError(ConnectionError):
    """The cluster cannot do what is asked of it; the message says what it lacks."""


@dataclass(frozen=True, eq=False)
class Handle:
    """A result that stays where it was made.

    ``value`` is what the cluster knows it by; ``origin`` the worker that made it.
    """

    value: Any
    origin: int


class ShardState:
    """What a worker keeps between steps: one object of each class.

    Examples
    --------
    >>> state = ShardState(shard=0, n_shards=2, n_threads=1)
    >>> state.put([1, 2])
    >>> state.get(list)
    [1, 2]
    """

    def __init__(self, *, shard: int, n_shards: int, n_threads: int) -> None:
        self.shard, self.n_shards, self.n_threads = shard, n_shards, n_threads
        self._parts: dict[type[Any], Any] = {}

    def put(self, part: object) -> None:
        """Keep an object in the place of one of the same class."""
        self._parts[type(part)] = part

    def get(self, kind: type[Part]) -> Part:
        """The object of a class; ``KeyError`` where there is none."""
        found: Part = self._parts[kind]
        return found

    def has(self, kind: type[Any]) -> bool:
        """Whether there is one."""
        return kind in self._parts

    def drop(self, kind: type[Any]) -> None:
        """Let go of one, if it is there."""
        self._parts.pop(kind, None)


class Workers(Protocol):
    """Some workers, numbered from 0, each with the shard of its number."""

    n: int
    traffic: Traffic

    def each(
        self,
        function: Callable[..., Any],
        arguments: Sequence[tuple[Any, ...]] | None = None,
        *,
        n_returns: int = 1,
        stage: str = "",
    ) -> list[Any]:
        """Call ``function(state, *arguments[i])`` on every worker i, side by side.

        Returns at once: a :class:`Handle` for each worker, or a list of ``n_returns`` handles for
        each where the function returns so many values. Handles among the arguments (not inside of
        them) arrive as values; arrays among those are read-only. ``stage`` is the name under which
        arrays that come from other workers are counted.
        """
        ...

    def fetch(self, handles: Sequence[Handle]) -> list[Any]:
        """The values, here; raises :class:`WorkerLostError` where one cannot be had.

        An error of the function itself is raised as it is.
        """
        ...

    def setup(
        self, key: str, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Any]:
        """Call a function on all workers, fetch the results, and do so on every new worker.

        A worker that takes the place of a lost one is given the latest call of each key, in the
        order in which the keys first came.
        """
        ...

    def remember(
        self, key: str, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> None:
        """As :meth:`setup` for workers to come, without calling those that are here."""
        ...

    def forget(self, key: str) -> None:
        """No longer call what was set up under a key."""
        ...

    def steadily(
        self, body: Callable[[], Result], *, done: Callable[[], object] | None = None
    ) -> Result:
        """``body()``, again from its beginning wherever a worker was lost, with a new one for it.

        Raises :class:`ClusterError` where too many are lost while ``done()`` stays what it was;
        without it, before ``body`` has ended.
        """
        ...
