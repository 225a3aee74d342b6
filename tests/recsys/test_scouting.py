"""The search itself: turns, contenders, failures, and when two models are blended."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest
from optuna import logging as optuna_logging

import suffuse as sf
from suffuse.datasets import Interactions
from suffuse.recsys import scouting
from suffuse.recsys.clock import Clock
from suffuse.recsys.execution import Rows
from suffuse.recsys.racing import hold_outs, judge_lists, race
from suffuse.recsys.scouting import Leader, Scouting
from suffuse.recsys.spaces import Dial, Family

TABLE = Interactions.from_frame(sf.datasets.make_social_world(150, 60, rng=0).interactions)
HELD_OUT = hold_outs(TABLE, 2, random_state=0)
NEVER = 1e6
Build = Callable[[Mapping[str, Any]], Any]


class Odd:
    """A base model that is slow, fails, or gives noise, as it is told."""

    def __init__(self, *, error: BaseException | None = None, seconds: float = 0.0) -> None:
        self.error = error
        self.seconds = seconds

    def set_params(self, **_: Any) -> Self:
        """Take no parameter seriously."""
        return self

    def fit(self, table: Interactions) -> Self:
        """Fail, or wait."""
        if self.error is not None:
            raise self.error
        time.sleep(self.seconds)
        return self

    def score_users(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Noise."""
        noise = np.random.default_rng(int(rows[0])).random((len(rows), TABLE.n_items))
        return noise.astype(np.float32)


def family(build: Build, n_starts: int = 2) -> Family:
    """A family with one dial, which the model need not heed."""
    starts = tuple({"regularization": 20.0 + 10 * place} for place in range(n_starts))
    return Family((Dial("regularization", 10.0, 60.0, log=True),), starts, build)


def ease(params: Mapping[str, Any]) -> sf.EASE:
    """A family that works."""
    return sf.EASE(regularization=params["regularization"])


def scout(
    monkeypatch: pytest.MonkeyPatch,
    families: dict[str, Family],
    *,
    n_trials: int | None = None,
    seconds: float = NEVER,
) -> Scouting:
    """A search among some families."""
    monkeypatch.setattr(scouting, "FAMILIES", families)
    clock = Clock(seconds, n_trials)
    return Scouting(list(families), HELD_OUT, clock, random_state=0, n_jobs=1)


def tried(search: Scouting) -> list[str]:
    """The families of the trials, in order."""
    return [trial.family for trial in search.trials]


def test_first_the_starts_then_proposals_within_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many trials as allowed; the leader is the best of all that were fully judged."""
    search = scout(monkeypatch, {"a": family(ease)}, n_trials=5)
    leader = search.search()
    dials = [trial.params["regularization"] for trial in search.trials]
    assert dials[:2] == [20.0, 30.0]
    assert len(set(dials)) == len(dials) == 5
    assert all(10 <= dial <= 60 for dial in dials)
    frame = search.to_frame(leader)
    assert frame.loc[frame["hold_outs"] == 2, "ndcg@20"].max() == leader.judged.ndcg
    for params, ndcg in zip(dials, frame["ndcg@20"], strict=True):
        alone, _ = race(partial(ease, {"regularization": params}), HELD_OUT[:1], None, n_jobs=1)
        judged = next(t.judged for t in search.trials if t.params["regularization"] == params)
        assert judged is not None
        np.testing.assert_array_equal(judged.quality[0], alone.quality[0])
        assert ndcg == judged.ndcg


@pytest.mark.parametrize("error", [MemoryError(), ValueError("no"), ZeroDivisionError("by zero")])
def test_a_family_that_cannot_be_fitted_is_left(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It is tried once, the reason is noted, and the others go on."""
    bad = family(lambda _: Odd(error=error))
    search = scout(monkeypatch, {"bad": bad, "good": family(ease)}, n_trials=5)
    leader = search.search()
    assert leader.family == "good"
    assert tried(search) == ["bad", *["good"] * 4]
    row = search.to_frame(search.blended(leader)).iloc[0]
    assert row["state"] == f"failed: {str(error) or 'MemoryError'}"
    assert np.isnan(row["ndcg@20"])
    assert row["hold_outs"] == 0


