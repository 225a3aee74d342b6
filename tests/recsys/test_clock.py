"""How much of a search is over."""

import time

import pytest

import suffuse as sf
from suffuse.recsys.clock import Clock


def test_what_is_left() -> None:
    """The seconds minus those since the beginning; negative when they are over."""
    assert Clock(100.0).left() == pytest.approx(100.0, abs=5.0)
    began = time.monotonic() - 30.0
    assert Clock(100.0, began=began).left() == pytest.approx(70.0, abs=5.0)
    assert Clock(10.0, began=began).left() == pytest.approx(-20.0, abs=5.0)


def test_the_time_is_told_and_never_overruns() -> None:
    """Whole seconds of all; a search that takes longer stays one short of the end."""
    told: list[tuple[str, int, int]] = []
    with sf.progress_to(lambda *said: told.append(said)):
        Clock(100.0, began=time.monotonic() - 50.5).tell_time()
        Clock(10.0, began=time.monotonic() - 500.0).tell_time()
        Clock(0.01).tell_time()
        Clock(10.0).tell_end()
    middle, late, short, end = told
    assert middle[0] == "tuning"
    assert 50 <= middle[1] <= 55
    assert middle[2] == 101
    assert late[1:] == (10, 11)
    assert short[1:] == (0, 1)
    assert end[1:] == (11, 11)
