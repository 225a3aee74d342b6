"""The laws of propagation, on random graphs of every shape.

The graphs have isolated nodes, several components, self loops, one node, no tie at all, and
weights from 1e-6 to 1e6. ``KINDS`` are the normalizations of symmetric graphs; exponents also
take directed ones.
"""

from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion import PropagationOperator

EXPONENTS = ["row", "column", "symmetric", 0.3, 0.9]
EVEN = ["doubly_stochastic", "flux"]
KINDS = EXPONENTS + EVEN
ROUNDING = 1e-12

exactly = settings(deadline=None, max_examples=40, derandomize=True)
kinds = pytest.mark.parametrize("kind", KINDS)
evens = pytest.mark.parametrize("kind", EVEN)
exponents = pytest.mark.parametrize("kind", EXPONENTS)


@st.composite
def graphs(draw, *, directed=False, magnitude=6.0, max_nodes=9):
    """A dense non-negative adjacency of a named shape or of random ties."""
    n = draw(st.integers(1, max_nodes))
    shape = draw(st.sampled_from(["ties", "ties", "ties", "star", "path", "empty"]))
    if shape == "star":
        pairs = [(0, v) for v in range(1, n)]
    elif shape == "path":
        pairs = [(v - 1, v) for v in range(1, n)]
    elif shape == "empty":
        pairs = []
    else:
        node = st.integers(0, n - 1)
        pairs = draw(st.lists(st.tuples(node, node), max_size=3 * n))
    adjacency = np.zeros((n, n))
    for u, v in pairs:
        weight = 10.0 ** draw(st.floats(-magnitude, magnitude))
        adjacency[u, v] = weight
        if not directed:
            adjacency[v, u] = weight
    return adjacency


