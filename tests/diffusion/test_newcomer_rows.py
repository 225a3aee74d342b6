"""Rows of P for newcomers, against the operator of the graph to which they have come."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

import suffuse as sf
from suffuse.diffusion.newcomer_rows import Doorway, NewTies, by_degrees, damped_newcomers

Floats = npt.NDArray[np.float64]

EXPONENTS = ["row", "symmetric", "column", 0.3]
seeds = st.integers(0, 10_000)


def graph(rng: np.random.Generator, n: int, *, directed: bool, density: float = 0.4) -> Floats:
    """A random weighted adjacency without self loops, some nodes without a tie."""
    weights = rng.integers(1, 4, (n, n)) * (rng.random((n, n)) < density)
    weights = np.asarray(np.triu(weights, 1) + (np.tril(weights, -1) if directed else 0), float)
    return weights if directed else weights + weights.T


def ties_of(listens: Floats, among: Floats, heard: Floats) -> NewTies:
    """Ties of newcomers from dense blocks; ``heard`` as a matrix (m, n)."""
    return NewTies(sp.csr_array(listens), sp.csr_array(among), heard.sum(axis=1))


def rows_of(adjacency: Floats, kind: str | float, ties: NewTies) -> tuple[Floats, Floats]:
    """The rows, dense."""
    matrix = sp.csr_array(adjacency)
    door = Doorway.of(sf.PropagationOperator(matrix, kind), matrix)
    listens, among = door.rows(ties)
    return listens.toarray(), among.toarray()


@settings(deadline=None, max_examples=40)
@given(seed=seeds, kind=st.sampled_from(EXPONENTS), directed=st.booleans(), mutual=st.booleans())
def test_one_newcomer_gets_the_row_of_the_larger_graph(
    seed: int, kind: str | float, directed: bool, mutual: bool
) -> None:
    """Whether the others listen back or not: the last row of ``P`` of the graph of n + 1."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    adjacency = graph(rng, n, directed=directed)
    listens = rng.integers(0, 3, (1, n)).astype(float)
    heard = listens * mutual
    larger = np.block([[adjacency, heard.T], [listens, np.zeros((1, 1))]])
    expected = sf.PropagationOperator(sp.csr_array(larger), kind).to_sparse().toarray()[n]
    found = rows_of(adjacency, kind, ties_of(listens, np.zeros((1, 1)), heard))
    np.testing.assert_allclose(np.hstack(found)[0], expected, atol=1e-12)


@pytest.mark.parametrize("kind", EXPONENTS)
def test_newcomers_who_know_each_other_alone(kind: str | float) -> None:
    """A component of its own: their rows are those of the operator on it."""
    rng = np.random.default_rng(0)
    for directed in (False, True):
        among = graph(rng, 6, directed=directed)
        expected = sf.PropagationOperator(sp.csr_array(among), kind).to_sparse().toarray()
        ties = ties_of(np.zeros((6, 3)), among, np.zeros((6, 3)))
        _, found = rows_of(graph(rng, 3, directed=False), kind, ties)
        np.testing.assert_allclose(found, expected, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, kind=st.sampled_from(["row", "doubly_stochastic"]))
def test_a_twin_gets_the_row_of_the_original(seed: int, kind: str) -> None:
    """The same ties, the same row; what the original keeps for itself, the twin keeps too."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    adjacency = graph(rng, n, directed=False)
    known = sf.PropagationOperator(sp.csr_array(adjacency), kind).to_sparse().toarray()
    nobody = np.zeros((n, n))
    listens, among = rows_of(adjacency, kind, ties_of(adjacency, nobody, nobody))
    np.testing.assert_allclose(listens, known - np.diag(known.diagonal()), atol=1e-9)
    np.testing.assert_allclose(among, np.diag(known.diagonal()), atol=1e-9)


def test_the_doubly_stochastic_row_solves_its_equation() -> None:
    """``s_u (sum_v A_uv s_v + l s_u) = 1`` by bisection; ``s`` of the graph from its own ``P``."""
    adjacency = np.array([[0, 1.0, 2], [1, 0, 0], [2, 0, 0]])
    matrix = sp.csr_array(adjacency)
    operator = sf.PropagationOperator(matrix, "doubly_stochastic")
    p, s = operator.to_sparse().toarray(), Doorway.of(operator, matrix).scale
    np.testing.assert_allclose(s[0] * adjacency[0] * s, p[0] * (adjacency[0] > 0), atol=1e-9)
    listens = np.array([[3.0, 0, 1]])
    own = brentq(lambda x: x * (3 * s[0] + s[2] + 2.0 * x) - 1.0, 1e-9, 10.0, xtol=1e-14)
    found, itself = rows_of(
        adjacency, "doubly_stochastic", ties_of(listens, np.zeros((1, 1)), listens)
    )
    np.testing.assert_allclose(found, own * listens * s, rtol=1e-9)
    np.testing.assert_allclose(itself, [[2.0 * own**2]], rtol=1e-9)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, kind=st.sampled_from(["doubly_stochastic", "flux"]))
def test_even_rows_sum_to_one(seed: int, kind: str) -> None:
    """Without a negative entry, ties among newcomers included and symmetric."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 8)), int(rng.integers(1, 8))
    listens = rng.integers(0, 3, (m, n)).astype(float)
    among = graph(rng, m, directed=False)
    found, itself = rows_of(graph(rng, n, directed=False), kind, ties_of(listens, among, listens))
    np.testing.assert_allclose(found.sum(axis=1) + itself.sum(axis=1), 1.0, atol=1e-12)
    assert found.min() >= 0
    assert itself.min() >= 0
    if kind == "doubly_stochastic":
        np.testing.assert_allclose(itself, itself.T, atol=1e-9)


