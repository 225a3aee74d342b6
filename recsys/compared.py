"""Paired differences between two lists of recommendations, with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .intervals import Values, effect_size, holm, normal_interval, paired_t, sign_flip

_COLUMNS = [
    *("metric", "difference", "low", "high"),
    *("t_p", "sign_flip_p", "holm_p", "effect_size", "n_users"),
]


def difference_table(
    differences: Mapping[str, Values],
    *,
    ci: float = 0.95,
    n_flips: int = 10_000,
    random_state: int = 0,
) -> pd.DataFrame:
    """One row per metric: the mean difference, its interval, two tests, and its size.

    Parameters
    ----------
    differences : mapping of str to ndarray of shape (n_users,)
        Paired differences by metric; users with NaN are left out.
    ci : float in (0, 1)
        Confidence level of the interval, which is the normal one.
    n_flips : int
        Random flips of signs behind ``sign_flip_p``.
    random_state : int
        Where they come from.

    Returns
    -------
    DataFrame
        ``metric, difference, low, high, t_p, sign_flip_p, holm_p, effect_size, n_users``;
        ``holm_p`` is ``sign_flip_p`` corrected for the number of rows.

    Examples
    --------
    >>> frame = difference_table({"m": np.array([0.2, 0.1, 0.3, 0.2, 0.2, 0.1, 0.2, 0.1])})
    >>> round(frame["difference"].item(), 3), bool(frame["holm_p"].item() < 0.05)
    (0.175, True)
    """
    rows = []
    for name, values in differences.items():
        defined = np.asarray(values, np.float64)
        defined = defined[~np.isnan(defined)]
        found = normal_interval(defined, ci=ci)
        rows.append(
            {
                "metric": name,
                "difference": found.value,
                "low": found.low,
                "high": found.high,
                "t_p": paired_t(defined),
                "sign_flip_p": sign_flip(defined, n_flips=n_flips, random_state=random_state),
                "effect_size": effect_size(defined),
                "n_users": found.n,
            }
        )
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    frame["holm_p"] = holm(frame["sign_flip_p"].to_numpy(dtype=np.float64))
    return frame
