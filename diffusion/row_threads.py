"""Rows of a sparse matrix shared out among threads, each row to one of them.

A kernel that works on rows ``first .. last`` and lets go of the interpreter lock is run over ranges
of about equal work. As every row is computed by one thread, in one order, the bits of the answer
do not depend on the number of threads.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Pointers = npt.NDArray[np.integer[Any]]

_LIMIT: ContextVar[int] = ContextVar("suffuse_row_threads", default=-1)
# Below so many ties times columns (a fraction of a millisecond) threads cost more than they bring.
_SMALL = 1 << 18
# Ranges for each thread: another process may hold one of the cores for a while. But each must be
# worth the handing over.
_RANGES, _WORTH = 8, 1 << 22


@contextmanager
def limit_threads(n_jobs: int | None) -> Iterator[None]:
    """Let kernels use so many threads at most within a ``with`` block, in this thread of control.

    Models keep to it as well, whatever their ``n_jobs``. A limit inside another cannot raise it.

    Parameters
    ----------
    n_jobs : int or None
        From 1; -1 and None stand for all cores of this process, which is the default.

    Raises
    ------
    TypeError, ValueError
        For anything else.

    Examples
    --------
    >>> with limit_threads(1):
    ...     thread_count()
    1
    """
    rule = "a whole number from 1, or -1 for all cores"
    if n_jobs is None:
        n_jobs = -1
    if isinstance(n_jobs, (bool, np.bool_)) or not isinstance(n_jobs, (int, np.integer)):
        raise TypeError(f"n_jobs must be {rule}; got {n_jobs!r}")
    if n_jobs != -1 and n_jobs < 1:
        raise ValueError(f"n_jobs must be {rule}; got {n_jobs!r}")
    outer, inner = _LIMIT.get(), int(n_jobs)
    token = _LIMIT.set(min(outer, inner) if min(outer, inner) > 0 else max(outer, inner))
    try:
        yield
    finally:
        _LIMIT.reset(token)


def within_limit(n_threads: int) -> int:
    """So many threads, or as many as the limit allows where there is one.

    Examples
    --------
    >>> with limit_threads(2):
    ...     within_limit(1), within_limit(8)
    (1, 2)
    """
    limit = _LIMIT.get()
    return min(n_threads, limit) if limit > 0 else n_threads


def thread_count() -> int:
    """How many threads a kernel may use now.

    Examples
    --------
    >>> thread_count() >= 1
    True
    """
    limit = _LIMIT.get()
    if limit > 0:
        return limit
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def over_rows(kernel: Callable[[int, int], object], indptr: Pointers, *, columns: int = 1) -> None:
    """Run ``kernel(first, last)`` over all rows, in threads where that pays.

    Parameters
    ----------
    kernel
        Computes the rows from ``first`` to before ``last``, and writes nothing that another range
        reads or writes. It must let go of the interpreter lock to gain from threads.
    indptr
        Shape (n + 1,): the pointers of a CSR matrix. A row costs as much as it has ties, and one.
    columns
        How much each tie costs, in multiplications.

    Raises
    ------
    Exception
        What the kernel raises first, once no range is running any more.

    Examples
    --------
    >>> matrix = np.array([0, 2, 2, 3])
    >>> sizes = np.zeros(3, dtype=int)
    >>> def count(first, last):
    ...     sizes[first:last] = np.diff(matrix[first : last + 1])
    >>> over_rows(count, matrix)
    >>> sizes
    array([2, 0, 1])
    """
    n_rows = len(indptr) - 1
    threads = min(thread_count(), n_rows)
    work = _cost(indptr, n_rows) * max(columns, 1)
    if threads <= 1 or work < _SMALL:
        if n_rows:
            kernel(0, n_rows)
        return
    pool = _pool(threads)
    ranges = max(threads, min(work // _WORTH, threads * _RANGES))
    running = [pool.submit(kernel, *at) for at in row_ranges(indptr, ranges)]
    try:
        for one in running:
            one.result()
    finally:  # after a failure or Ctrl-C, ranges that have not begun are left out
        for one in running:
            one.cancel()
        wait(running)


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that stay: to start them takes longer than a step on a small graph."""
    return ThreadPoolExecutor(threads, thread_name_prefix="suffuse-rows")


if hasattr(os, "register_at_fork"):  # a fork has no threads: it must not wait for its parent's
    os.register_at_fork(after_in_child=_pool.cache_clear)


def row_ranges(indptr: Pointers, n_ranges: int) -> list[tuple[int, int]]:
    """Cut the rows of a CSR matrix into at most so many ranges of about equal work, none empty.

    Examples
    --------
    >>> row_ranges(np.array([0, 6, 7, 7, 8]), 2)
    [(0, 1), (1, 4)]
    """
    n_rows = len(indptr) - 1
    start, total = _cost(indptr, 0), _cost(indptr, n_rows)
    cuts = [0]
    for part in range(1, n_ranges):
        target = start + (total - start) * part // n_ranges
        cut = bisect_left(range(n_rows + 1), target, key=lambda row: _cost(indptr, row))
        if cuts[-1] < cut < n_rows:
            cuts.append(cut)
    return list(zip(cuts, [*cuts[1:], n_rows], strict=True)) if n_rows else []


def _cost(indptr: Pointers, row: int) -> int:
    """What the rows before one cost."""
    return int(indptr[row]) + row
