"""Choosing among settings whose quality is known by construction."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.recsys import execution
from suffuse.recsys.channels import Setting, SocialChannels, Taste
from suffuse.recsys.search import LENGTH, Judged, ablation, choose, grid, judge, paired, pooled

N_USERS = 400
NONE = Setting()
TASTE, MEMORY = Setting(Taste(0.3)), Setting(memory=1.0)
BOTH = Setting(Taste(0.3), 1.0)
GRID = grid((Taste(), Taste(0.3)), (0.0, 1.0))


def judged(**means: float) -> Judged:
    """Every setting's NDCG: the same users' luck, plus its mean, plus a little noise of its own."""
    rng = np.random.default_rng(0)
    luck = rng.random(N_USERS)
    named = {"none": NONE, "memory": MEMORY, "taste": TASTE, "both": BOTH}
    ndcg = np.empty((len(GRID), N_USERS))
    for name, setting in named.items():
        noise = rng.standard_normal(N_USERS) * 0.05
        ndcg[GRID.index(setting)] = luck + noise - noise.mean() + means.get(name, 0.0)
    return Judged(GRID, ndcg, ndcg)


#: standard error of a difference of two settings: .05 sqrt(2 / 400)
ERROR = 0.05 * np.sqrt(2 / N_USERS)


def test_the_grid_holds_every_combination_once() -> None:
    """Tastes slowest."""
    assert GRID == (NONE, MEMORY, TASTE, BOTH)
    assert len(grid((Taste(), Taste(0.1)), (0.0, 1.0, 2.0), (0.0, 0.5))) == 12


def test_paired_difference() -> None:
    """Mean and standard error by hand; fewer than two users say nothing."""
    gain, error = paired(np.array([1.0, 2, 3]), np.array([0.0, 2, 1]))
    assert gain == pytest.approx(1.0)
    assert error == pytest.approx(1.0 / np.sqrt(3))
    assert paired(np.array([1.0]), np.array([0.0])) == (0.0, np.inf)
    assert paired(np.empty(0), np.empty(0)) == (0.0, np.inf)


def test_a_clear_gain_is_taken() -> None:
    """Both channels, where each of them adds."""
    assert choose(judged(taste=0.03, memory=0.04, both=0.06), NONE) == BOTH


@pytest.mark.parametrize(("in_errors", "expected"), [(1.5, NONE), (3.0, TASTE)])
def test_the_gain_must_exceed_two_standard_errors(in_errors: float, expected: Setting) -> None:
    """Below, nothing changes, although the mean is better."""
    gain = in_errors * ERROR
    found = choose(judged(taste=gain, memory=-0.1, both=-0.1), NONE)
    assert found == expected


def test_a_channel_that_is_worth_nothing_is_dropped() -> None:
    """Either of them, where the other alone is as good within a standard error."""
    assert choose(judged(taste=0.05, both=0.0501, memory=-0.1), NONE) == TASTE
    assert choose(judged(memory=0.05, both=0.0501, taste=-0.1), NONE) == MEMORY


def test_a_channel_that_is_worth_more_than_a_standard_error_stays() -> None:
    """Two errors, say."""
    assert choose(judged(taste=0.05, both=0.05 + 2 * ERROR, memory=-0.1), NONE) == BOTH


def test_harm_is_refused() -> None:
    """Where the graph only hurts, nothing stays."""
    assert choose(judged(taste=-0.1, memory=-0.1, both=-0.2), NONE) == NONE


def test_too_few_users_choose_nothing() -> None:
    """One user is no evidence, and none is none."""
    for n_users in (0, 1):
        quality = np.arange(len(GRID))[:, None] * np.ones((1, n_users))
        assert choose(Judged(GRID, quality, quality), NONE) == NONE


def test_another_baseline_keeps_its_dials() -> None:
    """A channel is turned back to the dial of the baseline, not to zero."""
    settings = grid((Taste(0.2), Taste(0.6)), (2.0,))
    rng = np.random.default_rng(1)
    quality = rng.standard_normal((2, 50)) * 0.01 + np.array([[0.5], [0.6]])
    both = Judged(settings, quality, quality)
    assert choose(both, settings[0]) == settings[1]
    assert choose(both, settings[1]) == settings[1]


def test_ablation_columns_and_interval() -> None:
    """Means, difference and its 95 % interval, one row per metric."""
    known = judged(taste=0.03)
    frame = ablation(known, NONE, TASTE, "warm").set_index("metric")
    assert frame.columns.tolist() == [
        "users",
        "base",
        "diffused",
        "difference",
        "low",
        "high",
        "n_users",
    ]
    assert frame.index.tolist() == ["recall@20", "ndcg@20"]
    row = frame.loc["ndcg@20"]
    before, after = known.ndcg[GRID.index(NONE)], known.ndcg[GRID.index(TASTE)]
    half = 1.96 * np.std(after - before, ddof=1) / np.sqrt(N_USERS)
    assert row["difference"] == pytest.approx(after.mean() - before.mean())
    assert (row["low"], row["high"]) == pytest.approx((0.03 - half, 0.03 + half))
    assert (row["base"], row["diffused"]) == pytest.approx((before.mean(), after.mean()))
    assert row["n_users"] == N_USERS


def test_nobody_judged_gives_nan_and_no_warning() -> None:
    """Not a number, rather than a number out of nothing."""
    empty = Judged(GRID, np.empty((4, 0)), np.empty((4, 0)))
    assert empty.to_frame()["ndcg@20"].isna().all()
    assert ablation(empty, NONE, NONE, "cold")[["base", "low", "high"]].isna().all(axis=None)


def test_the_frame_of_trials() -> None:
    """One row per setting, its dials and its means."""
    known = judged(taste=0.03)
    frame = known.to_frame()
    assert frame["damping"].tolist() == [0.0, 0.0, 0.3, 0.3]
    assert frame["memory"].tolist() == [0.0, 1.0, 0.0, 1.0]
    np.testing.assert_allclose(frame["ndcg@20"], known.ndcg.mean(axis=1))


def hidden(scores: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]) -> list[list[int]]:
    """Lists by a full sort, seen items left out."""
    masked = np.where(seen, -np.inf, scores)
    return [
        [item for item in np.argsort(-row, kind="stable")[:LENGTH] if np.isfinite(row[item])]
        for row in masked
    ]


@pytest.mark.parametrize("base", [sf.ALS(n_factors=4, regularization=1.0), sf.EASE()])
def test_judging_equals_lists_by_hand(
    base: sf.ALS | sf.EASE, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recall and NDCG at 20 of every setting for every user, in any batches."""
    rng = np.random.default_rng(0)
    table = sparse.csr_array((rng.random((30, 40)) < 0.2).astype(float))
    truth = sparse.csr_array(((rng.random((30, 40)) < 0.1) & (table.toarray() == 0)).astype(float))
    ties = np.triu(rng.random((30, 30)) < 0.15, 1).astype(float)
    adjacency = sparse.csr_array(ties + ties.T)
    base.fit(table)
    channels = SocialChannels(base, adjacency, sf.PropagationOperator(adjacency, "row"))
    rows = np.flatnonzero(np.diff(truth.indptr) > 0)[::2]
    settings = (NONE, BOTH, Setting(Taste(0.5, 2.0), 0.5, 0.1))
    found = judge(channels, settings, rows, truth, n_jobs=1)
    discount = 1 / np.log2(np.arange(LENGTH) + 2)
    for place, setting in enumerate(settings):
        taste = channels.taste_scores(rows, channels.diffused(setting.taste))
        scores = channels.mix(taste, channels.memory_rows(rows), setting)
        lists = hidden(scores, table[rows].toarray() > 0)
        for user, (row, items) in enumerate(zip(rows, lists, strict=True)):
            wanted = truth[[row]].toarray()[0] > 0
            hits = wanted[items]
            ideal = discount[: min(LENGTH, wanted.sum())].sum()
            assert found.recall[place, user] == pytest.approx(hits.sum() / wanted.sum())
            assert found.ndcg[place, user] == pytest.approx(
                (hits * discount[: len(hits)]).sum() / ideal
            )
    monkeypatch.setattr(execution, "BATCH_BYTES", 5000)
    parts = judge(channels, settings, rows, truth, n_jobs=2)
    np.testing.assert_allclose(parts.ndcg, found.ndcg, rtol=1e-12)


