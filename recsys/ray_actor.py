"""The process that holds a shard on a Ray cluster: it runs what it is told, and counts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from ..diffusion.row_threads import limit_threads
from .cluster_workers import ShardState
from .execution import one_blas_thread
from .own_version import own_version


@dataclass(frozen=True)
class Taken:
    """The place of a value among the arguments, and from where it came.

    ``foreign`` says that another worker made it; ``network`` that it came from another host, and
    is the first of its kind that did.
    """

    position: int
    foreign: bool
    network: bool


@dataclass(frozen=True)
class Call:
    """A function of a module, its arguments with gaps where values come in, and its stage."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    taken: tuple[Taken, ...]
    stage: str


@dataclass(frozen=True)
class Greeting:
    """What a worker says of itself: its process, the version of the package, what it sees."""

    pid: int
    version: str
    sees: bool


class ShardActor:
    """Holds the state of a shard, calls functions on it, and counts the bytes that it takes.

    Examples
    --------
    >>> worker = ShardActor(0, 2, 1)
    >>> call = Call(lambda state, one: one + state.shard, (None,), (Taken(0, True, False),), "sum")
    >>> worker.run(call, np.ones(2))
    array([1., 1.])
    >>> worker.counted()
    {'sum': (16, 0)}
    """

    def __init__(self, shard: int, n_shards: int, n_threads: int) -> None:
        self._state = ShardState(shard=shard, n_shards=n_shards, n_threads=n_threads)
        self._counts: dict[str, tuple[int, int]] = {}

    def greet(self, seen: str | None) -> Greeting:
        """Say who this is, and whether there is a file of the name ``seen``."""
        sees = seen is None or Path(seen).is_file()
        return Greeting(os.getpid(), own_version(), sees)

    def run(self, call: Call, *values: Any) -> Any:
        """Call the function with the values in their places."""
        arguments = list(call.arguments)
        moved, network = self._counts.get(call.stage, (0, 0))
        for one, value in zip(call.taken, values, strict=True):
            arguments[one.position] = value
            size = array_bytes(value)
            moved += size * one.foreign
            network += size * one.network
        if call.stage:
            self._counts[call.stage] = (moved, network)
        with limit_threads(self._state.n_threads), one_blas_thread():
            return call.function(self._state, *arguments)

    def counted(self) -> dict[str, tuple[int, int]]:
        """Bytes taken in every stage, of all workers and of other hosts, since last asked."""
        counts, self._counts = self._counts, {}
        return counts


def array_bytes(value: Any) -> int:
    """Bytes of the arrays of a value.

    Examples
    --------
    >>> array_bytes((np.ones(3), "a", [np.ones(2, np.int8)]))
    26
    """
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, list | tuple):
        return sum(array_bytes(one) for one in value)
    if isinstance(value, sparse.csr_array):
        return int(value.data.nbytes + value.indices.nbytes + value.indptr.nbytes)
    return 0
