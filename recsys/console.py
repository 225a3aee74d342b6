"""What the command line shows: progress bars, tables, and errors of one sentence."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from .progress import progress_to, tell
from .progress_log import ProgressLog
from .spoken_options import in_options

if TYPE_CHECKING:
    import pandas as pd

#: what bad input raises; anything else is a fault of ours and keeps its traceback
SPOKEN = (
    ValueError,
    TypeError,
    KeyError,
    OSError,
    MemoryError,
    ArithmeticError,
    ImportError,
)
#: seconds of compiling from which on they are worth a line
_LONG_COMPILING = 0.5

console = Console()
errors = Console(stderr=True)


@contextmanager
def spoken_errors() -> Iterator[None]:
    """Turn an error about the input into one sentence and exit code 2, a warning into a note."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _show_note  # type: ignore[assignment]
            yield
    except _spoken_kinds() as error:
        text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        spoken = _plain(in_options(text))
        errors.print(f"[bold red]error:[/] {spoken}", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        left = _plain(in_options(str(error))) or "nothing was written"
        errors.print(f"[bold red]stopped:[/] {left}", soft_wrap=True, highlight=False)
        raise typer.Exit(130) from error


@contextmanager
def interruption_spoken() -> Iterator[None]:
    """Say a word about Ctrl-C where no work is under way, so none about what was written."""
    try:
        yield
    except KeyboardInterrupt as error:
        errors.print("[bold red]stopped[/]", highlight=False)
        raise typer.Exit(130) from error


def _spoken_kinds() -> tuple[type[Exception], ...]:
    """``SPOKEN``, and what pyarrow raises where it has been imported, as it takes its time."""
    arrow = sys.modules.get("pyarrow")
    return SPOKEN if arrow is None else (*SPOKEN, arrow.ArrowException)


def _show_note(message: Warning | str, *_: object) -> None:
    spoken = _plain(in_options(str(message)))
    errors.print(f"[bold yellow]note:[/] {spoken}", soft_wrap=True, highlight=False)


@contextmanager
def progress_bars() -> Iterator[None]:
    """Show the stages of everything inside the block on the standard error stream.

    As bars with the time that is over and the time that is left; where nobody looks, as a line
    now and then for stages that take long.
    """
    bars = Progress(
        TextColumn("{task.description:<26}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=not errors.is_terminal,
        disable=not errors.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def listen(stage: str, done: int, total: int) -> None:
        known = tasks.get(stage)
        if known is None or (bars.tasks[known].finished and done < total):
            tasks[stage] = bars.add_task(stage, total=total or None)
        bars.update(tasks[stage], completed=done, total=total or None)

    listener = listen if errors.is_terminal else ProgressLog(_log_line)
    with compiling_said(), bars, progress_to(listener):
        yield


def _log_line(text: str) -> None:
    errors.print(_plain(text), highlight=False, soft_wrap=True)


@contextmanager
def compiling_said() -> Iterator[None]:
    """Say at the end what numba had to compile inside the block, where that took its time."""
    # numba takes its time to import, and a verb that only shows its help needs none
    from .compiling import compiling

    with compiling() as compiled:
        yield
    if compiled.seconds >= _LONG_COMPILING:
        errors.print(f"[bold yellow]note:[/] {compiled.sentence()}", highlight=False)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Show a step of unknown length as a bar that moves, then is full."""
    tell(name, 0, 0)
    yield
    tell(name, 1, 1)


def show_frame(frame: pd.DataFrame, title: str, *, digits: int = 4) -> None:
    """Print a small frame as a table, numbers to the right."""
    import pandas as pd

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[column])
        table.add_column(str(column), justify="right" if numeric else "left", no_wrap=True)
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value, digits) for value in row))
    console.print(table)


def say(text: str) -> None:
    """Print one line of plain text."""
    console.print(_plain(text), highlight=False, soft_wrap=True)


def _cell(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.{digits}f}"
    return str(value)


def _plain(text: str) -> str:
    """Square brackets are markup to rich; escape them."""
    return text.replace("[", "\\[")


def parsed_pairs(option: str, pairs: list[str]) -> dict[str, str]:
    """``["a=b"]`` as ``{"a": "b"}``, or a ``ValueError`` that quotes the odd one."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"{option} must be name=value; got {pair!r}")
        found[name] = value
    return found


def parsed_columns(option: str, pairs: list[str]) -> dict[str, str | None] | None:
    """Roles and the columns that play them; ``role=`` says that no column does."""
    return {role: column or None for role, column in parsed_pairs(option, pairs).items()} or None


def parsed_number(name: str, value: str) -> int | float | bool | str:
    """A parameter from the command line: a whole number, a number, true / false, or a word."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value