def test_judging_nobody() -> None:
    """No rows, no columns."""
    base = sf.EASE().fit(sparse.csr_array([[1.0, 0], [1, 1]]))
    adjacency = sparse.csr_array([[0.0, 1], [1, 0]])
    channels = SocialChannels(base, adjacency, sf.PropagationOperator(adjacency, "row"))
    nobody = judge(channels, GRID, np.array([], np.int64), base.interactions_, n_jobs=1)
    assert nobody.ndcg.shape == (4, 0)


def test_draws_are_pooled_by_user() -> None:
    """A user who was judged in two draws counts once, with the mean of both."""
    settings = (Setting(), Setting(Taste(0.3)))
    first = Judged(settings, np.array([[0.0, 1.0], [0.5, 1.0]]), np.zeros((2, 2)))
    second = Judged(settings, np.array([[1.0, 0.0], [0.5, 0.0]]), np.ones((2, 2)))
    found = pooled([first, second], [np.array([4, 9]), np.array([2, 4])])
    # users 2, 4, 9
    np.testing.assert_array_equal(found.recall, [[1.0, 0.0, 1.0], [0.5, 0.25, 1.0]])
    np.testing.assert_array_equal(found.ndcg, [[1.0, 0.5, 0.0], [1.0, 0.5, 0.0]])
    assert pooled([first], [np.array([4, 9])]) is first
