"""The channels of newcomers against dense formulas, twins, and a refit of the social part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.datasets import SocialWorld
from suffuse.recsys.channels import AGREEMENT_FLOOR, Setting, SocialChannels, Taste

Floats = npt.NDArray[np.float64]

BASES: dict[str, Callable[[], Any]] = {
    "ALS": lambda: sf.ALS(n_factors=6, regularization=2.0, confidence=7.0),
    "EASE": lambda: sf.EASE(regularization=10.0),
    "SpectralFilter": lambda: sf.SpectralFilter(n_factors=4),
    "Popularity": sf.Popularity,
    "Blend": lambda: sf.Blend(sf.EASE(regularization=10.0), sf.ALS(n_factors=4, max_iter=3)),
}
DIALS = {"damping": 0.4, "memory": 1.5, "background": 0.05}
NEW = ["w-none", "x-many", "y-few", "z-ties"]


def new_rows(items: list[Any]) -> pd.DataFrame:
    """Many items for x, two for y."""
    users = ["x-many"] * 8 + ["y-few"] * 2
    return pd.DataFrame({"user_id": users, "item_id": [*items[3:11], items[0], items[20]]})


def new_ties(users: list[Any], *, linked: bool) -> pd.DataFrame:
    """Ties of three newcomers to the fit; linked also with each other, and with one without."""
    ties = [("x-many", users[0], 2.0), ("x-many", users[5], 1.0), ("y-few", users[5], 1.0)]
    ties += [("y-few", users[9], 3.0), ("z-ties", users[0], 1.0), ("z-ties", users[40], 1.0)]
    if linked:
        ties += [("x-many", "y-few", 1.0), ("y-few", "z-ties", 2.0), ("z-ties", "w-none", 1.0)]
    return pd.DataFrame(ties, columns=["source_id", "target_id", "weight"])


@dataclass
class Dense:
    """The formulas on dense matrices: users of the fit first, newcomers after them."""

    model: Any
    rows: Floats
    adjacency: Floats

    @property
    def n(self) -> int:
        """Users of the fit."""
        return len(self.model.user_ids_)

    def propagation(self) -> Floats:
        """``[[P, 0], [P_UV, P_UU]]`` by the definitions of the kinds."""
        n, a = self.n, self.adjacency
        old = a[:n, :n]
        p = np.zeros_like(a)
        operator = sf.PropagationOperator(sparse.csr_array(old), self.model.normalization_)
        p[:n, :n] = operator.to_sparse().toarray()
        out, into = a.sum(axis=1), old.sum(axis=0)
        counts = (old > 0).sum(axis=1)
        for u in range(n, len(a)):
            grown = np.where(np.arange(len(a)) < n, np.append(into, np.zeros(len(a) - n)) + a[u], 0)
            grown[n:] = a[:, n:].sum(axis=0)
            safe = np.where(grown > 0, grown, 1.0)
            if out[u] == 0:
                # who is heard keeps nothing, unless rows alone count
                p[u, u] = float(self.model.normalization_ == "row" or grown[u] == 0)
            elif self.model.normalization_ == "row":
                p[u] = a[u] / out[u]
            elif self.model.normalization_ == "symmetric":
                p[u] = a[u] / np.sqrt(out[u] * safe)
            else:
                loops = old.sum(axis=1) / np.maximum(counts, 1)
                s = np.sqrt(p[:n, :n].diagonal() / np.where(loops > 0, loops, 1.0))
                loop = out[u] / (a[u] > 0).sum()
                own = max(np.roots([loop, a[u, :n] @ s, -1.0]))
                p[u, :n], p[u, u] = own * a[u, :n] * s, own**2 * loop
        return p

    def signals(self, part: Any) -> Floats:
        """``x`` of everybody; for ALS by the normal equations."""
        if isinstance(part, sf.Popularity):
            return np.ones((len(self.rows), 1))
        if not isinstance(part, sf.ALS):
            return self.rows
        y = part.item_factors_.astype(float)
        found = np.zeros((len(self.rows), y.shape[1]))
        for user, row in enumerate(self.rows):
            weight = np.where(row > 0, part.confidence * row, 1.0)
            normal = y.T @ (weight[:, None] * y) + part.regularization * np.eye(y.shape[1])
            found[user] = np.linalg.solve(normal, y.T @ (weight * (row > 0)))
        return found

    def taste(self, part: Any, damping: float, evidence: float | None) -> Floats:
        """``z`` of everybody."""
        p, x = self.propagation(), self.signals(part)
        eye = np.eye(len(p))
        if isinstance(part, sf.ALS | sf.Popularity):
            spread = (1 - damping) * np.linalg.solve(eye - damping * p, x)
        else:
            spread = ((1 - damping) * (eye + damping * p) + damping**2 * p @ p) @ x
        if evidence is None:
            return np.asarray(spread)
        held, ties = (self.rows > 0).sum(axis=1), self.adjacency.sum(axis=1)
        social = evidence * ties
        weight = (social / np.where(held + social > 0, held + social, 1.0))[:, None]
        return np.asarray((1 - weight) * x + weight * spread)

    def memory(self, part: Any) -> Floats:
        """``W r`` of newcomers, ``D'_v`` grown by the own tie alone."""
        n, x = self.n, self.signals(part)
        lengths = np.linalg.norm(x, axis=1)
        unit = x / np.where(lengths > 0, lengths, 1.0)[:, None]
        c = self.adjacency * (np.maximum(unit @ unit.T, 0.0) + AGREEMENT_FLOOR)
        r = self.rows / np.sqrt(np.maximum((self.rows > 0).sum(axis=1), 1))[:, None]
        found = np.zeros((len(c) - n, r.shape[1]))
        for u in range(n, len(c)):
            grown = np.append(c[:n, :n].sum(axis=0) + c[u, :n], c[:, n:].sum(axis=0))
            w = c[u] / np.sqrt(np.where(grown > 0, grown, 1.0) * max(c[u].sum(), 1e-300))
            found[u - n] = w @ r
        return found

    def scores(self, damping: float, evidence: float | None) -> Floats:
        """Scores of newcomers who have ties; of the others by the base alone."""
        n, base = self.n, self.model.base_
        channels = self.model._state[0]
        held = (self.rows[n:] > 0).sum(axis=1)
        taste: Any = 0.0
        for weight, part in getattr(base, "parts_", ((1.0, base),)):
            with_c, without = self.taste(part, damping, evidence), self.taste(part, damping, None)
            z = np.where((held == 0)[:, None], without[n:], with_c[n:]).astype(np.float32)
            taste = taste + weight * part.score_signals(z)
        first = getattr(base, "first_", base)
        counts = (self.rows[:n] > 0).sum(axis=0)
        q = counts / np.sqrt(np.mean(counts**2.0))
        cold = np.where(held == 0, DIALS["background"], 0.0)[:, None]
        found = taste + channels.scale * (DIALS["memory"] * self.memory(first) + cold * q)
        alone = (self.adjacency[n:].sum(axis=1) == 0) & (held == 0)
        found[alone] = counts / counts.sum()
        return np.asarray(found)


