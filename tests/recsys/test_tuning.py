"""What a search tells about itself."""

import dataclasses

import pandas as pd
import pytest

import suffuse as sf
from suffuse.recsys.tuning import Tuning

TRIALS = pd.DataFrame(
    {
        "family": ["EASE", "EASE", "Blend"],
        "ndcg@20": [0.9, 0.25, 0.3],
        "state": ["behind", "chosen", "judged"],
        "hold_outs": [1, 5, 1],
    }
)


def found(ablation: pd.DataFrame | None = None) -> Tuning:
    """A search of two trials and a blend."""
    base = sf.EASE(regularization=12.345678, n_jobs=2)
    return Tuning(base, base, TRIALS, ablation, None, 61.4)


def test_the_words_are_about_the_chosen_trial() -> None:
    """Its quality, and not that of a trial that was judged on an easier draw; its dials."""
    first, second = str(found()).splitlines()
    assert first == "2 trials and 1 blends in 61 s; best NDCG@20 on hold-outs 0.2500"
    assert second.startswith("base: EASE(regularization=12.35, popularity_discount=0, ")
    assert "n_jobs" not in second


def test_what_the_graph_changes_is_shown() -> None:
    """As a table under the words."""
    ablation = pd.DataFrame({"users": ["warm"], "difference": [0.01234]})
    lines = str(found(ablation)).splitlines()
    assert len(lines) == 4
    assert lines[-1].split() == ["warm", "0.0123"]


def test_a_result_is_a_value() -> None:
    """It is replaced, not changed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        found().seconds = 0.0  # type: ignore[misc]


def test_a_blend_is_told_by_its_parts() -> None:
    """Both models and their shares."""
    base = sf.Blend(sf.EASE(regularization=5.0), sf.Popularity(), weight=0.9)
    words = str(dataclasses.replace(found(), base=base))
    assert "base: Blend(first=EASE(" in words
    assert "second=Popularity(" in words
    assert "weight=0.9" in words
