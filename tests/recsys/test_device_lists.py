"""Lists by torch on a device against those without it, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from typer.testing import CliRunner

import suffuse as sf
from suffuse.recsys import device_lists
from suffuse.recsys.cli import app
from suffuse.recsys.device_kernels import Candidates, device_margin
from suffuse.recsys.device_lists import DeviceSearch
from suffuse.recsys.on_device import full_precision
from suffuse.recsys.pruned_topk import ItemIndex, Memory, pruned_top_k
from suffuse.recsys.topk import NO_ITEM, Lists

torch = pytest.importorskip("torch")

Floats = npt.NDArray[np.float32]
SIZES: dict[str, Any] = {"deadline": None, "max_examples": 25}
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=CUDA)]


@pytest.fixture
def pruned(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of users whose lists were left to pruning."""
    counts: list[int] = []

    def counting(users: Floats, *rest: Any, **options: Any) -> Lists:
        counts.append(len(users))
        return pruned_top_k(users, *rest, **options)

    monkeypatch.setattr(device_lists, "pruned_top_k", counting)
    return counts


def heavy(rng: np.random.Generator, n: int, d: int, spread: float) -> Floats:
    """Normal rows, their sizes log-normal."""
    rows = rng.standard_normal((n, d)) * rng.lognormal(0.0, spread, (n, 1))
    return np.asarray(rows, np.float32)


def agree(found: Lists, expected: Lists) -> None:
    """Equal to the last bit, signs of zero included."""
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1].view(np.int32), expected[1].view(np.int32))


def memory_of(rng: np.random.Generator, n_users: int, n_items: int, weight: float) -> Memory:
    """Random ties and rows of friends' items, with negative shares too."""
    ties = sparse.random(n_users, n_users, 0.2, "csr", np.float32, rng)
    held = sparse.random(n_users, n_items, 0.1, "csr", np.float32, rng)
    held.data -= np.float32(0.3)
    return Memory(sparse.csr_array(ties), sparse.csr_array(held), weight)


@pytest.mark.parametrize("device", DEVICES)
@settings(**SIZES)
@given(
    seed=st.integers(0, 2**32),
    d=st.integers(1, 70),
    spread=st.floats(0.0, 3.0),
    k=st.integers(1, 40),
    allowed=st.sampled_from([1.0, 0.7, 0.2, 0.02]),
    weight=st.sampled_from([0.0, 1e-3, 1.0, 50.0]),
)
def test_lists_are_those_of_the_cpu(
    device: str, seed: int, d: int, spread: float, k: int, allowed: float, weight: float
) -> None:
    """Sizes of any spread, seen and barred items, additions, rows in any order, every bit."""
    rng = np.random.default_rng(seed)
    users, index = heavy(rng, 9, d, 1.0), ItemIndex.of(heavy(rng, 400, d, spread))
    if allowed < 1.0:
        index = index.among(rng.random(400) < allowed)
    rows = rng.permutation(12)[:9]
    options: dict[str, Any] = {
        "rows": rows,
        "seen": sparse.csr_array((rng.random((12, 400)) < 0.1) * 1.0),
        "memory": memory_of(rng, 12, 400, weight) if weight else None,
    }
    expected = pruned_top_k(users, index, k, **options)
    agree(DeviceSearch(device).top_k(users, index, k, **options), expected)


@pytest.mark.parametrize("device", DEVICES)
@settings(**SIZES)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 300), d=st.integers(1, 20), k=st.integers(1, 9))
def test_equals_a_full_sort_with_many_ties(device: str, seed: int, n: int, d: int, k: int) -> None:
    """Small whole numbers, whose products are exact: stable sort of integers."""
    rng = np.random.default_rng(seed)
    users, items = rng.integers(-2, 3, (7, d)), rng.integers(-2, 3, (n, d))
    left_out, rows = rng.random((7, n)) < rng.choice([0.0, 0.3, 0.95]), rng.permutation(7)
    found, scores = DeviceSearch(device).top_k(
        users.astype(np.float32),
        ItemIndex.of(items.astype(np.float32)),
        k,
        rows=rows,
        seen=sparse.csr_array(left_out[np.argsort(rows)] * 1.0),
    )
    exact = np.where(left_out, -np.inf, users @ items.T)
    order = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(exact, order, axis=1)
    np.testing.assert_array_equal(found, np.where(np.isneginf(values), NO_ITEM, order))
    np.testing.assert_array_equal(scores, values.astype(np.float32))


@pytest.mark.parametrize("device", DEVICES)
def test_ties_at_the_end_of_the_candidates_are_left_to_pruning(
    device: str, pruned: list[int]
) -> None:
    """Two hundred equal items for one user: no proof; the other user's list needs no help."""
    items = np.ones((200, 2), np.float32)
    items[:, 1] = np.arange(200)
    users = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    seen = sparse.csr_array(([1.0, 1.0], ([0, 1], [198, 2])), shape=(2, 200))
    options: dict[str, Any] = {"rows": np.array([1, 0]), "seen": seen}
    found, _ = DeviceSearch(device).top_k(users, ItemIndex.of(items), 5, **options)
    assert found.tolist() == [[0, 1, 3, 4, 5], [199, 197, 196, 195, 194]]
    assert pruned == [1]


