"""Checked lists of item codes, and the compiled passes over them that the measures share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from .inputs import checked_count

Values = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


def checked_lists(items: Any, k: int | None, n_items: int) -> tuple[Codes, int]:
    """The lists as int32 codes below ``n_items``, and the length at which they are cut.

    ``k=None`` takes the lists whole. A negative code is an empty place, -1 from here on.
    """
    lists = np.asarray(items)
    if lists.ndim != 2 or (lists.dtype.kind not in "iu" and lists.size):
        raise ValueError(
            "items must be whole numbers of shape (n_users, length); "
            f"got {lists.dtype} of shape {lists.shape}"
        )
    length = lists.shape[1] if k is None else checked_count("k", k)
    highest = int(lists.max(initial=-1))
    if highest >= n_items:
        raise ValueError(f"items must be codes below {n_items}; got {highest}")
    if int(lists.min(initial=0)) < -1:
        lists = np.maximum(lists, -1)
    return np.ascontiguousarray(lists, dtype=np.int32), length


def item_table(values: Any, name: str) -> Values:
    """One finite number for each item, as a contiguous float64 array."""
    table = np.ascontiguousarray(values, dtype=np.float64)
    if table.ndim != 1:
        raise ValueError(f"{name} must have one number per item; got shape {table.shape}")
    return table


def same_shape(items: Any, other: Any, name: str) -> Mask:
    """``other`` as a mask of the shape of ``items``."""
    mask = np.asarray(other, dtype=bool)
    if mask.shape != np.shape(items):
        raise ValueError(
            f"{name} must have the shape of items, {np.shape(items)}; got {mask.shape}"
        )
    return mask


def ratio(above: npt.ArrayLike, below: npt.ArrayLike) -> Values:
    """``above / below``, NaN where ``below`` is 0."""
    numerator = np.asarray(above, np.float64)
    denominator = np.asarray(below, np.float64)
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def _jit(function: Any) -> Any:
    """Compile without the interpreter lock; cached on disk."""
    return njit(nogil=True, cache=True)(function)


@_jit
def count_filled(items: Any, length: int, below: int, sizes: Any) -> None:
    """How many of the first ``length`` places of each list hold a code below ``below``."""
    for row in range(items.shape[0]):
        held = 0
        for rank in range(min(items.shape[1], length)):
            held += 0 <= items[row, rank] < below
        sizes[row] = held


@_jit
def add_exposure(items: Any, weights: Any, exposure: Any) -> None:
    """Add the weight of every place to the item that stands at it."""
    for row in range(items.shape[0]):
        for rank in range(min(items.shape[1], weights.shape[0])):
            item = items[row, rank]
            if item >= 0:
                exposure[item] += weights[rank]


@_jit
def add_rows(items: Any, table: Any, weights: Any, totals: Any, mass: Any) -> None:
    """Sum ``weights[rank] * table[item]`` over each list, and the weights of its filled places."""
    for row in range(items.shape[0]):
        total = 0.0
        filled = 0.0
        for rank in range(min(items.shape[1], weights.shape[0])):
            item = items[row, rank]
            if item >= 0:
                total += weights[rank] * table[item]
                filled += weights[rank]
        totals[row] = total
        mass[row] = filled


@_jit
def add_shared(items: Any, length: int, scale: Any, totals: Any) -> None:
    """Add ``scale[row]`` to every item of the row's list."""
    for row in range(items.shape[0]):
        for rank in range(min(items.shape[1], length)):
            item = items[row, rank]
            if item >= 0:
                totals[item] += scale[row]


@_jit
def add_groups(items: Any, codes: Any, weights: Any, totals: Any) -> None:
    """Add the weight of every place to the group, within its row, of the item that stands there."""
    for row in range(items.shape[0]):
        for rank in range(min(items.shape[1], weights.shape[0])):
            item = items[row, rank]
            if item >= 0 and codes[item] >= 0:
                totals[row, codes[item]] += weights[rank]


@_jit
def add_group_moments(
    items: Any, codes: Any, weights: Any, sums: Any, squares: Any, products: Any
) -> None:
    """Over the lists: sums of each group's attention x_g, of its square, of x_g times sum_h x_h.

    The last entry of ``squares`` gets the square of the sum of all groups.
    """
    n_groups = sums.shape[0]
    own = np.zeros(n_groups)
    for row in range(items.shape[0]):
        whole = 0.0
        for rank in range(min(items.shape[1], weights.shape[0])):
            item = items[row, rank]
            if item >= 0 and codes[item] >= 0:
                own[codes[item]] += weights[rank]
                whole += weights[rank]
        for group in range(n_groups):
            mass = own[group]
            if mass != 0.0:
                sums[group] += mass
                squares[group] += mass * mass
                products[group] += mass * whole
                own[group] = 0.0
        squares[n_groups] += whole * whole


