"""Fingerprints change with what changes a list, and with nothing else."""

from __future__ import annotations

import copy
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.recsys.fingerprint import (
    ids_fingerprint,
    model_fingerprint,
    newcomers_fingerprint,
)
from suffuse.recsys.newcomers import Newcomers, read_newcomers

WORLD = sf.datasets.make_social_world(100, 60, rng=0)


def social(**options: Any) -> Any:
    """A model in a model."""
    base = sf.ALS(n_factors=4, regularization=1.0, max_iter=2, **options)
    model = sf.SocialDiffusion(base, damping=0.3, memory=1.0, background=0.01)
    return model.fit(WORLD.interactions, social=WORLD.social)


def test_a_saved_model_keeps_its_fingerprint(tmp_path: Path) -> None:
    """Also after it has made lists, and whatever the number of threads."""
    model = social()
    before = model_fingerprint(model)
    model.save(tmp_path / "model")
    model.recommend(k=3)
    loaded = sf.load_model(tmp_path / "model").set_params(n_jobs=1)
    assert model_fingerprint(model) == model_fingerprint(loaded) == before
    assert model_fingerprint(social(n_jobs=1)) == before


@pytest.mark.parametrize("name", ["user_factors_", "item_factors_"])
def test_one_bit_of_a_wrapped_model_counts(name: str) -> None:
    """The smallest change of one number."""
    model = social()
    other = copy.deepcopy(model)
    factors = np.array(getattr(other.base_, name))
    factors[0, 0] = np.nextafter(factors[0, 0], np.float32(np.inf))
    setattr(other.base_, name, factors)
    assert model_fingerprint(other) != model_fingerprint(model)


def test_parameters_and_seen_items_count() -> None:
    """A dial, and a cell that says what was seen."""
    model = sf.Popularity().fit(WORLD.interactions)
    known = {model_fingerprint(model)}
    other = copy.copy(model)
    other.use_weights = True
    known.add(model_fingerprint(other))
    other = copy.copy(model)
    rows = model.interactions_.copy()
    rows.indices[0] = (rows.indices[0] + 1) % rows.shape[1]
    other.interactions_ = rows
    known.add(model_fingerprint(other))
    assert len(known) == 3


def test_ids_of_every_kind() -> None:
    """Order, type and content count; where one text ends and the next begins, too."""
    kinds = [
        np.array([1, 2]),
        np.array([2, 1]),
        np.array([1.0, 2.0]),
        np.array(["1", "2"], object),
        np.array(["12", ""], object),
        np.array(["1", "2", ""], object),
        np.array([1, "2"], object),
        np.array([uuid.UUID(int=1), uuid.UUID(int=2)], object),
        np.array(["2020-01-01", "2020-01-02"], "datetime64[D]"),
    ]
    assert len({ids_fingerprint(ids) for ids in kinds}) == len(kinds)
    assert all(ids_fingerprint(ids) == ids_fingerprint(ids.copy()) for ids in kinds)


def test_newcomers_by_items_and_ties() -> None:
    """Each of the parts of newcomers counts."""
    model = social()
    rows = pd.DataFrame({"user_id": ["new"], "item_id": [model.item_ids_[0]]})
    ties = pd.DataFrame({"source_id": ["new"], "target_id": [model.user_ids_[0]]})
    found = {
        newcomers_fingerprint(read_newcomers(model, a, b, directed=None))
        for a, b in ((rows, None), (None, ties), (rows, ties))
    }
    assert len(found) == 3
    n, m = len(model.user_ids_), len(model.item_ids_)
    empty: Any = [sparse.csr_array(shape) for shape in ((1, m), (1, n), (1, 1), (1, n))]
    one = newcomers_fingerprint(Newcomers(np.array(["new"], object), *empty))
    assert one == newcomers_fingerprint(Newcomers(np.array(["new"], object), *empty))
    assert one not in found


def test_an_updated_model_is_another_one_until_it_is_saved(tmp_path: Path) -> None:
    """Its diffused factors went on from the old ones: what is loaded makes them anew."""
    model = social()
    rows = pd.DataFrame({"user_id": [model.user_ids_[0]], "item_id": ["a new item"]})
    model.update(rows)
    before = model_fingerprint(model)
    model.save(tmp_path / "model")
    assert model_fingerprint(model) == model_fingerprint(sf.load_model(tmp_path / "model"))
    assert model_fingerprint(model) != before


def test_what_nobody_can_hash_is_refused() -> None:
    """An object without a text of its own would make a fingerprint that changes by itself."""
    model = social()
    model.strange_ = object()
    with pytest.raises(TypeError, match="not JSON serializable"):
        model_fingerprint(model)
    model.strange_ = {"a": [np.arange(2000.0)]}
    first = model_fingerprint(model)
    model.strange_["a"][0][1000] = -1.0
    assert model_fingerprint(model) != first
