"""The families of base models and where a search looks in them."""

from typing import Any

import pytest
from optuna.trial import FixedTrial

import suffuse as sf
from suffuse.recsys.spaces import FAMILIES, Dial

TABLE = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0).interactions
NAMES = list(FAMILIES)


def allowed(dial: Dial, value: Any) -> bool:
    """Whether a dial may stand at a value."""
    return value in dial.choices if dial.choices else dial.low <= value <= dial.high


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("most", [1, 3, 40, 200, 10_000])
def test_starts_are_distinct_points_of_the_space(name: str, most: int) -> None:
    """They name every dial, lie within its bounds, and clipping makes no two alike."""
    space = FAMILIES[name].within(most)
    assert space.starts
    for place, start in enumerate(space.starts):
        assert list(start) == [dial.name for dial in space.dials]
        assert all(allowed(dial, start[dial.name]) for dial in space.dials)
        assert start not in space.starts[:place]


@pytest.mark.parametrize("name", NAMES)
def test_no_more_factors_than_the_table_bears(name: str) -> None:
    """All choices stay within the limit, and there is always one; without factors all stays."""
    family = FAMILIES[name]
    clipped = family.within(5)
    for before, after in zip(family.dials, clipped.dials, strict=True):
        if before.name == "n_factors":
            assert after.choices
            assert max(after.choices) <= 5
        else:
            assert after == before
    assert family.within(10_000) == family
    assert clipped.cheap == family.cheap
    for name_of_dial, values in family.cheap.items():
        (dial,) = (dial for dial in family.dials if dial.name == name_of_dial)
        assert all(allowed(dial, value) for value in values)


def test_a_limit_below_all_choices_is_the_choice() -> None:
    """ALS always has factors."""
    assert FAMILIES["ALS"].within(7).dials[0].choices == (7,)
    assert FAMILIES["ALS"].within(100).dials[0].choices == (32, 64)
    assert FAMILIES["SpectralFilter"].within(7).dials[0].choices == (0,)


@pytest.mark.parametrize("name", NAMES)
def test_every_start_can_be_fitted(name: str) -> None:
    """A model of the family, with the parameters that the start names."""
    space = FAMILIES[name].within(4)
    for start in space.starts:
        model = space.build(start)
        assert type(model).__name__ == name
        params = model.get_params()
        assert all(params[dial] == value for dial, value in start.items() if dial in params)
        assert len(model.set_params(n_jobs=1).fit(TABLE).recommend(k=1))


def test_the_penalty_of_als_is_a_multiple_of_the_confidence() -> None:
    """The ratio is a dial of the search, the product a parameter of the model."""
    model = FAMILIES["ALS"].build({"n_factors": 4, "confidence": 3.0, "penalty_ratio": 5.0})
    assert model.get_params()["regularization"] == 15.0
    assert model.get_params()["confidence"] == 3.0


@pytest.mark.parametrize(
    ("dial", "value"),
    [(Dial("n", choices=(1, 2)), 2), (Dial("x", 0.5, 2.0), 0.7), (Dial("y", 1.0, 9.0, True), 3.0)],
)
def test_a_dial_asks_for_its_own_value(dial: Dial, value: float) -> None:
    """What a trial holds under the name of the dial."""
    assert dial.suggest(FixedTrial({dial.name: value, "other": 5})) == value
