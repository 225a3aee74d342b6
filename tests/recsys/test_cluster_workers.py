"""What steps may count on: the state of a worker, its errors, and workers as they are described."""

import inspect
from typing import Any

import numpy as np
import pytest

from suffuse.recsys.cluster_workers import (
    ClusterError,
    Handle,
    ShardState,
    WorkerLostError,
    Workers,
)
from suffuse.recsys.ray_workers import RayWorkers

METHODS = ("each", "fetch", "setup", "remember", "forget", "steadily")


class Narrow(dict[str, int]):
    """A part of a class that is another's child."""


def shard_of(state: ShardState) -> int:
    """Which worker this is."""
    return state.shard


def make(state: ShardState, length: int) -> np.ndarray[Any, Any]:
    """An array that tells where it comes from."""
    return np.full(length, state.shard, np.float64)


def pair(state: ShardState) -> tuple[int, int]:
    """Two values."""
    return state.shard, -state.shard


def add(state: ShardState, *arrays: Any) -> tuple[float, bool]:
    """A sum, and whether any array could be written to."""
    return float(sum(array.sum() for array in arrays)), any(one.flags.writeable for one in arrays)


def note(state: ShardState, word: str) -> list[str]:
    """Write a word to the diary of a worker; all words."""
    diary = state.get(list) if state.has(list) else []
    state.put([*diary, word])
    return state.get(list)


def test_a_state_keeps_one_part_of_each_class() -> None:
    """A later one of the same class in its place; that of a child beside it."""
    state = ShardState(shard=1, n_shards=3, n_threads=2)
    assert (state.shard, state.n_shards, state.n_threads) == (1, 3, 2)
    state.put({"a": 1})
    state.put(Narrow(b=2))
    state.put({"c": 3})
    assert state.get(dict) == {"c": 3}
    assert state.get(Narrow) == {"b": 2}
    state.drop(dict)
    assert not state.has(dict)
    assert state.has(Narrow)


def test_what_is_not_there() -> None:
    """Is no part, raises when it is asked for, and may be dropped."""
    state = ShardState(shard=0, n_shards=1, n_threads=1)
    assert not state.has(list)
    state.drop(list)
    with pytest.raises(KeyError, match="list"):
        state.get(list)


def test_a_lost_worker_is_no_error_of_the_cluster() -> None:
    """The one is made good, the other is told; the command line speaks both kinds it may see."""
    assert issubclass(WorkerLostError, RuntimeError)
    assert issubclass(ClusterError, OSError)
    assert not issubclass(WorkerLostError, ClusterError | OSError)


def test_a_handle_is_itself_alone() -> None:
    """Two of one value are two: arrays are not compared to find out."""
    value = np.zeros(3)
    one = Handle(value, 0)
    assert one == one
    assert one != Handle(value, 0)
    changed: Any = one
    with pytest.raises(AttributeError, match="origin"):
        changed.origin = 1


@pytest.mark.parametrize("name", METHODS)
def test_both_kinds_of_workers_are_as_described(workers_here: Any, name: str) -> None:
    """Those on Ray and those in the process of a test take what the protocol says, by its names."""
    described = list(inspect.signature(getattr(Workers, name)).parameters.values())
    for kind in (RayWorkers, workers_here):
        found = list(inspect.signature(getattr(kind, name)).parameters.values())
        told = [(one.name, one.kind, one.default) for one in found]
        assert told == [(one.name, one.kind, one.default) for one in described]


def test_values_go_from_worker_to_worker(workers_here: Any) -> None:
    """Handles arrive as what they stand for, read-only; bytes count where they come from others."""
    with workers_here(3) as workers:
        made = workers.each(make, [(1,), (2,), (4,)])
        assert [one.origin for one in made] == [0, 1, 2]
        added = workers.each(add, [tuple(made)] * 3, stage="adding")
        assert workers.fetch(added) == [(10.0, False)] * 3
        (told,) = workers.traffic.stages
        assert (told.stage, told.rounds, told.moved) == ("adding", 1, 8 * (6 + 5 + 3))
        both = workers.each(pair, n_returns=2)
        assert [workers.fetch(one) for one in both] == [[0, 0], [1, -1], [2, -2]]


def test_a_new_worker_is_told_what_the_others_were(workers_here: Any) -> None:
    """The latest call of every key, in the order of the keys, and nothing that was forgotten."""
    with workers_here(2, deaths=(8,)) as workers:
        workers.setup("first", note, [("a",), ("b",)])
        workers.remember("second", note, [("c",), ("d",)])
        workers.setup("third", note, [("gone",)] * 2)
        workers.setup("first", note, [("e",), ("f",)])
        workers.forget("third")
        workers.forget("never")
        # the eighth call of all loses the second worker
        found = workers.steadily(lambda: workers.fetch(workers.each(note, [("now",)] * 2)))
        assert found[1] == ["f", "d", "now"]
        assert found[0] == ["a", "gone", "e", "now", "now"]
        with pytest.raises(ZeroDivisionError, match="by zero"):
            workers.steadily(lambda: 1 // 0)
