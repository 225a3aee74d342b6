"""The glass against analytic results, and the laws that it keeps."""

import math

import numpy as np
import pytest
from scipy.fft import dctn, idctn
from scipy.special import erf

from suffuse.diffusion import Glass, Partition


def grid_cosine(n, k):
    """Eigenvector and eigenvalue of the insulated line: cos(pi k (j + 1/2) / n)."""
    return np.cos(np.pi * k * (np.arange(n) + 0.5) / n), 2 - 2 * np.cos(np.pi * k / n)


def filled(glass, values):
    """Drop a field of values, cell by cell, into a glass."""
    for cell in np.ndindex(*glass.shape):
        glass.drop(cell, float(values[cell]) * math.prod(glass.spacing))
    return glass


class TestAnalytic:
    """Closed forms of the grid, and of the continuum in its limit."""

    @pytest.mark.parametrize(
        ("shape", "modes"), [((64,), (3,)), ((24, 16), (2, 5)), ((8,) * 3, (1, 2, 3))]
    )
    def test_cosine_modes(self, shape, modes):
        """1 + a product of cosines decays at the sum of the rates, to 1e-12."""
        product, rate = np.ones(shape), 0.0
        for axis, (n, k) in enumerate(zip(shape, modes, strict=True)):
            wave, own = grid_cosine(n, k)
            product = product * wave.reshape([-1 if at == axis else 1 for at in range(len(shape))])
            rate += own
        glass = filled(Glass(shape, 1.0, diffusivity=0.7), 1.0 + 0.5 * product)
        glass.wait(2.0, tol=1e-14)
        expected = 1.0 + 0.5 * np.exp(-0.7 * rate * 2.0) * product
        np.testing.assert_allclose(glass.concentration, expected, atol=1e-12, rtol=0)

    @pytest.mark.parametrize("stepper", ["explicit", "implicit"])
    def test_cosine_modes_of_the_steppers(self, stepper):
        """(1 - dt mu)^m and (1 + dt mu)^-m, to 1e-12."""
        wave, rate = grid_cosine(32, 3)
        glass = filled(Glass(32, 1.0, diffusivity=1.0), 1.0 + 0.5 * wave)
        glass.wait(10.0, stepper=stepper, dt=0.4, tol=1e-14)
        factor = (1 - 0.4 * rate) if stepper == "explicit" else 1 / (1 + 0.4 * rate)
        expected = 1.0 + 0.5 * factor**25 * wave
        np.testing.assert_allclose(glass.concentration, expected, atol=1e-12, rtol=0)

    def test_heat_against_the_cosine_transform(self):
        """512 x 512 cells: 1e-10 from the exact solution of the grid after t = 1, 100 and 1000."""
        n = 512
        glass = Glass((n, n), 1.0, diffusivity=1.0)
        glass.drop((100, 300), 1.0, radius=20.0).drop((400, 60), 2.0)
        start = dctn(glass.concentration)
        rates = grid_cosine(n, np.arange(n))[1]
        rates = rates[:, None] + rates[None, :]
        for moment in (1.0, 100.0, 1000.0):
            glass.wait(moment - glass.time)
            exact = idctn(start * np.exp(-rates * moment))
            assert np.abs(glass.concentration - exact).max() <= 1e-10

    def test_point_source(self):
        """Variance 2 D t to 1e-6 before the wall, and the Gaussian itself to 1 % of its peak."""
        n, wander, moment = 201, 1.5, 120.0
        glass = Glass((n, n), 1.0, diffusivity=wander).drop("centre", 1.0).wait(moment, tol=1e-13)
        x = np.arange(n) - n // 2
        for axis in (0, 1):
            profile = glass.concentration.sum(axis=axis)
            assert (x**2 * profile).sum() == pytest.approx(2 * wander * moment, rel=1e-6)
        square = x[:, None] ** 2 + x[None, :] ** 2
        gauss = np.exp(-square / (4 * wander * moment)) / (4 * np.pi * wander * moment)
        assert np.abs(glass.concentration - gauss).max() < 0.01 * gauss.max()

    def test_order_two_in_space(self):
        """Twice the cells, a quarter of the error of the Gaussian."""
        errors = []
        for n in (50, 100, 200):
            x = (np.arange(n) + 0.5) / n
            start = 1 + np.cos(np.pi * x)
            glass = filled(Glass(n, 1.0 / n, diffusivity=1.0), start)
            glass.wait(0.1, tol=1e-13)
            exact = 1 + np.exp(-(np.pi**2) * 0.1) * np.cos(np.pi * x)
            errors.append(np.abs(glass.concentration - exact).max())
        orders = np.log2(np.array(errors[:-1]) / errors[1:])
        np.testing.assert_allclose(orders, 2.0, atol=0.02)

    def test_step(self):
        """A step between dye and water becomes an error function."""
        n = 400
        glass = Glass(n, 1.0 / n, diffusivity=1.0).drop(slice(0, n // 2), 0.5)
        glass.wait(2e-3)
        x = (np.arange(n) + 0.5) / n - 0.5
        exact = 0.5 * (1 - erf(x / np.sqrt(4 * 2e-3)))
        np.testing.assert_allclose(glass.concentration, exact, atol=1e-4)

    def test_product_solutions(self):
        """A corner drop in a body is the product of three lines."""
        body = Glass((9, 7, 8), (1.0, 0.5, 2.0), diffusivity=0.8)
        body.drop((0, 0, 0), body.spacing[0] * body.spacing[1] * body.spacing[2])
        body.wait(1.5, tol=1e-13)
        lines = []
        for size, edge in zip(body.shape, body.spacing, strict=True):
            line = Glass(size, edge, diffusivity=0.8).drop(0, edge).wait(1.5, tol=1e-13)
            lines.append(line.concentration)
        product = np.einsum("i,j,k->ijk", *lines)
        np.testing.assert_allclose(body.concentration, product, atol=1e-12)

    def test_a_step_in_d_bends_the_profile_as_it_should(self):
        """Between fixed ends the profile through layers of D = 1 and 4 is the exact one."""
        n = 40
        field = np.where(np.arange(n) < n // 2, 1.0, 4.0)
        glass = Glass(n, 1.0, diffusivity=field)
        generator = glass.operator.rate * (np.eye(n) - glass.operator.to_sparse().toarray())
        # the first and last cell are held; in between there is no source
        inner = np.linalg.solve(generator[1:-1, 1:-1], -generator[1:-1, 0] * 1.0)
        profile = np.concatenate([[1.0], inner, [0.0]])
        # resistances in series: 19 faces of 1, one of (1 + 1/4) / 2, 19 of 1/4
        steps = np.concatenate([np.full(19, 1.0), [0.625], np.full(19, 0.25)])
        exact = 1.0 - np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
        np.testing.assert_allclose(profile, exact, atol=1e-12)

    def test_decay_at_the_spectral_gap(self):
        """What is uneven ends as exp(-gap t), to 1e-4, walls and uneven water included."""
        rng = np.random.default_rng(3)
        glass = Glass(
            (20, 14),
            1.0,
            diffusivity=rng.uniform(0.5, 2.0, (20, 14)),
            walls=Partition(0, 10, hole=slice(4, 8)),
        )
        glass.drop((0, 0), 1.0).wait(12.0 / glass.spectral_gap * 0.5)
        before, span = glass.segregation, 1.0 / glass.spectral_gap
        glass.wait(span, tol=1e-14)
        rate = math.log(before / glass.segregation) / (2 * span)
        assert rate == pytest.approx(glass.spectral_gap, rel=1e-4)


class TestStirring:
    """Stirring alone never mixes; with diffusion it mixes sooner."""

    @pytest.mark.parametrize("flow", ["rotation", "shear"])
    def test_stirring_alone(self, flow):
        """The same values after 200 stirs, to the last bit; entropy and segregation stay."""
        glass = Glass((24, 24), 1.0).drop((8, 8), 1.0, radius=4.0).wait(1e9)
        before, entropy = np.sort(glass.concentration, axis=None), glass.entropy
        segregation = glass.segregation
        glass.stir(200, flow=flow)
        np.testing.assert_array_equal(np.sort(glass.concentration, axis=None), before)
        assert glass.entropy == pytest.approx(entropy, rel=1e-13)
        assert glass.segregation == pytest.approx(segregation, rel=1e-12)

    @pytest.mark.parametrize("flow", ["rotation", "shear"])
    def test_five_times_sooner(self, flow):
        """Explicit steps until segregation is 1e-3, with a stir every ten and without."""
        steps = {}
        for stirs in (False, True):
            glass = Glass((48, 48), 1.0, diffusivity=1.0).drop((10, 15), 1.0, radius=5.0)
            count = 0
            while glass.segregation > 1e-3:
                glass.wait(10 * glass.largest_step, stepper="explicit")
                count += 10
                if stirs:
                    glass.stir(flow=flow)
            steps[stirs] = count
        assert steps[False] >= 5 * steps[True]

    def test_two_species_move_together(self):
        """One stir moves the water with all that is in it."""
        glass = Glass((12, 12), 1.0, particle_radius={"a": 1e-9, "b": 2e-9})
        glass.drop((3, 4), 1.0, radius=2.0, species="a").drop((3, 4), 5.0, radius=2.0, species="b")
        a, b = glass.stir(3).concentration
        np.testing.assert_allclose(b, 5.0 * a, rtol=1e-15)

    def test_what_cannot_be_stirred(self):
        """Walls, lines, bad numbers, unknown flows."""
        walled = Glass((6, 6), 1.0, walls=Partition(0, 3))
        with pytest.raises(ValueError, match="walls must be absent for stirring"):
            walled.stir()
        with pytest.raises(ValueError, match="two axes"):
            Glass(6, 1.0).stir()
        with pytest.raises(ValueError, match=r"times must be a whole number, 0 or more; got -1"):
            Glass((6, 6), 1.0).stir(-1)
        with pytest.raises(ValueError, match="strength must be finite"):
            Glass((6, 6), 1.0).stir(strength=math.inf)
        with pytest.raises(ValueError, match="flow must be"):
            Glass((6, 6), 1.0).stir(flow="spoon")


class TestEnds:
    """What ends even and what does not."""

    def test_uneven_temperature(self):
        """Fick's form ends even for any field; Ito's ends as 1/D. Both keep the amount."""
        field = np.linspace(275.0, 370.0, 12)
        for form in ("fick", "ito"):
            glass = Glass(12, 1e-4, temperature=field, form=form).drop(3, 1e-4)
            end = glass.equilibrium()
            glass.wait(60.0 / glass.spectral_gap, tol=1e-13)
            np.testing.assert_allclose(glass.concentration, end, rtol=1e-8)
            assert glass.amount == pytest.approx(1e-4, rel=1e-12)
            flat = end if form == "fick" else end * glass.diffusivity
            assert flat.max() / flat.min() == pytest.approx(1.0, abs=1e-12)

    def test_the_forms_agree_in_uniform_water(self):
        """Where D is uniform, Ito's form is Fick's."""
        two = [Glass((6, 5), 1.0, diffusivity=2.0, form=form) for form in ("fick", "ito")]
        fick, ito = (glass.drop((1, 2), 1.0).wait(1.3, tol=1e-13).concentration for glass in two)
        np.testing.assert_allclose(fick, ito, atol=1e-13)

    def test_two_species(self):
        """Four times the radius, a quarter of the speed: the same state at four times the time."""
        radii = {"dye": 0.5e-9, "protein": 2e-9}
        glass = Glass((10, 9), 1e-4, particle_radius=radii)
        alone = Glass((10, 9), 1e-4, particle_radius=0.5e-9).drop((2, 3), 1.0)
        for name in radii:
            glass.drop((2, 3), 1.0, species=name)
        glass.wait(20.0, tol=1e-13)
        dye, protein = glass.concentration
        slack = 1e-12 * dye.sum()
        np.testing.assert_allclose(protein, alone.wait(5.0, tol=1e-13).concentration, atol=slack)
        np.testing.assert_allclose(dye, alone.wait(15.0, tol=1e-13).concentration, atol=slack)
        times = glass.time_to_mix(0.99)
        assert glass.species == ("dye", "protein")
        assert glass.spectral_gap[0] / glass.spectral_gap[1] == pytest.approx(4.0)
        assert times[1] > times[0]
        assert glass.largest_step == pytest.approx(alone.largest_step)
        np.testing.assert_allclose(glass.equilibrium(), np.full((2, 10, 9), 1 / 90 / 1e-8))

    def test_a_wall_with_a_hole(self):
        """It ends even, but later than an open glass."""
        open_glass = Glass((16, 16), 1.0)
        holed = Glass((16, 16), 1.0, walls=Partition(1, 8, hole=slice(7, 9)))
        end = holed.drop((0, 0), 16.0**2).equilibrium()
        np.testing.assert_allclose(end, 1.0, rtol=1e-13)
        assert holed.spectral_gap < 0.7 * open_glass.spectral_gap
        assert holed.time_to_mix(0.9) > open_glass.time_to_mix(0.9)

    def test_an_isolated_chamber(self):
        """Nothing leaks, not a bit; each chamber has its own equilibrium, also in Ito's form."""
        for form in ("fick", "ito"):
            glass = Glass((6, 8), 1.0, walls=Partition(1, 4), diffusivity=2.0, form=form)
            glass.drop((3, 1), 24.0)
            np.testing.assert_array_equal(glass.wait(500.0).concentration[:, 4:], 0.0)
            np.testing.assert_allclose(glass.concentration[:, :4], 1.0, rtol=1e-9)
            end = glass.drop((0, 7), 12.0).equilibrium()
            np.testing.assert_allclose(end[:, :4], 1.0, rtol=1e-13)
            np.testing.assert_allclose(end[:, 4:], 0.5, rtol=1e-13)

    def test_an_isolated_chamber_never_mixes(self):
        """The time to mix is infinite, and unknown before any dye is there."""
        glass = Glass((6, 8), 1.0, walls=Partition(1, 4))
        with pytest.raises(ValueError, match="several chambers: drop first"):
            glass.time_to_mix()
        assert glass.drop((3, 1), 1.0).time_to_mix() == math.inf

    def test_obstacles(self):
        """Cells of an obstacle are not there: no dye in them, none of the mean is theirs."""
        solid = np.zeros((7, 7), dtype=bool)
        solid[2:5, 3] = True
        glass = Glass((7, 7), 1.0, walls=solid).drop((3, 1), 46.0)
        end = glass.equilibrium()
        np.testing.assert_array_equal(end[solid], 0.0)
        np.testing.assert_allclose(end[~solid], 1.0, rtol=1e-13)
        assert glass.operator.n == 46
        assert np.isnan(glass.relative[solid]).all()
        np.testing.assert_array_equal(glass.water, ~solid)
        assert glass.wait(5.0).concentration[solid].max() == 0.0
        with pytest.raises(ValueError, match="where must hold at least one cell of water"):
            glass.drop((3, 3), 1.0)


class TestTimes:
    """Water in a real glass."""

    def test_an_unstirred_glass(self):
        """The slowest mode of 10 cm lasts L^2 / (pi^2 D), about 27 days."""
        days = 1.0 / Glass((256, 256), 0.1 / 256).spectral_gap / 86400
        assert round(days) == 27

    def test_hot_water_mixes_sooner(self):
        """80 C against 20 C: 3.4 times."""
        times = [Glass((32, 32), 1e-3, temperature=k).time_to_mix() for k in (293.15, 353.15)]
        assert round(times[0] / times[1], 1) == 3.4


class TestUse:
    """What a user may do, and what the glass says to what he may not."""

    def test_drops(self):
        """The centre, a cell, a slice, a mask, a round drop; amounts per volume of a cell."""
        glass = Glass((5, 5), 0.5).drop("centre", 1.0)
        assert glass.concentration[2, 2] == pytest.approx(4.0)
        assert glass.drop((slice(None), 0), 5.0).concentration[3, 0] == pytest.approx(4.0)
        mask = np.eye(5, dtype=bool)
        assert glass.drop(mask, 5.0).concentration[4, 4] == pytest.approx(4.0)
        assert glass.amount == pytest.approx(11.0)
        even = Glass((4, 4), 1.0).drop("centre", 4.0)
        np.testing.assert_array_equal(even.concentration[1:3, 1:3], 1.0)
        ball = Glass((9, 9, 9), 1.0).drop((4, 4, 4), 1.0, radius=1.0)
        assert np.count_nonzero(ball.concentration) == 7

    def test_a_state_cannot_be_written_to(self):
        """Concentration is a picture of the state and not the state."""
        glass = Glass(4, 1.0).drop(0, 1.0)
        with pytest.raises(ValueError, match="read-only"):
            glass.concentration[0] = 5.0

    def test_words(self):
        """The repr says where it stands."""
        glass = Glass((4, 4), (1e-3, 2e-3), particle_radius={"a": 1e-9, "b": 1e-9})
        text = "Glass(shape=(4, 4), spacing=0.001 x 0.002 m, time=0 s, mixedness=0.0000, clear)"
        assert repr(glass.drop((0, 0), 1.0, species="a")) == text

    def test_a_picture(self):
        """draw gives a figure of the glass, for a line and a body as well."""
        for shape in (16, (8, 8), (4, 4, 4)):
            figure = Glass(shape, 1e-3).drop("centre", 1.0).draw()
            assert figure.axes[0].get_images()
        both = Glass((8, 8), 1e-3, particle_radius={"a": 1e-9, "b": 2e-9})
        both.drop((0, 0), 1.0, species="a").drop((7, 7), 1.0, species="b")
        assert both.draw(species="b").axes[0].get_title() == "0 s, 0 % mixed"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"form": "stratonovich"}, "form must be 'fick' or 'ito'"),
            ({"temperature": 20.0}, "in kelvin: add 273.15"),
            ({"temperature": np.full((3, 3), 290.0)}, r"temperature must be a number or of shape"),
            ({"diffusivity": np.ones(3)}, r"diffusivity must be a number or of shape"),
            ({"diffusivity": -1.0}, "diffusivity must be positive and finite"),
            ({"particle_radius": {}}, "particle_radius must name one species or more"),
            ({"particle_radius": {"a": 1.0, "b": 1.0}, "diffusivity": 1.0}, "one alone with a"),
            ({"viscosity": 0.0}, "viscosity must be positive"),
        ],
    )
    def test_bad_glasses(self, options, message):
        """Each error names the argument, the rule and what came."""
        with pytest.raises(ValueError, match=message):
            Glass((4, 4), 1e-3, **options)

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda g: g.drop((9, 9), 1.0), IndexError, "where must lie in a glass"),
            (lambda g: g.drop("top", 1.0), ValueError, "where must be 'centre'"),
            (lambda g: g.drop((0, 0), 0.0), ValueError, "amount must be positive"),
            (lambda g: g.drop((0, 0), 1.0, radius=-1.0), ValueError, "radius must be 0 or more"),
            (lambda g: g.drop(slice(0, 2), 1.0, radius=1.0), ValueError, "or one cell"),
            (lambda g: g.drop((0, 0), 1.0, species="x"), KeyError, "species must be one of"),
            (lambda g: g.wait(-1.0), ValueError, "seconds must be 0 or more"),
            (lambda g: g.wait(1.0, stepper="rk4"), ValueError, "stepper must be 'heat'"),
            (lambda g: g.wait(1.0, dt=0.1), ValueError, "dt must be left out"),
            (lambda g: g.wait(1.0, stepper="implicit", dt=0.0), ValueError, "dt must be positive"),
            (lambda g: g.time_to_mix(1.0), ValueError, r"target must be a number in \[0, 1\)"),
            (lambda g: g.mixedness, ValueError, "clear water: drop first"),
        ],
    )
    def test_bad_calls(self, call, error, message):
        """Each error names the argument, the rule and what came."""
        with pytest.raises(error, match=message):
            call(Glass((4, 4), 1e-3))

    def test_ito_has_no_time_to_mix(self):
        """Its end is not even, and the error says so."""
        with pytest.raises(ValueError, match="got 'ito', which ends as 1/D"):
            Glass(4, 1.0, form="ito").time_to_mix()
