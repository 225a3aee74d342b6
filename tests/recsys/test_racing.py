"""Who is judged, on what, against whom, and when a model is given up."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.datasets import Interactions
from suffuse.recsys import racing
from suffuse.recsys.execution import Rows
from suffuse.recsys.holdout import Holdout
from suffuse.recsys.racing import Judgement, hold_outs, is_behind, judge_lists, race

TABLE = Interactions.from_frame(sf.datasets.make_social_world(150, 60, rng=0).interactions)
SCORES = np.random.default_rng(1).normal(size=(TABLE.n_users, TABLE.n_items)).astype(np.float32)


class Fixed:
    """A model with given scores, which remembers the tables that it was fitted on."""

    def __init__(self, scores: npt.NDArray[np.float32]) -> None:
        self.scores = scores
        self.tables: list[Interactions] = []

    def fit(self, table: Interactions) -> Self:
        """Remember the table."""
        self.tables.append(table)
        return self

    def score_users(self, rows: Rows) -> npt.NDArray[np.float32]:
        """A copy of some rows."""
        return self.scores[rows].copy()


def judgement(*parts: list[list[float]]) -> Judgement:
    """A judgement of given recalls and NDCGs."""
    return Judgement(tuple(np.array(part) for part in parts), 1.0)


def quality_by_hand(scores: Any, seen: Any, wanted: Any) -> tuple[float, float]:
    """Recall@20 and NDCG@20 of one user: sort what was not seen, count, discount."""
    ranked = [item for item in np.argsort(-scores, kind="stable") if not seen[item]][:20]
    gains = [float(wanted[item]) / np.log2(place + 2) for place, item in enumerate(ranked)]
    ideal = sum(1 / np.log2(place + 2) for place in range(min(20, int(wanted.sum()))))
    return float(wanted[ranked].sum() / wanted.sum()), sum(gains) / ideal


def test_means_are_over_users_then_over_hold_outs() -> None:
    """A hold-out with more users does not weigh more."""
    found = judgement([[0.0, 1.0], [0.2, 0.4]], [[0.9], [0.7]])
    assert found.recall == pytest.approx((0.5 + 0.9) / 2)
    assert found.ndcg == pytest.approx((0.3 + 0.7) / 2)


def test_lead_over_by_hand() -> None:
    """Differences of NDCG on the shared hold-outs: 0.2, 0.0, 0.4; the third is not shared."""
    mine = judgement([[0.0, 0.0], [0.5, 0.3]], [[0.0], [0.8]], [[1.0], [1.0]])
    theirs = judgement([[1.0, 1.0], [0.3, 0.3]], [[1.0], [0.4]])
    lead, error = mine.lead_over(theirs)
    assert lead == pytest.approx(0.2)
    # variance (0 + .04 + .04) / 2 = .04, so the error is .2 / sqrt(3)
    assert error == pytest.approx(0.2 / np.sqrt(3))
    back = theirs.lead_over(mine)
    assert back == pytest.approx((-lead, error))


def test_one_user_is_no_comparison() -> None:
    """The lead is nothing and the error infinite, so that nobody is given up for it."""
    bad, good = judgement([[0.0], [0.0]]), judgement([[1.0], [1.0]])
    assert bad.lead_over(good) == (0.0, float("inf"))
    assert not is_behind(bad, good)


@pytest.mark.parametrize(("shift", "behind"), [(-0.0273, True), (-0.0231, False), (0.05, False)])
def test_behind_means_two_standard_errors(shift: float, behind: bool) -> None:
    """Differences of shift +- 0.1 over 65 users have an error of 0.0125: twice that counts."""
    spread = np.r_[np.full(32, 0.1), np.full(32, -0.1), 0.0]
    error = np.sqrt(0.64 / 64 / 65)
    assert (abs(shift) > 2 * error and shift < 0) == behind
    best = np.full((2, 65), 0.5)
    mine = np.stack([best[0], best[1] + shift + spread])
    assert is_behind(Judgement((mine,), 0.0), Judgement((best,), 0.0)) == behind


def test_hold_outs_differ_and_repeat() -> None:
    """Every draw hides something else, the same seed the same again, and nothing is lost."""
    first, again = (hold_outs(TABLE, 3, random_state=5) for _ in range(2))
    hidden = [held.truth.toarray().tobytes() for held in first]
    assert len(set(hidden)) == 3
    assert hidden == [held.truth.toarray().tobytes() for held in again]
    assert hidden[0] != hold_outs(TABLE, 1, random_state=6)[0].truth.toarray().tobytes()
    for held in first:
        together = held.truth + (held.train.matrix > 0)
        assert (together.toarray() == (TABLE.matrix.toarray() > 0)).all()


def test_a_sample_of_the_users_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many, all of whom something is hidden from."""
    monkeypatch.setattr(racing, "JUDGED", 30)
    (held,) = hold_outs(TABLE, 1, random_state=0)
    assert len(held.warm) == 30
    assert (np.diff(held.truth.indptr)[held.warm] > 0).all()


