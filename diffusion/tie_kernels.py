"""Compiled passes over the ties of a graph, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def mirrored(indptr: Any, indices: Any, data: Any, unread: Any, slack: float) -> bool:
    """Whether every tie (u, v) is the next unread one of row v, and weighs about the same.

    Rows are sorted and read in order, so that row v meets its listeners in order too. ``unread``
    is a copy of the first n pointers.
    """
    for u in range(len(unread)):
        for e in range(indptr[u], indptr[u + 1]):
            v = indices[e]
            mirror = unread[v]
            if mirror >= indptr[v + 1] or indices[mirror] != u:
                return False
            unread[v] = mirror + 1
            if data is not None and data[e] != data[mirror]:
                larger = max(data[e], data[mirror])
                if abs(data[e] - data[mirror]) > slack * larger:
                    return False
    return True


@_jit
def even_out(indptr: Any, indices: Any, data: Any, unread: Any) -> None:
    """Give both directions of every tie the larger of their weights."""
    for u in range(len(unread)):
        for e in range(indptr[u], indptr[u + 1]):
            v = indices[e]
            mirror = unread[v]
            unread[v] = mirror + 1
            larger = max(data[e], data[mirror])
            data[e] = larger
            data[mirror] = larger


@_jit
def count_columns(indices: Any, found: Any) -> None:
    """Add to ``found`` how often each column occurs."""
    for e in range(len(indices)):
        found[indices[e]] += 1


@_jit
def join(indptr: Any, indices: Any, parent: Any) -> None:
    """Union-find over the ties: ``parent`` leads each node to the least node of its component."""
    for u in range(len(parent)):
        for e in range(indptr[u], indptr[u + 1]):
            a, b = u, np.int64(indices[e])
            while parent[a] != a:
                parent[a] = parent[parent[a]]
                a = parent[a]
            while parent[b] != b:
                parent[b] = parent[parent[b]]
                b = parent[b]
            if a < b:
                parent[b] = a
            else:
                parent[a] = b


@_jit
def number(parent: Any, labels: Any) -> int:
    """Number the components in the order of their least nodes; returns how many there are."""
    count = 0
    for u in range(len(parent)):
        if parent[u] == u:
            labels[u] = count
            count += 1
        else:
            root = u
            while parent[root] != root:
                root = parent[root]
            labels[u] = labels[root]
    return count