def fitted(name: str, world: SocialWorld, kind: str, *, directed: bool, **more: Any) -> Any:
    """Social diffusion with fixed dials."""
    model = sf.SocialDiffusion(BASES[name](), normalization=kind, **{**DIALS, **more})
    return model.fit(world.interactions, social=world.social, directed=directed)


def dense_of(model: Any, rows: pd.DataFrame, ties: pd.DataFrame, *, directed: bool) -> Dense:
    """The fit and its newcomers as dense matrices."""
    users = [*model.user_ids_, *NEW]
    place, n = {user: at for at, user in enumerate(users)}, len(model.user_ids_)
    column = {item: at for at, item in enumerate(model.item_ids_)}
    adjacency, held = np.zeros((len(users), len(users))), np.zeros((len(users), len(column)))
    adjacency[:n, :n] = model.social_.toarray()
    held[:n] = model.interactions_.toarray()
    for source, target, weight in ties.itertuples(index=False):
        adjacency[place[source], place[target]] = weight
        if not directed:
            adjacency[place[target], place[source]] = weight
    for user, item in rows.itertuples(index=False):
        held[place[user], column[item]] = 1.0
    return Dense(model, held, adjacency)


def found_scores(model: Any, rows: Any, ties: Any, *, directed: bool) -> Floats:
    """Scores of the newcomers in the order of NEW, from the lists of all items."""
    k = len(model.item_ids_)
    recs = model.recommend(
        NEW, k, interactions=rows, social=ties, directed=directed, filter_seen=False
    )
    wide = recs.pivot(index="user_id", columns="item_id", values="score")
    return wide.loc[NEW, model.item_ids_].to_numpy(float)