def test_draws_that_hide_nothing_are_left_out() -> None:
    """Of a tiny table some remain; of a table of single items none can."""
    tiny = Interactions.from_matrix(sparse.csr_array(np.ones((2, 3))))
    kept = hold_outs(tiny, 40, random_state=0)
    assert 0 < len(kept) < 40
    assert all(held.truth.nnz for held in kept)
    single = Interactions.from_matrix(sparse.csr_array(np.eye(9)))
    with pytest.raises(ValueError, match=r"must hold users with several items.*got 9 rows of 9 us"):
        hold_outs(single, 5, random_state=0)


def test_lists_are_judged_as_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each user by their own scores and hidden items, without their seen ones, in any batches."""
    (held,) = hold_outs(TABLE, 1, random_state=0)
    seen, wanted = held.train.matrix.toarray() > 0, held.truth.toarray() > 0
    scores = SCORES + 100.0 * seen
    expected = np.array([quality_by_hand(scores[u], seen[u], wanted[u]) for u in held.warm]).T
    monkeypatch.setattr("suffuse.recsys.execution.BATCH_BYTES", 16 * 210 * 7)
    model = Fixed(scores.astype(np.float32))
    pair = judge_lists(lambda rows: [model.score_users(rows), SCORES[rows]], held, n_jobs=2)
    assert len(pair) == 2
    for found in pair:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)
    assert (model.scores == scores.astype(np.float32)).all()


def test_judging_keeps_to_the_rows_that_are_asked_for() -> None:
    """A hold-out that judges some users, in its order."""
    (held,) = hold_outs(TABLE, 1, random_state=0)
    some = Holdout(held.train, held.truth, held.warm[[3, 9, 11]], held.few, held.cold)
    (all_of_them,) = judge_lists(lambda rows: [SCORES[rows]], held, n_jobs=1)
    (three,) = judge_lists(lambda rows: [SCORES[rows]], some, n_jobs=1)
    np.testing.assert_array_equal(three, all_of_them[:, [3, 9, 11]])


def test_a_model_is_fitted_on_the_reduced_tables_alone() -> None:
    """Once on each, in order; what is hidden is never shown."""
    held_out = hold_outs(TABLE, 3, random_state=0)
    made: list[Fixed] = []

    def make() -> Fixed:
        made.append(Fixed(SCORES))
        return made[-1]

    judged, first = race(make, held_out, None, n_jobs=1)
    assert [model.tables for model in made] == [[held.train] for held in held_out]
    assert first is made[0]
    assert len(judged.quality) == 3
    for held, quality in zip(held_out, judged.quality, strict=True):
        assert quality.shape == (2, len(held.warm))
        assert held.train.matrix.multiply(held.truth).nnz == 0


def test_a_clearly_worse_model_is_given_up_and_an_equal_one_is_not() -> None:
    """Noise falls behind a model after the first draw; the model itself never does."""
    held_out = hold_outs(TABLE, 4, random_state=0)
    best, _ = race(lambda: sf.EASE(regularization=50.0), held_out, None, n_jobs=1)
    noise, _ = race(lambda: Fixed(SCORES), held_out, best, n_jobs=1)
    assert len(noise.quality) == 1
    assert noise.lead_over(best)[0] < 0
    same, _ = race(lambda: sf.EASE(regularization=50.0), held_out, best, n_jobs=1)
    assert len(same.quality) == 4
    assert same.lead_over(best) == (0.0, 0.0)
    better, _ = race(lambda: sf.EASE(regularization=50.0), held_out, noise, n_jobs=1)
    assert len(better.quality) == 4
