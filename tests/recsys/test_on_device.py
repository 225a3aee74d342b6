"""Names of devices, who hears of them, and the precision of products."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import suffuse as sf
from suffuse.recsys.cli import app
from suffuse.recsys.on_device import (
    checked_device,
    diffusing_on,
    factors_device,
    full_precision,
    lists_device,
    lists_on,
)


@pytest.mark.parametrize("device", ["tpu", "CUDA", "cuda:", "cuda:x", "", 0])
def test_unknown_devices_are_refused(device: Any) -> None:
    """Whatever torch may know besides; asked for before torch is."""
    with pytest.raises(ValueError, match=r'device must be None, "cpu", "cuda" or "cuda:0".*; got'):
        checked_device(device)


def test_a_cuda_device_that_is_not_there(tall: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists, files and fits say so before they begin; so does a number that is too high."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = sf.ALS(n_factors=2, max_iter=1).fit(tall.interactions)
    message = r"got 'cuda': torch sees no CUDA device$"
    with pytest.raises(ValueError, match=message):
        model.recommend(k=2, device="cuda")
    with pytest.raises(ValueError, match=message):
        model.recommend_to("nowhere/lists.parquet", k=2, device="cuda")
    with pytest.raises(ValueError, match=message):
        sf.SocialDiffusion().fit(tall.interactions, social=tall.social, device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert checked_device("cuda") == "cuda"
    assert checked_device("cuda:0") == "cuda:0"
    with pytest.raises(ValueError, match=r"got 'cuda:1': torch sees 1 CUDA device$"):
        checked_device("cuda:1")


def test_a_device_holds_for_a_block_and_this_thread() -> None:
    """None changes nothing, blocks nest, threads do not inherit, lists and factors are apart."""
    pytest.importorskip("torch")
    assert lists_device() is None
    with lists_on("cpu"), lists_on(None):
        assert (lists_device(), factors_device()) == ("cpu", None)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lists_device).result() is None
    with diffusing_on("cpu"):
        assert (lists_device(), factors_device()) == (None, "cpu")
    assert (lists_device(), factors_device()) == (None, None)


def test_precision_is_full_within_a_block_and_given_back() -> None:
    """Whichever way it was set: the old word, one backend, all backends; in nested blocks too."""
    torch = pytest.importorskip("torch")
    matmul = torch.backends.cuda.matmul
    if not hasattr(matmul, "fp32_precision"):
        pytest.skip("this torch has one setting for all backends")
    with full_precision():
        assert matmul.fp32_precision in ("none", "ieee")
    try:
        torch.set_float32_matmul_precision("medium")
        with full_precision(), full_precision():
            assert matmul.fp32_precision == "ieee"
            assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"
        assert torch.get_float32_matmul_precision() == "medium"
        assert matmul.allow_tf32
    finally:
        torch.set_float32_matmul_precision("highest")
        matmul.fp32_precision = torch.backends.mkldnn.matmul.fp32_precision = "none"
    try:
        torch.backends.fp32_precision = "tf32"
        with full_precision():
            assert matmul.fp32_precision == "ieee"
        assert matmul.fp32_precision == "tf32"
    finally:
        torch.backends.fp32_precision = "none"
    assert matmul.fp32_precision == "none"


def test_without_torch_it_says_so_in_one_sentence(tall: Any, tmp_path: Path) -> None:
    """Lists and fits without a device do not need it; with one they name what to install."""
    model = sf.ALS(n_factors=2, max_iter=1).fit(tall.interactions)
    model.save(tmp_path / "model")
    code = f"""
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, NoTorch())
import pandas as pd, suffuse as sf
model = sf.load_model({str(tmp_path / "model")!r})
print(len(model.recommend(users=model.user_ids_[:1], k=2)))
for call in (
    lambda: model.recommend(k=2, device="cpu"),
    lambda: model.recommend_to({str(tmp_path / "recs")!r}, k=2, device="cuda"),
    lambda: sf.SocialDiffusion().fit(None, device="cpu"),
):
    try:
        call()
    except ImportError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "2",
        "device='cpu' needs torch: install \"suffuse[train]\"",
        "device='cuda' needs torch: install \"suffuse[train]\"",
        "device='cpu' needs torch: install \"suffuse[train]\"",
    ]


def test_the_command_line_refuses_in_a_sentence(tall: Any, tmp_path: Path) -> None:
    """Exit code 2: an unknown device, and a fit that has no ties to diffuse along."""
    sf.ALS(n_factors=2, max_iter=1).fit(tall.interactions).save(tmp_path / "model")
    tall.interactions.to_parquet(tmp_path / "rows.parquet")
    out = str(tmp_path / "recs.parquet")
    recommend = ["recommend", str(tmp_path / "model"), "--out", out, "--device", "tpu"]
    fit = ["fit", "--interactions", str(tmp_path / "rows.parquet"), "--out", str(tmp_path / "new")]
    for arguments, words in (
        (recommend, "got 'tpu'"),
        ([*fit, "--device", "cpu"], "--device must come with --social"),
    ):
        done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
        assert done.exit_code == 2
        assert words in done.stderr
