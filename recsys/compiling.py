"""What numba compiles inside a block, and how long that takes.

Nothing is compiled at import: a function is compiled when it is first called with arguments of
some types, and what comes of it is kept on disk, so that later runs only load it. Loading is not
counted here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import event as numba_events

from .phrases import plural
from .progress import tell


class Compiling(numba_events.Listener):
    """Counts functions and seconds of compilation; whoever listens to progress is told.

    Attributes
    ----------
    functions : int
        Functions compiled, once for each set of types.
    seconds : float
        Wall-clock time in which something was compiled; a function that is compiled for another
        one is within the time of that one.

    Examples
    --------
    >>> Compiling().sentence()
    'compiled 0 functions in 0.0 s (kept for the next run)'
    """

    def __init__(self) -> None:
        self.functions = 0
        self.seconds = 0.0
        #: of each function that is being compiled, the outermost first, its compiled forms so far
        self._forms: list[int] = []
        self._began = 0.0

    def on_start(self, event: Any) -> None:
        """Begin to count; numba holds its lock, so one thread compiles at a time."""
        if not self._forms:
            self._began = time.perf_counter()
            tell("compiling", 0, 0)
        self._forms.append(len(event.data["dispatcher"].overloads))

    def on_end(self, event: Any) -> None:
        """Count a function, if it could be compiled."""
        # not by event.is_failed, which is true of success in numba 0.68
        self.functions += len(event.data["dispatcher"].overloads) > self._forms.pop()
        if not self._forms:
            self.seconds += time.perf_counter() - self._began
            tell("compiling", 1, 1)

    def sentence(self) -> str:
        """What was compiled, in words."""
        words = f"{self.functions} {plural(self.functions, 'function')}"
        return f"compiled {words} in {self.seconds:.1f} s (kept for the next run)"


@contextmanager
def compiling() -> Iterator[Compiling]:
    """Count what is compiled inside the ``with`` block, by whichever thread.

    Yields
    ------
    Compiling
        The counts, which grow as functions are compiled.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.tiny_world()
    >>> recs = sf.Popularity().fit(world.interactions).recommend(k=2)
    >>> with compiling() as compiled:
    ...     again = sf.Popularity().fit(world.interactions).recommend(k=2)
    >>> compiled.functions  # the same call compiles nothing twice
    0
    """
    watch = Compiling()
    with numba_events.install_listener("numba:compile", watch):
        yield watch
