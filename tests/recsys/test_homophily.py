"""Worlds with a known answer: the graph gains what friends share, and nothing where they do not."""

import numpy as np
import pandas as pd

import suffuse as sf
from suffuse.datasets import SocialWorld, WorldShape

SHAPE = WorldShape(mean_interactions=14, mean_degree=12, cold_fraction=0.1)
#: tuned to these worlds: on an under-tuned base any smoothing helps, random ties' too
BASE = sf.ALS(n_factors=8, regularization=30.0, confidence=5.0)
WORLDS = range(3)


def rewired(social: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The ties with their targets shuffled: everybody keeps their number of ties."""
    targets = np.random.default_rng(seed).permutation(social["target_id"].to_numpy())
    return social.assign(target_id=targets)


def change(world: SocialWorld, social: pd.DataFrame, **dials: float) -> np.ndarray:
    """What the graph changes in NDCG@10 for every test user, rows that nobody chose by."""
    train, test = sf.datasets.split_random(world.interactions, test_fraction=0.2, rng=1)
    model = sf.SocialDiffusion(BASE, **dials).fit(train, social=social)  # type: ignore[arg-type]
    lists, base = model.recommend(k=10), model.base_.recommend(k=10)
    report = sf.evaluate(lists, test, metrics=["ndcg@10"], baseline=base)
    assert report.differences is not None
    return np.asarray(report.differences["ndcg@10"])


def half_width(values: np.ndarray) -> float:
    """Half of the 95 % interval of a mean."""
    return float(1.96 * values.std(ddof=1) / np.sqrt(len(values)))


def made(homophily: float, seed: int) -> SocialWorld:
    """A world of 700 people."""
    return sf.datasets.make_social_world(700, 150, homophily=homophily, shape=SHAPE, rng=seed)


def test_the_gain_rises_with_planted_homophily() -> None:
    """The same dials on ties made by taste to 0, 40 and 80 %: every step gains more."""
    dials = {"damping": 0.2, "memory": 2.0, "background": 0.01}
    gains = []
    for homophily in (0.0, 0.4, 0.8):
        worlds = [made(homophily, seed) for seed in WORLDS]
        changes = [change(world, world.social, **dials).mean() for world in worlds]
        gains.append(float(np.mean(changes)))
    assert gains[0] < gains[1] < gains[2]
    assert gains[2] > 0.01


def test_auto_gains_nothing_at_homophily_zero() -> None:
    """Over the users of all worlds, the interval of the gain holds zero."""
    worlds = [made(0.0, seed) for seed in WORLDS]
    found = np.concatenate([change(world, world.social) for world in worlds])
    assert abs(found.mean()) <= half_width(found)


def test_a_placebo_graph_removes_the_gain() -> None:
    """Random ties in place of true ones: what "auto" gained is gone, and nothing is lost."""
    worlds = [made(0.8, seed) for seed in WORLDS]
    true = np.concatenate([change(world, world.social) for world in worlds])
    placebo = np.concatenate(
        [change(world, rewired(world.social, seed)) for seed, world in enumerate(worlds)]
    )
    assert true.mean() > half_width(true)
    assert abs(placebo.mean()) <= half_width(placebo)


def test_the_dials_of_the_true_graph_do_not_serve_a_placebo() -> None:
    """It is the ties that carry the gain, not the smoothing."""
    dials = {"damping": 0.2, "memory": 2.0, "background": 0.01}
    world = made(0.8, 0)
    true = change(world, world.social, **dials)
    placebo = change(world, rewired(world.social, 0), **dials)
    assert placebo.mean() < 0 < true.mean()