@pytest.mark.parametrize("name", list(BASES))
@pytest.mark.parametrize("kind", ["symmetric", "row"])
@pytest.mark.parametrize(("directed", "evidence"), [(False, 2.0), (True, None)])
def test_scores_are_those_of_the_dense_formulas(
    tall: SocialWorld, name: str, kind: str, directed: bool, evidence: float | None
) -> None:
    """Both channels, newcomers with ties to each other, many items, few, none, and no use."""
    model = fitted(name, tall, kind, directed=directed, evidence=evidence)
    rows = new_rows(model.item_ids_.tolist())
    ties = new_ties(model.user_ids_.tolist(), linked=True)
    dense = dense_of(model, rows, ties, directed=directed)
    expected = dense.scores(DIALS["damping"], evidence)
    found = found_scores(model, rows, ties, directed=directed)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=3e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["ALS", "EASE"])
def test_the_doubly_stochastic_kind_too(tall: SocialWorld, name: str) -> None:
    """Where newcomers have no ties to each other the scaling of a row is a quadratic equation."""
    model = fitted(name, tall, "doubly_stochastic", directed=False)
    rows = new_rows(model.item_ids_.tolist())
    ties = new_ties(model.user_ids_.tolist(), linked=False)
    dense = dense_of(model, rows, ties, directed=False)
    expected = dense.scores(DIALS["damping"], None)
    k, some = len(model.item_ids_), NEW[1:]
    recs = model.recommend(some, k, interactions=rows, social=ties, filter_seen=False)
    found = recs.pivot(index="user_id", columns="item_id", values="score").loc[some]
    scale = 3e-4 * np.abs(expected).max()
    np.testing.assert_allclose(found[model.item_ids_], expected[1:], rtol=2e-3, atol=scale)


@pytest.mark.parametrize("name", list(BASES))
@pytest.mark.parametrize(("kind", "evidence"), [("row", 2.0), ("doubly_stochastic", None)])
def test_a_twin_gets_the_scores_of_the_original(
    tall: SocialWorld, name: str, kind: str, evidence: float | None
) -> None:
    """The same items and the same ties: the same row of ``P``, so the same taste."""
    dials = {"evidence": evidence, "memory": 0.0}
    model = fitted(name, tall, kind, directed=False, **dials)
    twins = [model.user_ids_[at] for at in (0, 17, 60, 101)]
    both = tall.social
    both = pd.concat([both, both.set_axis(["target_id", "source_id"], axis=1)])
    ties = both[both["source_id"].isin(twins)]
    ties = ties.assign(source_id="twin of " + ties["source_id"])
    rows = tall.interactions[tall.interactions["user_id"].isin(twins)]
    rows = rows.assign(user_id="twin of " + rows["user_id"])
    k = len(model.item_ids_)
    names = ["twin of " + user for user in twins]
    recs = model.recommend(names, k, interactions=rows, social=ties, filter_seen=False)
    known = model.recommend(twins, k, filter_seen=False).sort_values(["user_id", "item_id"])
    recs = recs.sort_values(["user_id", "item_id"])
    assert recs["item_id"].tolist() == known["item_id"].tolist()
    scale = 3e-4 * float(known["score"].abs().max())
    np.testing.assert_allclose(recs["score"], known["score"], rtol=1e-3, atol=scale)


