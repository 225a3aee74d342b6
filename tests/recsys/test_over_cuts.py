"""Means over cuts, against the metrics at each."""

from collections.abc import Callable

import numpy as np
import pytest

from suffuse.recsys import metrics, over_cuts

HITS, N = np.array([[True, False, True], [False, True, False], [False] * 3]), np.array([2, 5, 1])


@pytest.mark.parametrize(
    ("mean", "single"),
    [
        (over_cuts.mean_precision, metrics.precision),
        (over_cuts.mean_recall, metrics.recall),
        (
            lambda *case: metrics.average_precision(*case, denominator="precisions"),
            metrics.precision,
        ),
    ],
)
@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_the_mean_over_the_cuts(
    mean: Callable[..., np.ndarray], single: Callable[..., np.ndarray], k: int
) -> None:
    """From 1 to k, also where the list is shorter than k."""
    expected = np.mean([single(HITS, N, cut) for cut in range(1, k + 1)], axis=0)
    assert mean(HITS, N, k) == pytest.approx(expected)
