"""What waiting keeps, whatever the stepper, and how long it takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suffuse.diffusion import Glass, Partition


class TestLaws:
    """What is kept, for every stepper."""

    @settings(deadline=None, max_examples=40)
    @given(
        st.integers(0, 10_000),
        st.sampled_from(["heat", "explicit", "implicit"]),
        st.sampled_from([0.3, 1.0, 40.0]),
    )
    def test_amount_range_and_entropy(self, seed, stepper, lengths):
        """Amount to 1e-12, range exactly, entropy and mixedness never fall."""
        rng = np.random.default_rng(seed)
        shape = tuple(rng.integers(2, 7, rng.integers(1, 4)))
        field = 10.0 ** rng.uniform(-1, 1, shape)
        glass = Glass(shape, 1.0, diffusivity=field)
        for _ in range(3):
            glass.drop(tuple(rng.integers(0, shape)), float(rng.uniform(0.1, 2.0)))
        amount = glass.amount
        for _ in range(4):
            before = glass.concentration
            entropy, mixed = glass.entropy, glass.mixedness
            glass.wait(lengths * glass.largest_step, stepper=stepper)
            assert glass.amount == pytest.approx(amount, rel=1e-12)
            assert glass.concentration.min() >= before.min()
            assert glass.concentration.max() <= before.max()
            assert glass.entropy >= entropy - 1e-12
            assert glass.mixedness >= mixed - 1e-12

    def test_a_hundred_thousand_steps(self):
        """Amount to 1e-12 over 10^5 explicit steps in uneven water, which ends even."""
        field = 1.0 + np.random.default_rng(0).random((5, 4))
        glass = Glass((5, 4), 1.0, diffusivity=field).drop((1, 2), 0.3)
        step = glass.largest_step
        for _ in range(100):
            glass.wait(1000 * step, stepper="explicit", dt=step)
            assert glass.amount == pytest.approx(0.3, rel=1e-12)
        assert glass.time == pytest.approx(1e5 * step)
        np.testing.assert_allclose(glass.concentration, 0.3 / 20, rtol=1e-12)

    def test_a_hundred_thousand_waits(self):
        """The same, wait by wait, with weights that are not exact in binary."""
        glass = Glass((8, 9), 1.0, diffusivity=1.0).drop((3, 5), 1.0)
        for _ in range(100_000):
            glass.wait(0.2, stepper="explicit", dt=0.2)
        assert glass.amount == pytest.approx(1.0, rel=1e-12)

    @pytest.mark.parametrize("lengths", [0.5, 2.0, 25.0, 1e4])
    def test_implicit_is_never_negative(self, lengths):
        """From one cell, at steps of any length; the filter alone is so to its tolerance."""
        glass = Glass((15, 15), 1.0, diffusivity=1.0).drop("centre", 1.0)
        step = lengths * glass.largest_step
        for _ in range(3):
            glass.wait(step, stepper="implicit")
            assert glass.concentration.min() >= 0.0
        raw = glass.operator.diffuse(np.eye(225)[112], damping=lengths / (1 + lengths), tol=1e-12)
        assert raw.min() >= -1e-12

    def test_explicit_past_the_bound_refuses(self):
        """1.04 of the CFL step: an error with the bound, and an untouched glass."""
        glass = Glass((64, 64), 1.0, diffusivity=1.0).drop("centre", 1.0)
        before = glass.concentration
        assert glass.largest_step == 0.25
        with pytest.raises(ValueError, match=r"dt must be at most 0.25, the CFL bound.*got 0.26"):
            glass.wait(100.0, stepper="explicit", dt=1.04 * glass.largest_step)
        np.testing.assert_array_equal(glass.concentration, before)
        assert glass.time == 0.0

    def test_the_glass_runs_on_the_operator(self):
        """wait and equilibrium are heat, diffuse, apply and equilibrium of `operator`."""
        glass = Glass((7, 6), 1.0, diffusivity=1.0).drop((2, 3), 1.0)
        start, operator = glass.concentration.ravel(), glass.operator
        cases = {
            "heat": operator.heat(start, 3.0, tol=1e-12),
            "implicit": operator.diffuse(start, 3.0 * 4 / (1 + 3.0 * 4), tol=1e-12),
        }
        for stepper, expected in cases.items():
            other = Glass((7, 6), 1.0, diffusivity=1.0).drop((2, 3), 1.0)
            other.wait(3.0, stepper=stepper, tol=1e-12)
            np.testing.assert_allclose(other.concentration.ravel(), expected, atol=1e-12)
        np.testing.assert_array_equal(glass.equilibrium().ravel(), operator.equilibrium(start))


class TestTimeToMix:
    """A bound, and in the end the time itself."""

    @settings(deadline=None, max_examples=25)
    @given(st.integers(0, 10_000), st.floats(0.5, 0.999))
    def test_time_to_mix_is_kept(self, seed, target):
        """After it, the glass is mixed to the target, whatever the start, field or wall."""
        rng = np.random.default_rng(seed)
        walls = Partition(0, 4, hole=slice(0, 2)) if seed % 2 else None
        glass = Glass((8, 6), 1.0, diffusivity=rng.uniform(0.2, 3.0, (8, 6)), walls=walls)
        glass.drop(tuple(rng.integers(0, (8, 6))), 1.0).wait(float(rng.uniform(0, 3)))
        seconds = glass.time_to_mix(target)
        assert glass.wait(seconds, tol=1e-12).mixedness >= target - 1e-9
        assert glass.time_to_mix(target) == pytest.approx(0.0, abs=1e-6)

    def test_time_to_mix_is_sharp_in_the_end(self):
        """Once the slowest mode is alone, the bound is the time itself."""
        glass = Glass(20, 1.0, diffusivity=1.0).drop(0, 1.0).wait(200.0, tol=1e-14)
        left = glass.segregation / 10
        glass.wait(glass.time_to_mix(1.0 - left), tol=1e-14)
        assert glass.segregation == pytest.approx(left, rel=1e-4)