@st.composite
def states(draw, n, columns=2):
    """Values of either sign, one row per node."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    return rng.choice([0.0, 1.0, -2.0, 0.5], (n, columns)) + rng.standard_normal((n, columns))


@st.composite
def graphs_and_states(draw, **options):
    """A graph and a state on it."""
    adjacency = draw(graphs(**options))
    return adjacency, draw(states(len(adjacency)))


dampings = st.floats(0.0, 0.97)
times = st.floats(0.0, 30.0)


def operator(adjacency, kind):
    """The operator of a dense adjacency."""
    return PropagationOperator(sp.csr_array(adjacency), kind)


def exponent(kind):
    """The exponent that names of a kind stand for."""
    return {"row": 1.0, "column": 0.0, "symmetric": 0.5}.get(kind, 0.5 if kind in EVEN else kind)


def norm(block, kind):
    """The norm that the tolerance of a kind refers to, column by column."""
    s = exponent(kind)
    top = np.abs(block).max(axis=0)
    if s == 1.0:
        return top
    unit = np.abs(block) / np.where(top > 0, top, 1.0)
    return top * (unit ** (1.0 / (1.0 - s))).sum(axis=0) ** (1.0 - s)


def masses(adjacency, kind):
    """The degrees of the symmetric frame."""
    degrees = adjacency.sum(axis=1)
    return np.ones(len(adjacency)) if kind in EVEN else np.where(degrees > 0, degrees, 1.0)


def filters(op):
    """The functions of time of an operator, at a few knobs each, sharp."""
    scale = op.rate or 1.0
    return [
        op.apply,
        lambda x: op.diffuse(x, 0.3, tol=1e-11),
        lambda x: op.diffuse(x, 0.9, tol=1e-11),
        lambda x: op.diffuse(x, 0.8, n_hops=3),
        lambda x: op.heat(x, 0.7 / scale, tol=1e-11),
        lambda x: op.heat(x, 25.0 / scale, tol=1e-11),
    ]


class TestAgainstDenseAlgebra:
    """Every kind and filter equals what dense linear algebra computes."""

    @kinds
    @exactly
    @given(case=graphs_and_states(), damping=dampings)
    def test_diffuse_solves_the_system_within_tol(self, kind, case, damping):
        """The error is within the bound, and the bound within the tolerance."""
        adjacency, x = case
        self.check_diffuse(operator(adjacency, kind), kind, x, damping)

    @exponents
    @exactly
    @given(case=graphs_and_states(directed=True), damping=dampings)
    def test_diffuse_on_directed_graphs(self, kind, case, damping):
        """The same for directed graphs."""
        adjacency, x = case
        self.check_diffuse(operator(adjacency, kind), kind, x, damping)

    def check_diffuse(self, op, kind, x, damping):
        """Compare with a dense solve."""
        p = op.to_sparse().toarray()
        truth = (1 - damping) * np.linalg.solve(np.eye(op.n) - damping * p, x)
        result, bound = op.diffuse(x, damping, return_bound=True)
        assert (bound <= 1e-6 * norm(x, kind) * (1 + ROUNDING)).all()
        assert (norm(result - truth, kind) <= bound * (1 + ROUNDING) + 1e-12 * norm(x, kind)).all()

    @kinds
    @exactly
    @given(case=graphs_and_states(), tau=times)
    def test_heat_is_the_exponential_within_tol(self, kind, case, tau):
        """The error is within the bound, and the bound within the tolerance."""
        adjacency, x = case
        self.check_heat(operator(adjacency, kind), kind, x, tau)

    @exponents
    @exactly
    @given(case=graphs_and_states(directed=True), tau=times)
    def test_heat_on_directed_graphs(self, kind, case, tau):
        """The same for directed graphs."""
        adjacency, x = case
        self.check_heat(operator(adjacency, kind), kind, x, tau)

    def check_heat(self, op, kind, x, tau):
        """Compare with a dense exponential."""
        p = op.to_sparse().toarray()
        truth = scipy.linalg.expm(-tau * (np.eye(op.n) - p)) @ x if op.rate else x
        time = tau / op.rate if op.rate else tau
        result, bound = op.heat(x, time, return_bound=True)
        assert (bound <= 1e-6 * norm(x, kind) * (1 + ROUNDING)).all()
        assert (norm(result - truth, kind) <= bound + 1e-11 * norm(x, kind)).all()

    @kinds
    @exactly
    @given(case=graphs_and_states(), hops=st.integers(0, 6))
    def test_hops_are_the_damped_iteration(self, kind, case, hops):
        """``n_hops`` is x <- a P x + (1-a) b from x = b, and its bound holds."""
        adjacency, b = case
        op = operator(adjacency, kind)
        p, x, a = op.to_sparse().toarray(), b, 0.7
        for _ in range(hops):
            x = a * (p @ x) + (1 - a) * b
        result, bound = op.diffuse(b, a, n_hops=hops, return_bound=True)
        assert (norm(result - x, kind) <= 1e-12 * norm(b, kind)).all()
        truth = (1 - a) * np.linalg.solve(np.eye(op.n) - a * p, b)
        assert (norm(result - truth, kind) <= bound + 1e-12 * norm(b, kind)).all()


class TestWhatIsKept:
    """Range, total and norms."""

    @pytest.mark.parametrize("kind", ["row", *EVEN])
    @exactly
    @given(case=graphs_and_states())
    def test_range_is_kept(self, kind, case):
        """Averages lie between the least and the largest value, and constants stay."""
        adjacency, x = case
        op = operator(adjacency, kind)
        slack = 1e-9 * np.abs(x).max()
        for apply in filters(op):
            y = apply(x)
            assert (y >= x.min(axis=0) - slack).all()
            assert (y <= x.max(axis=0) + slack).all()
            np.testing.assert_allclose(apply(np.full(op.n, 3.0)), 3.0, rtol=1e-11)

    @exactly
    @given(case=graphs_and_states(directed=True))
    def test_range_is_kept_on_directed_graphs(self, case):
        """Averaging those one listens to needs no symmetry."""
        adjacency, x = case
        for apply in filters(operator(adjacency, "row")):
            y = apply(x)
            assert (y >= x.min(axis=0) - 1e-9).all()
            assert (y <= x.max(axis=0) + 1e-9).all()

    @exactly
    @given(case=graphs_and_states(), hops=st.integers(0, 5))
    def test_range_is_kept_exactly_at_every_hop(self, case, hops):
        """Truncated sums are convex combinations, so that no tolerance enters."""
        adjacency, x = case
        y = operator(adjacency, "row").diffuse(x, 0.9, n_hops=hops)
        assert (y >= x.min(axis=0) - 1e-13 * np.abs(x).max()).all()
        assert (y <= x.max(axis=0) + 1e-13 * np.abs(x).max()).all()

    @pytest.mark.parametrize("kind", ["column", *EVEN])
    @exactly
    @given(case=graphs_and_states())
    def test_total_is_kept(self, kind, case):
        """What one node loses another gains, also at a coarse tolerance."""
        adjacency, x = case
        op = operator(adjacency, kind)
        time = 3.0 / (op.rate or 1.0)
        coarse = [lambda x: op.diffuse(x, 0.9, tol=0.1), lambda x: op.heat(x, time, tol=0.1)]
        for apply in filters(op) + coarse:
            gap = np.abs(apply(x).sum(axis=0) - x.sum(axis=0))
            assert (gap <= 1e-9 * np.abs(x).sum(axis=0)).all()

    @exactly
    @given(case=graphs_and_states(directed=True))
    def test_total_is_kept_on_directed_graphs(self, case):
        """Mass needs no symmetry either."""
        adjacency, x = case
        for apply in filters(operator(adjacency, "column")):
            gap = np.abs(apply(x).sum(axis=0) - x.sum(axis=0))
            assert (gap <= 1e-9 * np.abs(x).sum(axis=0)).all()

    @exactly
    @given(case=graphs_and_states(directed=True), s=st.floats(0.0, 1.0))
    def test_exponent_never_expands_its_norm(self, case, s):
        """Every directed graph is non-expansive in the l_p norm with p = 1/(1-s)."""
        adjacency, x = case
        for apply in filters(operator(adjacency, s)):
            assert (norm(apply(x), s) <= norm(x, s) * (1 + 1e-9)).all()

    @evens
    @exactly
    @given(case=graphs_and_states(), p=st.sampled_from([1.0, 1.5, 2.0, 7.0, np.inf]))
    def test_even_kinds_never_expand_any_norm(self, kind, case, p):
        """Doubly stochastic matrices are contractions of every l_p space."""
        adjacency, x = case
        for apply in filters(operator(adjacency, kind)):
            before = np.array([np.linalg.norm(column, p) for column in x.T])
            after = np.array([np.linalg.norm(column, p) for column in apply(x).T])
            assert (after <= before * (1 + 1e-9)).all()

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_non_negative_stays_non_negative(self, kind, case):
        """Up to the tolerance, nothing turns negative."""
        adjacency, x = case
        x = np.abs(x)
        for apply in filters(operator(adjacency, kind)):
            assert (apply(x) >= -1e-10 * norm(x, kind)).all()

    @evens
    @exactly
    @given(case=graphs_and_states())
    def test_entropy_never_falls(self, kind, case):
        """A distribution only becomes more mixed."""
        adjacency, x = case
        x = np.abs(x) / np.abs(x).sum(axis=0)

        def entropy(y):
            y = np.clip(y, 1e-300, None)
            return -(y * np.log(y)).sum(axis=0)

        for apply in filters(operator(adjacency, kind)):
            assert (entropy(apply(x)) >= entropy(x) - 1e-8).all()

    @evens
    @exactly
    @given(adjacency=graphs())
    def test_even_kinds_are_symmetric_and_doubly_stochastic(self, kind, adjacency):
        """Rows and columns sum to one, entries are not negative, and P equals its transpose."""
        p = operator(adjacency, kind).to_sparse().toarray()
        np.testing.assert_array_equal(p, p.T)
        np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=0, atol=1e-13)
        assert p.min() >= 0


class TestSymmetriesOfTheOperator:
    """Adjoint, units, names of nodes, isolated nodes, columns."""

    @exactly
    @given(adjacency=graphs(directed=True), s=st.floats(0.0, 1.0))
    def test_adjoint_of_s_on_a_is_one_minus_s_on_its_transpose(self, adjacency, s):
        """And exactly the transpose of P."""
        s = round(s, 6)
        op = operator(adjacency, s)
        p = op.to_sparse().toarray()
        np.testing.assert_array_equal(op.adjoint.to_sparse().toarray(), p.T)
        np.testing.assert_allclose(operator(adjacency.T, 1 - s).to_sparse().toarray(), p.T)
        assert op.adjoint.adjoint is op
        assert op.T is op.adjoint

    @exponents
    @exactly
    @given(case=graphs_and_states())
    def test_adjoint_is_an_operator_like_any_other(self, kind, case):
        """Its bounds, end states and energies are those of the exponent that it has."""
        adjacency, x = case
        turned = 1 - exponent(kind)
        adjoint, twin = operator(adjacency, kind).adjoint, operator(adjacency.T, turned)
        size = norm(x, turned)
        still = adjoint.equilibrium(x) - twin.equilibrium(x)
        assert (norm(still, turned) <= 1e-12 * size).all()
        np.testing.assert_allclose(adjoint.dirichlet_energy(x), twin.dirichlet_energy(x))
        bound = adjoint.diffuse(x, 0.8, return_bound=True)[1]
        assert (bound <= 1e-6 * size * (1 + ROUNDING)).all()
        warmth = adjoint.heat(x, 2.0, return_bound=True)[1]
        assert (warmth <= 1e-6 * size * (1 + ROUNDING)).all()

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_inner_products_move_to_the_adjoint(self, kind, case):
        """<F(P) x, y> = <x, F(P^T) y> for every filter F."""
        adjacency, block = case
        x, y = block.T
        op = operator(adjacency, kind)
        scale = np.abs(x).sum() * np.abs(y).sum()
        for forward, backward in zip(filters(op), filters(op.adjoint), strict=True):
            assert abs(forward(x) @ y - x @ backward(y)) <= 1e-9 * scale

    @exponents
    @exactly
    @given(case=graphs_and_states(directed=True))
    def test_inner_products_move_to_the_adjoint_of_directed_graphs(self, kind, case):
        """The same for directed graphs."""
        adjacency, block = case
        x, y = block.T
        op = operator(adjacency, kind)
        scale = np.abs(x).sum() * np.abs(y).sum()
        for forward, backward in zip(filters(op), filters(op.adjoint), strict=True):
            assert abs(forward(x) @ y - x @ backward(y)) <= 1e-9 * scale

    @kinds
    @exactly
    @given(adjacency=graphs(), c=st.floats(1e-5, 1e5))
    def test_the_unit_of_the_weights_has_no_effect(self, kind, adjacency, c):
        """P(cA) = P(A)."""
        p, q = operator(adjacency, kind), operator(c * adjacency, kind)
        np.testing.assert_allclose(q.to_sparse().toarray(), p.to_sparse().toarray(), atol=1e-9)

    @exponents
    @exactly
    @given(adjacency=graphs(directed=True), c=st.floats(1e-5, 1e5), data=st.data())
    def test_units_and_names_of_directed_graphs_have_no_effect(self, kind, adjacency, c, data):
        """P(cQAQ') = Q P(A) Q' for directed graphs too."""
        order = np.array(data.draw(st.permutations(range(len(adjacency)))))
        there = np.ix_(order, order)
        renamed = operator(c * adjacency[there], kind).to_sparse().toarray()
        p = operator(adjacency, kind).to_sparse().toarray()
        np.testing.assert_allclose(renamed, p[there], atol=1e-9)

    @exponents
    @exactly
    @given(case=graphs_and_states(directed=True))
    def test_a_node_without_ties_keeps_its_value_on_directed_graphs(self, kind, case):
        """Under every filter."""
        adjacency, x = case
        n = len(adjacency)
        apart = np.zeros((n + 1, n + 1))
        apart[:n, :n] = adjacency
        x = np.vstack([x, [5.0, -7.0]])
        for apply in filters(operator(apart, kind)):
            np.testing.assert_allclose(apply(x)[n], x[n], rtol=1e-9)

    @kinds
    @exactly
    @given(adjacency=graphs(), data=st.data())
    def test_renaming_the_nodes_renames_the_result(self, kind, adjacency, data):
        """P(QAQ') = Q P(A) Q'."""
        order = np.array(data.draw(st.permutations(range(len(adjacency)))))
        there = np.ix_(order, order)
        renamed = operator(adjacency[there], kind).to_sparse().toarray()
        p = operator(adjacency, kind).to_sparse().toarray()
        np.testing.assert_allclose(renamed, p[there], atol=1e-9)

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_a_node_without_ties_keeps_its_value(self, kind, case):
        """Under every filter."""
        adjacency, x = case
        n = len(adjacency)
        apart = np.zeros((n + 1, n + 1))
        apart[:n, :n] = adjacency
        x = np.vstack([x, [5.0, -7.0]])
        for apply in filters(operator(apart, kind)):
            np.testing.assert_allclose(apply(x)[n], x[n], rtol=1e-9)

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_columns_do_not_touch_each_other(self, kind, case):
        """A block equals its columns one by one, and filters are linear."""
        adjacency, x = case
        for apply in filters(operator(adjacency, kind)):
            y = apply(x)
            size = 1e-9 * norm(x, kind).sum()
            for j in range(x.shape[1]):
                assert np.abs(apply(x[:, j]) - y[:, j]).max() <= size
            assert np.abs(apply(2.0 * x[:, 0] - x[:, 1]) - (2.0 * y[:, 0] - y[:, 1])).max() <= (
                4.0 * size
            )

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_single_precision_stays_single(self, kind, case):
        """float32 goes in and out and agrees with float64 to its rounding floor."""
        adjacency, x = case
        x = x.astype(np.float32)
        op = operator(adjacency, kind)
        result, bound = op.diffuse(x, 0.8, return_bound=True)
        assert result.dtype == np.float32
        allowed = max(1e-6, 8 * np.finfo(np.float32).eps / 0.2) * norm(x, kind)
        assert (bound <= allowed * (1 + 1e-6)).all()
        truth = op.diffuse(x.astype(float), 0.8, tol=1e-12)
        assert (norm(result - truth, kind) <= bound * (1 + 1e-6) + 1e-11 * norm(x, kind)).all()
        time = 3.0 / op.rate if op.rate else 3.0
        warm, bound = op.heat(x, time, return_bound=True)
        assert warm.dtype == np.float32
        truth = op.heat(x.astype(float), time, tol=1e-12)
        assert (norm(warm - truth, kind) <= bound + 1e-11 * norm(x, kind)).all()
        assert op.apply(x).dtype == op.equilibrium(x).dtype == np.float32


class TestTime:
    """Semigroup, identity, equilibrium, and quantities that only fall."""

    @kinds
    @exactly
    @given(case=graphs_and_states(), one=times, two=times)
    def test_heat_is_a_semigroup(self, kind, case, one, two):
        """Waiting twice is waiting once for the sum."""
        adjacency, x = case
        op = operator(adjacency, kind)
        scale = op.rate or 1.0
        at_once = op.heat(x, (one + two) / scale, tol=1e-11)
        in_turn = op.heat(op.heat(x, one / scale, tol=1e-11), two / scale, tol=1e-11)
        assert (norm(at_once - in_turn, kind) <= 1e-10 * norm(x, kind)).all()

    @kinds
    @exactly
    @given(case=graphs_and_states(), one=dampings, two=dampings)
    def test_filters_of_one_operator_commute(self, kind, case, one, two):
        """Damped filters can be swapped."""
        adjacency, x = case
        op = operator(adjacency, kind)
        ab = op.diffuse(op.diffuse(x, one, tol=1e-11), two, tol=1e-11)
        ba = op.diffuse(op.diffuse(x, two, tol=1e-11), one, tol=1e-11)
        assert (norm(ab - ba, kind) <= 1e-10 * norm(x, kind)).all()

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_nothing_happens_in_no_time(self, kind, case):
        """Damping 0 and time 0 are exact copies with bound 0."""
        adjacency, x = case
        op = operator(adjacency, kind)
        for result, bound in (
            op.diffuse(x, 0.0, return_bound=True),
            op.heat(x, 0.0, return_bound=True),
        ):
            np.testing.assert_array_equal(result, x)
            np.testing.assert_array_equal(bound, 0.0)
            assert not np.shares_memory(result, x)

    @kinds
    @settings(deadline=None, max_examples=25, derandomize=True)
    @given(case=graphs_and_states(magnitude=0.3, max_nodes=7))
    def test_heat_ends_at_equilibrium(self, kind, case):
        """A long time later every component, bipartite or not, is at its closed form."""
        adjacency, x = case
        op = operator(adjacency, kind)
        late = op.heat(x, 2000.0 / (op.rate or 1.0), tol=1e-10)
        np.testing.assert_allclose(late, op.equilibrium(x), atol=1e-7)

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_equilibrium_is_still(self, kind, case):
        """P leaves it alone, and it does not depend on when one looks."""
        adjacency, x = case
        op = operator(adjacency, kind)
        still = op.equilibrium(x)
        size = 1e-9 * norm(x, kind)
        assert (norm(op.apply(still) - still, kind) <= size).all()
        assert (norm(op.equilibrium(still) - still, kind) <= size).all()
        later = op.equilibrium(op.heat(x, 2.0 / (op.rate or 1.0), tol=1e-11))
        assert (norm(later - still, kind) <= size).all()

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_energy_and_variance_never_rise(self, kind, case):
        """In the symmetric frame, under damping and over time."""
        adjacency, x = case
        op = operator(adjacency, kind)
        weight = masses(adjacency, kind)[:, None] ** (2 * exponent(kind) - 1)
        scale = op.rate or 1.0
        size = (weight * x**2).sum(axis=0)

        def variance(y):
            return (weight * (y - op.equilibrium(y)) ** 2).sum(axis=0)

        states = [x] + [op.heat(x, t / scale, tol=1e-11) for t in (0.5, 1.0, 4.0)]
        damped = [x] + [op.diffuse(x, a, tol=1e-11) for a in (0.2, 0.5, 0.9)]
        for before, after in [*pairwise(states), *pairwise(damped)]:
            assert (variance(after) <= variance(before) + 1e-8 * size).all()
            rise = op.dirichlet_energy(after) - op.dirichlet_energy(before)
            assert (rise <= 1e-8 * size * scale).all()

    @evens
    @exactly
    @given(case=graphs_and_states())
    def test_plain_variance_never_rises(self, kind, case):
        """For the even kinds the usual variance falls, the undamped step included."""
        adjacency, x = case
        for apply in filters(operator(adjacency, kind)):
            assert (apply(x).var(axis=0) <= x.var(axis=0) + 1e-9).all()

    @kinds
    @exactly
    @given(case=graphs_and_states())
    def test_energy_is_the_quadratic_form_of_the_frame(self, kind, case):
        """y' rate (I - S) y by dense algebra; zero at equilibrium."""
        adjacency, x = case
        op = operator(adjacency, kind)
        half = masses(adjacency, kind) ** (exponent(kind) - 0.5)
        frame = half[:, None] * op.to_sparse().toarray() / half[None, :]
        y = half[:, None] * x
        expected = ((y - frame @ y) * y).sum(axis=0) * op.rate
        size = (y**2).sum(axis=0) * (op.rate or 1.0)
        energy = op.dirichlet_energy(x)
        assert (np.abs(energy - expected) <= 1e-9 * size).all()
        assert (energy >= 0).all()
        assert (op.dirichlet_energy(op.equilibrium(x)) <= 1e-12 * size).all()


class TestStability:
    """Damping bounds what smoothing, ties and gradients can do."""

    @kinds
    @exactly
    @given(case=graphs_and_states(), damping=dampings)
    def test_damping_cannot_oversmooth(self, kind, case, damping):
        """E(Rx) >= ((1-a)/(1+a))^2 E(x)."""
        adjacency, x = case
        op = operator(adjacency, kind)
        weight = masses(adjacency, kind)[:, None] ** (2 * exponent(kind) - 1)
        size = (weight * x**2).sum(axis=0) * (op.rate or 1.0)
        least = ((1 - damping) / (1 + damping)) ** 2 * op.dirichlet_energy(x)
        left = op.dirichlet_energy(op.diffuse(x, damping, tol=1e-11))
        assert (left >= least - 1e-8 * size).all()

    @pytest.mark.parametrize("kind", ["symmetric", *EVEN])
    @exactly
    @given(case=graphs_and_states(), damping=dampings)
    def test_gradients_neither_explode_nor_vanish(self, kind, case, damping):
        """(1-a)/(1+a) |g| <= |R^T g| <= |g|."""
        adjacency, g = case
        back = norm(operator(adjacency, kind).adjoint.diffuse(g, damping, tol=1e-11), kind)
        size = norm(g, kind)
        assert (back <= size * (1 + 1e-9)).all()
        assert (back >= (1 - damping) / (1 + damping) * size * (1 - 1e-9)).all()

    @kinds
    @exactly
    @given(data=st.data(), damping=dampings)
    def test_a_changed_tie_moves_every_state_little(self, kind, data, damping):
        """|(R(P) - R(Q)) x| <= a/(1-a) |(P - Q) R(Q) x| in the norm of every kind."""
        adjacency, x = data.draw(graphs_and_states(magnitude=1.0))
        n = len(adjacency)
        u, v = data.draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))
        changed = adjacency.copy()
        changed[u, v] = changed[v, u] = data.draw(st.floats(0.0, 10.0))
        p, q = operator(adjacency, kind), operator(changed, kind)
        there = q.diffuse(x, damping, tol=1e-11)
        moved = norm(p.diffuse(x, damping, tol=1e-11) - there, kind)
        bound = damping / (1 - damping) * norm(p.apply(there) - q.apply(there), kind)
        assert (moved <= bound + 1e-8 * (1 + norm(x, kind))).all()

    @pytest.mark.parametrize(
        ("kind", "order"),
        [("row", np.inf), ("column", 1), ("symmetric", 2), ("doubly_stochastic", 2), ("flux", 2)],
    )
    @exactly
    @given(data=st.data(), damping=dampings)
    def test_one_tie_more_moves_little(self, kind, order, data, damping):
        """|R(P) - R(Q)| <= a/(1-a) |P - Q| in the norm of the kind."""
        adjacency = data.draw(graphs(magnitude=1.0))
        n = len(adjacency)
        u, v = data.draw(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))
        changed = adjacency.copy()
        changed[u, v] = changed[v, u] = data.draw(st.floats(0.0, 10.0))
        p, q = operator(adjacency, kind), operator(changed, kind)
        moved = p.diffuse(np.eye(n), damping, tol=1e-11) - q.diffuse(np.eye(n), damping, tol=1e-11)
        gap = (p.to_sparse() - q.to_sparse()).toarray()
        bound = damping / (1 - damping) * np.linalg.norm(gap, order)
        assert np.linalg.norm(moved, order) <= bound + 1e-9


@kinds
def test_the_adjacency_is_never_densified(kind, monkeypatch):
    """Every filter of a graph of 20,000 nodes works where no sparse matrix can become dense."""
    rng = np.random.default_rng(0)
    ends = rng.integers(0, 20_000, (2, 60_000))
    half = sp.csr_array((np.ones(60_000), ends), shape=(20_000, 20_000))

    def refuse(self, *_, **__):
        raise AssertionError(f"{type(self).__name__} of shape {self.shape} was made dense")

    for form in (sp.csr_array, sp.csc_array, sp.coo_array, sp.dia_array):
        monkeypatch.setattr(form, "toarray", refuse)
        monkeypatch.setattr(form, "todense", refuse)
    op = PropagationOperator(half + half.T, kind)
    x = np.zeros(20_000)
    x[0] = 1.0
    for result in (op.diffuse(x, 0.5), op.heat(x, 1.0), op.apply(x), op.equilibrium(x)):
        assert np.isfinite(result).all()
    assert np.isfinite(op.adjoint.diffuse(x, 0.5)).all()
