"""A preference on users of a model, of a graph, of an operator: one call."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import polars as pl
import pytest

import suffuse as sf
from suffuse.datasets import SocialWorld, as_social_graph
from suffuse.diffusion import Circle
from suffuse.recsys.contract import NotFittedError
from suffuse.recsys.preference_spread import spread, user_frame

TIES = pd.DataFrame({"source_id": ["ann", "bob"], "target_id": ["bob", "cy"]})


def fitted(world: SocialWorld, social: Any = None, **fit: Any) -> Any:
    """A small social model."""
    model = sf.SocialDiffusion(sf.Popularity(), damping=0.2, memory=0.0, background=0.1)
    return model.fit(world.interactions, social=world.social if social is None else social, **fit)


def test_the_ties_of_a_model_are_a_glass(tall: SocialWorld) -> None:
    """The amounts are those of a circle of the same friends, in the model's order of users."""
    model = fitted(tall)
    seed = model.user_ids_[int(np.argmax(np.diff(model.social_.indptr)))]
    found = spread(model, seed, [0.0, 1.0, 6.0])
    assert found.ids.tolist() == model.user_ids_.tolist()
    assert found.normalization == "doubly_stochastic"
    graph = as_social_graph(tall.social).with_nodes(model.user_ids_)
    circle = Circle(graph).drop(seed, 1.0)
    for row, seconds in ((1, 1.0), (2, 5.0)):
        amounts = pd.Series(circle.wait(seconds).concentration, index=graph.ids)
        assert found.amounts[row] == pytest.approx(amounts.loc[found.ids].to_numpy(), abs=1e-8)


def test_every_form_of_ties_is_the_same() -> None:
    """A frame of any library, a graph, a matrix, an operator, a circle."""
    graph = as_social_graph(TIES)
    forms = [
        TIES,
        pl.from_pandas(TIES),
        nx.path_graph(["ann", "bob", "cy"]),
        graph,
        Circle(graph),
        sf.PropagationOperator(graph),
    ]
    wanted = spread(TIES, "ann", [2.0]).amounts
    for form in forms:
        assert spread(form, "ann", [2.0]).amounts == pytest.approx(wanted, abs=1e-9)
    assert spread(graph.adjacency, 0, [2.0]).amounts == pytest.approx(wanted, abs=1e-9)


def test_directed_ties_carry_to_listeners_and_keep_the_total(tall: SocialWorld) -> None:
    """The kind "column" where nothing else is asked; another one on request."""
    model = fitted(tall, directed=True)
    listened = model.user_ids_[int(np.argmax(np.bincount(model.social_.indices)))]
    found = spread(model, listened, [0.0, 3.0])
    assert found.normalization == "column"
    assert found.amounts.sum(axis=1) == pytest.approx([1.0, 1.0])
    follows = nx.DiGraph([("fan", "idol")])
    assert spread(follows, "idol", [1.0]).amounts[0, 0] > 0
    assert spread(follows, "fan", [1.0]).amounts[0].tolist() == [1.0, 0.0]
    assert spread(follows, "idol", [1.0], normalization="row").normalization == "row"


def test_user_frame_speaks_of_users() -> None:
    """The first column is user_id, in the order of arrival."""
    frame = user_frame(spread(TIES, "cy", [0.0, 9.0], share=0.2))
    assert frame["user_id"].tolist() == ["cy", "bob", "ann"]


def test_what_has_no_ties_is_refused(tall: SocialWorld) -> None:
    """With the way out."""
    with pytest.raises(NotFittedError, match="SocialDiffusion must be fitted"):
        spread(sf.SocialDiffusion(), "ann", [1.0])
    popular = sf.Popularity().fit(tall.interactions)
    with pytest.raises(ValueError, match="model must have ties; got Popularity"):
        spread(popular, popular.user_ids_[0], [1.0])
    with pytest.raises(ValueError, match="must be left out with an operator"):
        spread(sf.PropagationOperator(as_social_graph(TIES)), "ann", [1.0], normalization="row")
    with pytest.raises(KeyError, match="seeds must be nodes of the graph; got 'eve'"):
        spread(TIES, "eve", [1.0])
    with pytest.raises(TypeError, match="social must be a pandas DataFrame"):
        spread([("ann", "bob")], "ann", [1.0])