def test_flux_is_what_the_rate_lets_through() -> None:
    """``A / rate``; one with more ties than the rate allows gets their mean."""
    path = np.array([[0, 1.0, 0], [1, 0, 1], [0, 1, 0]])
    listens = np.array([[1.0, 0, 0], [2, 1, 1]])
    nobody = np.zeros((2, 2))
    found, itself = rows_of(path, "flux", ties_of(listens, nobody, listens))
    np.testing.assert_allclose(found, [[0.5, 0, 0], [0.5, 0.25, 0.25]])
    np.testing.assert_allclose(itself, [[0.5, 0], [0, 0]])


@settings(deadline=None, max_examples=30)
@given(
    seed=seeds,
    kind=st.sampled_from([*EXPONENTS, "doubly_stochastic", "flux"]),
    unit=st.floats(1e-3, 1e3),
)
def test_the_unit_of_the_weights_does_not_matter(seed: int, kind: Any, unit: float) -> None:
    """``P(cA) = P(A)`` for newcomers too."""
    rng = np.random.default_rng(seed)
    adjacency, among = graph(rng, 5, directed=False), graph(rng, 3, directed=False)
    adjacency[0, 1] = adjacency[1, 0] = 1.0
    listens = rng.integers(0, 3, (3, 5)).astype(float)
    before = rows_of(adjacency, kind, ties_of(listens, among, listens))
    ties = ties_of(unit * listens, unit * among, unit * listens)
    for old, new in zip(before, rows_of(unit * adjacency, kind, ties), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-8)


def test_a_row_does_not_depend_on_other_newcomers() -> None:
    """Unless there is a tie: each alone, and all at once."""
    rng = np.random.default_rng(3)
    adjacency = graph(rng, 6, directed=False)
    listens = rng.integers(0, 3, (4, 6)).astype(float)
    for kind in (*EXPONENTS, "doubly_stochastic", "flux"):
        together, _ = rows_of(adjacency, kind, ties_of(listens, np.zeros((4, 4)), listens))
        for row in range(4):
            own = listens[row : row + 1]
            alone, _ = rows_of(adjacency, kind, ties_of(own, np.zeros((1, 1)), own))
            np.testing.assert_allclose(alone[0], together[row], rtol=1e-12)


def test_by_degrees_adds_the_own_tie_alone() -> None:
    """By hand: 2 / sqrt(4 * (7 + 2)), and a person to whom nobody listened before."""
    ties = ties_of(np.array([[2.0, 2.0]]), np.zeros((1, 1)), np.zeros((1, 2)))
    found, _ = by_degrees(ties, np.array([7.0, 0.0]), 0.5)
    np.testing.assert_allclose(found.toarray(), [[2 / 6, 2 / np.sqrt(8)]])


@settings(deadline=None, max_examples=40)
@given(seed=seeds, damping=st.floats(0.0, 0.95))
def test_damped_newcomers_solve_their_system(seed: int, damping: float) -> None:
    """``(I - a P_UU) z = (1-a) x + a P_UV z_V`` by a dense solve, loops included."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 8))
    among = graph(rng, m, directed=True) + np.diag(rng.random(m))
    among /= np.maximum(among.sum(axis=1, keepdims=True), 1e-12) * rng.uniform(1.0, 2.0, (m, 1))
    start, carried = rng.normal(size=(m, 3)), rng.normal(size=(m, 3))
    fixed = (1 - damping) * start + damping * carried
    expected = np.linalg.solve(np.eye(m) - damping * among, fixed)
    found = damped_newcomers(start, carried, sp.csr_array(among), damping)
    np.testing.assert_allclose(found, expected, atol=1.01e-6 * np.abs(expected).max())