def test_nothing_can_be_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last reason is given."""
    bad = family(lambda _: Odd(error=MemoryError("too large for this machine")))
    search = scout(monkeypatch, {"bad": bad, "worse": bad}, n_trials=4)
    with pytest.raises(ValueError, match=r"no setting could be fitted.*failed: too large for this"):
        search.search()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a fault of ours")])
def test_what_is_no_misfit_passes_through(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """An interruption, and anything that a setting cannot be blamed for."""
    bad = family(lambda _: Odd(error=error))
    search = scout(monkeypatch, {"good": family(ease), "bad": bad}, n_trials=3)
    with pytest.raises(type(error)):
        search.search()


def test_a_family_far_behind_gets_one_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no second hold-out."""
    families = {"good": family(ease), "noise": family(lambda _: Odd())}
    search = scout(monkeypatch, families, n_trials=6)
    leader = search.search()
    assert tried(search) == ["good", "noise", *["good"] * 4]
    frame = search.to_frame(leader)
    assert frame["state"].tolist().count("behind") >= 1
    assert frame.loc[1, ["state", "hold_outs"]].tolist() == ["behind", 1]


def test_noise_that_came_first_is_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first trial is no measure of what follows."""
    families = {"noise": family(lambda _: Odd()), "good": family(ease)}
    search = scout(monkeypatch, families, n_trials=4)
    assert search.search().family == "good"
    assert tried(search) == ["noise", "good", "good", "good"]


def test_counted_trials_go_in_turns_whatever_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the same search finds the same, on a busy machine as well."""

    def slow(params: Mapping[str, Any]) -> Any:
        time.sleep(0.02)
        return ease(params)

    runs = []
    for first, second in ((slow, ease), (ease, slow)):
        families = {"one": family(first), "two": family(second)}
        search = scout(monkeypatch, families, n_trials=9)
        runs.append(search.to_frame(search.search()).drop(columns="seconds"))
    assert abs(runs[0]["family"].value_counts().diff().iloc[-1]) == 1
    assert runs[0].equals(runs[1])


def test_the_family_that_had_less_time_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where time counts, a slow family gets fewer trials."""

    class SlowEase(sf.EASE):
        def fit(self, interactions: Any) -> Self:
            time.sleep(0.1)
            return super().fit(interactions)

    slow = family(lambda params: SlowEase(**params))
    search = scout(monkeypatch, {"slow": slow, "quick": family(ease)}, seconds=1.5)
    search.search()
    assert 2 <= tried(search).count("slow") < tried(search).count("quick")


def test_the_first_trial_always_runs_and_none_that_would_end_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With no time at all there is one; what took long before is not begun again."""
    families = {"a": family(ease), "b": family(ease)}
    assert len(scout(monkeypatch, families, seconds=1e-9).search().judged.quality) == 2
    search = scout(monkeypatch, families, seconds=1e-9)
    leader = search.search()
    assert tried(search) == ["a"]
    assert search.blended(leader) is leader
    search = scout(monkeypatch, {"a": family(lambda _: Odd(seconds=0.15))}, seconds=0.5)
    search.search()
    assert tried(search) == ["a"]


def test_the_frame_says_who_leads_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leads are over the best base model, which leads itself by nothing; one trial is chosen."""
    search = scout(monkeypatch, {"a": family(ease), "b": family(lambda _: Odd())}, n_trials=5)
    leader = search.search()
    frame = search.to_frame(leader)
    assert frame["trial"].tolist() == list(range(5))
    chosen = frame[frame["state"] == "chosen"]
    assert len(chosen) == 1
    assert chosen.iloc[0][["lead", "error"]].tolist() == [0.0, 0.0]
    assert frame["lead"].max() == 0.0
    for trial, row in zip(search.trials, frame.itertuples(), strict=True):
        assert trial.judged is not None
        assert (row.lead, row.error) == trial.judged.lead_over(leader.judged)


class Half:
    """Knows who wants what, but only of every other item."""

    user_ids_, item_ids_, interactions_ = TABLE.user_ids, TABLE.item_ids, TABLE.matrix

    def __init__(self, odd: int, scale: float) -> None:
        self.signals_ = scale * (TABLE.matrix.toarray() > 0).astype(np.float32)
        self.signals_[:, odd::2] = 0.0

    def score_signals(self, signals: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The signals are the scores."""
        return signals

    def score_users(self, rows: Rows) -> npt.NDArray[np.float32]:
        """A copy of some rows."""
        return self.signals_[rows].copy()


