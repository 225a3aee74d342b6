"""Groups of users and of items: the labels that a person hands over, in our order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

#: the group of those whom nobody gave a label
UNKNOWN = "unknown"

Labels = npt.NDArray[Any]


def labels_of(ids: Labels, groups: Any, *, name: str, key: str) -> Labels:
    """The label of every id, ``"unknown"`` where there is none; shape (len(ids),).

    ``groups`` is a mapping or Series from id to label, or a frame with a column ``key`` and one
    other column.
    """
    if isinstance(groups, pd.DataFrame):
        others = [column for column in groups.columns if column != key]
        if key not in groups.columns or len(others) != 1:
            raise ValueError(
                f"{name} must have the column {key!r} and one column of labels; "
                f"got {list(map(str, groups.columns))}"
            )
        groups = groups.set_index(key)[others[0]]
    if isinstance(groups, Mapping):
        groups = pd.Series(dict(groups), dtype=object)
    if not isinstance(groups, pd.Series):
        raise TypeError(
            f"{name} must be a mapping, Series or DataFrame; got {type(groups).__name__}"
        )
    repeated = groups.index[groups.index.duplicated()]
    if len(repeated):
        raise ValueError(f"{name} must have one label for each id; got several for {repeated[0]!r}")
    found = groups.reindex(pd.Index(ids)).astype(object)
    return np.asarray(found.where(found.notna(), UNKNOWN).to_numpy(dtype=object))


def exposure_by_group(items: Labels, labels: Labels, listed: npt.NDArray[Any]) -> pd.DataFrame:
    """Share of the recommended places and of the catalogue that each group of items has.

    ``items`` are the ids of the catalogue with their ``labels``; ``listed`` the recommended ids,
    repetitions counted.
    """
    places = pd.Series(labels, index=pd.Index(items)).reindex(pd.Index(listed)).fillna(UNKNOWN)
    recommended = places.value_counts(normalize=True)
    catalogue = pd.Series(labels).value_counts(normalize=True)
    groups = sorted({*recommended.index, *catalogue.index}, key=str)
    return pd.DataFrame(
        {
            "group": groups,
            "exposure": [float(recommended.get(group, 0.0)) for group in groups],
            "catalogue": [float(catalogue.get(group, 0.0)) for group in groups],
        }
    )
