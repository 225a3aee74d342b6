"""The process of a shard, without a process: what it runs and what it counts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.own_version import own_version
from suffuse.recsys.ray_actor import Call, ShardActor, Taken, array_bytes


def order(state: ShardState, *given: object) -> tuple[object, ...]:
    """What came, in its order, after the shard."""
    return (state.shard, *given)


def test_values_come_into_their_places() -> None:
    """Between plain arguments; what others made counts, what is first on a host twice."""
    actor = ShardActor(1, 3, 1)
    taken = (Taken(0, True, True), Taken(2, False, False), Taken(3, True, False))
    call = Call(order, (None, "plain", None, None), taken, "hop")
    values = (np.ones(4), np.ones(8), np.ones(2, np.float32))
    found = actor.run(call, *values)
    assert found == (1, values[0], "plain", values[1], values[2])
    assert actor.counted() == {"hop": (32 + 8, 32)}
    assert actor.counted() == {}


def test_without_a_stage_nothing_counts() -> None:
    """Calls of setting up are not told."""
    actor = ShardActor(0, 1, 1)
    actor.run(Call(order, (None,), (Taken(0, True, True),), ""), np.ones(4))
    assert actor.counted() == {}


def test_a_gap_without_its_value() -> None:
    """A call of another length is a mistake of ours."""
    with pytest.raises(ValueError, match="argument"):
        ShardActor(0, 1, 1).run(Call(order, (None,), (Taken(0, True, True),), "hop"))


def test_a_greeting(tmp_path: Path) -> None:
    """Its process, its version, and whether it sees the storage."""
    actor = ShardActor(0, 1, 1)
    found = actor.greet(str(tmp_path / "nothing"))
    assert (found.pid, found.version, found.sees) == (os.getpid(), own_version(), False)
    (tmp_path / "here").touch()
    assert actor.greet(str(tmp_path / "here")).sees
    assert actor.greet(None).sees


def test_bytes_of_arrays() -> None:
    """Of all that is numbers, however it is put together."""
    rows = sparse.csr_array(np.eye(3))
    assert array_bytes(rows) == rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes
    assert array_bytes([np.ones(2), (np.ones(1), "text", None)]) == 24
