"""One place for the search: which base model, which settings, and what the graph is worth."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from scipy import sparse

from ..datasets.interactions import Interactions
from .clock import Clock
from .execution import one_blas_thread, resolve_jobs
from .inputs import checked_count, checked_number, training_table
from .racing import hold_outs
from .scouting import Scouting
from .selection import KINDS, Dials, Selection, as_given, select, to_settings
from .sharing import sharing
from .social import SocialDiffusion
from .spaces import FAMILIES
from .ties import with_ties
from .tuning import Tuning

#: share of the time budget for base models where a graph is to be judged after them
_BASE_SHARE = 0.6


def tune(
    interactions: Any,
    social: Any = None,
    *,
    directed: bool | None = None,
    bases: Sequence[str] = tuple(FAMILIES),
    time_budget: float = 600.0,
    n_trials: int | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Tuning:
    """Search for the best model on hold-outs of the training table; test data is never involved.

    Base models first: each family starts from a few settings that are good on public data, then
    optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011) proposes more for the
    families within 3 % of the leader, the one that had the least time first. All are judged on the
    same hidden tenth of the cells (of five draws for tables below 100,000 rows, two below 200,000,
    one above), by NDCG@20 over at most 5,000 users; a setting that is two standard errors behind
    the leader after a draw is given up. Then the two best families are blended; the blend stays
    if it leads by two standard errors. At last the dials of :class:`SocialDiffusion` are chosen
    over the best base on a hold-out with cold users, where the graph must earn its place.

    Parameters
    ----------
    interactions : DataFrame, sparse matrix or Interactions
        The training rows; columns ``user_id, item_id``. Each counts 1, whatever its weight.
    social : DataFrame, networkx graph, sparse matrix or SocialGraph, optional
        The ties; without them base models alone are searched.
    directed : bool, optional
        Whether a tie binds its source alone, as in :meth:`SocialDiffusion.fit`.
    bases : sequence of str
        Families to search: ``"SpectralFilter"``, ``"ALS"``, ``"EASE"``.
    time_budget : float
        Seconds for the base models, six tenths of them where there are ties: the dials of
        :class:`SocialDiffusion` are chosen after that, on one to three fits of the best base,
        and take the time that they take. A fit that is likely not to end in time is not started;
        the first one of all always is. How many trials fit in depends on the machine.
    n_trials : int, optional
        Trials of base models at most; the families then take turns instead of time, and with a
        generous budget the search is repeatable.
    random_state : int
        Seed of hold-outs and proposals.
    n_jobs : int, optional
        Threads; all cores when ``None``.

    Returns
    -------
    Tuning
        ``model`` (unfitted, all settings fixed), ``base``, ``trials``, ``ablation``.

    Raises
    ------
    ValueError
        For an invalid table or graph, an unknown family, or a parameter outside its range; if
        the table is too small to hide anything of it, or no setting could be fitted.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0)
    >>> found = sf.tune(world.interactions, world.social, bases=["SpectralFilter"], n_trials=3)
    >>> model = found.model.fit(world.interactions, social=world.social)
    >>> found.trials["family"].unique().tolist()
    ['SpectralFilter']
    """
    budget = checked_number("time_budget", time_budget, above=True)
    most = None if n_trials is None else checked_count("n_trials", n_trials)
    seed = checked_count("random_state", random_state, low=0)
    families = _checked_families(bases)
    resolve_jobs(n_jobs)
    table = training_table(interactions)
    joined, adjacency = with_ties(table, social, directed=directed)
    started = time.monotonic()
    clock = Clock(budget * _BASE_SHARE if adjacency.nnz else budget, most)
    held_out = hold_outs(table, _how_many(table), random_state=seed)
    with sharing():
        scouting = Scouting(families, held_out, clock, random_state=seed, n_jobs=n_jobs)
        leader = scouting.blended(scouting.search())
    base = leader.make().set_params(n_jobs=n_jobs)
    found = Tuning(
        model=base,
        base=base,
        trials=scouting.to_frame(leader),
        ablation=None,
        settings=None,
        seconds=0.0,
    )
    if social is not None:
        selection = _social_settings(base, joined, adjacency, seed, n_jobs)
        found = _with_social(found, selection, n_jobs)
    return replace(found, seconds=round(time.monotonic() - started, 1))


def _checked_families(bases: Sequence[str]) -> tuple[str, ...]:
    if isinstance(bases, str):
        raise TypeError(f"bases must be a list of names; got {bases!r}: pass [{bases!r}]")
    if not isinstance(bases, Iterable):
        raise TypeError(f"bases must be a list of names; got {bases!r}: leave it out for all")
    names = list(bases)
    if not names or not all(isinstance(name, str) and name in FAMILIES for name in names):
        raise ValueError(f"bases must be some of {sorted(FAMILIES)}; got {names!r}")
    return tuple(dict.fromkeys(names))


def _how_many(table: Interactions) -> int:
    """Draws of the hold-out: small tables need more of them for the same standard error."""
    return 5 if len(table) < 100_000 else 2 if len(table) < 200_000 else 1


def _social_settings(
    base: Any, table: Interactions, adjacency: sparse.csr_array, seed: int, n_jobs: int | None
) -> Selection:
    """The dials of social diffusion over the best base; off where the graph has no tie."""
    if adjacency.nnz == 0:
        return as_given(Dials(damping=0.0, memory=0.0, background=1.0), KINDS[0])
    with one_blas_thread():
        return select(
            base,
            table,
            adjacency,
            dials=Dials(),
            kinds=KINDS,
            random_state=seed,
            n_jobs=n_jobs,
        )


def _with_social(found: Tuning, selection: Selection, n_jobs: int | None) -> Tuning:
    """The same with the model that uses the graph."""
    return replace(
        found,
        model=SocialDiffusion(found.base, settings=to_settings(selection), n_jobs=n_jobs),
        ablation=selection.ablation if len(selection.ablation) else None,
        settings=to_settings(selection),
    )
