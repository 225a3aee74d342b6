"""Work in batches of rows: bounded in bytes, spread over threads, the same bits for any number.

The cut into batches depends on the byte budget alone and every batch runs its linear algebra on
one BLAS thread, so ``n_jobs`` changes the time and nothing else.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from threadpoolctl import OpenBLASController, ThreadpoolController

from ..diffusion.row_threads import limit_threads, thread_count, within_limit
from .progress import tell

Rows = npt.NDArray[np.int64]
Result = TypeVar("Result")

#: modules that bring a BLAS of their own when they are first imported
_BRING_BLAS = ("scipy.linalg", "torch")
#: bytes of dense scratch space that one batch may use
BATCH_BYTES = 64 * 2**20


def resolve_jobs(n_jobs: int | None) -> int:
    """Number of threads: ``None`` or -1 for all that may be used here."""
    if n_jobs is None or n_jobs == -1:
        return thread_count()
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, int | np.integer) or n_jobs < 1:
        raise ValueError(f"n_jobs must be a positive integer, -1 or None; got {n_jobs!r}")
    return within_limit(int(n_jobs))


def worker_threads(model: Any) -> int | None:
    """At most so many threads for each worker of a cluster; None where a model sets no limit."""
    n_jobs = getattr(model, "n_jobs", None)
    return None if n_jobs in (None, -1) else resolve_jobs(n_jobs)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread: its results depend on how many it uses, and ours must not.

    The number belongs to the process, and blocks of several threads overlap: it is given back
    when the last of them ends, and not under the hands of those that still compute.
    """
    _HOLD.enter()
    try:
        yield
    finally:
        _HOLD.leave()


class _Hold:
    """The limit on BLAS that all blocks share, and how many blocks there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._limits: dict[tuple[bool, ...], Any] = {}

    def enter(self) -> None:
        """Set the limit, also on libraries that came into memory since."""
        with self._lock:
            loaded = tuple(name in sys.modules for name in _BRING_BLAS)
            if loaded not in self._limits:
                with _control():
                    self._limits[loaded] = _libraries(loaded).limit(limits=1, user_api="blas")
            self._blocks += 1

    def leave(self) -> None:
        """Give back what was before the first block, when the last one ends."""
        with self._lock:
            self._blocks -= 1
            # later limits have seen the earlier ones, so those are undone last
            while not self._blocks and self._limits:
                with _control():
                    self._limits.popitem()[1].restore_original_limits()


_HOLD = _Hold()


@contextmanager
def _control() -> Iterator[None]:
    """Let this thread set the number: threadpoolctl from 3.8 on hears only the first that did."""
    let_go = getattr(OpenBLASController, "clear_controlling_thread", None)
    if let_go is None:
        yield
        return
    let_go(force=True)
    try:
        yield
    finally:
        let_go(force=True)


@lru_cache
def _libraries(loaded: tuple[bool, ...]) -> Any:
    """Libraries in memory: to look for them anew at every call takes longer than a short list."""
    return ThreadpoolController()


def batches(rows: Rows, row_bytes: int) -> list[Rows]:
    """Cut ``rows`` so that a batch with ``row_bytes`` per row stays within ``BATCH_BYTES``."""
    size = max(1, BATCH_BYTES // max(row_bytes, 1))
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def map_batches(
    function: Callable[[Rows], Result],
    rows: Rows,
    *,
    row_bytes: int,
    n_jobs: int | None,
    stage: str,
) -> list[Result]:
    """Apply ``function`` to the batches of ``rows`` in threads; results in the order of batches."""
    parts = batches(rows, row_bytes)
    n_threads = resolve_jobs(n_jobs)
    results: list[Result] = []
    waiting: deque[Future[Result]] = deque()
    tell(stage, 0, len(parts))
    if n_threads == 1 or len(parts) == 1:
        with one_blas_thread(), limit_threads(n_threads):
            for part in parts:
                results.append(function(part))
                tell(stage, len(results), len(parts))
        return results

    def alone(part: Rows) -> Result:
        with limit_threads(1):  # as many batches run beside it as there are threads
            return function(part)

    with one_blas_thread(), ThreadPoolExecutor(n_threads) as pool:
        try:
            for part in parts:
                waiting.append(pool.submit(alone, part))
                if len(waiting) > n_threads:
                    results.append(waiting.popleft().result())
                    tell(stage, len(results), len(parts))
            while waiting:
                results.append(waiting.popleft().result())
                tell(stage, len(results), len(parts))
        finally:
            for future in waiting:
                future.cancel()
    return results
