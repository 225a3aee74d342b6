"""How many losses are borne: too many in a row are not."""

from __future__ import annotations

import pytest

from suffuse.recsys.cluster_workers import ClusterError, WorkerLostError
from suffuse.recsys.ray_errors import OutOfMemoryLossError
from suffuse.recsys.ray_losses import PATIENCE, Losses


def test_so_many_in_a_row() -> None:
    """One more is one too many, and the last is told."""
    losses = Losses()
    for number in range(PATIENCE):
        losses.note(WorkerLostError(f"death {number}"))
    assert len(losses) == PATIENCE
    with pytest.raises(ClusterError, match=rf"{PATIENCE + 1} times in a row .* time: the end$"):
        losses.note(WorkerLostError("the end"))


def test_what_is_done_begins_the_count_anew() -> None:
    """However many there are in all."""
    done = 0
    losses = Losses(lambda: done)
    for number in range(10 * PATIENCE):
        done = number // PATIENCE
        losses.note(WorkerLostError("again"))
    assert len(losses) == PATIENCE
    with pytest.raises(ClusterError, match="in a row"):
        losses.note(WorkerLostError("again"))


def test_deaths_for_want_of_memory_are_told_as_such() -> None:
    """Where most are; a way out is named."""
    losses = Losses()
    for _ in range(PATIENCE):
        losses.note(OutOfMemoryLossError("full"))
    with pytest.raises(ClusterError, match=rf"must have memory .* {PATIENCE} were ended"):
        losses.note(WorkerLostError("died"))
