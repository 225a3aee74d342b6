"""Pictures of a profile and of explanations show its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from suffuse.recsys.data_profile import Profile
from suffuse.recsys.explanation import Explanation, Line, explanation
from suffuse.recsys.explanation_words import CHANNELS
from suffuse.recsys.profile_plots import (
    SHADES,
    plot_agreement,
    plot_channels,
    plot_degrees,
    plot_histories,
)
from suffuse.recsys.tie_agreement import Level

LEVELS = (
    Level("friends", 0.2, 0.1, 0.08, 0.12, 50),
    Level("held by a friend", 0.5, 0.3, 0.2, 0.4, 9),
)
FOUND = Profile(
    np.array([0, 1, 6, 30]), np.array([2, 1, 1]), np.array([0, 1, 2, 1]), agreement=LEVELS
)


def why(item: str, **parts: float) -> Explanation:
    """An explanation with these totals; names have _ for spaces."""
    named = {name.replace("_", " "): value for name, value in parts.items()}
    lines = [Line(name, None, None, None, value) for name, value in named.items()]
    return explanation("u", item, sum(parts.values()), seen=False, lines=lines)


def test_shares_of_those_with_at_least_so_many() -> None:
    """The curve is the share by count; nobody is drawn at zero, which a log axis cannot show."""
    line = plot_degrees(FOUND).lines[0]
    assert line.get_xdata().tolist() == [1, 6, 30]
    assert line.get_ydata().tolist() == [0.75, 0.5, 0.25]
    assert len(plot_degrees(FOUND).lines) == 3


def test_a_graph_without_a_tie_has_no_curve() -> None:
    """And no warning comes of it."""
    empty = Profile(FOUND.user_counts, FOUND.item_counts, np.zeros(4, np.int64))
    assert len(plot_degrees(empty).lines) == 2


def test_histories_add_up() -> None:
    """The two bars of a kind are as long as it has users."""
    axes = plot_histories(FOUND)
    ties, without = (bars.patches for bars in axes.containers)
    lengths = [a.get_width() + b.get_width() for a, b in zip(ties, without, strict=True)]
    assert lengths[::-1] == FOUND.histories()["n_users"].tolist()
    alone = Profile(FOUND.user_counts, FOUND.item_counts, None)
    assert len(plot_histories(alone).patches) == 4


def test_agreement_beside_chance() -> None:
    """A bar from low to high, a dot at the value, the first measure on top."""
    axes = plot_agreement(FOUND)
    bar = axes.patches[-1]
    assert (bar.get_x(), bar.get_x() + bar.get_width()) == pytest.approx((0.08, 0.12))
    assert axes.lines[-1].get_xdata().tolist() == [0.5, 0.2]
    with pytest.raises(ValueError, match="agreement of friends"):
        plot_agreement(Profile(FOUND.user_counts, FOUND.item_counts, None))


def test_bars_of_channels_add_up_to_scores() -> None:
    """Right of zero what speaks for an item, left of it what speaks against."""
    axes = plot_channels(
        [why("tea", own_items=0.5, popularity=0.1), why("cola", own_items=-0.2, popularity=0.3)]
    )
    ends: dict[float, float] = {}
    for bar in axes.patches:
        middle = bar.get_y() + bar.get_height() / 2
        ends[round(middle, 6)] = ends.get(round(middle, 6), 0.0) + bar.get_width()
    assert ends[1.0] == pytest.approx(0.6)
    assert ends[0.0] == pytest.approx(0.1)
    assert min(bar.get_x() + min(bar.get_width(), 0) for bar in axes.patches) == pytest.approx(-0.2)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tea", "cola"]
    with pytest.raises(ValueError, match="at least one"):
        plot_channels([])


def test_every_channel_has_a_shade_of_its_own() -> None:
    """No two channels look alike."""
    assert set(SHADES) == set(CHANNELS)
    assert len(set(SHADES.values())) == len(CHANNELS)
