"""What the command line shows."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest
import typer

from suffuse.recsys import progress_log
from suffuse.recsys.console import (
    parsed_columns,
    parsed_number,
    parsed_pairs,
    progress_bars,
    say,
    show_frame,
    spoken_errors,
    stage,
)
from suffuse.recsys.progress import tell


@pytest.mark.parametrize(
    "error",
    [ValueError("k must be 1"), MemoryError("k must be 1"), FloatingPointError("k must be 1")],
)
def test_an_error_is_one_sentence(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2 and the message; square brackets are text and no markup."""
    with pytest.raises(typer.Exit) as stopped, spoken_errors():
        raise error
    assert stopped.value.exit_code == 2
    assert "error: k must be 1" in capsys.readouterr().err


def test_brackets_in_messages_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """``[0, 1)`` and ``[bold]`` come out as they went in."""
    with pytest.raises(typer.Exit), spoken_errors():
        raise KeyError("damping must be in [0, 1); got '[bold]'")
    assert "in [0, 1); got '[bold]'" in capsys.readouterr().err


def test_an_interruption_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with the code that shells expect."""
    with pytest.raises(typer.Exit) as stopped, spoken_errors():
        raise KeyboardInterrupt
    assert stopped.value.exit_code == 130
    assert "stopped" in capsys.readouterr().err


def test_an_interruption_may_say_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """What was interrupted knows what it leaves."""
    with pytest.raises(typer.Exit), spoken_errors():
        raise KeyboardInterrupt("3 parts are there: go on with --resume")
    assert capsys.readouterr().err == "stopped: 3 parts are there: go on with --resume\n"


def test_a_warning_is_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    """Without file, line and category."""
    with spoken_errors():
        warnings.warn("lists are short", stacklevel=1)
    assert capsys.readouterr().err.strip() == "note: lists are short"


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    """An error that no input explains is not dressed up as one."""
    with pytest.raises(RuntimeError, match="ours"), spoken_errors():
        raise RuntimeError("ours")


def test_bars_stay_away_from_pipes(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody looks, nothing is drawn."""
    with progress_bars():
        with stage("reading"):
            tell("fitting", 1, 2)
        tell("fitting", 2, 2)
    assert capsys.readouterr().err == ""


def test_long_stages_write_a_line_to_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the error stream, so that standard output stays as it is."""
    monkeypatch.setattr(progress_log, "EVERY", 0.0)
    with progress_bars():
        for done in range(3):
            tell("fitting", done, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[1:] == [
        "fitting: 50 %, 0:00 so far, about 0:00 left",
        "fitting: done in 0:00",
    ]


def test_pairs_numbers_and_columns() -> None:
    """What options are made of."""
    assert parsed_pairs("--param", ["a=1", "b=x=y"]) == {"a": "1", "b": "x=y"}
    assert parsed_columns("--columns", []) is None
    assert parsed_columns("--columns", ["user_id=who", "weight="]) == {
        "user_id": "who",
        "weight": None,
    }
    found = [parsed_number("x", text) for text in ("3", "0.5", "true", "auto")]
    assert found == [3, 0.5, True, "auto"]
    with pytest.raises(ValueError, match="--param must be name=value; got '=3'"):
        parsed_pairs("--param", ["=3"])


def test_frames_and_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers with four digits, nothing for NaN, plain text as it is."""
    show_frame(pd.DataFrame({"name": ["a"], "value": [0.5], "none": [float("nan")]}), "title")
    say("[not markup]")
    out = capsys.readouterr().out
    assert "0.5000" in out
    assert "nan" not in out
    assert "[not markup]" in out
