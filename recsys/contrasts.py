"""What a change did to each group of users, and whether that could be chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from .groups import Groups
from .inputs import checked_count, checked_number
from .intervals import holm


def within_groups(
    values: npt.ArrayLike, groups: Groups, *, ci: float = 0.95, min_size: int = 10
) -> pd.DataFrame:
    """The mean of each group against zero, with Student's interval and test.

    Meant for paired differences: what a change did to each group.

    Parameters
    ----------
    values : array-like of float, shape (n_users,)
        A change for each user; users with NaN are left out.
    groups : Groups
        The group of each user.
    ci : float in (0, 1)
        Confidence level of the intervals.
    min_size : int
        Smaller groups have NaN.

    Returns
    -------
    DataFrame
        Columns ``group, value, low, high, p, p_holm, n_users``, in the order of the groups;
        ``p_holm`` is corrected for their number.

    Raises
    ------
    ValueError
        If there is not one value for each user, or a number is outside its range.

    Examples
    --------
    >>> groups = Groups(np.array([0, 0, 0, 1, 1]), ("new", "old"))
    >>> within_groups([0.1, 0.2, 0.3, 0.0, 0.0], groups, min_size=2)["p"].round(3).tolist()
    [0.074, 1.0]
    """
    given, codes = np.asarray(values, np.float64), groups.codes
    if given.shape != codes.shape:
        raise ValueError(f"values must have the shape {codes.shape}; got {given.shape}")
    level = checked_number("ci", ci, high=1.0, above=True, below=True)
    least = max(checked_count("min_size", min_size), 2)
    known = ~np.isnan(given)
    given, codes, n_groups = given[known], codes[known], len(groups.names)
    sizes = np.bincount(codes, minlength=n_groups)
    sums = np.bincount(codes, given, minlength=n_groups)
    means = np.divide(sums, sizes, out=np.full(n_groups, np.nan), where=sizes > 0)
    squares = np.bincount(codes, (given - means[codes]) ** 2, minlength=n_groups)
    df = np.maximum(sizes - 1.0, 1.0)
    error = np.where(sizes >= least, np.sqrt(squares / df / np.maximum(sizes, 1)), np.nan)
    half = error * stats.t.ppf(0.5 + level / 2, df)
    # without any spread a change is certain, or there is none
    certain = np.where(means == 0, 1.0, 0.0)
    distance = np.divide(np.abs(means), error, out=np.zeros(n_groups), where=error > 0)
    p = np.where(error > 0, 2 * stats.t.sf(distance, df), np.where(error == 0, certain, np.nan))
    return pd.DataFrame(
        {
            "group": list(groups.names),
            "value": np.where(sizes >= min_size, means, np.nan),
            "low": means - half,
            "high": means + half,
            "p": p,
            "p_holm": holm(p),
            "n_users": sizes,
        }
    )
