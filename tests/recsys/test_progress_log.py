"""Progress as lines of a log."""

from __future__ import annotations

from suffuse.recsys.progress_log import ProgressLog


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def log() -> tuple[ProgressLog, Clock, list[str]]:
    """A log, its clock and its lines."""
    clock, lines = Clock(), []
    return ProgressLog(lines.append, clock=clock), clock, lines


def test_short_stages_are_silent() -> None:
    """However many steps they have."""
    listen, clock, lines = log()
    for done in range(101):
        clock.now = done * 0.09
        listen("fitting", done, 100)
    assert lines == []


def test_a_line_every_ten_seconds() -> None:
    """With the share that is done and the time that is left; at the end, the time it took."""
    listen, clock, lines = log()
    for done in range(101):
        clock.now = done * 0.4
        listen("fitting", done, 100)
    assert lines == [
        "fitting: 25 %, 0:10 so far, about 0:30 left",
        "fitting: 50 %, 0:20 so far, about 0:20 left",
        "fitting: 75 %, 0:30 so far, about 0:10 left",
        "fitting: done in 0:40",
    ]


def test_time_left_counts_from_what_was_done_before() -> None:
    """A run that goes on at 60 of 100 has done nothing of it itself."""
    listen, clock, lines = log()
    listen("recommending", 60, 100)
    clock.now = 20.0
    listen("recommending", 70, 100)
    assert lines == ["recommending: 70 %, 0:20 so far, about 1:00 left"]


def test_stages_of_unknown_length_and_long_ones() -> None:
    """No percentage where there is none; hours have minutes."""
    listen, clock, lines = log()
    listen("reading", 0, 0)
    clock.now = 12.0
    listen("reading", 0, 0)
    clock.now = 3675.0
    listen("reading", 1, 1)
    assert lines == ["reading: 0:12 so far", "reading: done in 1:01:15"]


def test_a_stage_that_begins_again() -> None:
    """Counts from its own beginning."""
    listen, clock, lines = log()
    listen("fitting", 1, 1)
    clock.now = 100.0
    listen("fitting", 0, 4)
    clock.now = 111.0
    listen("fitting", 1, 4)
    assert lines == ["fitting: 25 %, 0:11 so far, about 0:33 left"]
