"""Fairness along ties."""

from __future__ import annotations

import math
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from suffuse.recsys import social_fairness as social

FRAME = pd.DataFrame({"source_id": ["a", "b", "c"], "target_id": ["b", "c", "z"]})


@pytest.mark.parametrize("directed", [True, False])
def test_ties_among_the_judged(directed: bool) -> None:
    """z is nobody whom we judge and still a tie of c; x is not in the graph."""
    ties, degrees = social.ties_among(FRAME, np.array(["c", "x", "b"]), directed=directed)
    assert ties.nnz == 1
    assert ties[0, 2] == (1.0 if directed else 2.0)
    assert degrees.tolist() == [2, 0, 2]


def test_every_kind_of_graph() -> None:
    """A networkx graph, and a frame without a row."""
    ties, degrees = social.ties_among(nx.path_graph(3), np.array([0, 1]))
    assert ties.nnz == 1
    assert degrees.tolist() == [1, 2]
    empty = FRAME.iloc[:0]
    ties, degrees = social.ties_among(empty, np.array([0, 1]), directed=False)
    assert ties.nnz == 0
    assert degrees.tolist() == [0, 0]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Utilities and a symmetric adjacency."""
    n = draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    upper = np.triu(rng.integers(0, 4, (n, n)) * (rng.random((n, n)) < 0.6), 1)
    return rng.random(n), (upper + upper.T).astype(float)


@settings(deadline=None, max_examples=60)
@given(worlds())
def test_social_gap_by_a_loop_and_by_the_laplacian(
    world: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
) -> None:
    """The sum over ties; squared it is ``x^T L x`` over the weight; ties may be stored twice."""
    values, adjacency = world
    ties = sparse.csr_array(np.triu(adjacency))
    pairs = [(u, v) for u in range(len(values)) for v in range(u) if adjacency[u, v]]
    found = social.social_gap(values, ties)
    if not pairs:
        assert math.isnan(found)
        return
    weight = sum(adjacency[pair] for pair in pairs)
    apart = sum(adjacency[u, v] * abs(values[u] - values[v]) for u, v in pairs)
    assert found == pytest.approx(apart / weight)
    laplacian = np.diag(adjacency.sum(axis=1)) - adjacency
    assert social.social_gap(values, ties, power=2.0) == pytest.approx(
        values @ laplacian @ values / weight
    )
    assert social.social_gap(values, sparse.csr_array(adjacency)) == pytest.approx(found)


def test_alike_friends_have_no_gap_and_nan_is_left_out() -> None:
    """Everybody served alike is 0; a tie to a user without a value does not count."""
    ties = sparse.csr_array([[5.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert social.social_gap([0.4, 0.4, 0.4], ties) == 0.0
    assert social.social_gap([0.0, 1.0, math.nan], ties) == 1.0
    with pytest.raises(ValueError, match="one row and column per value; got shape"):
        social.social_gap([0.4], ties)
    with pytest.raises(ValueError, match="finite weights of at least 0"):
        social.social_gap([0.0, 1.0], sparse.csr_array([[0.0, -1.0], [0.0, 0.0]]))


def test_the_error_of_the_social_gap_is_that_of_drawing_users_anew() -> None:
    """Against a thousand samples in which users, with their ties, count 0, 1, 2, ... times."""
    rng = np.random.default_rng(0)
    n = 400
    adjacency = np.triu(rng.random((n, n)) < 0.03, 1)
    values = rng.random(n)
    first, second = np.nonzero(adjacency)
    apart = np.abs(values[first] - values[second])
    drawn = []
    for _ in range(1000):
        times = rng.multinomial(n, np.full(n, 1 / n))
        weights = times[first] * times[second]
        drawn.append(weights @ apart / weights.sum())
    error = social.social_gap_error(values, sparse.csr_array(adjacency.astype(float)))
    assert error == pytest.approx(np.std(drawn), rel=0.15)
    assert math.isnan(social.social_gap_error([0.0, 1.0], sparse.csr_array([[0, 1], [0, 0]])))


def test_isolated_gap_by_hand() -> None:
    """Those without ties less the rest; a side that is empty is no side."""
    assert social.isolated_gap([0.2, 0.4, 0.6, math.nan], [0, 1, 2, 0]) == pytest.approx(-0.3)
    assert math.isnan(social.isolated_gap([0.2, 0.4], [1, 1]))
    assert math.isnan(social.isolated_gap([0.2, 0.4], [0, 0]))
    with pytest.raises(ValueError, match="one per value, 1; got"):
        social.isolated_gap([0.2], [1, 2])