@pytest.mark.parametrize("device", DEVICES)
def test_random_scores_need_no_pruning(device: str, pruned: list[int]) -> None:
    """Nearly everybody is proven: the device does the work."""
    rng = np.random.default_rng(0)
    users, index = heavy(rng, 300, 32, 0.5), ItemIndex.of(heavy(rng, 3000, 32, 1.0))
    agree(DeviceSearch(device).top_k(users, index, 20), pruned_top_k(users, index, 20))
    assert sum(pruned) <= 3


@pytest.mark.parametrize("device", DEVICES)
def test_few_items_that_are_left_need_no_pruning(device: str, pruned: list[int]) -> None:
    """Everything that may be listed is among the candidates, however many of them tie."""
    seen = np.ones((2, 200))
    seen[:, [3, 50, 120]] = 0.0
    users, index = np.ones((2, 1), np.float32), ItemIndex.of(np.ones((200, 1), np.float32))
    found, _ = DeviceSearch(device).top_k(users, index, 4, seen=sparse.csr_array(seen))
    assert found.tolist() == [[3, 50, 120, NO_ITEM]] * 2
    assert pruned == []


@pytest.mark.parametrize("device", DEVICES)
def test_items_that_single_precision_cannot_tell_apart(device: str) -> None:
    """Copies of one vector that differ in a last digit: only the exact score puts them in order."""
    rng = np.random.default_rng(1)
    one = rng.standard_normal(48).astype(np.float32)
    items = np.repeat(one[None, :], 500, axis=0)
    items[np.arange(500), rng.integers(0, 48, 500)] *= np.float32(1.0 + 2.0**-23)
    users, index = heavy(rng, 20, 48, 0.0), ItemIndex.of(items)
    agree(DeviceSearch(device).top_k(users, index, 10), pruned_top_k(users, index, 10))


@pytest.mark.parametrize("size", [1e-25, 1e15, 1e19, 3e30])
def test_norms_at_the_ends_of_single_precision(size: float) -> None:
    """Products that underflow, or overflow: an infinite margin leaves these to pruning."""
    rng = np.random.default_rng(2)
    items = (rng.standard_normal((150, 6)) * size).astype(np.float32)
    users, index = (rng.standard_normal((8, 6)) * size).astype(np.float32), ItemIndex.of(items)
    agree(DeviceSearch("cpu").top_k(users, index, 4), pruned_top_k(users, index, 4))


