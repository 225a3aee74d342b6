"""Which host holds which shard, by arithmetic."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys.ray_hosts import Host, default_shards, hosts_of, share_of_cores, spread

CORES = st.lists(st.integers(1, 16), min_size=1, max_size=5)


class Cluster:
    """What Ray tells of four hosts, of which two may hold workers."""

    @staticmethod
    def nodes() -> list[dict[str, Any]]:
        """One is dead and one has no cores."""
        hosts = [("10.0.0.10", True, 4.0), ("10.0.0.9", True, 2.0), ("10.0.0.1", False, 8.0)]
        return [
            {"NodeID": address, "NodeManagerAddress": address, "Alive": alive, "Resources": cores}
            for address, alive, cores in (
                *((address, alive, {"CPU": cores}) for address, alive, cores in hosts),
                ("10.0.0.2", True, {}),
            )
        ]


def test_hosts_that_may_hold_workers() -> None:
    """Alive, with cores, by their numbers and not as texts."""
    found = hosts_of(Cluster)
    assert [(one.address, one.cores) for one in found] == [("10.0.0.9", 2.0), ("10.0.0.10", 4.0)]


@settings(deadline=None, max_examples=50)
@given(CORES, st.integers(1, 20))
def test_no_host_is_better_off(cores: list[int], n: int) -> None:
    """No worker would have more cores on another host than the one that got the fewest."""
    hosts = [Host(str(place), "", count) for place, count in enumerate(cores)]
    held = Counter(one.node for one in spread(hosts, n))
    assert sum(held.values()) == n
    least = min(one.cores / held[one.node] for one in hosts if held[one.node])
    assert all(one.cores / (held[one.node] + 1) <= least for one in hosts)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 64), st.integers(1, 200))
def test_shares_fit(cores: int, n: int) -> None:
    """All shares together are no more than there is, and whole where they are above 1."""
    share = share_of_cores(Host("a", "", cores), n)
    # Ray counts in parts of 10,000
    assert 0 < round(share * 10_000) * n <= cores * 10_000
    assert share < 1 or share == int(share)


@pytest.mark.parametrize(
    ("cores", "n_shards"), [([1], 2), ([3], 3), ([64], 8), ([1, 1], 2), ([64] * 20, 20)]
)
def test_shards_by_default(cores: list[int], n_shards: int) -> None:
    """One per host, or on a single host one per core from 2 to 8."""
    hosts = [Host(str(place), "", count) for place, count in enumerate(cores)]
    assert default_shards(hosts) == n_shards
