"""People as water: the same calls, the same laws."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm

from suffuse.diffusion import Circle, PropagationOperator


def test_a_preference_spreads_as_heat():
    """exp(-t (I - P)) of the doubly stochastic operator, by a dense exponential."""
    club = nx.karate_club_graph()
    matrix = PropagationOperator(club, "doubly_stochastic").to_sparse().toarray()
    circle = Circle(club, activity=2.0).drop(0, 1.0).wait(3.0, tol=1e-13)
    expected = expm(-6.0 * (np.eye(34) - matrix))[:, 0]
    np.testing.assert_allclose(circle.concentration, expected, atol=1e-12)
    assert circle.amount == pytest.approx(1.0, rel=1e-14)


def test_it_ends_evenly_mixed():
    """Everybody has the mean, within each connected circle."""
    graph = nx.disjoint_union(nx.star_graph(4), nx.path_graph(3))
    circle = Circle(graph).drop(0, 10.0)
    end = circle.equilibrium()
    np.testing.assert_allclose(end, [2.0] * 5 + [0.0] * 3, rtol=1e-12)
    np.testing.assert_allclose(circle.wait(500.0).concentration, end, rtol=1e-9)
    assert circle.time_to_mix() == np.inf


def test_one_of_many_is_unmixed():
    """All of it on one person is a segregation of 1, and an entropy of 0."""
    circle = Circle(nx.karate_club_graph()).drop(3, 2.0)
    assert circle.segregation == pytest.approx(1.0)
    assert circle.entropy == 0.0
    assert circle.mixedness == pytest.approx(0.0)


def test_twice_the_activity_is_half_the_time():
    """Activity is the temperature: it sets the pace and leaves the end as it is."""
    calm, lively = (Circle(nx.karate_club_graph(), activity=a) for a in (1.0, 2.0))
    assert lively.spectral_gap == pytest.approx(2 * calm.spectral_gap)
    assert lively.largest_step == pytest.approx(0.5 * calm.largest_step)
    one = calm.drop(0, 1.0).wait(2.0, stepper="implicit").concentration
    np.testing.assert_array_equal(
        one, lively.drop(0, 1.0).wait(1.0, stepper="implicit").concentration
    )


def test_raw_ids_and_frames():
    """An edge frame with names, as the recommender takes it."""
    ties = pd.DataFrame({"source_id": ["ann", "bob"], "target_id": ["bob", "cy"]})
    circle = Circle(ties, directed=False).drop("cy", 1.0)
    assert repr(circle) == "Circle(n=3, time=0, mixedness=0.0000)"
    assert circle.concentration[circle.operator.ids == "cy"] == 1.0


def test_bad_circles():
    """Unknown people, no activity, one-way ties."""
    with pytest.raises(KeyError, match="where must be a node of the graph; got 'dan'"):
        Circle(nx.path_graph(3)).drop("dan", 1.0)
    with pytest.raises(ValueError, match="activity must be positive and finite; got 0"):
        Circle(nx.path_graph(3), activity=0)
    with pytest.raises(ValueError, match="must have a symmetric adjacency"):
        Circle(nx.DiGraph([(0, 1)]))
