"""The command line's front door, which opens at once: what it needs is imported inside."""

from __future__ import annotations

import sys

#: what shells expect of a program that Ctrl-C stopped
_INTERRUPTED = 130


def main() -> None:
    """Entry point of the ``suffuse`` command.

    Examples
    --------
    >>> main.__name__
    'main'
    """
    try:
        from .commands import app

        app()
    except KeyboardInterrupt:
        # verbs speak for themselves: what comes to here stopped before one began
        sys.stderr.write("stopped: nothing was written\n")
        sys.exit(_INTERRUPTED)


def __getattr__(name: str) -> object:
    """Give ``app``, the command line itself, to those who build on it."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .commands import app

    return app