def test_a_device_of_less_precision_is_found_out(
    pruned: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores cut to the ten bits of TF32 are farther off than allowed: pruning makes the lists."""
    rng = np.random.default_rng(3)
    users, index = heavy(rng, 30, 16, 0.0), ItemIndex.of(heavy(rng, 900, 16, 0.0))
    whole = DeviceSearch._candidates

    def cut(*arguments: Any) -> Candidates:
        found = whole(*arguments)
        bits = np.ascontiguousarray(found.scores).view(np.int32) & ~np.int32(0x1FFF)
        return Candidates(found.places, bits.view(np.float32))

    monkeypatch.setattr(DeviceSearch, "_candidates", cut)
    agree(DeviceSearch("cpu").top_k(users, index, 20), pruned_top_k(users, index, 20))
    assert pruned == [30]


@pytest.mark.parametrize("swap", [False, True])
def test_the_worst_device_within_the_margin(swap: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Device scores moved as far as the bound allows, up or down by chance: the same lists."""
    rng = np.random.default_rng(4)
    users, items = heavy(rng, 40, 8, 0.0), heavy(rng, 600, 8, 0.0)
    # pairs of items that differ by about the margin
    items[1::2] = items[::2] * np.float32(1 + (-1) ** swap * 3e-7)
    index = ItemIndex.of(items)
    margins = device_margin(8, 1.0, float(index.shelf.norms[0]), 0.0) * np.linalg.norm(
        users, axis=1
    )
    real = torch.topk

    def moved(products: Any, count: int, **options: Any) -> Any:
        signs = rng.choice([-0.9, 0.9], products.shape) * margins[:, None]
        return real((products.double() + torch.tensor(signs)).float(), count, **options)

    expected = pruned_top_k(users, index, 20)
    monkeypatch.setattr(torch, "topk", moved)
    monkeypatch.setattr(device_lists, "SPARE", 1)
    agree(DeviceSearch("cpu").top_k(users, index, 20), expected)


@settings(**SIZES)
@given(st.integers(0, 2**32), st.integers(1, 200), st.floats(-30, 30), st.floats(-30, 30))
def test_single_precision_keeps_to_the_margin(seed: int, d: int, low: float, high: float) -> None:
    """Products of torch and an addition in single precision against double precision."""
    rng = np.random.default_rng(seed)
    user = (rng.standard_normal(d) * 2.0**low).astype(np.float32)
    item = (rng.standard_normal(d) * 2.0**high).astype(np.float32)
    added = float(rng.standard_normal() * 2.0 ** ((low + high) / 2))
    with full_precision():
        product = (torch.tensor(user[None]) @ torch.tensor(item[:, None]))[0, 0]
    score = np.float32(np.dot(user.astype(np.float64), item.astype(np.float64)) + added)
    norms = [float(np.linalg.norm(one.astype(np.float64))) for one in (user, item)]
    gap = abs(float(product + np.float32(added)) - float(score))
    assert gap <= device_margin(d, *norms, abs(added))


def test_many_additions_cut_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch with more additions than allowed is done in pieces, the lists as before."""
    rng = np.random.default_rng(5)
    users, index = heavy(rng, 12, 5, 0.0), ItemIndex.of(heavy(rng, 200, 5, 0.0))
    memory = memory_of(rng, 12, 200, 2.0)
    expected = pruned_top_k(users, index, 6, memory=memory)
    monkeypatch.setattr(device_lists, "ENTRIES", 50)
    agree(DeviceSearch("cpu").top_k(users, index, 6, memory=memory), expected)


def test_vectors_that_are_not_finite_are_refused() -> None:
    """As without a device, with the row."""
    index = ItemIndex.of(np.ones((3, 1), np.float32))
    users = np.array([[1.0], [np.nan]], np.float32)
    with pytest.raises(ValueError, match=r"user vectors must be finite; got nan in row 7"):
        DeviceSearch("cpu").top_k(users, index, 1, rows=np.array([4, 7]))


def test_items_that_do_not_fit_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """How much is needed, how much there is, and the way out."""
    monkeypatch.setattr(device_lists, "DEVICE_BYTES", 2048)
    index = ItemIndex.of(np.ones((1024, 1), np.float32))
    with pytest.raises(MemoryError, match=r"4 KB; got 'cpu' with 2 KB free: leave device out"):
        DeviceSearch("cpu").top_k(np.ones((1, 1), np.float32), index, 1)


def test_batches_keep_within_the_memory_of_the_device() -> None:
    """Twice the products of a batch fit into the share of each thread; one user at least."""
    for n_items in (1, 1000, 10**6, 10**10):
        search = DeviceSearch("cpu", n_jobs=2)
        size = device_lists.BATCH_BYTES // search.row_bytes(n_items)
        assert 1 <= size <= device_lists.USERS
        assert 8 * n_items * size <= device_lists.DEVICE_BYTES // 4 or size == 1


def social(world: Any) -> sf.SocialDiffusion:
    """A model with taste, memory and background, over factors."""
    base = sf.ALS(n_factors=12, regularization=1.0, max_iter=4)
    model = sf.SocialDiffusion(base, damping=0.4, memory=0.8, background=0.02)
    return model.fit(world.interactions, social=world.social)


@pytest.mark.parametrize("device", DEVICES)
def test_recommend(device: str, tall: Any, tmp_path: Path) -> None:
    """The frame and the file of a social model, newcomers and item lists included."""
    model = social(tall)
    users = model.user_ids_[::2]
    rows = pd.DataFrame({"user_id": ["new"], "item_id": model.item_ids_[:1]})
    for options in (
        {},
        {"users": users, "filter_seen": False},
        {"items": model.item_ids_[:25]},
        {"exclude_items": model.item_ids_[:25]},
        {"interactions": rows},
    ):
        found = model.recommend(k=7, device=device, **options)
        pd.testing.assert_frame_equal(found, model.recommend(k=7, **options), check_exact=True)
    model.recommend_to(tmp_path / "plain", k=7, users_per_part=64)
    model.recommend_to(tmp_path / "device", k=7, users_per_part=64, device=device)
    parts = sorted((tmp_path / "plain").glob("*"))
    assert len(parts) > 2
    for part in parts:
        assert part.read_bytes() == (tmp_path / "device" / part.name).read_bytes()


def test_recommend_goes_through_the_device(tall: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``device`` torch makes the lists, and only then."""
    model, calls = social(tall), []
    whole = DeviceSearch._candidates
    monkeypatch.setattr(
        DeviceSearch, "_candidates", lambda *given: calls.append(1) or whole(*given)
    )
    model.recommend(k=3)
    assert not calls
    model.recommend(k=3, device="cpu")
    assert calls


def test_a_model_without_vectors_takes_a_device(tall: Any) -> None:
    """Its scores are made on the CPU as ever."""
    model = sf.EASE().fit(tall.interactions)
    pd.testing.assert_frame_equal(model.recommend(k=4, device="cpu"), model.recommend(k=4))


def test_the_command_line(tall: Any, tmp_path: Path) -> None:
    """``suffuse recommend --device`` writes the same file."""
    social(tall).save(tmp_path / "model")
    for name, more in (("plain", []), ("device", ["--device", "cpu"])):
        out = str(tmp_path / f"{name}.parquet")
        done = CliRunner().invoke(app, ["recommend", str(tmp_path / "model"), "--out", out, *more])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "plain.parquet").read_bytes() == (tmp_path / "device.parquet").read_bytes()
