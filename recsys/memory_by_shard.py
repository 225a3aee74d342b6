"""How much memory a worker of a cluster will take, and its host, from the sizes of tables alone.

As ``memory_by_model.py``, for shares: ``n`` users, ``z`` interactions and ``t`` stored ties are
those of a shard, ``m`` items and ``d`` factors are whole on every worker, and so are the factors of
all users while ALS is fitted. What workers exchange is in the object store of a host, once for all
of its workers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from .als import ALS
from .cluster import RayCluster
from .execution import BATCH_BYTES, resolve_jobs
from .inputs import checked_count
from .memory_by_model import ID_BYTES
from .memory_estimate import MemoryEstimate, TableSizes, sizes_of
from .shard_lists import HELD_BYTES

#: columns that are diffused at a time, and matrices of so many columns that a worker holds: two of
#: own rows and ghosts, what it gives to others, and what the system has not taken back
_PANEL, _PANELS = 32, 5
#: users whose lists are written at a time, and bytes of a list of 20
_LISTED, _LIST = 2**15, 20 * 60


@dataclass(frozen=True)
class _Share:
    """The counts of one shard, and of all."""

    n: float
    m: float
    z: float
    t: float
    d: float
    ghosts: float
    n_shards: int
    weighted: bool
    discounted: bool
    all: TableSizes


def estimated_on_cluster(
    model: Any, interactions: Any, social: Any, *, directed: bool | None, cluster: RayCluster
) -> MemoryEstimate:
    """The stages of a worker and of a host; the public words are at ``estimate_memory``.

    Examples
    --------
    >>> import suffuse as sf
    >>> cluster = RayCluster("10.0.0.1:6379", n_shards=4)
    >>> sizes = (10**8, 10**6, 5 * 10**9)
    >>> found = estimated_on_cluster(sf.ALS(), sizes, None, directed=None, cluster=cluster)
    >>> [name for name, _ in found.stages]
    ['worker: tables', 'worker: fit', 'worker: lists', 'object store', 'host with 1 of 4 workers']
    """
    return estimated_per_node(
        model, sizes_of(model, interactions, social, directed=directed), cluster
    )


def estimated_per_node(model: Any, sizes: TableSizes, cluster: RayCluster) -> MemoryEstimate:
    """Bytes at the peak of every stage of one worker, of the object store, and of a host.

    A host holds one worker where the cluster has an address, and all of them where it is this
    machine. Choosing dials ("auto") is no step of the shards, and not counted.

    Raises
    ------
    ValueError
        For a model that has no backend, and where the number of shards depends on hosts that are
        not known yet.

    Examples
    --------
    >>> import suffuse as sf
    >>> sizes = TableSizes(10**6, 10**5, 5 * 10**7, 2 * 10**7)
    >>> one, two = (
    ...     estimated_per_node(sf.SocialDiffusion(), sizes, RayCluster("head:6379", n_shards=n))
    ...     for n in (1, 2)
    ... )
    >>> 0.5 < two.peak / one.peak < 0.8
    True
    """
    base = model.fresh_base() if hasattr(model, "fresh_base") else model
    if type(base) is not ALS:
        raise ValueError(
            "backend must be left out but for ALS and SocialDiffusion over ALS; got "
            f"{type(base).__name__}"
        )
    away = cluster.address is not None or "RAY_ADDRESS" in os.environ
    n_shards = _shards(cluster, away)
    share = _share(sizes, base, n_shards)
    stages = [
        (f"worker: {name}", count) for name, count in _worker(share, social=base is not model)
    ]
    store = _store(share, 1 if away else n_shards, social=base is not model)
    here = 1 if away else n_shards
    most = max(count for _, count in stages)
    noun = "worker" if n_shards == 1 else "workers"
    held = f"{here} of {n_shards} {noun}" if away else f"{here} {noun}"
    stages += [("object store", store), (f"host with {held}", here * most + store)]
    return MemoryEstimate(tuple((name, int(count)) for name, count in stages))


def _shards(cluster: RayCluster, away: bool) -> int:
    """As given, or what this machine would take."""
    if cluster.n_shards is not None:
        return cluster.n_shards
    if away:
        raise ValueError(
            "n_shards must be given to tell what a host needs: they are not asked; got None"
        )
    return min(max(resolve_jobs(None), 2), 8)


def _share(sizes: TableSizes, base: ALS, n_shards: int) -> _Share:
    """One part of ``n_shards``, even in everything."""
    d = min(checked_count("n_factors", base.n_factors), sizes.n_users, sizes.n_items)
    n, t = sizes.n_users / n_shards, sizes.n_ties / n_shards
    # who is no own user is a ghost where at least one of the ties goes there
    away = sizes.n_users - n
    ghosts = away * (1 - (1 - 1 / max(away, 1)) ** (t * away / sizes.n_users)) if away >= 1 else 0.0
    z = sizes.n_interactions / n_shards
    weighted, discounted = bool(base.use_weights), bool(base.popularity_discount)
    return _Share(n, sizes.n_items, z, t, d, ghosts, n_shards, weighted, discounted, sizes)


def _worker(one: _Share, *, social: bool) -> list[tuple[str, float]]:
    """Bytes of the stages of a worker, with all that it holds beside them."""
    ids, users, items = ID_BYTES * (one.n + one.m), 4 * one.d * one.n, 4 * one.d * one.m
    rows = 8 * one.z + 4 * one.n + ids
    ties = 12 * one.t + 4 * one.n if one.t else 0.0
    # a column of whose cell it is goes once the rows are made
    tables = max(rows + 4 * one.z, rows + ties + 4 * one.t)
    found = [("tables", tables), ("fit", rows + _fitting(one))]
    held = rows + ties + users + items
    lists = 0.0
    if social and one.t:
        panels = 4.0 * _PANEL * _PANELS * (one.n + one.ghosts)
        # numbers of all users for a moment, and the ties by own numbers with their weights
        graph = 8 * one.t + 16 * one.n + 4 * one.all.n_users
        found.append(("diffusing", held + users + graph + panels))
        # factors of everybody who is listened to, side by side, and a number for every tie
        found.append(("weighing", held + users + 8 * one.t + 4 * one.d * (one.n + one.ghosts)))
        # diffused factors, weights of ties, and a copy of what friends hold
        lists = users + 4 * one.t + min(HELD_BYTES, 8 * one.all.n_interactions)
    scratch = (
        BATCH_BYTES + min(_LISTED, one.n) * _LIST + 4 * (one.d + 1) * one.m * (3 if social else 1)
    )
    return [*found, ("lists", held + lists + scratch)]


def _fitting(one: _Share) -> float:
    """Bytes of a fit of factors beside the rows, the graph not being there yet."""
    users, items = 4 * one.d * one.n, 4 * one.d * one.m
    discount = 4 * one.z if one.discounted else 0.0
    # confidences by user; rows turned, then cut into columns for the others
    turning = (24 if one.weighted else 20) * one.z + users
    # confidences by user and by item, factors of everybody, and those that are made or handed out
    stepping = 16 * one.z + 4 * (one.n + one.m) + 4 * one.d * one.all.n_users + 2 * items + users
    return discount + max(turning, stepping)


def _store(one: _Share, n_here: int, *, social: bool) -> float:
    """What the workers of a host have handed out and taken at the same time."""
    # blocks of the factors of all items and users
    most = 4 * one.d * (one.m + one.all.n_users)
    # before them the rows by item, once: those that are made here, and those that come from afar
    afar = (one.n_shards - n_here) / one.n_shards
    most = max(most, (8.0 if one.weighted else 4.0) * one.z * n_here * (1 + afar))
    if social and one.t:
        hop = 3 * 4.0 * _PANEL * one.ghosts * n_here
        rows = (8 if one.weighted else 4) * one.all.n_interactions + 8 * one.all.n_users
        most = max(most, hop, rows, 4 * one.d * one.ghosts * n_here)
    return float(most)
