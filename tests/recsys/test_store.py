"""A model's folder: whole or not at all, checked to the byte."""

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
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
from suffuse.recsys import CorruptModelError, store, store_files, store_parts
from suffuse.recsys.store_manifest import seal

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


@pytest.mark.parametrize(
    "place",
    [
        (store_parts, "write_file"),
        (store, "write_file"),
        (store, "sealed"),
        (store, "sync_folder"),
        (store_files.os, "fsync"),
        (Path, "replace"),
    ],
    ids=lambda place: place[1],
)
@pytest.mark.parametrize("fault", [OSError("no space left on device"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_old_model(
    place: tuple[Any, str], fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails, or is interrupted; and no rubbish in it or beside it."""
    folder = tmp_path / "model"
    small().save(folder)
    before = {path: path.read_bytes() for path in files_of(folder)}

    def fail(*args: object) -> None:
        raise fault

    monkeypatch.setattr(*place, fail)
    with pytest.raises(type(fault)):
        sf.Popularity().fit(TABLE).save(folder, overwrite=True)
    with pytest.raises(type(fault)):
        small().save(tmp_path / "other")
    monkeypatch.undo()
    assert {path: path.read_bytes() for path in files_of(folder)} == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_interruption_after_the_last_step_leaves_the_new_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the new manifest stands, its parts stay; what is left over goes with the next save."""
    folder = tmp_path / "model"
    small().save(folder)

    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "remove", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sf.Popularity().fit(TABLE).save(folder, overwrite=True)
    monkeypatch.undo()
    assert isinstance(sf.load_model(folder), sf.Popularity)
    crowded = len(files_of(folder))
    sf.Popularity().fit(TABLE).save(folder, overwrite=True)
    assert len(files_of(folder)) < crowded
    sf.Popularity().fit(TABLE).save(tmp_path / "fresh")
    assert names_in(folder) == names_in(tmp_path / "fresh")


def names_in(folder: Path) -> list[str]:
    """Names of files below a folder."""
    return [path.relative_to(folder).as_posix() for path in files_of(folder)]


KILLS = """
    import os, signal, sys
    from pathlib import Path
    import pandas as pd
    import suffuse as sf

    table = pd.DataFrame({"user_id": list("aabbcc"), "item_id": list("xyyzxz")})
    ties = pd.DataFrame({"source_id": list("ab"), "target_id": list("bc")})
    dials = {"damping": 0.3, "memory": 1.0, "background": 0.01}
    models = [
        sf.SocialDiffusion(sf.EASE(regularization=r), **dials).fit(table, social=ties)
        for r in (1.0, 2.0)
    ]
    weights = [model.base_.item_weights_.tolist() for model in models]
    folder = Path("model")

    def save(number, last):
        # the process dies at this line of the store, as if somebody had pulled the plug
        lines = 0
        def trace(frame, event, _):
            nonlocal lines
            if "store" not in Path(frame.f_code.co_filename).name:
                return None
            lines += event == "line"
            if lines == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        models[number].save(folder, overwrite=True)
        sys.settrace(None)
        return lines

    now = 0
    models[now].save(folder)
    total = save(1, None)
    now = 1
    kept = changed = 0
    # over what earlier kills left behind, and the last lines over a whole folder
    for last in [1 + place * total // 80 for place in range(80)] + [total - n for n in range(20)]:
        if last > total - 20:
            models[now].save(folder, overwrite=True)
        child = os.fork()
        if child == 0:
            save(1 - now, last)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), last
        # every part is checked against its sha256 in passing
        found = weights.index(sf.load_model(folder).base_.item_weights_.tolist())
        kept, changed = kept + (found == now), changed + (found != now)
        now = found
    models[now].save(folder, overwrite=True)
    models[now].save("fresh")
    assert sorted(os.listdir(folder)) == sorted(os.listdir("fresh"))
    assert sorted(os.listdir()) == ["fresh", "model"]
    print(kept, changed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_hundred_kills_leave_a_model(tmp_path: Path) -> None:
    """All over the lines of a save, and at its last ones: the old model loads or the new, whole."""
    script = textwrap.dedent(KILLS)
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    kept, changed = map(int, result.stdout.split())
    assert kept + changed == 100
    assert kept > 50
    assert changed > 1


def test_a_killed_first_save_is_no_model_and_leaves_no_trouble(tmp_path: Path) -> None:
    """In a folder that was there: its parts are refused without overwrite=True, and then used."""
    small().save(tmp_path / "model")
    (tmp_path / "model" / "manifest.json").unlink()
    (tmp_path / "model" / ".0123456789abcdef.saving").write_text("half a p")
    with pytest.raises(CorruptModelError, match=r"must hold manifest\.json"):
        sf.load_model(tmp_path / "model")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        small().save(tmp_path / "model")
    small().save(tmp_path / "model", overwrite=True)
    small().save(tmp_path / "fresh")
    assert names_in(tmp_path / "model") == names_in(tmp_path / "fresh")


def test_what_a_killed_save_left_beside_goes_with_the_next(tmp_path: Path) -> None:
    """But not what another process is writing, nor what belongs to somebody else."""
    dead, alive = (tmp_path / f".model.{digit * 16}.saving" for digit in "0a")
    others = [tmp_path / ".model2.0000000000000000.saving", tmp_path / ".model.0.saving"]
    for folder in (dead, alive, *others):
        folder.mkdir()
        (folder / "part.npy").write_text("half")
    with store_files.locked(alive):
        small().save(tmp_path / "model")
    assert not dead.exists()
    assert all(folder.exists() for folder in (alive, *others))


def test_two_who_save_at_once_both_succeed(tmp_path: Path) -> None:
    """One after the other: the folder is whole at the end, and at every moment between."""
    folder = tmp_path / "model"
    models = [sf.EASE(regularization=r).fit(TABLE) for r in (1.0, 2.0)]
    models[0].save(folder)

    def work(model: Any) -> None:
        for _ in range(15):
            model.save(folder, overwrite=True)

    threads = [threading.Thread(target=work, args=(model,)) for model in models]
    for thread in threads:
        thread.start()
    loads = 0
    while any(thread.is_alive() for thread in threads):
        found = sf.load_model(folder)
        expected = models[found.regularization == 2.0]
        assert found.recommend(k=1).equals(expected.recommend(k=1))
        loads += 1
    assert loads > 3
    assert sf.load_model(folder).regularization in {1.0, 2.0}
    assert not list(folder.glob(".*"))


def test_open_arrays_outlive_their_files(tmp_path: Path) -> None:
    """A model that is loaded goes on recommending the same while its folder gets another."""
    folder = tmp_path / "model"
    sf.ALS(n_factors=2, regularization=0.1).fit(TABLE).save(folder)
    loaded = sf.load_model(folder)
    before = loaded.recommend(k=2)
    sf.ALS(n_factors=2, regularization=0.5).fit(TABLE).save(folder, overwrite=True)
    assert loaded.recommend(k=2).equals(before)
    assert not sf.load_model(folder).recommend(k=2).equals(before)
    loaded.save(folder, overwrite=True)
    assert sf.load_model(folder).recommend(k=2).equals(before)


def test_saving_a_loaded_model_in_its_own_place_writes_the_manifest_alone(tmp_path: Path) -> None:
    """Parts that have not changed are not written again; a damaged one is."""
    folder = tmp_path / "model"
    small().save(folder)
    loaded = sf.load_model(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.npy")}
    loaded.save(folder, overwrite=True)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.npy")} == before
    victim = next(folder.glob("item_weights_*"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    small().save(folder, overwrite=True)
    assert sf.load_model(folder).recommend(k=1).equals(small().recommend(k=1))


def test_equal_parts_are_stored_once(social_folder: Path) -> None:
    """The table of a wrapped model is that of the wrapper, on the disk and in memory."""
    assert len(list(social_folder.glob("interactions_.indices-*"))) == 1
    loaded = sf.load_model(social_folder)
    assert loaded.interactions_ is loaded.base_.interactions_


def test_a_foreign_file_is_not_removed(tmp_path: Path) -> None:
    """Not even one that ends like a part."""
    folder = tmp_path / "model"
    small().save(folder)
    (folder / "embeddings.npy").write_text("mine")
    with pytest.raises(FileExistsError, match=r"also holds 'embeddings\.npy': move it away"):
        small().save(folder, overwrite=True)
    assert (folder / "embeddings.npy").read_text() == "mine"
    assert sf.load_model(folder).recommend(k=1).equals(small().recommend(k=1))


def test_a_damaged_model_can_be_saved_over(tmp_path: Path) -> None:
    """As the message about the damage says."""
    folder = tmp_path / "model"
    small().save(folder)
    (folder / "manifest.json").write_text("{")
    next(folder.glob("item_weights_*")).unlink()
    small().save(folder, overwrite=True)
    assert sf.load_model(folder).recommend(k=1).equals(small().recommend(k=1))
    small().save(tmp_path / "fresh")
    assert names_in(folder) == names_in(tmp_path / "fresh")


def test_a_link_to_a_folder_is_followed(tmp_path: Path) -> None:
    """The model goes where the link leads, and the link stays."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "model").symlink_to(tmp_path / "disk")
    small().save(tmp_path / "model")
    small().save(tmp_path / "model", overwrite=True)
    assert (tmp_path / "model").is_symlink()
    assert (tmp_path / "disk" / "manifest.json").is_file()


def test_the_folder_can_be_read_by_whom_the_umask_allows(tmp_path: Path) -> None:
    """A model for a service must not be for its maker alone."""
    (tmp_path / "plain").mkdir()
    small().save(tmp_path / "model")
    assert (tmp_path / "model").stat().st_mode == (tmp_path / "plain").stat().st_mode


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


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One bit."""
    place = int(rng.integers(len(data)))
    return data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return data[: int(rng.integers(len(data)))]


def zeroed(data: bytes, rng: np.random.Generator) -> bytes:
    """A page that never reached the disk."""
    start = int(rng.integers(len(data)))
    length = min(64, len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def grown(data: bytes, rng: np.random.Generator) -> bytes:
    """Something stands behind the end."""
    return data + bytes(rng.integers(0, 256, 8, np.uint8))


def other_digit(data: bytes, rng: np.random.Generator) -> bytes:
    """Another digit somewhere: in a manifest, a readable change."""
    places = [place for place, byte in enumerate(data) if 48 <= byte < 58]
    if not places:
        return flip(data, rng)
    place = places[int(rng.integers(len(places)))]
    return data[:place] + bytes([48 + (data[place] - 47) % 10]) + data[place + 1 :]


DAMAGES: list[Any] = [flip, cut, zeroed, grown, other_digit, "lost", "exchanged", "stranger"]


def damage(folder: Path, strangers: list[Path], number: int) -> set[Path]:
    """Hurt a folder in the way of this number; the files that are not as they were."""
    rng = np.random.default_rng(number)
    way, paths = DAMAGES[number % len(DAMAGES)], files_of(folder)
    is_manifest = number % 4 == number // 4 % 4
    path = folder / "manifest.json" if is_manifest else paths[rng.integers(len(paths))]
    before, kin = path.read_bytes(), path.name.split("-")[0]
    if callable(way):
        path.write_bytes(way(before, rng))
    elif way == "lost":
        path.unlink()
    elif way == "exchanged":
        second = paths[rng.integers(len(paths))]
        path.write_bytes(second.read_bytes())
        second.write_bytes(before)
        return {path, second}
    else:
        path.write_bytes(next(f for f in strangers if f.name.startswith(kin)).read_bytes())
    return {path}


def lists_or_refusal(folder: Path) -> pd.DataFrame | str:
    """What a model recommends, or why it was refused."""
    try:
        return sf.load_model(folder).recommend(k=5)
    except CorruptModelError as error:
        return str(error)


def test_of_two_hundred_damaged_folders_none_is_silently_wrong(
    social_folder: Path, tall: SocialWorld, tmp_path: Path
) -> None:
    """Bytes changed, parts cut, lost, exchanged or from another model, manifests edited."""
    right = sf.load_model(social_folder).recommend(k=5)
    other = sf.SocialDiffusion(sf.ALS(n_factors=4, regularization=2.0), damping=0.2, memory=1.0)
    other.fit(tall.interactions, social=tall.social).save(tmp_path / "other")
    strangers = files_of(tmp_path / "other")
    refused = 0
    for number in range(200):
        folder = tmp_path / "model"
        shutil.copytree(social_folder, folder)
        originals = {path.name: path.read_bytes() for path in files_of(folder)}
        hurt = damage(folder, strangers, number)
        whole = all(p.exists() and p.read_bytes() == originals[p.name] for p in hurt)
        found = lists_or_refusal(folder)
        if isinstance(found, str):
            # a manifest of another model names parts that are missing here
            named = any(path.name in found or path.name == "manifest.json" for path in hurt)
            assert named, (number, hurt, found)
            assert not whole
            refused += 1
        else:
            assert found.equals(right), (number, hurt)
        shutil.rmtree(folder)
    # the rest had nothing changed that means anything: equal parts, or a blank in a manifest
    assert refused > 180


def test_more_files_than_the_manifest_names_do_no_harm(social_folder: Path, tmp_path: Path) -> None:
    """Neither what a killed save left behind, nor what somebody put there."""
    folder = tmp_path / "model"
    shutil.copytree(social_folder, folder)
    (folder / "item_factors_-0123456789abcdef.npy").write_bytes(b"half")
    (folder / ".0123456789abcdef.saving").write_bytes(b"half")
    (folder / "notes.txt").write_text("mine")
    found, right = (sf.load_model(place).recommend(k=5) for place in (folder, social_folder))
    assert found.equals(right)


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
        ({"format": 99}, r"must have format 3 \(or an older one, down to 1\); got 99: fit again"),
        ({"format": True}, "must have format 3 .* got True"),
        ({"class": "Oracle"}, "must name class, parameters, parts and values; .*'Oracle'"),
        ({"parts": None}, "must name class, parameters, parts and values"),
        ({"parts": {"user_ids_": None}}, "must name class, parameters, parts and values"),
        ({"parts": {"user_ids_": {"files": {}}}}, "must name class, .*'kind'"),
        ({"parts": {}}, "must name class, .*'interactions_'"),
        ({"parameters": {"fit": 1}}, "must name class, .*'fit'"),
        ({"values": {"recommend": 1}}, "must name class, .*'recommend'"),
        ({"values": {"_prepared_": 1}}, "must name class, .*'_prepared_'"),
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
    resealed(folder, manifest)
    with pytest.raises(CorruptModelError, match=sentence):
        sf.load_model(folder)


def resealed(folder: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest under a seal of its own, as somebody would who means it."""
    manifest.pop("sha256", None)
    manifest["sha256"] = seal(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", ["../secret.npy", "/etc/hostname", "inside/../../secret.npy"])
def test_a_manifest_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    """Even under a whole seal."""
    folder = tmp_path / "model"
    small().save(folder)
    np.save(tmp_path / "secret.npy", np.arange(3))
    manifest = json.loads((folder / "manifest.json").read_text())
    digest = hashlib.sha256((tmp_path / "secret.npy").read_bytes()).hexdigest()
    manifest["parts"]["user_ids_"]["files"]["array"] = {"name": name, "sha256": digest}
    resealed(folder, manifest)
    with pytest.raises(CorruptModelError, match="must lie in the model folder"):
        sf.load_model(folder)


def test_parts_that_do_not_fit_each_other_are_refused(tmp_path: Path) -> None:
    """Even under a whole seal: more ids than rows, a shape that the arrays do not have."""
    folder = tmp_path / "model"
    small().save(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["parts"]["user_ids_"] = manifest["parts"]["interactions_"]["files"]["indices"]
    manifest["parts"]["user_ids_"] = {
        "kind": "array",
        "files": {"array": manifest["parts"]["interactions_"]["files"]["indices"]},
    }
    resealed(folder, manifest)
    expected = r"interactions_ must have one row per user .* \(6, 3\); got \(3, 3\)"
    with pytest.raises(CorruptModelError, match=expected):
        sf.load_model(folder)
    manifest["parts"]["interactions_"]["shape"] = [7, 3]
    resealed(folder, manifest)
    with pytest.raises(CorruptModelError, match=r"interactions_.* cannot be read"):
        sf.load_model(folder)


def format_one(model: Any, folder: Path) -> None:
    """A folder as format 1 had it: parts by attribute, a wrapped model as a folder in it."""
    folder.mkdir()
    parts: dict[str, Any] = {}
    values: dict[str, Any] = {}

    def entry(name: str) -> dict[str, str]:
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        return {"name": name, "sha256": digest}

    def array(name: str, value: Any) -> dict[str, str]:
        np.save(folder / f"{name}.npy", np.ascontiguousarray(value), allow_pickle=False)
        return entry(f"{name}.npy")

    for name, value in vars(model).items():
        if name.startswith("_") or not name.endswith("_"):
            continue
        if value is None or isinstance(value, bool | int | float | str):
            values[name] = value
        elif hasattr(value, "indptr"):
            files = {
                key: array(f"{name}.{key}", getattr(value, key))
                for key in ("data", "indices", "indptr")
            }
            parts[name] = {"kind": "sparse", "shape": list(value.shape), "files": files}
        elif isinstance(value, pd.DataFrame):
            value.to_parquet(folder / f"{name}.parquet")
            parts[name] = {"kind": "table", "files": {"table": entry(f"{name}.parquet")}}
        elif hasattr(value, "fit"):
            format_one(value, folder / name)
            parts[name] = {"kind": "model", "files": {"model": entry(f"{name}/manifest.json")}}
        elif value.dtype == object:
            pd.DataFrame({"id": value}).to_parquet(folder / f"{name}.parquet", index=False)
            parts[name] = {"kind": "ids", "files": {"ids": entry(f"{name}.parquet")}}
        else:
            parts[name] = {"kind": "array", "files": {"array": array(name, value)}}
    plain = {
        name: {"class": type(value).__name__, "parameters": value.get_params(deep=False)}
        if hasattr(value, "fit")
        else value
        for name, value in model.get_params(deep=False).items()
    }
    manifest = {
        "format": 1,
        "versions": {"numpy": np.__version__, "pandas": pd.__version__},
        "class": type(model).__name__,
        "parameters": plain,
        "values": values,
        "parts": parts,
    }
    resealed(folder, manifest)


def test_a_folder_of_format_one_is_read_and_replaced(tall: SocialWorld, tmp_path: Path) -> None:
    """The lists of the model, whole or refused; saved over, nothing of the old kind is left."""
    model = sf.SocialDiffusion(sf.ALS(n_factors=4, regularization=1.0), damping=0.3)
    model.fit(tall.interactions, social=tall.social)
    format_one(model, tmp_path / "model")
    loaded = sf.load_model(tmp_path / "model")
    assert loaded.recommend(k=5).equals(model.recommend(k=5))
    assert loaded.base.get_params() == model.base.get_params()
    shutil.copytree(tmp_path / "model", tmp_path / "damaged")
    victim = tmp_path / "damaged" / "base_" / "item_factors_.npy"
    victim.write_bytes(flip(victim.read_bytes(), np.random.default_rng(0)))
    with pytest.raises(CorruptModelError, match=r"base_.item_factors_\.npy is damaged"):
        sf.load_model(tmp_path / "damaged")
    loaded.save(tmp_path / "model", overwrite=True)
    model.save(tmp_path / "fresh")
    assert names_in(tmp_path / "model") == names_in(tmp_path / "fresh")
    assert sf.load_model(tmp_path / "model").recommend(k=5).equals(model.recommend(k=5))
    assert loaded.recommend(k=5).equals(model.recommend(k=5))


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
    with pytest.raises(CorruptModelError, match=r"must have format 3 .* got None"):
        sf.load_model(folder)


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
    assert len(parts[0]) > 7
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
