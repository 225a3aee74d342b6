"""The search for a base model: starts of every family, then proposals, then blends."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .blend import Blend
from .clock import Clock
from .execution import Rows
from .holdout import Holdout
from .inverse import spd_inverse
from .racing import Judgement, Scores, judge_lists, race
from .scoring import score_scale
from .search import WHOLE
from .spaces import FAMILIES, Params

if TYPE_CHECKING:
    from optuna.study import Study

#: families this much below the leader get no further trials
_CONTENDERS = 0.03
#: shares of the better model in a blend
_SHARES = (0.9, 0.8, 0.7, 0.6, 0.5)
#: what a fit raises when its setting does not suit the table or the machine
_UNFIT = (ValueError, MemoryError, ArithmeticError)


@dataclass(frozen=True)
class Leader:
    """The best setting of a family so far, with its model as fitted on the first hold-out."""

    family: str
    params: Params
    judged: Judgement
    first_fit: Any
    make: Callable[[], Any]


@dataclass(frozen=True)
class Trial:
    """One setting that was tried; not judged where it could not be fitted."""

    family: str
    params: Params
    judged: Judgement | None
    state: str


class Scouting:
    """The state of one search; :meth:`search` and :meth:`blended` move it on."""

    def __init__(
        self,
        families: Sequence[str],
        held_out: Sequence[Holdout],
        clock: Clock,
        *,
        random_state: int,
        n_jobs: int | None,
    ) -> None:
        self.held_out = held_out
        self.clock = clock
        self.n_jobs = n_jobs
        most = min(held_out[0].truth.shape) - 1
        self.spaces = {name: FAMILIES[name].within(max(most, 1)) for name in families}
        self.studies = {
            name: _study(random_state + place) for place, name in enumerate(self.spaces)
        }
        self.leader: Leader | None = None
        self.best: dict[str, Leader] = {}
        self.trials: list[Trial] = []
        self.spent: dict[str, float] = {}
        self.longest: dict[str, float] = {}

    def search(self) -> Leader:
        """The best base model that the budget found."""
        for turn in range(max(len(space.starts) for space in self.spaces.values())):
            for name, space in self.spaces.items():
                # a family whose first start is far behind does not get its second
                worth = turn == 0 or name in self._contenders()
                if worth and turn < len(space.starts) and self._has_room(name):
                    self._run(name, space.starts[turn])
        while (contender := self._next()) is not None:
            self._run(contender, None)
        if self.leader is None:
            raise ValueError(f"no setting could be fitted; the last: {self.trials[-1].state}")
        self.clock.tell_end()
        return self.leader

    def blended(self, leader: Leader) -> Leader:
        """``leader``, or its blend with the best of another family if that is clearly better."""
        others = [found for name, found in self.best.items() if name != leader.family]
        if not others or self.clock.left() <= 0:
            return leader
        second = max(others, key=lambda found: self._comparable(found.judged))
        started = time.monotonic()
        parts = [(fit, score_scale(fit)) for fit in (leader.first_fit, second.first_fit)]
        quality = judge_lists(
            partial(_mixtures, parts),
            self.held_out[0],
            n_jobs=self.n_jobs,
        )
        seconds = time.monotonic() - started
        winner = leader
        for share, found in zip(_SHARES, quality, strict=True):
            judged = Judgement((found,), seconds / len(_SHARES))
            lead, error = judged.lead_over(leader.judged)
            dials = {"first": leader.family, "second": second.family, "weight": share}
            self.trials.append(Trial("Blend", dials, judged, "judged"))
            if lead > WHOLE * error and judged.lead_over(winner.judged)[0] > 0:
                make = partial(_blend, leader.make, second.make, share)
                winner = Leader("Blend", dials, judged, None, make)
        return winner

    def to_frame(self, chosen: Leader) -> pd.DataFrame:
        """One row per trial, with its lead over the best one that is no blend."""
        rows = [_row(trial, self.leader, chosen) for trial in self.trials]
        return pd.DataFrame(rows).rename_axis("trial").reset_index()

    def _contenders(self) -> list[str]:
        """Families whose best is close to the best of all."""
        if self.leader is None:
            return list(self.spaces)
        least = (1 - _CONTENDERS) * self.leader.judged.ndcg
        return [
            name for name, found in self.best.items() if self._comparable(found.judged) >= least
        ]

    def _next(self) -> str | None:
        """The contender that had the least time, if there is room for another trial of it.

        Where trials are counted, the one that had the fewest: time never repeats itself.
        """
        able = [name for name in self._contenders() if name in self.best and self._has_room(name)]
        had: Mapping[str, float] = self.spent
        if self.clock.n_trials is not None:
            had = Counter(trial.family for trial in self.trials)
        return min(able, key=lambda name: had[name]) if able else None

    def _has_room(self, name: str) -> bool:
        """Whether another trial may be started and is likely to end in time."""
        if not self.trials:
            return True
        if not self._is_open():
            return False
        expected = self.longest.get(name)
        if expected is None:
            expected = _inversion_seconds(self.held_out, self.n_jobs) if name == "EASE" else 0.0
        return expected < self.clock.left()

    def _is_open(self) -> bool:
        """Whether there is time, and a trial, left."""
        most = self.clock.n_trials
        return self.clock.left() > 0 and (most is None or len(self.trials) < most)

    def _run(self, name: str, start: Params | None) -> None:
        """One proposal, and the values of its cheap dials while what they share is at hand."""
        params = self._try(name, start)
        if params is None:
            return
        for dial, values in self.spaces[name].cheap.items():
            for value in values:
                worth = name in self._contenders()
                if worth and value != params[dial] and self._is_open():
                    self._try(name, {**params, dial: value})

    def _try(self, name: str, start: Params | None) -> Params | None:
        """One trial: propose, fit, judge, remember; the setting, or None if it could not be fit."""
        self.clock.tell_time()
        study, space = self.studies[name], self.spaces[name]
        if start is not None:
            study.enqueue_trial(dict(start))
        trial = study.ask()
        params = {dial.name: dial.suggest(trial) for dial in space.dials}
        rival = None if self.leader is None else self.leader.judged
        make = partial(space.build, params)
        began = time.monotonic()
        try:
            with warnings.catch_warnings():
                # a setting of ours that does not suit the table is judged, not announced
                warnings.simplefilter("ignore", UserWarning)
                judged, first = race(
                    lambda: make().set_params(n_jobs=self.n_jobs),
                    self.held_out,
                    rival,
                    n_jobs=self.n_jobs,
                )
        except _UNFIT as error:
            seconds = time.monotonic() - began
            self._charge(name, seconds, seconds)
            why = str(error) or type(error).__name__
            self.trials.append(Trial(name, params, None, f"failed: {why}"))
            study.tell(trial, state=_failed())
            return None
        # a trial on all hold-outs is what the next one may take
        self._charge(name, judged.seconds, judged.seconds / len(judged.quality) * self._n_draws)
        self._keep(Leader(name, params, judged, first, make))
        study.tell(trial, self._comparable(judged))
        return params

    @property
    def _n_draws(self) -> int:
        return len(self.held_out)

    def _charge(self, name: str, seconds: float, whole: float) -> None:
        self.spent[name] = self.spent.get(name, 0.0) + seconds
        self.longest[name] = max(self.longest.get(name, 0.0), whole)

    def _keep(self, found: Leader) -> None:
        """Note a trial; it may lead its family, or all."""
        name, judged = found.family, found.judged
        complete = len(judged.quality) == self._n_draws
        lead = (0.0, 0.0) if self.leader is None else judged.lead_over(self.leader.judged)
        state = "judged" if complete else "behind"
        self.trials.append(Trial(name, found.params, judged, state))
        known = self.best.get(name)
        if known is None or self._comparable(judged) > self._comparable(known.judged):
            self.best[name] = found
        if self.leader is None or (complete and lead[0] > 0):
            self.leader = found

    def _comparable(self, judged: Judgement) -> float:
        """NDCG as if judged on all hold-outs: the leader's, plus the lead on the shared ones."""
        if self.leader is None:
            return judged.ndcg
        return self.leader.judged.ndcg + judged.lead_over(self.leader.judged)[0]


