"""The words of a cluster: what is taken, and what is refused before anything is started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from suffuse.recsys.cluster import RayCluster, as_cluster


def test_a_backend_is_a_word_or_a_cluster() -> None:
    """A cluster is itself; anything else is quoted beside both forms."""
    cluster = RayCluster(address="10.0.0.1:6379", n_shards=3, storage=Path("shared"))
    assert as_cluster(cluster) is cluster
    assert as_cluster("ray").n_shards is None
    for other in ("dask", None, 3):
        with pytest.raises(ValueError, match=f"'ray' or a RayCluster, .*; got {other!r}"):
            as_cluster(other)


def test_every_cluster_counts_for_itself() -> None:
    """Two clusters do not share what they count."""
    one, two = RayCluster(), RayCluster()
    one.traffic.note("hop", rounds=1, moved=5)
    assert [stage.moved for stage in one.traffic.stages] == [5]
    assert two.traffic.stages == ()


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"n_shards": 0}, ValueError, "n_shards must be a whole number of at least 1; got 0"),
        ({"n_shards": 2.5}, ValueError, "n_shards must be .*got 2.5"),
        ({"address": 6379}, TypeError, "address must be a text such as 'host:port'; got 6379"),
        ({"address": "ray://10.0.0.1:1"}, ValueError, "got 'ray://10.0.0.1:1': start the program"),
        ({"storage": 3}, TypeError, "storage must be a folder; got 3"),
        ({"py_modules": "a.whl"}, TypeError, "py_modules must be a tuple of paths; got 'a.whl'"),
    ],
)
def test_bad_words(given: Any, error: type[Exception], words: str) -> None:
    """The value is quoted, with the way out."""
    with pytest.raises(error, match=words):
        RayCluster(**given)


def test_words_need_no_ray() -> None:
    """Nothing is imported before a cluster is used."""
    before = "ray" in sys.modules
    as_cluster("ray")
    assert ("ray" in sys.modules) == before
