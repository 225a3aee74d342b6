"""The pictures show the numbers that they were given."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from suffuse.recsys.report import Report
from suffuse.recsys.report_plots import (
    MOST_GROUPS,
    new_axes,
    plot_differences,
    plot_exposure,
    plot_frontier,
    plot_groups,
    plot_popularity,
)


def report(n_groups: int, shift: float = 0.0) -> Report:
    """Twelve users in each group, the mean of group g is g / 100."""
    labels = np.repeat(np.arange(n_groups), 12)
    values = labels / 100 + np.tile([-0.01, 0.01], len(labels) // 2) + shift
    groups = np.array([f"g{label:02d}" for label in labels], dtype=object)
    return Report(
        ("ndcg@5",), {"ndcg@5": values}, {}, np.arange(len(labels)), {}, user_groups=groups
    )


def test_groups_from_the_worst_to_the_best() -> None:
    """A dot at each mean, with its interval, in the order of the means; dashes at the mean."""
    axes = plot_groups(report(3), "ndcg@5")
    dots = axes.lines[0]
    assert dots.get_xdata() == pytest.approx([0.0, 0.01, 0.02])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["g00", "g01", "g02"]
    frame = report(3).group_frame()
    ends = [path.vertices[:, 0] for path in axes.collections[0].get_paths()]
    assert np.array(ends) == pytest.approx(frame[["low", "high"]].to_numpy())


def test_the_baseline_stands_beside() -> None:
    """Its dots are at its own means."""
    axes = plot_groups(report(2), "ndcg@5", baseline=report(2, shift=0.1))
    drawn = [list(line.get_xdata()) for line in axes.lines]
    assert any(np.allclose(data, [0.1, 0.11]) for data in drawn if len(data) == 2)
    assert axes.get_legend() is not None


def test_of_many_groups_the_extremes_are_drawn() -> None:
    """Eight worst and eight best; how many stand between is said."""
    axes = plot_groups(report(30), "ndcg@5")
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == MOST_GROUPS
    assert (labels[0], labels[7], labels[8], labels[-1]) == ("g00", "g07", "g22", "g29")
    assert "14 between" in axes.get_title()


def test_an_unknown_metric_is_refused() -> None:
    """The error names what there is."""
    with pytest.raises(ValueError, match=r"\['ndcg@5'\]; got 'map@5'"):
        plot_groups(report(2), "map@5")


def test_exposure() -> None:
    """Two bars for each group, as long as its shares."""
    frame = pd.DataFrame({"group": ["a", "b$c"], "exposure": [0.8, 0.2], "catalogue": [0.25, 0.75]})
    axes = plot_exposure(frame)
    assert sorted(bar.get_width() for bar in axes.patches) == pytest.approx([0.2, 0.25, 0.75, 0.8])


def test_popularity_is_a_curve_of_shares() -> None:
    """By hand: of four places one goes to the more popular half; unknown items do not count."""
    train = pd.DataFrame({"item_id": list("aaabbbcd")})
    recs = pd.DataFrame({"item_id": list("accdz")})
    axes = plot_popularity(recs, train, baseline=train)
    assert axes.lines[0].get_xdata() == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert axes.lines[0].get_ydata() == pytest.approx([0, 0.25, 0.25, 0.75, 1])
    assert axes.lines[1].get_ydata() == pytest.approx([0, 3 / 8, 6 / 8, 7 / 8, 1])


def test_long_curves_are_thinned() -> None:
    """A large catalogue is drawn by 200 points, its ends included."""
    items = pd.DataFrame({"item_id": np.arange(5000)})
    line = plot_popularity(items, items).lines[0]
    assert len(line.get_xdata()) <= 200
    assert line.get_xdata()[[0, -1]].tolist() == [0.0, 1.0]
    assert line.get_ydata() == pytest.approx(line.get_xdata())
    with pytest.raises(ValueError, match="rows of train"):
        plot_popularity(items, items.iloc[:0])


def test_differences() -> None:
    """One dot per row, the first on top."""
    frame = pd.DataFrame(
        {"metric": ["a", "b"], "value": [0.1, -0.1], "low": [0.0, np.nan], "high": [0.2, np.nan]}
    )
    axes = plot_differences(frame)
    assert axes.lines[1].get_xdata().tolist() == [-0.1, 0.1]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]


@pytest.mark.parametrize("rises", [True, False])
def test_the_fairer_side_is_right(rises: bool) -> None:
    """Whatever the direction of the measure, and only the front is named."""
    frame = pd.DataFrame(
        {
            "damping": [0.0, 0.5, 0.9],
            "accuracy": [0.2, 0.1, 0.05],
            "fairness": [0.1, 0.5, 0.3],
            "pareto": [True, True, False],
        }
    )
    axes = plot_frontier(
        frame,
        names=["damping"],
        accuracy="ndcg@20",
        fairness="f",
        higher_is_fairer=rises,
        axes=new_axes(),
    )
    left, right = axes.get_xlim()
    assert (left < right) == rises
    assert sorted(text.get_text() for text in axes.texts) == ["0", "0.5"]
