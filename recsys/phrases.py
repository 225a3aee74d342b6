"""Numbers and labels as parts of sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

Bounds = Mapping[Any, Any] | pd.Series

#: the sign with its space, at which no line may break
PER_CENT = "\N{NO-BREAK SPACE}%"
_COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def judged(low: float, high: float, clear: str = "") -> str:
    """Whether an interval is clear of zero; ``clear`` says it without a direction."""
    if not np.isfinite([low, high]).all():
        return "too few users to tell"
    if low > 0 or high < 0:
        return f"{clear or ('better' if low > 0 else 'worse')}, beyond chance"
    return "the interval includes zero, it may be chance"


def interval(row: Bounds, ci: float, shown: Callable[[float], str]) -> str:
    """``low`` and ``high`` in words, or that there are none."""
    low, high = float(row["low"]), float(row["high"])
    if not (np.isfinite(low) and np.isfinite(high)):
        return "no interval"
    return f"{ci * 100:g}{PER_CENT} interval {shown(low)} to {shown(high)}"


def named(row: pd.Series) -> str:
    """A group and its size."""
    return f"{quoted(row['group'])} ({int(row['n_users']):,} users)"


def quoted(label: Any) -> str:
    """A label as it is, in quotation marks."""
    return f"“{label}”"


def plain(value: float) -> str:
    """Four digits after the point."""
    return f"{value:.4f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 4) -> str:
    """With a sign, and the long minus; what is shown as zero has none."""
    shown = f"{value:+.{digits}f}"
    shown = shown[1:] if float(shown) == 0 else shown
    return shown.replace("-", "\N{MINUS SIGN}")


def p_value(p: float) -> str:
    """Three digits, and no more of what is very small."""
    words = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return words.replace(" ", "\N{NO-BREAK SPACE}")


def number(count: int) -> str:
    """A count in words up to nine, in digits from ten."""
    return _COUNTS[count] if count < len(_COUNTS) else f"{count:,}"


def verb(count: int) -> str:
    """The verb to be, for none or one and for several."""
    return "is" if count <= 1 else "are"


def plural(count: int, noun: str) -> str:
    """A noun with an s where there are several."""
    return noun if count == 1 else f"{noun}s"
