"""Progress as lines of a log: for a long computation at whose terminal nobody sits."""

from __future__ import annotations

import time
from collections.abc import Callable

#: seconds between two lines about a stage, and those that a stage may take without any
EVERY = 10.0


class ProgressLog:
    """A listener of ``progress_to`` that writes a line every so often, and one at the end.

    Stages that are over sooner are not spoken of.

    Parameters
    ----------
    write : callable(str)
        Takes a line without its end.
    every : float, optional
        Seconds between two lines; ten when ``None``.
    clock : callable() -> float
        Seconds since some moment.

    Examples
    --------
    >>> lines, seconds = [], iter([0.0, 15.0, 30.0])
    >>> log = ProgressLog(lines.append, clock=lambda: next(seconds))
    >>> for done in (0, 1, 2):
    ...     log("fitting", done, 2)
    >>> lines
    ['fitting: 50 %, 0:15 so far, about 0:15 left', 'fitting: done in 0:30']
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        every: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._every = EVERY if every is None else every
        self._clock = clock
        self._stage = ""
        self._began = self._told = 0.0
        self._first = self._last = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Hear that ``done`` of ``total`` units of a stage are over."""
        now = self._clock()
        if stage != self._stage or done < self._last:
            self._stage, self._began, self._told, self._first = stage, now, now, done
        self._last = done
        passed = now - self._began
        is_over = bool(total) and done >= total
        if now - self._told < self._every and not (is_over and passed >= self._every):
            return
        self._told = now
        if is_over:
            self._write(f"{stage}: done in {_clock_time(passed)}")
            self._stage = ""
            return
        words = f"{stage}: "
        if total:
            words += f"{100 * done // total} %, "
        words += f"{_clock_time(passed)} so far"
        if done > self._first and total:
            left = passed * (total - done) / (done - self._first)
            words += f", about {_clock_time(left)} left"
        self._write(words)


def _clock_time(seconds: float) -> str:
    """75 -> '1:15', 3675 -> '1:01:15'."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
