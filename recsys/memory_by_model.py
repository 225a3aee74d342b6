"""What each model holds while it is fitted and used: the counts behind ``estimate_memory``.

``n`` users, ``m`` items, ``z`` interactions, ``t`` stored ties, ``d`` factors. A sparse matrix of
single precision takes 8 bytes a cell and 4 a row, a row of the table of codes 12.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .execution import BATCH_BYTES, resolve_jobs
from .inputs import checked_count
from .memory import available_bytes, readable_bytes
from .memory_estimate import MemoryEstimate, TableSizes, sizes_of
from .ridge import DOUBLE_UP_TO

#: bytes of a raw id: a short text and the pointer to it
ID_BYTES = 64
_CELL, _CODES = 8, 12
#: users whose lists are made and written at a time, and bytes of a row of a list
_LISTED, _LIST_ROW = 2**15, 60
_LIST_LENGTH = 20
#: columns that are diffused at a time
_PANEL = 32


@dataclass(frozen=True)
class Needs:
    """Bytes of the stages of a fit beyond the tables, and of what the model keeps.

    ``signals`` are the coordinates of a dense signal per user, 0 where signals are rows of items.

    Examples
    --------
    >>> Needs((("counting", 80.0),), 40.0).kept
    40.0
    """

    fit: tuple[tuple[str, float], ...]
    kept: float
    signals: int = 0


def estimated(
    model: Any, interactions: Any, social: Any, *, directed: bool | None
) -> MemoryEstimate:
    """The stages of a model; the public words are at ``Recommender.estimate_memory``.

    Examples
    --------
    >>> import suffuse as sf
    >>> estimate = estimated(sf.Popularity(), (1000, 100, 5000), None, directed=None)
    >>> [name for name, _ in estimate.stages]
    ['tables', 'fit: counting', 'model', 'recommend']
    """
    return estimated_for(model, sizes_of(model, interactions, social, directed=directed))


def estimated_for(model: Any, sizes: TableSizes) -> MemoryEstimate:
    """The stages of a model on tables of these sizes.

    Examples
    --------
    >>> import suffuse as sf
    >>> estimated_for(sf.Popularity(), TableSizes(1000, 100, 5000)).stages[0]
    ('tables', 130400)
    """
    ids = ID_BYTES * (sizes.n_users + sizes.n_items)
    tables = _CODES * sizes.n_interactions + ids + graph_bytes(sizes)
    needs: Needs = model.memory_needs(sizes)
    scratch = resolve_jobs(getattr(model, "n_jobs", None)) * BATCH_BYTES
    batches = min(scratch, 12 * sizes.n_users * (sizes.n_users + sizes.n_items))
    lists = min(_LISTED, sizes.n_users) * _LIST_ROW * _LIST_LENGTH
    # items in the order of their norms, for each group of users
    groups = 3 if sizes.n_ties else 1
    index = groups * 4 * (needs.signals + 1) * sizes.n_items if needs.signals else 0
    stages = [
        ("tables", tables),
        *((f"fit: {name}", tables + count) for name, count in needs.fit),
        ("model", ids + needs.kept),
        ("recommend", ids + needs.kept + index + batches + lists),
    ]
    return MemoryEstimate(tuple((name, int(count)) for name, count in stages))


def refuse_too_large(model: Any, table: Any, ties: Any = None) -> None:
    """Raise ``MemoryError`` where the fit of a model would need more memory than there is.

    Parameters
    ----------
    model : recommender
        Not fitted yet.
    table : Interactions
        In memory already, so its own bytes do not count.
    ties : csr_array, optional
        The adjacency, in memory already as well.

    Examples
    --------
    >>> import suffuse as sf
    >>> table = sf.datasets.as_interactions(sf.datasets.tiny_world().interactions)
    >>> refuse_too_large(sf.ALS(), table)
    """
    n_ties = 0 if ties is None else int(ties.nnz)
    sizes = TableSizes(table.n_users, table.n_items, len(table), n_ties)
    needed = max(count for _, count in model.memory_needs(sizes).fit)
    free = available_bytes()
    if needed > free:
        name = type(model).__name__
        raise MemoryError(
            f"{name} needs about {readable_bytes(needed)} of memory to fit {len(table)} "
            f"interactions of {table.n_users} users with {table.n_items} items, and there are "
            f"{readable_bytes(free)}: take fewer factors or fewer rows, or a larger machine "
            "(estimate_memory tells what each stage needs)"
        )


def _coordinates(n_factors: Any, sizes: TableSizes, *, low: int = 1) -> int:
    """Factors of a model, at least ``low``, cut down to the smaller side of the table."""
    return min(checked_count("n_factors", n_factors, low=low), sizes.n_users, sizes.n_items)


def graph_bytes(sizes: TableSizes) -> float:
    """The adjacency: double precision, 12 bytes a tie.

    Examples
    --------
    >>> graph_bytes(TableSizes(10, 5, 30, 20))
    280.0
    """
    return 12.0 * sizes.n_ties + 4.0 * sizes.n_users if sizes.n_ties else 0.0


def _rows(sizes: TableSizes) -> float:
    """A sparse matrix of the interactions."""
    return float(_CELL * sizes.n_interactions + 4 * sizes.n_users)


def _beside(kept: float, sizes: TableSizes) -> float:
    """What a fitted model takes beside its tables, whose item codes it shares."""
    return kept - 4.0 * sizes.n_interactions


def _factors(sizes: TableSizes, n_factors: int) -> float:
    d = _coordinates(n_factors, sizes)
    return 4.0 * d * (sizes.n_users + sizes.n_items)


def popularity_needs(sizes: TableSizes) -> Needs:
    """The weights, and numbers for users and items.

    Examples
    --------
    >>> popularity_needs(TableSizes(10, 5, 30)).kept
    280.0
    """
    rows = _rows(sizes)
    return Needs((("counting", _beside(rows, sizes) + 8.0 * sizes.n_items),), rows, 1)


def als_needs(sizes: TableSizes, n_factors: int) -> Needs:
    """The weights, the confidences, their transpose, a copy of their numbers, and the factors.

    Examples
    --------
    >>> als_needs(TableSizes(10, 5, 30), 2).kept
    400.0
    """
    rows, factors = _rows(sizes), _factors(sizes, n_factors)
    fit = (("factors", 3 * rows + factors),)
    return Needs(fit, rows + factors, _coordinates(n_factors, sizes))


def inverse_bytes(n_users: int, n_items: int) -> int:
    """The smaller Gram matrix, and half as much for scratch.

    Examples
    --------
    >>> inverse_bytes(10, 1000)
    1200
    """
    order = min(n_users, n_items)
    return order**2 * (8 if order <= DOUBLE_UP_TO else 4) * 3 // 2


def ease_needs(sizes: TableSizes) -> Needs:
    """Rows in several forms, and the inverse.

    Examples
    --------
    >>> ease_needs(TableSizes(10, 5, 30)).kept
    380.0
    """
    rows, order = _rows(sizes), min(sizes.n_users, sizes.n_items)
    inverse = inverse_bytes(sizes.n_users, sizes.n_items)
    return Needs((("inverse", 5 * rows + inverse),), rows + 4 * order**2)


def spectral_needs(sizes: TableSizes, n_factors: int, order: int) -> Needs:
    """Rows and their scaled forms, and panels of singular vectors.

    Examples
    --------
    >>> spectral_needs(TableSizes(10, 5, 30), 2, 1).kept
    600.0
    """
    rows, d = _rows(sizes), _coordinates(n_factors, sizes, low=0)
    panel = 4.0 * (d + 16) * max(sizes.n_users, sizes.n_items)
    kept = rows * (3 if order > 1 else 2) + 4.0 * d * sizes.n_items
    return Needs((("vectors", 5 * rows + 4 * panel), ("filter", 7 * rows)), kept)


def gradient_needs(sizes: TableSizes, n_factors: int, n_pairs: int) -> Needs:
    """Factors with a bias, twelve more of their size, and the pairs of a step.

    The twelve are gradients, the moments of Adam, the guards' copies, the singular vectors of the
    start, and what torch keeps of these for later; ``n_pairs`` are users times items in a step.

    Examples
    --------
    >>> gradient_needs(TableSizes(10, 5, 30), 2, 100).kept
    460.0
    """
    rows, factors = _rows(sizes), _factors(sizes, n_factors + 1)
    d = _coordinates(n_factors, sizes) + 1
    training = 4 * rows + 14 * factors + 32.0 * n_pairs
    return Needs((("training", training),), rows + factors, d)


def joint_graph_needs(sizes: TableSizes, n_factors: int, n_pairs: int, n_hops: int | None) -> Needs:
    """As for gradients, with the joint graph and a diffused copy for every hop.

    Examples
    --------
    >>> joint_graph_needs(TableSizes(10, 5, 30), 2, 100, 3).kept
    460.0
    """
    plain, factors = gradient_needs(sizes, n_factors, n_pairs), _factors(sizes, n_factors + 1)
    joint = 12.0 * (2 * sizes.n_interactions + sizes.n_ties)
    (_, training), *_ = plain.fit
    hops = (8 if n_hops is None else n_hops) + 2
    fit = (("training", training + 3 * joint + hops * factors),)
    return Needs(fit, plain.kept + graph_bytes(sizes), plain.signals)


def blend_needs(first: Needs, second: Needs) -> Needs:
    """The fit of the second model holds the first.

    Examples
    --------
    >>> one = Needs((("counting", 80.0),), 40.0)
    >>> blend_needs(one, one).fit
    (('first, counting', 80.0), ('second, counting', 120.0))
    """
    later = ((f"second, {name}", first.kept + count) for name, count in second.fit)
    fit = (*((f"first, {name}", count) for name, count in first.fit), *later)
    return Needs(fit, first.kept + second.kept, first.signals + second.signals)


def social_needs(base: Needs, sizes: TableSizes, *, chooses: bool) -> Needs:
    """The base, the operator, ties by agreement and items held, and diffused signals.

    ``chooses`` says that settings come from a hold-out, which is a table and a fit of its own.

    Examples
    --------
    >>> one = Needs((("counting", 80.0),), 400.0)
    >>> needs = social_needs(one, TableSizes(10, 5, 30, 20), chooses=False)
    >>> [name for name, _ in needs.fit]
    ['counting', 'diffusing']
    """
    n, z, t = sizes.n_users, sizes.n_interactions, sizes.n_ties
    operator = 4.0 * t + 24.0 * n
    channels = 4.0 * t + 24.0 * n + 4.0 * z
    diffused = (3 if chooses else 1) * 4.0 * base.signals * n
    panels = min(base.signals, _PANEL) * 16.0 * n
    diffusing = _beside(base.kept, sizes) + channels + diffused + panels
    fit = (*base.fit, ("diffusing", diffusing))
    if chooses:
        held = _CODES * z + max(diffusing, *(count for _, count in base.fit))
        fit = (("choosing", held), *fit)
    fit = tuple((name, operator + count) for name, count in fit)
    kept = base.kept + graph_bytes(sizes) + operator + channels + diffused
    return Needs(fit, kept, base.signals)
