"""Where ``tune`` looks: the families of base models, their dials, and points to start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .als import ALS
from .ease import EASE
from .spectral import SpectralFilter

if TYPE_CHECKING:
    from optuna.trial import Trial

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Dial:
    """A number between two bounds, on a logarithmic scale or not; or one of some choices."""

    name: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: tuple[Any, ...] = ()

    def suggest(self, trial: Trial) -> Any:
        """A value for a trial."""
        if self.choices:
            return trial.suggest_categorical(self.name, self.choices)
        return trial.suggest_float(self.name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Family:
    """One kind of base model: its dials, points to start from, and how to build it.

    ``cheap`` names values of dials that cost next to nothing once the others have been fitted.
    """

    dials: tuple[Dial, ...]
    starts: tuple[Params, ...]
    build: Callable[[Params], Any]
    cheap: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def within(self, most: int) -> Family:
        """The same with no more than ``most`` factors."""
        dials = tuple(_clipped(dial, most) for dial in self.dials)
        starts = [
            {**start, "n_factors": min(start["n_factors"], max(dials[0].choices))}
            if "n_factors" in start
            else start
            for start in self.starts
        ]
        distinct = tuple(s for place, s in enumerate(starts) if s not in starts[:place])
        return Family(dials, distinct, self.build, self.cheap)


def _clipped(dial: Dial, most: int) -> Dial:
    if dial.name != "n_factors":
        return dial
    choices = tuple(n for n in dial.choices if n <= most) or (most,)
    return Dial(dial.name, choices=choices)


def _als(params: Params) -> ALS:
    given = {name: value for name, value in params.items() if name != "penalty_ratio"}
    return ALS(regularization=params["confidence"] * params["penalty_ratio"], **given)


#: the starts are settings that hold-outs of five public data sets liked; see benchmarks/LOG.md
FAMILIES: Mapping[str, Family] = {
    "SpectralFilter": Family(
        (
            Dial("n_factors", choices=(0, 64, 128, 256, 512)),
            Dial("low_pass", 0.05, 1.0, log=True),
            Dial("exponent", 0.3, 1.0),
            Dial("user_exponent", 0.3, 1.0),
        ),
        (
            {"n_factors": 256, "low_pass": 0.2, "exponent": 0.6, "user_exponent": 0.75},
            {"n_factors": 0, "low_pass": 0.2, "exponent": 0.7, "user_exponent": 0.75},
            {"n_factors": 512, "low_pass": 0.2, "exponent": 0.6, "user_exponent": 0.75},
        ),
        lambda params: SpectralFilter(**params),
    ),
    "ALS": Family(
        (
            Dial("n_factors", choices=(32, 64, 128, 256)),
            Dial("confidence", 2.0, 40.0, log=True),
            Dial("penalty_ratio", 1.5, 20.0, log=True),
            Dial("popularity_discount", 0.0, 0.5),
        ),
        (
            {
                "n_factors": 256,
                "confidence": 20.0,
                "penalty_ratio": 4.0,
                "popularity_discount": 0.3,
            },
            {
                "n_factors": 256,
                "confidence": 10.0,
                "penalty_ratio": 9.0,
                "popularity_discount": 0.2,
            },
            {"n_factors": 64, "confidence": 5.0, "penalty_ratio": 5.0, "popularity_discount": 0.0},
        ),
        _als,
    ),
    "EASE": Family(
        (
            Dial("regularization", 10.0, 1000.0, log=True),
            Dial("popularity_discount", 0.0, 0.6),
            Dial("diagonal_bound", 0.0, 0.9),
        ),
        (
            {"regularization": 120.0, "popularity_discount": 0.25, "diagonal_bound": 0.4},
            {"regularization": 300.0, "popularity_discount": 0.2, "diagonal_bound": 0.4},
            {"regularization": 60.0, "popularity_discount": 0.2, "diagonal_bound": 0.4},
        ),
        lambda params: EASE(**params),
        # the inverse does not depend on it
        {"diagonal_bound": (0.0, 0.2, 0.3, 0.5, 0.7)},
    ),
}
