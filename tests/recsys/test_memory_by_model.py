"""What models need: against what the system reports, and refused where there is not as much."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import suffuse as sf
from suffuse.recsys import memory_by_model
from suffuse.recsys.execution import BATCH_BYTES
from suffuse.recsys.graph_recommender import GraphRecommender
from suffuse.recsys.matrix_factorization import MatrixFactorization
from suffuse.recsys.memory_by_model import Needs, blend_needs, social_needs
from suffuse.recsys.memory_estimate import TableSizes

MODELS = {
    "Popularity": sf.Popularity(),
    "ALS": sf.ALS(),
    "EASE": sf.EASE(),
    "SpectralFilter": sf.SpectralFilter(order=2),
    "MatrixFactorization": MatrixFactorization(),
    "GraphRecommender": GraphRecommender(n_hops=None),
    "Blend": sf.Blend(sf.EASE(), sf.ALS()),
    "SocialDiffusion": sf.SocialDiffusion(),
    "SocialDiffusion, EASE": sf.SocialDiffusion(sf.EASE(), damping=0.3),
    "SocialDiffusion, Blend": sf.SocialDiffusion(sf.Blend(sf.ALS(), sf.Popularity())),
}


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_has_an_estimate(name: str) -> None:
    """It grows with users, items, interactions and ties, and has the stages that it promises."""
    model = MODELS[name]
    small = model.estimate_memory((10_000, 5_000, 100_000), social=20_000)
    stages = dict(small.stages)
    assert next(iter(stages)) == "tables"
    assert list(stages)[-2:] == ["model", "recommend"]
    assert any(stage.startswith("fit: ") for stage in stages)
    assert 0 < stages["model"] < stages["recommend"]
    for shape in ((20_000, 5_000, 100_000), (10_000, 9_000, 100_000), (10_000, 5_000, 200_000)):
        assert model.estimate_memory(shape, social=20_000).peak > small.peak
    more = dict(model.estimate_memory((10_000, 5_000, 100_000), social=40_000).stages)
    assert more["tables"] > stages["tables"]


def test_only_a_filter_may_have_no_factors() -> None:
    """Fit takes ``n_factors=0`` of a spectral filter and refuses it of ALS; so do estimates."""
    sizes = (1000, 500, 10_000)
    none = sf.SpectralFilter(n_factors=0).estimate_memory(sizes)
    assert 0 < none.peak < sf.SpectralFilter(n_factors=8).estimate_memory(sizes).peak
    for model in (sf.ALS(n_factors=0), MatrixFactorization(n_factors=0)):
        with pytest.raises(ValueError, match="n_factors must be a whole number of at least 1"):
            model.estimate_memory(sizes)


def test_a_large_fit_is_linear_for_factors() -> None:
    """Ten times of everything is ten times the memory, but for what lists take at a time."""
    model = sf.SocialDiffusion(sf.ALS(n_factors=64), damping=0.3, memory=1.0, background=0.01)
    one = dict(model.estimate_memory((10**6, 10**5, 5 * 10**7), social=2 * 10**7).stages)
    ten = dict(model.estimate_memory((10**7, 10**6, 5 * 10**8), social=2 * 10**8).stages)
    for stage, count in one.items():
        if stage != "recommend":
            assert ten[stage] == pytest.approx(10 * count, rel=1e-6)


def test_scratch_of_lists_is_bounded() -> None:
    """By the batches of each thread and one block, however many users there are."""
    model = sf.ALS(n_jobs=2)
    stages = dict(model.estimate_memory((10**7, 10**5, 10**8)).stages)
    assert stages["recommend"] - stages["model"] < 3 * BATCH_BYTES
    tiny = dict(model.estimate_memory((10, 10, 20)).stages)
    assert tiny["recommend"] < 10**6


def test_a_model_that_does_not_say() -> None:
    """One sentence names the method."""

    class Own(sf.recsys.Recommender):
        """A model of somebody else's."""

    own: Any = Own.__new__(type("Own", (Own,), {}))
    with pytest.raises(TypeError, match="Own must have a method memory_needs"):
        own.estimate_memory((10, 10, 20))


def test_hold_outs_and_second_models_hold_more() -> None:
    """Choosing holds a reduced table besides; the fit of a second model holds the first."""
    sizes = TableSizes(1000, 100, 5000, 2000)
    base = sf.ALS(n_factors=8).memory_needs(sizes)
    given = social_needs(base, sizes, chooses=False)
    chosen = social_needs(base, sizes, chooses=True)
    assert dict(chosen.fit)["choosing"] > max(count for _, count in given.fit)
    blended = blend_needs(base, Needs((("counting", 10.0),), 5.0, 1))
    assert dict(blended.fit)["second, counting"] == base.kept + 10.0
    assert blended.signals == base.signals + 1


@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("Popularity", "Blend")])
def test_a_fit_that_cannot_be_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is allocated, with what is needed, what there is, and a way out."""
    world = sf.datasets.tiny_world()
    monkeypatch.setattr(memory_by_model, "available_bytes", lambda: 1)
    monkeypatch.setattr("suffuse.recsys.ease.available_bytes", lambda: 1)
    model = MODELS[name]
    social = {"social": world.social} if hasattr(model, "normalization") else {}
    with pytest.raises(MemoryError, match=r"needs .* (there are|may use) 1 bytes: (take|use) "):
        model.fit(world.interactions, **social)


#: peak of the resident memory of a fit, in bytes beyond what was there before
MEASURE = """
import gc, json, sys
import numpy as np
import suffuse as sf
from suffuse.datasets.interactions import Interactions

def memory(key):
    with open("/proc/self/status") as lines:
        return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])

def make():
    base = sf.ALS(n_factors=32, max_iter=1, n_jobs=2)
    dials = {"damping": 0.3, "memory": 1.0, "background": 0.01}
    return base if sys.argv[1] == "ALS" else sf.SocialDiffusion(base, **dials)

social = sys.argv[1] != "ALS"
world = sf.datasets.make_social_world(400, 200, rng=0)
warm = make().fit(world.interactions, **({"social": world.social} if social else {}))
del warm, world
gc.collect()
before = memory("VmRSS")
rng = np.random.default_rng(0)
n, m, z, t = 150_000, 3_000, 1_500_000, 500_000
keys = np.unique(rng.integers(0, n * m, z))
users, items = (keys // m).astype(np.int32), (keys % m).astype(np.int32)
table = Interactions(np.arange(n), np.arange(m), users, items, np.ones(len(keys), np.float32))
ends = rng.integers(0, n, (2, t))
from scipy import sparse
ties = sparse.csr_array((np.ones(t), (ends[0], ends[1])), shape=(n, n))
graph = sf.datasets.as_social_graph(ties, directed=False) if social else None
del keys, ends, ties
model = make()
estimate = model.estimate_memory(table, social=graph)
gc.collect()
open("/proc/self/clear_refs", "w").write("5")
model.fit(table, **({"social": graph} if social else {}))
fit = memory("VmHWM") - before
print(json.dumps([fit, max(count for name, count in estimate.stages if name[:3] == "fit")]))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux to measure")
@pytest.mark.parametrize("name", ["ALS", "SocialDiffusion"])
def test_estimates_come_near_what_is_measured(name: str) -> None:
    """Within a factor of two at 150,000 users, where allocators still take a share."""
    command = [sys.executable, "-c", MEASURE, name]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    measured, estimated = json.loads(found.splitlines()[-1])
    assert measured > 40 * 2**20
    assert 0.5 < estimated / measured < 2.0, (estimated, measured)
