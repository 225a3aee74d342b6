"""The hosts of a Ray cluster, and which of them holds which shard."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Ray counts shares of a core in this grain
_GRAIN = 10_000


@dataclass(frozen=True)
class Host:
    """A host that may hold workers: Ray's name of it, its address, and its cores.

    Examples
    --------
    >>> Host("a1", "10.0.0.1", 8.0).cores
    8.0
    """

    node: str
    address: str
    cores: float


def hosts_of(ray: Any) -> tuple[Host, ...]:
    """Hosts that are alive and have cores, in the order of their addresses."""
    found = [
        Host(one["NodeID"], one["NodeManagerAddress"], float(one["Resources"].get("CPU", 0)))
        for one in ray.nodes()
        if one["Alive"]
    ]
    return tuple(sorted((one for one in found if one.cores > 0), key=_order))


def _order(host: Host) -> tuple[int, str, str]:
    """10.0.0.9 comes before 10.0.0.10; names after addresses."""
    try:
        number = int(ipaddress.ip_address(host.address))
    except ValueError:
        number = 1 << 128
    return number, host.address, host.node


def default_shards(hosts: Sequence[Host]) -> int:
    """One per host where there are several, else one per core, from 2 to 8.

    Examples
    --------
    >>> one, two = Host("a", "10.0.0.1", 4), Host("b", "10.0.0.2", 4)
    >>> default_shards([one]), default_shards([one, two, one])
    (4, 3)
    """
    if len(hosts) > 1:
        return len(hosts)
    return min(max(int(sum(one.cores for one in hosts)), 2), 8)


def spread(hosts: Sequence[Host], n: int) -> list[Host]:
    """A host for each of ``n`` workers: the one with the most cores for each that it holds.

    Examples
    --------
    >>> small, large = Host("a", "10.0.0.1", 2), Host("b", "10.0.0.2", 4)
    >>> [one.node for one in spread([small, large], 3)]
    ['b', 'a', 'b']
    """
    held: Counter[str] = Counter()
    chosen = []
    for _ in range(n):
        chosen.append(least_held(hosts, held))
        held[chosen[-1].node] += 1
    return chosen


def least_held(hosts: Sequence[Host], held: Counter[str]) -> Host:
    """The host with the most cores for each worker once it has one more; the first of equals.

    Examples
    --------
    >>> hosts = [Host("a", "10.0.0.1", 2), Host("b", "10.0.0.2", 2)]
    >>> least_held(hosts, Counter(a=1)).node
    'b'
    """
    return max(hosts, key=lambda one: one.cores / (held[one.node] + 1))


def share_of_cores(host: Host, n_workers: int) -> float:
    """What one of the workers of a host takes: whole cores, or a part of one.

    Examples
    --------
    >>> host = Host("a", "10.0.0.1", 2)
    >>> share_of_cores(host, 1), share_of_cores(host, 3)
    (2.0, 0.6666)
    """
    share = host.cores / n_workers
    if share >= 1:
        return float(int(share))
    return max(int(share * _GRAIN), 1) / _GRAIN