def known(name: str, fitted: Any, make: Callable[[], Any]) -> Leader:
    """A leader with a first fit of our own."""
    quality = judge_lists(lambda rows: [fitted.score_users(rows)], HELD_OUT[0], n_jobs=1)
    return Leader(name, {}, scouting.Judgement(tuple(quality), 0.0), fitted, make)


def test_two_models_that_err_apart_are_blended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is a blend of both, unfitted; whatever the scale of their scores."""
    search = scout(monkeypatch, {"a": family(ease)})
    first = known("a", Half(0, 1.0), lambda: sf.EASE(regularization=30.0))
    second = known("b", Half(1, 1000.0), lambda: sf.SpectralFilter(n_factors=4))
    search.leader, search.best = first, {"a": first, "b": second}
    chosen = search.blended(first)
    assert chosen.family == "Blend"
    model = chosen.make()
    assert isinstance(model, sf.Blend)
    assert model.first.get_params()["regularization"] == 30.0
    assert model.second.get_params()["n_factors"] == 4
    assert model.weight == chosen.params["weight"]
    assert model.first is not chosen.make().first
    assert not hasattr(model, "first_")
    rows = search.to_frame(chosen)
    assert rows["weight"].tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    assert rows.loc[rows["state"] == "chosen", "weight"].tolist() == [model.weight]
    # no model can do better: every hidden item is known to one of the two
    assert chosen.judged.recall > first.judged.recall + 0.2


def test_a_blend_without_a_clear_lead_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model with itself, or of one family alone."""
    search = scout(monkeypatch, {"a": family(ease)})
    first, same = (known(name, Half(0, 1.0), sf.EASE) for name in "ab")
    search.leader, search.best = first, {"a": first, "b": same}
    assert search.blended(first) is first
    assert len(search.trials) == 5
    search.best = {"a": first}
    assert search.blended(first) is first
    assert len(search.trials) == 5


def test_a_blend_is_judged_as_it_will_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was judged is what the model that is made from it does on the same hold-out."""
    families = {"a": family(ease), "b": family(lambda _: sf.SpectralFilter(n_factors=0))}
    search = scout(monkeypatch, families, n_trials=4)
    leader = search.search()
    (other,) = (found for found in search.best.values() if found.family != leader.family)
    search.blended(leader)
    blends = [trial for trial in search.trials if trial.family == "Blend"]
    assert len(blends) == 5
    for trial in blends:
        model = partial(sf.Blend, leader.make(), other.make(), weight=trial.params["weight"])
        again, _ = race(model, HELD_OUT[:1], None, n_jobs=1)
        assert trial.judged is not None
        assert trial.params["first"] == leader.family
        assert trial.params["second"] == other.family
        # rounding may swap two items that are nearly equal
        same = np.isclose(again.quality[0], trial.judged.quality[0])
        assert same.mean() > 0.97


def test_optuna_is_silent_and_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed, and what its other users set is kept."""
    before = optuna_logging.get_verbosity()
    scout(monkeypatch, {"a": family(ease)}, n_trials=3).search()
    assert capfd.readouterr() == ("", "")
    assert optuna_logging.get_verbosity() == before


def test_warnings_about_settings_of_the_search_are_not_passed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller did not choose them; warnings of other kinds go through."""

    class Loud(sf.EASE):
        kind = UserWarning

        def fit(self, interactions: Any) -> Self:
            warnings.warn("this setting is odd", self.kind, stacklevel=2)
            return super().fit(interactions)

    class Louder(Loud):
        kind = RuntimeWarning

    scout(monkeypatch, {"a": family(lambda _: Loud())}, n_trials=1).search()
    with pytest.raises(RuntimeWarning, match="odd"):
        scout(monkeypatch, {"a": family(lambda _: Louder())}, n_trials=1).search()
