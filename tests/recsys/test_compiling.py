"""What numba compiles is counted, timed and said."""

from __future__ import annotations

import pytest
from numba import njit
from numba.core.errors import TypingError

from suffuse.recsys import console, progress_to
from suffuse.recsys.compiling import Compiling, compiling


def test_what_is_compiled_is_counted_once() -> None:
    """A first call is, a second is not, another type is again."""

    @njit
    def twice(x: float) -> float:
        return x + x

    with compiling() as first:
        assert twice(2) == 4
    with compiling() as second:
        assert twice(3) == 6
    with compiling() as third:
        assert twice(0.5) == 1.0
    assert (first.functions, second.functions, third.functions) == (1, 0, 1)
    assert second.seconds == 0.0 < first.seconds


def test_a_function_within_another() -> None:
    """Both count, the time of the inner one within that of the outer; progress is told."""

    @njit
    def inner(x: float) -> float:
        return x + 1

    @njit
    def outer(x: float) -> float:
        return inner(x) * 2

    told: list[tuple[str, int, int]] = []
    with progress_to(lambda *stage: told.append(stage)), compiling() as compiled:
        assert outer(1) == 4
    assert compiled.functions == 2
    assert told == [("compiling", 0, 0), ("compiling", 1, 1)]


def test_what_cannot_be_compiled_is_not_counted() -> None:
    """The failure passes through, and what comes after it is counted."""

    @njit
    def odd(x: float) -> object:
        return x.nothing_of_the_kind

    @njit
    def even(x: float) -> float:
        return x

    with compiling() as compiled:
        with pytest.raises(TypingError):
            odd(1)
        even(1)
    assert compiled.functions == 1
    assert compiled.seconds > 0


def test_words() -> None:
    """One function, several functions."""
    watch = Compiling()
    watch.functions, watch.seconds = 1, 0.64
    assert watch.sentence() == "compiled 1 function in 0.6 s (kept for the next run)"
    watch.functions = 3
    assert watch.sentence().startswith("compiled 3 functions in")


@pytest.mark.parametrize(("least", "said"), [(0.0, True), (3600.0, False)])
def test_a_verb_says_what_it_compiled(
    least: float, said: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the error stream, where it took long enough to be worth a line."""
    monkeypatch.setattr(console, "_LONG_COMPILING", least)

    @njit
    def half(x: float) -> float:
        return x / 2

    with console.progress_bars():
        half(1.0)
    assert ("note: compiled 1 function in" in capsys.readouterr().err) == said
