"""Certified solutions, of whatever answers the calls: here a dense matrix."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev as reference

from suffuse.diffusion.solving import certified, chebyshev, geometric, power_series, room


class DenseSteps:
    """Steps of a dense P, written down from the definition."""

    def __init__(self, P, x):
        self.P, self.now, self.before, self.total = P, x, x, None
        self.n_steps = 0

    @property
    def width(self):
        return self.now.shape[1]

    def begin(self, weight):
        self.total = weight * self.now

    def step(self, alpha, beta, weight):
        self.now, self.before = alpha * self.P @ self.now + beta * self.before, self.now
        self.total = self.total + weight * self.now
        self.n_steps += 1

    def norms(self, p):
        return np.linalg.norm(self.now, p, axis=0)

    def settle(self):
        pass


class DensePanel:
    """Columns to be damped by a dense P; ``slips`` are errors of the first solutions."""

    p, dtype = np.inf, np.dtype(np.float64)

    def __init__(self, P, b, *, directed, slips=0):
        self.P, self.b, self.directed, self.slips = P, b, directed, slips
        self.last, self.left, self.further, self.refined = None, None, None, []

    @property
    def x(self):
        return self.last.total if self.correction is None else self.last.total + self.correction

    correction = None

    def norms(self):
        return np.abs(self.b).max(axis=0)

    def steps(self):
        self.last = DenseSteps(self.P, self.b)
        return self.last

    def residual(self, damping):
        if self.slips and self.correction is None:
            self.correction = np.zeros_like(self.b)
            self.correction[0, 1] = 0.5
        self.left = (1 - damping) * self.b - self.x + damping * self.P @ self.x
        return np.abs(self.left).max(axis=0)

    def rest(self, columns):
        self.further = DensePanel(self.P, self.left[:, columns], directed=self.directed)
        return self.further

    def refine(self, columns, damping):
        self.refined.append(columns.tolist())
        if self.slips < 2:
            self.correction[:, columns] += self.further.x / (1 - damping)


@pytest.fixture
def averaging():
    """A dense P whose rows sum to one, symmetric."""
    ring = np.eye(7) / 3
    ring += (np.roll(np.eye(7), 1, axis=1) + np.roll(np.eye(7), -1, axis=1)) / 3
    return ring


@pytest.mark.parametrize("directed", [False, True])
def test_the_bound_holds(directed, averaging):
    """Both series reach the tolerance that they certify."""
    b = np.random.default_rng(0).standard_normal((7, 3))
    panel = DensePanel(averaging, b, directed=directed)
    bound = certified(panel, 0.8, 1e-7)
    truth = 0.2 * np.linalg.solve(np.eye(7) - 0.8 * averaging, b)
    assert (np.abs(panel.x - truth).max(axis=0) <= bound).all()
    assert (bound <= 1e-7 * np.abs(b).max(axis=0)).all()
    assert not panel.refined


def test_only_late_columns_are_refined(averaging):
    """What one column lacks is solved for by itself."""
    b = np.random.default_rng(0).standard_normal((7, 3))
    panel = DensePanel(averaging, b, directed=False, slips=1)
    bound = certified(panel, 0.8, 1e-7)
    truth = 0.2 * np.linalg.solve(np.eye(7) - 0.8 * averaging, b)
    assert panel.refined == [[1]]
    assert (np.abs(panel.x - truth).max(axis=0) <= bound).all()


def test_a_bound_that_does_not_fall_is_refused(averaging):
    """Where refining brings nothing, the tolerance that was reached is named."""
    b = np.ones((7, 3))
    panel = DensePanel(averaging, b, directed=False, slips=2)
    with pytest.raises(FloatingPointError, match=r"tol must be at least .* float64 .* got 1e-07"):
        certified(panel, 0.8, 1e-7)


def test_chebyshev_polynomials(averaging):
    """The sum of the series of numpy, in the eigenvectors of P."""
    b, weights = np.random.default_rng(0).standard_normal((7, 2)), np.array([0.5, 0.3, 0.1, 0.1])
    steps = DenseSteps(averaging, b)
    chebyshev(steps, weights)
    values, vectors = np.linalg.eigh(averaging)
    wanted = vectors @ (reference.chebval(values, weights)[:, None] * (vectors.T @ b))
    np.testing.assert_allclose(steps.total, wanted, atol=1e-13)
    assert steps.n_steps == 3


def test_power_series_by_its_tails(averaging):
    """``sum_(k<K) (1-a) a^k P^k b + a^K P^K b`` after K products."""
    b = np.random.default_rng(0).standard_normal((7, 2))
    steps = DenseSteps(averaging, b)
    power_series(steps, geometric(0.6), n_products=3)
    powers = [np.linalg.matrix_power(averaging, k) @ b for k in range(4)]
    wanted = sum(0.4 * 0.6**k * powers[k] for k in range(3)) + 0.6**3 * powers[3]
    np.testing.assert_allclose(steps.total, wanted, atol=1e-13)


def test_room_is_more_than_the_residual():
    """The bound is the residual over ``1 - a``, and a little more."""
    for kind in (np.float32, np.float64):
        eps = float(np.finfo(kind).eps)
        assert eps < room(np.dtype(kind), 0.75) / 4.0 - 1.0 < 3 * eps
