"""What a folder is said to hold."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys import CorruptModelError
from suffuse.recsys.info_on_model import model_info
from suffuse.recsys.store_manifest import seal


@pytest.fixture
def folder(tall: SocialWorld, tmp_path: Path) -> Path:
    """A saved model with a wrapped one, whose settings a hold-out chose."""
    model = sf.SocialDiffusion(sf.EASE(regularization=10.0))
    model.fit(tall.interactions, social=tall.social).save(tmp_path / "model")
    return tmp_path / "model"


def test_a_whole_model(folder: Path) -> None:
    """Class, sizes, settings, ablation, versions, and every file with its true sum and size."""
    info, model = model_info(folder), sf.load_model(folder)
    assert info.problem is None
    assert (info.class_name, info.format) == ("SocialDiffusion", 2)
    assert info.parameters["base"]["parameters"]["regularization"] == 10.0
    assert info.versions["suffuse"] == sf.__version__
    assert (info.users, info.items) == (len(model.user_ids_), len(model.item_ids_))
    assert (info.rows, info.ties) == (model.interactions_.nnz, model.social_.nnz)
    assert info.settings == model.settings_
    assert info.ablation is not None
    assert info.ablation.equals(model.ablation_)
    on_disk = {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert {file.name for file in info.files} == on_disk
    for file in info.files:
        data = (folder / file.name).read_bytes()
        assert (file.bytes, file.state) == (len(data), "whole")
        assert file.sha256 == hashlib.sha256(data).hexdigest()
    assert info.bytes == sum((folder / name).stat().st_size for name in on_disk)
    parts = {file.part for file in info.files}
    assert {"base_.item_weights_", "base_.interactions_.data", "social_.indptr"} <= parts


def test_it_is_json(folder: Path) -> None:
    """Missing numbers of the ablation included."""
    found = model_info(folder).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["whole"] is True
    assert len(found["ablation"]) == 6


def test_a_damaged_model_is_described_all_the_same(folder: Path) -> None:
    """With the reason of its refusal, and the state of every file."""
    damaged, missing = next(folder.glob("item_weights_*")), next(folder.glob("social_.data*"))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    missing.unlink()
    info = model_info(folder)
    states = {file.name: file.state for file in info.files}
    assert {name for name, state in states.items() if state != "whole"} == {
        damaged.name,
        missing.name,
    }
    assert (states[damaged.name], states[missing.name]) == ("damaged", "missing")
    assert info.problem is not None
    assert damaged.name in info.problem
    assert info.users is None
    assert info.to_dict()["whole"] is False


def test_a_plain_model_has_no_ties(tmp_path: Path) -> None:
    """Nor settings, nor an ablation."""
    sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(tmp_path / "model")
    info = model_info(tmp_path / "model")
    assert (info.ties, info.settings, info.ablation) == (None, None, None)


def test_format_one_is_described(tmp_path: Path) -> None:
    """Its wrapped model lies in a folder of its own, which may be damaged or missing."""

    def described(folder: Path, parts: dict[str, object]) -> str:
        plain = {"class": "ALS", "parameters": {}, "values": {}, "parts": parts}
        manifest: dict[str, object] = {"format": 1, "versions": {"numpy": "2.0"}, **plain}
        manifest["sha256"] = seal(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()

    inner = tmp_path / "model" / "base_"
    inner.mkdir(parents=True)
    np.save(inner / "x_.npy", np.arange(3))
    digest = hashlib.sha256((inner / "x_.npy").read_bytes()).hexdigest()
    array = {"kind": "array", "files": {"array": {"name": "x_.npy", "sha256": digest}}}
    outer = described(inner, {"x_": array})
    files = {"model": {"name": "base_/manifest.json", "sha256": outer}}
    described(tmp_path / "model", {"base_": {"kind": "model", "files": files}})
    info = model_info(tmp_path / "model")
    assert info.format == 1
    # it holds no table, so it cannot be loaded; its files are whole
    assert "interactions_" in (info.problem or "")
    assert {file.state for file in info.files} == {"whole"}
    assert [(file.part, file.name) for file in info.files] == [
        ("base_", "base_/manifest.json"),
        ("base_.x_", "base_/x_.npy"),
    ]
    (inner / "manifest.json").unlink()
    assert [file.state for file in model_info(tmp_path / "model").files] == ["missing"]


def test_what_has_no_readable_manifest_is_refused(folder: Path, tmp_path: Path) -> None:
    """There is nothing to describe then."""
    with pytest.raises(FileNotFoundError, match="must be a folder"):
        model_info(tmp_path / "nowhere")
    with pytest.raises(CorruptModelError, match="must hold manifest"):
        model_info(tmp_path)
    manifest = {"format": 2, "class": "EASE"}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "sha256": seal(manifest)}))
    with pytest.raises(CorruptModelError, match="must name class, parameters, parts and values"):
        model_info(str(folder))
