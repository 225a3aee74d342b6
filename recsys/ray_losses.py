"""How many workers may be lost: more and more may be, as long as something is done between."""

from __future__ import annotations

from collections.abc import Callable

from .cluster_workers import ClusterError, WorkerLostError
from .ray_errors import OutOfMemoryLossError

#: losses in a row without anything done between them
PATIENCE = 8


class Losses:
    """The losses since something was last done.

    Parameters
    ----------
    done : callable, optional
        What tells how far the work is; where it tells something else than at the loss before, the
        count begins anew.

    Examples
    --------
    >>> losses = Losses()
    >>> for _ in range(PATIENCE):
    ...     losses.note(WorkerLostError("worker 1 died"))
    >>> losses.note(WorkerLostError("worker 0 died"))
    Traceback (most recent call last):
    ...
    suffuse.recsys.cluster_workers.ClusterError: the cluster must keep its workers; 9 times in a \
row one was lost before anything more was done, the last time: worker 0 died
    """

    def __init__(self, done: Callable[[], object] | None = None) -> None:
        self._done = done
        self._at = None if done is None else done()
        self._found: list[WorkerLostError] = []

    def __len__(self) -> int:
        return len(self._found)

    def note(self, error: WorkerLostError) -> None:
        """Count one; raises :class:`ClusterError` where it is one too many."""
        at = None if self._done is None else self._done()
        if at != self._at:
            self._at = at
            self._found.clear()
        self._found.append(error)
        if len(self._found) > PATIENCE:
            raise self._gave_up() from None

    def _gave_up(self) -> ClusterError:
        """All of them in one sentence."""
        full = sum(isinstance(one, OutOfMemoryLossError) for one in self._found)
        if 2 * full > len(self._found):
            return ClusterError(
                f"the hosts must have memory for their workers; {full} were ended because a host "
                "ran low on it: take more shards on more hosts, or larger ones (estimate_memory "
                "tells what a worker needs)"
            )
        return ClusterError(
            f"the cluster must keep its workers; {len(self._found)} times in a row one was lost "
            f"before anything more was done, the last time: {self._found[-1]}"
        )
