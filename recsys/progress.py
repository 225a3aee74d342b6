"""Who wants to know how far a long computation is.

The library itself is silent. A caller (the command line, a notebook) installs a listener for the
length of a ``with`` block; long computations tell it their stage and how much of it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: called with the name of a stage, the units done and the units in all
Listener = Callable[[str, int, int], None]

_listener: ContextVar[Listener | None] = ContextVar("suffuse_progress", default=None)


@contextmanager
def progress_to(listener: Listener) -> Iterator[None]:
    """Send the progress of everything inside the ``with`` block to ``listener``.

    Parameters
    ----------
    listener : callable(stage: str, done: int, total: int)
        Called from the thread that computes, so it should return soon; ``total`` is 0 where it
        is not known.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.tiny_world()
    >>> stages = set()
    >>> with progress_to(lambda stage, done, total: stages.add(stage)):
    ...     _ = sf.ALS(n_factors=2, regularization=1.0, max_iter=3).fit(world.interactions)
    >>> stages
    {'fitting ALS'}
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(stage: str, done: int, total: int) -> None:
    """Tell the listener, if there is one, that ``done`` of ``total`` units of a stage are over."""
    listener = _listener.get()
    if listener is not None:
        listener(stage, done, total)


@contextmanager
def as_share(stage: str, first: int, last: int, total: int) -> Iterator[None]:
    """Make a stage inside the block count as units ``first`` to ``last`` of ``total``.

    For work in blocks, each of which has a stage of the same name. Other stages are told as they
    are.

    Parameters
    ----------
    stage : str
        The name of the stage.
    first, last, total : int
        Units done before the block, units done after it, units in all.

    Examples
    --------
    >>> told = []
    >>> with progress_to(lambda *step: told.append(step)), as_share("writing", 50, 100, 200):
    ...     tell("writing", 1, 2)
    >>> told
    [('writing', 75, 200)]
    """
    outer = _listener.get()
    if outer is None:
        yield
        return

    def relay(name: str, done: int, units: int) -> None:
        if name != stage:
            outer(name, done, units)
        elif units:
            outer(stage, first + (last - first) * done // units, total)

    with progress_to(relay):
        yield
