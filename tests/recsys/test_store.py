"""A model's folder: whole or not at all, checked to the byte."""

import contextlib
import datetime
import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys import CorruptModelError, store

TABLE = pd.DataFrame({"user_id": [0, 0, 1, 1, 2, 2], "item_id": [0, 1, 1, 2, 0, 2]})


def small(users: Callable[[int], Any] = int, items: Callable[[int], Any] = int) -> Any:
    """A model of three users and three items, under any ids."""
    table = pd.DataFrame(
        {
            "user_id": pd.Series([users(user) for user in TABLE["user_id"]]),
            "item_id": pd.Series([items(item) for item in TABLE["item_id"]]),
        }
    )
    return sf.EASE(regularization=1.0).fit(table)


def files_of(folder: Path) -> list[Path]:
    """Every file below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


KINDS: dict[str, Callable[[int], Any]] = {
    "int": lambda n: n - 1,
    "float": lambda n: n + 0.5,
    "str": lambda n: f"näme {n}",
    "bytes": lambda n: bytes([n, 0, 255]),
    "date": lambda n: datetime.date(2024, 1, 1 + n),
    "datetime": lambda n: datetime.datetime(2024, 1, 1 + n, 12),
    "with time zone": lambda n: pd.Timestamp(2024, 1, 1 + n, tz="UTC"),
    "nanoseconds": lambda n: pd.Timestamp(n + 1, unit="ns"),
    "seconds": lambda n: np.datetime64(n, "s"),
    "duration": lambda n: pd.Timedelta(days=n),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_ids_of_every_kind_come_back(kind: str, tmp_path: Path) -> None:
    """As the same type with the same values, so that users can be asked for by them."""
    model = small(KINDS[kind], KINDS[kind])
    model.save(tmp_path / "model")
    loaded = sf.load_model(tmp_path / "model")
    assert loaded.user_ids_.dtype == model.user_ids_.dtype
    pd.testing.assert_frame_equal(loaded.recommend(k=1), model.recommend(k=1), check_exact=True)
    asked = [KINDS[kind](1)]
    assert loaded.recommend(asked, k=1)["user_id"].tolist() == pd.Series(asked).tolist()


def test_truth_values_come_back(tmp_path: Path) -> None:
    """The odd kind of id of which there are two."""
    model = sf.Popularity().fit(pd.DataFrame({"user_id": [True, False], "item_id": [1, 2]}))
    model.save(tmp_path / "model")
    assert sf.load_model(tmp_path / "model").user_ids_.tolist() == [False, True]


@pytest.mark.parametrize(
    "kind",
    [
        lambda n: (n, "a"),
        lambda n: (n,),
        lambda n: n if n else "zero",
        lambda n: frozenset([n]),
        lambda n: 2**80 + n,
    ],
    ids=["tuples", "tuples of one", "a mixture", "sets", "numbers too large"],
)
@pytest.mark.parametrize("side", ["user", "item"])
def test_ids_that_would_change_are_refused(
    kind: Callable[[int], Any], side: str, tmp_path: Path
) -> None:
    """One sentence that says what to do, and nothing is left half-written."""
    model = small(users=kind) if side == "user" else small(items=kind)
    expected = rf"{side}_ids_ must be of one type that parquet can hold .* map them to strings"
    with pytest.raises(TypeError, match=expected):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_uuids_come_back_or_are_refused(tmp_path: Path) -> None:
    """Older versions of parquet's library do not know them; they never come back as bytes."""
    model = small(users=lambda n: uuid.UUID(int=n))
    with contextlib.suppress(TypeError):
        model.save(tmp_path / "model")
    for folder in tmp_path.iterdir():
        assert sf.load_model(folder).user_ids_.tolist() == model.user_ids_.tolist()


