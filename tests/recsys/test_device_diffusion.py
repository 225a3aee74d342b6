"""Tastes diffused by torch against a dense solve and against those without a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from typer.testing import CliRunner

import suffuse as sf
from suffuse.diffusion import PropagationOperator
from suffuse.recsys import device_diffusion
from suffuse.recsys.channels import TOLERANCE
from suffuse.recsys.cli import app
from suffuse.recsys.device_diffusion import diffused_on
from suffuse.recsys.recommend import best_items

torch = pytest.importorskip("torch")

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=CUDA)]


def ties(n: int, *, directed: bool = False) -> sparse.csr_array:
    """Random ties, some people without any."""
    rng = np.random.default_rng(0)
    found = sparse.random(n, n, 0.05, "csr", np.float64, rng)
    found = sparse.csr_array(found)
    found.setdiag(0.0)
    found.eliminate_zeros()
    return found if directed else sparse.csr_array(found + found.T)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["symmetric", "row", "doubly_stochastic"])
@pytest.mark.parametrize("free", [2**30, 1])
def test_against_a_dense_solve(
    device: str, kind: str, free: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every column within the tolerance of its norm, at once or a column at a time."""
    monkeypatch.setattr(device_diffusion, "free_bytes", lambda device: free)
    P = PropagationOperator(ties(90), kind)
    x = np.random.default_rng(1).standard_normal((90, 5)).astype(np.float32)
    found = diffused_on(device, P, x, 0.6, tol=1e-4)
    exact = 0.4 * np.linalg.solve(np.eye(90) - 0.6 * P.to_sparse().toarray(), x.astype(np.float64))
    gap, size = np.abs(found - exact), np.abs(x)
    norm = np.max if kind == "row" else np.linalg.norm
    assert (norm(gap, axis=0) <= (1e-4 + 1e-6) * norm(size, axis=0)).all()
    assert found.dtype == np.float32
    assert found.flags.writeable


def test_directed_ties() -> None:
    """Ties that bind one way have a series of powers."""
    P = PropagationOperator(ties(60, directed=True), "row")
    x = np.random.default_rng(2).standard_normal((60, 3)).astype(np.float32)
    exact = 0.7 * np.linalg.solve(np.eye(60) - 0.3 * P.to_sparse().toarray(), x.astype(np.float64))
    found = diffused_on("cpu", P, x, 0.3, tol=1e-4)
    assert (np.abs(found - exact).max(axis=0) <= 1.01e-4 * np.abs(x).max(axis=0)).all()


def test_what_is_not_finite_is_refused() -> None:
    """It would spread along the ties."""
    x = np.full((60, 2), np.nan, np.float32)
    with pytest.raises(ValueError, match="signals must be finite"):
        diffused_on("cpu", PropagationOperator(ties(60), "row"), x, 0.3, tol=1e-4)


def model_of(world: Any, **dials: Any) -> Any:
    """An unfitted social model over factors."""
    base = sf.ALS(n_factors=8, regularization=1.0, max_iter=4)
    given = {"damping": 0.4, "memory": 0.8, "background": 0.02, **dials}
    return sf.SocialDiffusion(base, **given)


@pytest.mark.parametrize("device", DEVICES)
def test_a_fit_agrees_to_the_tolerance(device: str, tall: Any) -> None:
    """Factors within twice the tolerance of the 2-norm; lists differ where scores are as near."""
    plain = model_of(tall).fit(tall.interactions, social=tall.social)
    fitted = model_of(tall).fit(tall.interactions, social=tall.social, device=device)
    (_, expected), (_, found) = ((part._state[1][0]) for part in (plain, fitted))
    gap = np.linalg.norm(found.factors[0] - expected.factors[0], axis=0)
    signals = np.linalg.norm(plain.base_.user_factors_, axis=0)
    assert (gap <= (2 * TOLERANCE + 1e-6) * signals).all()
    most = np.linalg.norm(plain.base_.item_factors_, axis=1).max() * np.linalg.norm(signals)
    rows = np.arange(len(plain.user_ids_))
    scores = plain.score_users(rows)
    lists = [best_items(part, rows, 5)[0] for part in (plain, fitted)]
    at_rank = [np.take_along_axis(scores, items.astype(np.int64), axis=1) for items in lists]
    # of two orders whose scores differ by at most delta, the r-th differ by at most 2 delta
    assert (np.abs(at_rank[0] - at_rank[1]) <= 2 * (2 * TOLERANCE + 1e-6) * most).all()
    assert (lists[0] == lists[1]).mean() > 0.98


def test_a_fit_diffuses_on_the_device_and_only_then(
    tall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hold-out and the final diffusion; not later lists, nor a fit that names no device."""
    calls: list[str] = []

    def counted(device: str, *given: Any, **options: Any) -> Any:
        calls.append(device)
        return diffused_on(device, *given, **options)

    monkeypatch.setattr(device_diffusion, "diffused_on", counted)
    model = model_of(tall, damping="auto")
    model.fit(tall.interactions, social=tall.social, device="cpu")
    assert len(calls) > 1
    assert set(calls) == {"cpu"}
    calls.clear()
    model = model_of(tall).fit(tall.interactions, social=tall.social, device="cpu")
    assert calls == ["cpu"]
    calls.clear()
    model.recommend(k=2, device="cpu")
    model.fit(tall.interactions, social=tall.social)
    assert calls == []


def test_a_saved_model_gives_the_lists_of_the_one_that_is_kept(tall: Any, tmp_path: Path) -> None:
    """Whoever loads it diffuses without a device, so the model does so too once it is saved."""
    model = model_of(tall).fit(tall.interactions, social=tall.social, device="cpu")
    model.save(tmp_path / "model")
    found = sf.load_model(tmp_path / "model").recommend(k=5, device="cpu")
    pd.testing.assert_frame_equal(found, model.recommend(k=5), check_exact=True)
    plain = model_of(tall).fit(tall.interactions, social=tall.social)
    pd.testing.assert_frame_equal(found, plain.recommend(k=5), check_exact=True)


def test_the_command_line(tall: Any, tmp_path: Path) -> None:
    """``suffuse fit --device`` makes a model that can be loaded."""
    tall.interactions.to_parquet(tmp_path / "rows.parquet")
    tall.social.to_parquet(tmp_path / "ties.parquet")
    arguments = ["fit", "--interactions", str(tmp_path / "rows.parquet"), "--social"]
    arguments += [str(tmp_path / "ties.parquet"), "--out", str(tmp_path / "model")]
    arguments += ["--param", "n_factors=4", "--damping", "0.3", "--memory", "0"]
    done = CliRunner().invoke(app, [*arguments, "--background", "0", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert len(sf.load_model(tmp_path / "model").recommend(k=2))
