"""A fit and its lists on a real Ray, whose workers are killed: the bits of one machine."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.cluster_session import session

pytest.importorskip("ray", reason="needs suffuse[cluster]")


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """A local Ray with two cores for the tests of this file."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


def own_actors() -> list[int]:
    """Workers of the Ray that this process has started."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            title = (place / "cmdline").read_bytes()
            parent = (place / "stat").read_text().rsplit(")", 1)[1].split()[1]
            session_of = Path("/proc", parent, "stat").read_text().rsplit(")", 1)[1].split()[1]
        except (OSError, IndexError):
            continue
        if title.startswith(b"ray::ShardActor") and int(session_of) == os.getpid():
            found.append(int(place.name))
    return found


def test_killed_workers_change_no_bit(ray_here: None, tmp_path: Path) -> None:
    """Two workers, of whom one is killed twice, against one machine."""
    world = sf.datasets.make_social_world(400, 120, rng=0)
    base = sf.ALS(n_factors=9, regularization=5.0, max_iter=6)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    cluster = sf.RayCluster(n_shards=2, storage=tmp_path / "run")
    over, killed = threading.Event(), []

    def kill() -> None:
        draw = random.Random(0)
        while len(killed) < 2 and not over.wait(1.0):
            for pid in draw.sample(sorted(own_actors()), k=min(1, len(own_actors()))):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        model.fit(world.interactions, social=world.social, backend=cluster)
        model.recommend_to(tmp_path / "recs", k=5, backend=cluster, users_per_part=50)
    finally:
        over.set()
        thread.join()
    assert killed
    alone = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    alone.fit(world.interactions, social=world.social)
    np.testing.assert_array_equal(model.base_.user_factors_, alone.base_.user_factors_)
    np.testing.assert_array_equal(model.base_.item_factors_, alone.base_.item_factors_)
    found, expected = pd.read_parquet(tmp_path / "recs"), alone.recommend(k=5)
    names = ["user_id", "item_id", "rank"]
    pd.testing.assert_frame_equal(found[names], expected[names])


def test_raw_files_are_cut_by_tasks(ray_here: None, tmp_path: Path) -> None:
    """And what moved is what arithmetic says."""
    world = sf.datasets.make_social_world(300, 80, rng=1)
    world.interactions.to_parquet(tmp_path / "rows.parquet")
    cluster = sf.RayCluster(n_shards=2, storage=tmp_path / "run")
    model = sf.ALS(n_factors=4, regularization=2.0, max_iter=2)
    model.fit(tmp_path / "rows.parquet", backend=cluster)
    known = sf.ALS(n_factors=4, regularization=2.0, max_iter=2).fit(world.interactions)
    np.testing.assert_array_equal(model.user_factors_, known.user_factors_)
    traffic = cluster.traffic.to_frame()
    assert (traffic["moved"] == traffic["expected"]).all()
    assert not traffic["network"].any()


def test_a_session_leaves_a_ray_alone_that_it_did_not_start(ray_here: None) -> None:
    """It is still connected after it."""
    import ray

    with session(sf.RayCluster(n_shards=2)) as one:
        assert one.n_shards == 2
    assert ray.is_initialized()
