"""The demonstration: a world whose truth is known, recommended to with and without its graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .als import ALS
from .evaluation import evaluate
from .figures import draw_demo
from .popularity import Popularity
from .report import Report
from .social import SocialDiffusion

_METRICS = ("coverage@10", "recall@10", "ndcg@10")


class World(Protocol):
    """What the demonstration needs of a synthetic world."""

    @property
    def social(self) -> pd.DataFrame:
        """Ties."""
        ...

    @property
    def items(self) -> pd.DataFrame:
        """Items, in the order of the columns of the true scores."""
        ...

    @property
    def homophily(self) -> float:
        """Share of ties that taste made."""
        ...

    def true_scores(self, users: Any) -> Any:
        """The probability with which each user chooses each item."""
        ...


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration shows."""

    title: str
    table: pd.DataFrame
    words: tuple[str, ...]
    figure: Figure


def run_demo(
    world: World,
    train: pd.DataFrame,
    test: pd.DataFrame,
    cold_test: pd.DataFrame,
    *,
    seed: int,
) -> DemoResult:
    """Fit popularity, ALS, and ALS with social diffusion; judge them and the truth itself.

    Parameters
    ----------
    world : SocialWorld
        The world behind the tables, for its graph and its truth.
    train, test : DataFrame
        Interactions of the users who keep a history.
    cold_test : DataFrame
        All interactions of users who have ties and, in training, no history.
    seed : int
        Seed of the factors and of the hold-out.

    Returns
    -------
    DemoResult

    Examples
    --------
    >>> import suffuse as sf
    >>> world = sf.datasets.make_social_world(n_users=200, n_items=80, rng=0)
    >>> rest, cold = sf.datasets.split_cold_users(world.interactions, social=world.social, rng=0)
    >>> train, test = sf.datasets.split_random(rest, rng=0)
    >>> result = run_demo(world, train, test, cold, seed=0)
    >>> result.table["users"].unique().tolist()
    ['warm', 'cold']
    """
    model = SocialDiffusion(ALS(n_factors=32, regularization=20.0), random_state=seed)
    model.fit(train, social=world.social)
    asked = np.intersect1d(
        model.user_ids_, pd.concat([test["user_id"], cold_test["user_id"]]).unique()
    )
    lists = {
        "popularity": Popularity().fit(train).recommend(asked, unknown_users="popular"),
        "ALS": model.base_.recommend(asked),
        "ALS + graph": model.recommend(asked),
        "the truth": _true_lists(world, train, asked),
    }
    reports = {
        (users, name): evaluate(recs, rows, train=train, metrics=_METRICS)
        for users, rows in (("warm", test), ("cold", cold_test))
        for name, recs in lists.items()
    }
    return DemoResult(
        title=f"{len(train)} rows of training, {len(world.social)} ties, "
        f"homophily {world.homophily:g}",
        table=_table(reports),
        words=_words(model),
        figure=draw_demo(reports, model),
    )


def _true_lists(world: World, train: pd.DataFrame, users: Any) -> pd.DataFrame:
    """The ten unseen items that each user is truly likeliest to choose: no model can do better."""
    items = world.items["item_id"].to_numpy(dtype=object)
    scores = np.array(world.true_scores(users))
    position = pd.Series(np.arange(len(users)), index=users)
    column = pd.Series(np.arange(len(items)), index=items)
    seen = train[train["user_id"].isin(users)]
    scores[position[seen["user_id"]].to_numpy(), column[seen["item_id"]].to_numpy()] = -1.0
    best = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    return pd.DataFrame(
        {
            "user_id": np.repeat(users, best.shape[1]),
            "item_id": items[best.ravel()],
            "rank": np.tile(np.arange(1, best.shape[1] + 1), len(users)),
        }
    )


def _table(reports: dict[tuple[str, str], Report]) -> pd.DataFrame:
    rows = []
    for (users, name), report in reports.items():
        values = report.to_frame().set_index("metric")
        row = {"users": users, "model": name, "n_users": len(report.user_ids)}
        row |= {metric: values["value"][metric] for metric in _METRICS}
        row["+-95 %"] = values["high"]["ndcg@10"] - values["value"]["ndcg@10"]
        rows.append(row)
    return pd.DataFrame(rows)


def _words(model: SocialDiffusion) -> tuple[str, ...]:
    chosen = (
        f"chosen on a hold-out of the training rows: damping {model.damping_:g}, "
        f"memory {model.memory_:g}; for users without a history damping {model.cold_damping_:g}, "
        f"memory {model.cold_memory_:g}"
    )
    if model.damping_ == 0 and model.memory_ == 0:
        return (chosen, "the graph did not help users with a history, so they are left as they are")
    return (chosen, "warm users have a history in training; cold users have friends alone")
