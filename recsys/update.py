"""New rows, new users, new items and new ties for a fitted model, without a fit.

What an update keeps and what it renews, by model:

==================  ================================================  ============================
model               renewed                                           kept as fitted
==================  ================================================  ============================
``Popularity``      everything                                        nothing
``EASE``            the inverse, by Woodbury's identity               the mean popularity, where
                                                                      ``popularity_discount`` > 0
``ALS``             users and new items, by exact half-steps; all     factors of known items until
                    factors, by one alternation for every hundredth   then
                    of the rows that comes
``SpectralFilter``  everything but the singular vectors, which are    nothing
                    turned by two steps of orthogonal iteration
``Blend``           both models, and their scales                     what they keep
others              users, by folding in; new items, by least         factors of known items
                    squares on the users who hold them
``SocialDiffusion`` its base, the ties, the diffused taste where it   the settings that the
                    changed, the memory ties                          hold-out chose
==================  ================================================  ============================
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from .row_parts import forget_replaced
from .update_change import Change, counted_ties, read_change
from .update_dispatch import renewed_model
from .update_record import ROWS_SINCE, TIES_SINCE, Update, UpdatedPart

#: share of all rows, and of ties, beyond which settings of a hold-out are no longer of these data
MOST_ROWS_FOR_SETTINGS, MOST_TIES = 0.25, 0.25
#: drift of an estimated part beyond which it loses accuracy
MOST_DRIFT = 0.5
#: share of all rows that lie on items which came since the fit
MOST_NEW_ITEM_ROWS = 0.05
#: by how much the penalty of EASE may differ from that of a fit
MOST_PENALTY = 0.1


def update_model(model: Any, interactions: Any, social: Any, *, directed: bool | None) -> Update:
    """Bring a fitted model up to date, whole or not at all; the public words are at ``update``."""
    started = time.perf_counter()
    change = read_change(model, interactions, social, directed=directed)
    # a weight that is too large is said below, in a sentence
    with np.errstate(over="ignore", invalid="ignore"):
        record = _counted(model, change)
    if _is_nothing(change, record, model):
        return replace(record, seconds=time.perf_counter() - started)
    with np.errstate(over="ignore", invalid="ignore"):
        fresh, parts = renewed_model(model, change)
    _refuse_infinite(fresh, change)
    record = replace(record, parts=parts)
    record = _since_fit(fresh, model, change, record)
    record = replace(record, reasons=_reasons(fresh, change, record))
    state = vars(model)
    renewed = dict(vars(fresh))
    for name in set(state) - set(renewed):
        del state[name]
    state.update(renewed)
    for one in (model, *_inner(model)):
        forget_replaced(one)
    return replace(record, seconds=time.perf_counter() - started)


def _counted(model: Any, change: Change) -> Update:
    """What came in."""
    held = model.interactions_
    n_before = held.nnz
    changed = np.diff(change.given.indptr) > 0
    changed[change.new_users] = False
    rows = change.rows(model)
    n_rows = rows.after.nnz - n_before
    ties = change.ties
    return Update(
        n_rows=n_rows,
        n_repeated_rows=change.given.nnz - n_rows,
        n_new_users=len(change.user_ids) - len(model.user_ids_),
        n_new_items=len(change.item_ids) - len(model.item_ids_),
        n_changed_users=int(np.isin(rows.users, change.old_users).sum()),
        n_new_ties=0 if ties is None else ties.n_new,
        n_changed_ties=0 if ties is None else ties.n_changed,
    )


def _is_nothing(change: Change, record: Update, model: Any) -> bool:
    """Whether the model would stay as it is, bit for bit."""
    came = record.n_new_users or record.n_new_items or record.n_new_ties or record.n_changed_ties
    if came or record.n_rows:
        return False
    if change.given.nnz == 0:
        return True
    # a part of a blend may use the weights of rows that another only counts
    fitted = [model, *_inner(model)]
    return not any(len(change.rows(one).users) for one in fitted)


def _inner(model: Any) -> list[Any]:
    """The fitted models inside of a model."""
    found = []
    for name in ("base_", "first_", "second_"):
        inner = getattr(model, name, None)
        if inner is not None:
            found += [inner, *_inner(inner)]
    return found


def _refuse_infinite(fresh: Any, change: Change) -> None:
    """Weights that no factors can hold must not take the place of a model that works."""
    for one in (fresh, *_inner(fresh)):
        factors = [getattr(one, name, None) for name in ("user_factors_", "item_factors_")]
        if not all(np.isfinite(part).all() for part in factors if part is not None):
            raise ValueError(
                "weight must keep the factors finite; got weights up to "
                f"{float(change.given.max()):g}: scale them down"
            )


def _since_fit(fresh: Any, model: Any, change: Change, record: Update) -> Update:
    """Count what came since the last fit, in the model and in the record."""
    rows = getattr(model, ROWS_SINCE, 0) + record.n_rows
    ties = getattr(model, TIES_SINCE, 0) + record.n_new_ties
    setattr(fresh, ROWS_SINCE, int(rows))
    setattr(fresh, TIES_SINCE, int(ties))
    total = 0
    if change.ties is not None:
        total = counted_ties(change.ties.after, change.ties.after.nnz)
    return replace(
        record,
        rows_since_fit=rows / max(fresh.interactions_.nnz, 1),
        ties_since_fit=ties / max(total, 1),
    )


def _reasons(fresh: Any, change: Change, record: Update) -> tuple[str, ...]:
    """Why a refit is due."""
    found = []
    estimated = [part for part in record.parts if part.certainty == "estimated"]
    share = record.rows_since_fit
    most = min((part.lasts for part in estimated), default=1.0)
    if share > most:
        found.append(_share("rows", share, most))
    elif _has_chosen(fresh) and share > MOST_ROWS_FOR_SETTINGS:
        found.append(_share("rows", share, MOST_ROWS_FOR_SETTINGS) + ", and settings were chosen")
    if change.ties is not None:
        if change.ties.before.nnz == 0 < change.ties.after.nnz:
            found.append("the fit saw no tie, so that its settings leave the graph unused")
        elif record.ties_since_fit > MOST_TIES:
            found.append(_share("ties", record.ties_since_fit, MOST_TIES))
    rows_of_new = _rows_of_new_items(fresh, change)
    if estimated and rows_of_new > MOST_NEW_ITEM_ROWS:
        found.append(
            f"{rows_of_new:.0%} of all rows are of items that the fit did not know "
            f"(more than {MOST_NEW_ITEM_ROWS:.0%})"
        )
    return (*found, *filter(None, map(_drifted, record.parts)))


def _share(what: str, share: float, most: float) -> str:
    return f"{share:.0%} of all {what} came since the fit (more than {most:.0%})"


def _drifted(part: UpdatedPart) -> str:
    """What has aged too much, as words."""
    most = MOST_DRIFT if part.certainty == "estimated" else MOST_PENALTY
    if part.drift is None or part.drift <= most:
        return ""
    return f"{part.name} have drifted by {part.drift:.0%} (more than {most:.0%})"


def _rows_of_new_items(fresh: Any, change: Change) -> float:
    """Share of all rows that lie on items which this update brought."""
    rows = fresh.interactions_
    counts = np.bincount(rows.indices, minlength=rows.shape[1])
    return int(counts[change.new_items].sum()) / max(int(rows.nnz), 1)


def _has_chosen(fresh: Any) -> bool:
    """Whether the fit chose settings on a hold-out."""
    return len(getattr(fresh, "ablation_", ())) > 0