class Widened:
    """A fitted base over the users of the fit and one more, its item side as it is."""

    def __init__(self, base: Any, row: sparse.csr_array, user: str) -> None:
        self.base = base
        self.interactions_ = sparse.csr_array(sparse.vstack([base.interactions_, row]))
        self.user_ids_ = np.append(base.user_ids_, user)
        self.item_ids_ = base.item_ids_

    @property
    def signals_(self) -> Any:
        """Everybody's signal."""
        own = self.base.fold_signals(self.interactions_[-1:])
        if isinstance(own, np.ndarray):
            return np.concatenate([self.base.signals_, own])
        return self.interactions_

    def score_signals(self, signals: npt.NDArray[np.float32]) -> Any:
        """As the base does."""
        return self.base.score_signals(signals)


@pytest.mark.parametrize("name", ["ALS", "EASE", "SpectralFilter", "Popularity"])
@pytest.mark.parametrize("kind", ["row", "symmetric"])
def test_fold_in_equals_a_refit_of_the_social_part(tall: SocialWorld, name: str, kind: str) -> None:
    """Directed, one newcomer to whom nobody listens, the same base: channels on the larger graph.

    For "symmetric" the newcomer listens to people who listen to nobody: there a refit changes no
    other row of consequence.
    """
    ties = tall.social
    users = sorted(set(tall.interactions["user_id"]) | set(ties.to_numpy().ravel()))
    upper = set(users[len(users) // 2 :])
    if kind == "symmetric":
        low, high = ties.min(axis=1), ties.max(axis=1)
        chosen = ~low.isin(upper) & high.isin(upper)
        ties = pd.DataFrame({"source_id": low[chosen], "target_id": high[chosen]})
    model = sf.SocialDiffusion(BASES[name](), normalization=kind, **DIALS)
    model.fit(tall.interactions, social=ties, directed=True)
    friends = sorted(upper & set(ties["target_id"]))[:4]
    mine = pd.DataFrame({"source_id": "new", "target_id": friends})
    for n_items in (0, 3, 9):
        held = model.item_ids_[2 : 2 + n_items]
        rows = pd.DataFrame({"user_id": "new", "item_id": held}) if n_items else None
        k = len(model.item_ids_)
        asked = {"interactions": rows, "social": mine, "directed": True, "filter_seen": False}
        recs = model.recommend(k=k, **asked).sort_values("item_id")
        expected = refitted(model, held, friends)
        scale = 1e-4 * np.abs(expected).max()
        np.testing.assert_allclose(recs["score"], expected, rtol=1e-4, atol=scale)


def refitted(model: Any, held: Any, friends: list[str]) -> Floats:
    """Scores of a newcomer as one more user of the fit, over the same base."""
    row = sparse.csr_array(np.isin(model.item_ids_, held)[None, :].astype(np.float32))
    base = Widened(model.base_, row, "new")
    listens = np.isin(model.user_ids_, friends)[None, :].astype(float)
    adjacency = sparse.csr_array(
        sparse.block_array([[model.social_, None], [listens, sparse.csr_array((1, 1))]])
    )
    operator = sf.PropagationOperator(adjacency, model.normalization_)
    channels = SocialChannels(base, adjacency, operator)
    # the newcomer must not move what the fit measured on everybody
    channels.scale = model._state[0].scale
    channels.popularity = model._state[0].popularity
    background = DIALS["background"] if len(held) == 0 else 0.0
    setting = Setting(Taste(DIALS["damping"]), DIALS["memory"], background)
    last = np.array([len(model.user_ids_)])
    taste = channels.taste_scores(last, channels.diffused(setting.taste))
    return np.asarray(channels.mix(taste, channels.memory_rows(last), setting)[0], float)
