"""What a worker and a host need: by shares, and against what the system says of a process."""

from __future__ import annotations

from typing import Any

import pytest

import suffuse as sf
from suffuse.recsys.cluster import RayCluster
from suffuse.recsys.memory_by_shard import estimated_on_cluster, estimated_per_node
from suffuse.recsys.memory_estimate import TableSizes

SIZES = TableSizes(10**6, 10**5, 5 * 10**7, 2 * 10**7)
SOCIAL = sf.SocialDiffusion(sf.ALS(n_factors=64), damping=0.3, memory=1.0)


def stages(model: Any, n_shards: int, *, sizes: TableSizes = SIZES) -> dict[str, int]:
    """Of a cluster with one worker on a host."""
    cluster = RayCluster("10.0.0.1:6379", n_shards=n_shards)
    return dict(estimated_per_node(model, sizes, cluster).stages)


@pytest.mark.parametrize("model", [sf.ALS(), SOCIAL])
def test_more_workers_need_less_each(model: Any) -> None:
    """Rows of users are shared out; what all hold of items and exchange stays."""
    one, two, eight = (stages(model, n) for n in (1, 2, 8))
    for name in one:
        if name.startswith("worker: "):
            assert one[name] > two[name] > eight[name] > one[name] / 8
    halves = two["worker: tables"] / one["worker: tables"]
    assert halves == pytest.approx(0.5, rel=0.02)


def test_only_ties_are_diffused() -> None:
    """A graph adds stages and bytes; ALS has none, however many ties there are."""
    without = TableSizes(10**6, 10**5, 5 * 10**7)
    assert "worker: diffusing" in stages(SOCIAL, 2)
    assert "worker: diffusing" not in stages(SOCIAL, 2, sizes=without)
    assert "worker: diffusing" not in stages(sf.ALS(), 2)


def test_a_machine_holds_all_of_its_workers() -> None:
    """A host is its largest stage, as often as it has workers, and one store."""
    found = dict(estimated_per_node(SOCIAL, SIZES, RayCluster(n_shards=3)).stages)
    most = max(count for name, count in found.items() if name.startswith("worker"))
    whole = 3 * most + found["object store"]
    assert found["host with 3 workers"] == pytest.approx(whole, abs=4)
    assert max(found.values()) == found["host with 3 workers"]


def test_what_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of hosts of a cluster that was not asked; models of one machine."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ValueError, match="n_shards must be given to tell what a host needs"):
        estimated_per_node(SOCIAL, SIZES, RayCluster("auto"))
    assert "host with" in str(estimated_per_node(SOCIAL, SIZES, RayCluster()))
    with pytest.raises(ValueError, match=r"backend must be left out .*; got EASE"):
        estimated_per_node(sf.EASE(), SIZES, RayCluster(n_shards=2))


def test_sizes_may_be_told() -> None:
    """As numbers or as tables, as for one machine."""
    cluster = RayCluster(n_shards=2)
    given = (10**6, 10**5, 5 * 10**7)
    told = estimated_on_cluster(SOCIAL, given, 10**7, directed=False, cluster=cluster)
    assert told == estimated_per_node(SOCIAL, SIZES, cluster)