@_jit
def divergence_of_beginnings(
    groups: Any, target: Any, own_target: bool, added: float, found: Any
) -> None:
    """For each list the discounted mean of ``KL(shares in the first r | target)``, see ``ndkl``."""
    n_groups = target.shape[0]
    seen = np.zeros(n_groups)
    logs = np.zeros(n_groups)
    fair = target.copy()
    places = np.arange(1.0, groups.shape[1] + 1.0)
    counted = np.concatenate((np.zeros(1), np.log(places)))
    weights = np.concatenate((np.zeros(1), 1.0 / np.log2(places + 1.0)))
    for row in range(groups.shape[0]):
        seen[:] = 0.0
        if own_target:
            fair[:] = 0.0
            held = 0
            for rank in range(groups.shape[1]):
                if groups[row, rank] >= 0:
                    fair[groups[row, rank]] += 1.0
                    held += 1
            for group in range(n_groups):
                fair[group] /= max(held, 1)
        place = 0
        total = 0.0
        scale = 0.0
        for group in range(n_groups):
            logs[group] = np.log(fair[group] + added) if fair[group] + added > 0.0 else np.nan
        for rank in range(groups.shape[1]):
            if groups[row, rank] < 0:
                continue
            seen[groups[row, rank]] += 1.0
            place += 1
            apart = 0.0
            for group in range(n_groups):
                share = seen[group] / place + added
                if share > 0.0:
                    # a share without anything added is a quotient of two counts below
                    own = np.log(share) if added > 0.0 else counted[int(seen[group])]
                    apart += share * (own - logs[group])
            if added == 0.0:
                apart -= counted[place]
            total += weights[place] * apart
            scale += weights[place]
        found[row] = total / scale if scale > 0.0 else np.nan


@_jit
def mark_owned(items: Any, starts: Any, owned: Any, n_items: int, marks: Any) -> None:
    """Mark the places whose item is in the row ``owned[starts[u]:starts[u + 1]]``."""
    stamp = np.full(n_items, -1, np.int64)
    for row in range(items.shape[0]):
        for place in range(starts[row], starts[row + 1]):
            stamp[owned[place]] = row
        for rank in range(items.shape[1]):
            item = items[row, rank]
            marks[row, rank] = item >= 0 and stamp[item] == row


@_jit
def mark_popular(items: Any, place: Any, starts: Any, owned: Any, length: int, marks: Any) -> None:
    """Mark the places whose item stands above the ``length``-th popular one that is unseen.

    ``place[item]`` is the item's place, from 0, among all by popularity, and user u has the items
    ``owned[starts[u]:starts[u + 1]]``; without ``starts`` nobody has any.
    """
    knows = starts.shape[0] > 0
    for row in range(items.shape[0]):
        end = length
        if knows:
            reach = length + starts[row + 1] - starts[row]
            near = 0
            for i in range(starts[row], starts[row + 1]):
                near += place[owned[i]] < reach
            own = np.empty(near, place.dtype)
            near = 0
            for i in range(starts[row], starts[row + 1]):
                if place[owned[i]] < reach:
                    own[near] = place[owned[i]]
                    near += 1
            own.sort()
            for i in range(near):
                if own[i] >= end:
                    break
                end += 1
        for rank in range(items.shape[1]):
            item = items[row, rank]
            marks[row, rank] = item >= 0 and place[item] < end


def filled_places(
    items: Codes, length: int, below: int = np.iinfo(np.int32).max
) -> npt.NDArray[np.int64]:
    """How many of the first ``length`` places of each list hold an item with a code below that."""
    sizes = np.empty(len(items), np.int64)
    count_filled(items, length, below, sizes)
    return sizes


def row_sums(items: Codes, table: Values, weights: Values) -> tuple[Values, Values]:
    """For each list ``sum_r w_r table[i_r]`` and ``sum_r w_r`` over its filled places."""
    totals, mass = np.empty(len(items)), np.empty(len(items))
    add_rows(items, table, weights, totals, mass)
    return totals, mass