def test_an_existing_folder_is_refused(tmp_path: Path) -> None:
    """A model needs overwrite=True, something else is never overwritten."""
    model, folder = small(), tmp_path / "model"
    model.save(folder)
    before = {path: path.read_bytes() for path in files_of(folder)}
    with pytest.raises(FileExistsError, match=r"must not exist yet; got .*model.*overwrite=True"):
        sf.Popularity().fit(TABLE).save(folder)
    assert {path: path.read_bytes() for path in files_of(folder)} == before
    sf.Popularity().fit(TABLE).save(folder, overwrite=True)
    assert isinstance(sf.load_model(folder), sf.Popularity)
    other = tmp_path / "photos"
    other.mkdir()
    (other / "cat.jpg").write_text("cat")
    with pytest.raises(
        FileExistsError, match=r"only a model folder can be overwritten; got .*photos"
    ):
        model.save(other, overwrite=True)
    assert (other / "cat.jpg").read_text() == "cat"
    with pytest.raises(FileExistsError):
        model.save(other / "cat.jpg", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "photos"]


@pytest.mark.parametrize("step", ["_write_array", "_checked_file", "_seal"])
def test_a_failed_save_leaves_the_old_model(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no rubbish beside it."""
    folder = tmp_path / "model"
    small().save(folder)
    before = {path: path.read_bytes() for path in files_of(folder)}

    def fail(*args: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(store, step, fail)
    with pytest.raises(OSError, match="no space left"):
        sf.Popularity().fit(TABLE).save(folder, overwrite=True)
    assert {path: path.read_bytes() for path in files_of(folder)} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failed_swap_puts_the_old_model_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step of all: the new folder cannot be moved into place."""
    folder = tmp_path / "model"
    small().save(folder)
    before = {path: path.read_bytes() for path in files_of(folder)}
    real = Path.replace

    def fail_for_new(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError("device is gone")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", fail_for_new)
    with pytest.raises(OSError, match="device is gone"):
        sf.Popularity().fit(TABLE).save(folder, overwrite=True)
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in files_of(folder)} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.fixture(scope="module")
def social_folder(tall: SocialWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model with every kind of part: arrays, sparse matrices, tables, ids, a model."""
    model = sf.SocialDiffusion(sf.ALS(n_factors=4, regularization=1.0))
    model.fit(tall.interactions, social=tall.social)
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save(folder)
    return folder


def test_the_folder_holds_no_pickle(social_folder: Path) -> None:
    """JSON, npy and parquet; and npy without objects."""
    kinds = {path.suffix for path in files_of(social_folder)}
    assert kinds == {".json", ".npy", ".parquet"}
    for path in social_folder.rglob("*.npy"):
        np.load(path, allow_pickle=False)


def test_every_damaged_part_is_refused_by_name(social_folder: Path, tmp_path: Path) -> None:
    """One bit, in the middle and at the end of each file, the manifests included."""
    for original in files_of(social_folder):
        for place in (0.5, 1.0):
            folder = tmp_path / "model"
            shutil.copytree(social_folder, folder)
            path = folder / original.relative_to(social_folder)
            data = bytearray(path.read_bytes())
            data[min(int(place * len(data)), len(data) - 1)] ^= 1
            path.write_bytes(data)
            with pytest.raises(CorruptModelError) as caught:
                sf.load_model(folder)
            assert str(path) in str(caught.value)
            shutil.rmtree(folder)


def test_every_missing_part_is_refused_by_name(social_folder: Path, tmp_path: Path) -> None:
    """Whichever it is."""
    for original in files_of(social_folder):
        folder = tmp_path / "model"
        shutil.copytree(social_folder, folder)
        path = folder / original.relative_to(social_folder)
        path.unlink()
        with pytest.raises(CorruptModelError) as caught:
            sf.load_model(folder)
        assert path.name in str(caught.value)
        shutil.rmtree(folder)


def test_a_changed_dial_is_refused(social_folder: Path, tmp_path: Path) -> None:
    """The manifest's own numbers are under its seal: a readable change is damage too."""
    folder = tmp_path / "model"
    shutil.copytree(social_folder, folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["values"]["memory_"] = 77.0
    path.write_text(json.dumps(manifest))
    with pytest.raises(CorruptModelError, match=r"manifest.json is damaged \(its sha256 differs\)"):
        sf.load_model(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 99}, "must have format 1; got 99: fit again"),
        ({"class": "Oracle"}, "must name class, parameters, parts and values; .*'Oracle'"),
        ({"parts": None}, "must name class, parameters, parts and values"),
    ],
)
def test_a_manifest_of_another_make_is_refused(
    change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    """Sealed, but not by this version."""
    folder = tmp_path / "model"
    small().save(folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text()) | change
    del manifest["sha256"]
    manifest["sha256"] = vars(store)["_seal"](manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(CorruptModelError, match=sentence):
        sf.load_model(folder)


def test_no_json_is_refused(tmp_path: Path) -> None:
    """Cut off, or a list."""
    folder = tmp_path / "model"
    small().save(folder)
    path = folder / "manifest.json"
    whole = path.read_text()
    path.write_text(whole[:100])
    with pytest.raises(CorruptModelError, match=r"manifest.json must be readable JSON"):
        sf.load_model(folder)
    path.write_text("[]")
    with pytest.raises(CorruptModelError, match="must have format 1; got None"):
        sf.load_model(folder)


def test_an_interruption_leaves_the_old_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between moving the old folder aside and putting the new one in place."""
    table = sf.datasets.tiny_world().interactions
    sf.Popularity().fit(table).save(tmp_path / "model")
    before = (tmp_path / "model" / "manifest.json").read_bytes()
    whole = Path.replace

    def interrupted(self: Path, target: str | Path) -> Path:
        if self.name == "new":
            raise KeyboardInterrupt
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sf.EASE(regularization=1.0).fit(table).save(tmp_path / "model", overwrite=True)
    assert (tmp_path / "model" / "manifest.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_empty_folder_is_free(tmp_path: Path) -> None:
    """A folder that somebody made for the model may be used."""
    (tmp_path / "model").mkdir()
    sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(tmp_path / "model")
    assert (tmp_path / "model" / "manifest.json").exists()


@pytest.mark.parametrize("base", [sf.ALS(n_factors=8), sf.EASE(), sf.SpectralFilter(n_factors=8)])
def test_saved_arrays_do_not_depend_on_threads(base: Any, tmp_path: Path) -> None:
    """The same seed gives the same bytes of every part, whatever ``n_jobs``."""
    world = sf.datasets.make_social_world(n_users=150, n_items=70, rng=0)
    parts = []
    for n_jobs in (1, 2):
        model = sf.SocialDiffusion(base, n_jobs=n_jobs).fit(world.interactions, social=world.social)
        folder = tmp_path / str(n_jobs)
        model.save(folder)
        files = sorted(path for path in folder.rglob("*.npy"))
        parts.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert len(parts[0]) > 10
    assert parts[0] == parts[1]


def test_settings_are_no_model(tall: SocialWorld, tmp_path: Path) -> None:
    """A parameter that is a mapping comes back as a dictionary of plain numbers; so does a copy."""
    group = {"damping": np.float32(0.5), "evidence": None, "memory": np.int64(2), "background": 0.0}
    settings = MappingProxyType(
        {"normalization": "row", "warm": group, "few": group, "cold": {**group, "background": 1.0}}
    )
    base = sf.Blend(sf.EASE(regularization=10.0), sf.ALS(n_factors=4, regularization=1.0))
    model = sf.SocialDiffusion(base, settings=settings)
    model.fit(tall.interactions, social=tall.social).save(tmp_path / "model")
    loaded = sf.load_model(tmp_path / "model")
    assert type(loaded.settings) is dict
    assert loaded.settings == dict(settings)
    assert loaded.settings_ == model.settings_
    assert loaded.recommend(k=5).equals(model.recommend(k=5))
    # the unfitted models inside came back as models, and fit again as they did
    assert loaded.base.first.get_params() == base.first.get_params()
    again = clone(loaded).fit(tall.interactions, social=tall.social)
    assert again.recommend(k=5).equals(model.recommend(k=5))


def test_what_is_a_model_in_a_manifest() -> None:
    """A class with parameters, and nothing else."""
    assert store._is_model({"class": "EASE", "parameters": {}})
    for other in ({}, {"class": "EASE"}, {"class": "EASE", "parameters": {}, "more": 1}, None, 3):
        assert not store._is_model(other)
