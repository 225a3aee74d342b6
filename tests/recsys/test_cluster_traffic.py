"""What moved is summed up by stage, whoever tells of it and in which order."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.recsys.cluster_traffic import StageTraffic, Traffic

COUNTS = ("rounds", "moved", "network", "expected")
NOTES = st.lists(
    st.tuples(
        st.sampled_from(["hop", "check", "rows"]),
        st.dictionaries(st.sampled_from(COUNTS), st.integers(0, 2**40)),
    ),
    max_size=12,
)


def filled(notes: list[tuple[str, dict[str, int]]]) -> Traffic:
    """What was told, one note after the other."""
    traffic = Traffic()
    for stage, counts in notes:
        traffic.note(stage, **counts)
    return traffic


@settings(deadline=None, max_examples=40)
@given(notes=NOTES)
def test_a_stage_is_the_sum_of_its_notes(notes: list[tuple[str, dict[str, int]]]) -> None:
    """Stages come in the order of their first notes; every count is a sum of its own."""
    traffic = filled(notes)
    assert [one.stage for one in traffic.stages] == list(dict.fromkeys(name for name, _ in notes))
    for one in traffic.stages:
        for count in COUNTS:
            told = [counts.get(count, 0) for name, counts in notes if name == one.stage]
            assert getattr(one, count) == sum(told)


@settings(deadline=None, max_examples=40)
@given(notes=NOTES)
def test_the_frame_holds_what_went_round(notes: list[tuple[str, dict[str, int]]]) -> None:
    """A row for each stage with rounds, with the bytes of one of them."""
    traffic = filled(notes)
    frame = traffic.to_frame()
    assert frame.columns.tolist() == ["stage", *COUNTS, "moved_per_round"]
    begun = [one for one in traffic.stages if one.rounds]
    assert frame["stage"].tolist() == [one.stage for one in begun]
    for count in COUNTS:
        assert frame[count].tolist() == [getattr(one, count) for one in begun]
    np.testing.assert_allclose(
        (frame["moved_per_round"] * frame["rounds"]).tolist(), frame["moved"].tolist()
    )


def test_nothing_has_moved() -> None:
    """An empty table has its columns all the same."""
    traffic = Traffic()
    assert traffic.stages == ()
    assert traffic.to_frame().empty
    assert len(traffic.to_frame().columns) == 6


def test_what_was_read_stays_what_it_was() -> None:
    """Stages are values: later notes make new ones."""
    traffic = Traffic()
    traffic.note("hop", rounds=1, moved=8)
    before = traffic.stages
    traffic.note("hop", rounds=1, moved=8, network=4)
    assert before == (StageTraffic("hop", 1, 8, 0, 0),)
    assert traffic.stages == (StageTraffic("hop", 2, 16, 4, 0),)
    one: Any = before[0]
    with pytest.raises(dataclasses.FrozenInstanceError, match="moved"):
        one.moved = 0


def test_it_shows_its_table() -> None:
    """Whoever looks at it sees what ``to_frame`` tells."""
    traffic = Traffic()
    assert repr(traffic) == "Traffic(nothing yet)"
    traffic.note("hop", rounds=2, moved=12345, expected=12000)
    assert repr(traffic).split()[:2] == ["stage", "rounds"]
    assert {"hop", "12345", "12000"} <= set(repr(traffic).split())
