"""Everything that a page on a model says, computed: data, lists, frontier, example users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..datasets.interactions import Interactions
from ..datasets.social_graph import SocialGraph
from .data_profile import Profile, head_labels, history_labels, profile_of
from .ease import EASE
from .evaluation import evaluate
from .example_users import ExampleUser, example_users
from .frontier import Frontier, fairness_frontier
from .inputs import checked_count
from .ranked import table_of
from .report import Report
from .scoring import evidence
from .social import SocialDiffusion
from .spectral import SpectralFilter

#: dampings and kinds of P that the frontier tries beside the fitted ones and no graph at all
DAMPINGS, KINDS = (0.3, 0.6), ("symmetric", "doubly_stochastic")
#: factors by which the frontier of EASE changes its regularization
FACTORS = (0.1, 1.0, 10.0)
WITHOUT = "the same model without the social graph"


@dataclass(frozen=True, eq=False)
class ModelReport:
    """What is known of a fitted model; ``suffuse.recsys.model_page`` makes a page of it.

    Attributes
    ----------
    model : the fitted model
    profile : Profile
        Of the rows and ties that it was fitted on.
    report : Report
        Its lists against test; with a social graph, beside those of the same model without.
    recs, baseline_recs : DataFrame, and DataFrame or None
        The lists.
    train : DataFrame
        The training rows.
    frontier : Frontier or None
        Accuracy against the inequality of exposure, on hidden cells of the training rows.
    examples : tuple of ExampleUser
        A user with many items, one with few and one with none, where there are such.
    own_groups : tuple of str
        Which groups ("users", "items") were made here, as none were given.
    """

    model: Any
    profile: Profile
    report: Report
    recs: pd.DataFrame
    baseline_recs: pd.DataFrame | None
    train: pd.DataFrame
    frontier: Frontier | None
    examples: tuple[ExampleUser, ...]
    own_groups: tuple[str, ...]

    def named(self, items: Mapping[Any, str]) -> ModelReport:
        """The same with names in place of the raw ids of items, where example users are shown.

        Parameters
        ----------
        items : mapping from raw id to name
            Ids that it does not hold stay as they are.
        """
        return replace(self, examples=tuple(one.named(items) for one in self.examples))


def model_report(
    model: Any,
    test: Any,
    *,
    train: Any = None,
    user_groups: Any = None,
    item_groups: Any = None,
    k: int = 10,
    frontier: bool = True,
    random_state: int = 0,
) -> ModelReport:
    """Look at a fitted model from all sides: its data, its lists, the frontier, example users.

    Parameters
    ----------
    model : fitted recommender
        Such as :func:`suffuse.load_model` gives.
    test : DataFrame, sparse matrix or Interactions
        What people took; it was not in the fit.
    train : DataFrame, sparse matrix or Interactions, optional
        The training rows; by default those that the model holds.
    user_groups, item_groups : mapping, Series or DataFrame, optional
        As in :func:`suffuse.evaluate`. By default users are grouped by how many items they have,
        and items by whether they are among the most popular fifth.
    k : int
        Length of the lists.
    frontier : bool
        Whether to fit the model again with a few settings and show accuracy against the
        inequality of exposure: up to six fits. Only for ``SocialDiffusion``, ``SpectralFilter``
        and ``EASE``.
    random_state : int
        Seed of everything random: example users, hidden cells, random graphs.

    Returns
    -------
    ModelReport

    Raises
    ------
    ValueError
        For an empty table, or one that none of the model's users is in.

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0)
    >>> train, test = sf.datasets.split_random(world.interactions, rng=0)
    >>> found = model_report(sf.EASE(regularization=5.0).fit(train), test, frontier=False)
    >>> len(found.examples) > 0 and found.profile.n_rows == len(train)
    True
    """
    length = checked_count("k", k)
    seed = checked_count("random_state", random_state, low=0)
    table = table_of(test, "test")
    held = _held(model)
    known = held if train is None else table_of(train, "train")
    social = graph_of(model)
    users = _shared(table, model)
    recs = model.recommend(users, length)
    base = getattr(model, "base_", None) if social is not None else None
    without = None if base is None else base.recommend(users, length)
    own = _own_groups(model, users, user_groups, item_groups)
    report = evaluate(
        recs,
        table,
        train=known,
        user_groups=own.get("users", user_groups),
        item_groups=own.get("items", item_groups),
        social=social,
        baseline=without,
    )
    return ModelReport(
        model=model,
        profile=profile_of(model.interactions_, getattr(model, "social_", None), random_state=seed),
        report=report,
        recs=recs,
        baseline_recs=without,
        train=known.to_frame(),
        frontier=model_frontier(model, k=length, random_state=seed) if frontier else None,
        examples=example_users(model, table, k=length, random_state=seed),
        own_groups=tuple(own),
    )


def model_frontier(model: Any, *, k: int = 10, random_state: int = 0) -> Frontier | None:
    """NDCG against the Gini index of exposure of a few settings of a fitted model.

    ``SocialDiffusion``: without the graph; with two dampings and two kinds of the operator, other
    dials as they were fitted; and as fitted. ``SpectralFilter``: its degree exponent. ``EASE``:
    its regularization. Each setting is fitted on nine tenths of each user's cells and judged on
    the others, so that test is not looked at.

    Parameters
    ----------
    model : fitted recommender
        Such as :func:`suffuse.load_model` gives.
    k : int
        Length of the lists.
    random_state : int
        Seed of the hidden cells.

    Returns
    -------
    Frontier or None
        None for models without such a dial.

    Examples
    --------
    >>> import suffuse as sf
    >>> table = sf.datasets.make_social_world(n_users=120, n_items=60, rng=0).interactions
    >>> found = model_frontier(sf.SpectralFilter(n_factors=8).fit(table), k=5)
    >>> found.to_frame()["exponent"].tolist()
    [0.2, 0.5, 0.6, 0.8]
    """
    named: Sequence[Mapping[str, Any]] | None = None
    if isinstance(model, SocialDiffusion):
        dial, named = _social_dial(model)
    elif isinstance(model, SpectralFilter):
        dial = {"exponent": sorted({0.2, 0.5, 0.8, float(model.exponent)})}
    elif isinstance(model, EASE):
        dial = {"regularization": [factor * float(model.regularization) for factor in FACTORS]}
    else:
        return None
    found = fairness_frontier(
        model,
        dial,
        _held(model),
        social=graph_of(model),
        accuracy=f"ndcg@{k}",
        fairness=f"gini@{k}",
        random_state=random_state,
    )
    return found if named is None else replace(found, settings=tuple(dict(one) for one in named))


def graph_of(model: Any) -> SocialGraph | None:
    """The graph that a fitted model holds, with raw ids; None where it has no tie.

    Examples
    --------
    >>> import suffuse as sf
    >>> graph_of(sf.Popularity().fit(sf.datasets.tiny_world().interactions)) is None
    True
    """
    adjacency = getattr(model, "social_", None)
    if adjacency is None or adjacency.nnz == 0:
        return None
    # the graph makes its arrays read-only; those of the model stay as they are
    return SocialGraph(np.asarray(model.user_ids_).copy(), adjacency.copy(), directed=True)


def _social_dial(
    model: SocialDiffusion,
) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """Settings of all groups of users to try, and what each is called."""
    fitted = model.settings_
    tried = {"no graph": _with_dials(fitted, damping=0.0, memory=0.0)}
    for kind in KINDS:
        for damping in DAMPINGS:
            name = f"{kind.replace('_', ' ')} {damping:g}"
            tried[name] = {**_with_dials(fitted, damping=damping), "normalization": kind}
    tried["as fitted"] = dict(fitted)
    distinct: dict[str, dict[str, Any]] = {}
    for name, setting in tried.items():
        same = [other for other, known in distinct.items() if known == setting]
        for other in same:
            del distinct[other]
        distinct[f"{same[0]}, as fitted" if same and name == "as fitted" else name] = setting
    return {"settings": list(distinct.values())}, [{"setting": name} for name in distinct]


def _with_dials(settings: Mapping[str, Any], **dials: float) -> dict[str, Any]:
    """Fitted settings with other dials for users who have items."""
    changed = {group: {**settings[group], **dials} for group in ("warm", "few")}
    return {**settings, **changed}


def _held(model: Any) -> Interactions:
    """The rows that a fitted model holds, as a table."""
    return Interactions.from_matrix(
        model.interactions_, user_ids=model.user_ids_, item_ids=model.item_ids_
    )


def _shared(test: Interactions, model: Any) -> npt.NDArray[Any]:
    """Users with test rows whom the model knows."""
    judged = test.user_ids[np.unique(test.users)]
    users = judged[pd.Index(judged).isin(pd.Index(model.user_ids_))]
    if len(users) == 0:
        raise ValueError(
            "test must hold users of the model; got none: are the ids of one kind? "
            f"{judged[:1].tolist()} in test, {np.asarray(model.user_ids_)[:1].tolist()} there"
        )
    return np.asarray(users)


def _own_groups(
    model: Any, users: npt.NDArray[Any], user_groups: Any, item_groups: Any
) -> dict[str, pd.Series[Any]]:
    """Groups of what was not grouped: users of test by history, items by popularity."""
    rows, made = model.interactions_, {}
    if user_groups is None:
        labels = pd.Series(history_labels(evidence(rows)), index=model.user_ids_)
        # a kind that nobody in test is of is no group
        made["users"] = labels[users]
    if item_groups is None:
        counts = np.bincount(rows.indices, minlength=rows.shape[1])
        made["items"] = pd.Series(head_labels(counts), index=model.item_ids_)
    return made