def _study(seed: int) -> Study:
    # optuna takes a second to import, and only a search needs it
    from optuna import create_study, logging, samplers

    # optuna takes seeds of 32 bits alone
    sampler = samplers.TPESampler(seed=seed % 2**32, n_startup_trials=6)
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        return create_study(direction="maximize", sampler=sampler)
    finally:
        logging.set_verbosity(verbosity)


def _failed() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL


def _blend(first: Callable[[], Any], second: Callable[[], Any], share: float) -> Blend:
    return Blend(first(), second(), weight=share)


def _mixtures(parts: Sequence[tuple[Any, float]], rows: Rows) -> Iterator[Scores]:
    """The scores of two fitted models over their scales, blended as ``Blend`` does."""
    first, second = (model.score_users(rows) / np.float32(scale) for model, scale in parts)
    for share in _SHARES:
        yield np.asarray(share * first + (1 - share) * second, np.float32)


def _row(trial: Trial, leader: Leader | None, chosen: Leader) -> dict[str, Any]:
    """A trial in plain words and numbers."""
    row = {"family": trial.family, **trial.params}
    judged = trial.judged
    if judged is None or leader is None:
        nothing = dict.fromkeys(("ndcg@20", "recall@20", "lead", "error", "seconds"), np.nan)
        return row | nothing | {"hold_outs": 0, "state": trial.state}
    lead, error = judged.lead_over(leader.judged)
    return row | {
        "ndcg@20": judged.ndcg,
        "recall@20": judged.recall,
        "lead": lead,
        "error": error,
        "hold_outs": len(judged.quality),
        "seconds": round(judged.seconds, 2),
        "state": "chosen" if judged is chosen.judged else trial.state,
    }


def _inversion_seconds(held_out: Sequence[Holdout], n_jobs: int | None) -> float:
    """About what EASE takes on all hold-outs: the time of a small inversion, scaled by n^3."""
    order = min(held_out[0].truth.shape)
    small = min(order, 1500)
    matrix = np.eye(small, dtype=np.float32) + np.float32(0.01)
    began = time.monotonic()
    spd_inverse(matrix, n_jobs=n_jobs, stage="measuring this machine")
    return (time.monotonic() - began) * (order / small) ** 3 * len(held_out)
