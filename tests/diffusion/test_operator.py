"""The public operator: what goes in, what comes out, what is refused."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

import suffuse.diffusion
from suffuse.diffusion import PropagationOperator

PATH = nx.path_graph(["ann", "bob", "cy"])


@pytest.fixture
def op():
    """Averaging on a path of three."""
    return PropagationOperator(PATH, "row")


class TestTheValue:
    """Attributes of the operator."""

    def test_attributes(self, op):
        """Everything that one may ask."""
        assert (op.n, op.shape, op.rate, op.directed) == (3, (3, 3), 1.0, False)
        assert op.normalization == "row"
        assert list(op.ids) == ["ann", "bob", "cy"]
        np.testing.assert_array_equal(op.degrees, [1, 2, 1])
        assert repr(op) == "PropagationOperator(n=3, normalization='row', directed=False)"

    def test_the_default_is_doubly_stochastic(self):
        """The kind that ends evenly mixed."""
        assert PropagationOperator(PATH).normalization == "doubly_stochastic"

    def test_public_names(self):
        """Every public name of the room exists."""
        for name in suffuse.diffusion.__all__:
            assert hasattr(suffuse.diffusion, name)

    def test_the_operator_is_a_value(self, op):
        """Nothing that it shows can change it."""
        for attribute in ("n", "ids", "normalization", "rate", "adjoint"):
            with pytest.raises(AttributeError):
                setattr(op, attribute, None)
        with pytest.raises(ValueError, match="read-only"):
            op.degrees[0] = 5.0
        op.to_sparse().data[:] = 0.0
        np.testing.assert_array_equal(op.apply(np.ones(3)), 1.0)

    @pytest.mark.parametrize(
        ("kind", "turned"), [("row", "column"), ("column", "row"), (0.25, 0.75), (1.0, 0.0)]
    )
    def test_names_of_adjoints(self, kind, turned):
        """s turns into 1 - s, on a directed graph too, and degrees into those of the transpose."""
        graph = nx.DiGraph([(0, 1), (0, 2)])
        adjoint = PropagationOperator(graph, kind).adjoint
        assert adjoint.normalization == turned
        assert adjoint.directed
        np.testing.assert_array_equal(adjoint.degrees, [0, 1, 1])

    @pytest.mark.parametrize("kind", ["symmetric", 0.5, "doubly_stochastic", "flux"])
    def test_symmetric_kinds_are_their_own_adjoint(self, kind):
        """No copy is made."""
        op = PropagationOperator(PATH, kind)
        assert op.adjoint is op


class TestValues:
    """Shapes and types of what is diffused."""

    @pytest.mark.parametrize("method", ["apply", "diffuse", "heat", "equilibrium"])
    @pytest.mark.parametrize(
        ("dtype", "expected"),
        [
            (np.float32, np.float32),
            (np.float64, np.float64),
            (np.int8, np.float64),
            (np.bool_, np.float64),
            (np.float16, np.float64),
        ],
    )
    def test_types(self, op, method, dtype, expected):
        """float32 stays, all else becomes float64; the input is not changed."""
        x = np.array([[1, 0], [0, 1], [1, 1]], dtype=dtype)
        before = x.copy()
        knob = {"diffuse": (0.5,), "heat": (1.0,)}.get(method, ())
        y = getattr(op, method)(x, *knob)
        assert (y.dtype, y.shape) == (expected, (3, 2))
        np.testing.assert_array_equal(x, before)
        assert not np.shares_memory(x, y)
        single = getattr(op, method)(x[:, 0], *knob)
        np.testing.assert_allclose(single, y[:, 0], rtol=1e-6)

    def test_memory_order_has_no_effect(self, op):
        """Fortran order, strides and read-only arrays are welcome."""
        x = np.arange(12.0).reshape(3, 4)
        frozen = np.asfortranarray(x)
        frozen.flags.writeable = False
        np.testing.assert_array_equal(op.diffuse(frozen, 0.4), op.diffuse(x, 0.4))
        np.testing.assert_allclose(op.heat(x[:, ::2], 1.0), op.heat(x, 1.0)[:, ::2], rtol=1e-14)

    def test_more_columns_than_one_pass_takes(self, op):
        """Columns beyond the first slice are filtered alike."""
        x = np.random.default_rng(0).standard_normal((3, 71))
        for filtered in (lambda x: op.diffuse(x, 0.6), lambda x: op.heat(x, 2.0)):
            np.testing.assert_allclose(filtered(x)[:, 70], filtered(x[:, 70]), rtol=1e-12)

    def test_no_columns(self, op):
        """A block without columns stays one."""
        empty = np.zeros((3, 0))
        assert op.apply(empty).shape == op.diffuse(empty, 0.5).shape == (3, 0)
        assert op.heat(empty, 0.5).shape == op.equilibrium(empty).shape == (3, 0)
        assert op.dirichlet_energy(empty).shape == (0,)

    def test_bounds(self, op):
        """A number for a vector, an array for a block."""
        x = np.array([[1.0, 2.0], [0.0, 1.0], [0.0, 0.0]])
        for call in (op.diffuse, op.heat):
            assert isinstance(call(x[:, 0], 0.5, return_bound=True)[1], float)
            assert call(x, 0.5, return_bound=True)[1].shape == (2,)
        hops, bound = op.diffuse(x[:, 0], 0.5, n_hops=0, return_bound=True)
        np.testing.assert_array_equal(hops, x[:, 0])
        assert bound >= np.abs(op.diffuse(x[:, 0], 0.5) - x[:, 0]).max() - 1e-6

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
    def test_sparse_step(self, op, dtype):
        """Sparse in, sparse out."""
        x = sp.coo_array(np.array([[4, 0], [0, 2], [0, 0]], dtype=dtype))
        y = op.apply(x)
        assert isinstance(y, sp.csr_array)
        assert y.dtype == (np.float32 if dtype == np.float32 else np.float64)
        np.testing.assert_array_equal(y.toarray(), [[0, 2], [2, 0], [0, 2]])

    def test_hops_reach_no_further(self):
        """After k hops nothing has gone beyond k ties."""
        op = PropagationOperator(nx.path_graph(8), "row")
        spread = op.diffuse(np.eye(8)[0], 0.9, n_hops=3)
        assert (spread[:4] > 0).all()
        np.testing.assert_array_equal(spread[4:], 0.0)


class TestRefusals:
    """Stability is a promise: wrong knobs and values stop with the value and the rule."""

    @pytest.mark.parametrize("wrong", [1.0, -0.1, 1.5, np.nan, np.inf])
    def test_damping(self, op, wrong):
        """Damping is in [0, 1)."""
        with pytest.raises(ValueError, match=r"damping must be a number in \[0, 1\); got"):
            op.diffuse(np.ones(3), wrong)

    @pytest.mark.parametrize("wrong", ["0.5", None, True])
    def test_damping_of_a_wrong_type(self, op, wrong):
        """A word is no damping."""
        with pytest.raises(TypeError, match=r"damping must be a number in \[0, 1\); got"):
            op.diffuse(np.ones(3), wrong)

    @pytest.mark.parametrize("wrong", [-1.0, np.inf, np.nan])
    def test_time(self, op, wrong):
        """Heat does not run backwards."""
        with pytest.raises(ValueError, match="time must be 0 or more and finite; got"):
            op.heat(np.ones(3), wrong)

    @pytest.mark.parametrize("wrong", [0.0, -1e-6, np.nan, np.inf])
    def test_tol(self, op, wrong):
        """A guarantee of nothing is refused."""
        for call in (op.diffuse, op.heat):
            with pytest.raises(ValueError, match="tol must be a positive finite number; got"):
                call(np.ones(3), 0.5, tol=wrong)

    def test_hops(self, op):
        """Hops are counted."""
        with pytest.raises(ValueError, match="n_hops must be a whole number, 0 or more; got -1"):
            op.diffuse(np.ones(3), 0.5, n_hops=-1)
        with pytest.raises(TypeError, match=r"n_hops must be a whole number, 0 or more; got 1\.5"):
            op.diffuse(np.ones(3), 0.5, n_hops=1.5)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
    def test_values(self, op, bad):
        """The place of a bad value is named."""
        x = np.ones((3, 2))
        x[2, 1] = bad
        for call in (op.apply, op.equilibrium, lambda x: op.diffuse(x, 0.5), op.dirichlet_energy):
            with pytest.raises(ValueError, match=r"X must be finite .*; got .* at row 2, column 1"):
                call(x)
        with pytest.raises(ValueError, match="X must be finite"):
            op.apply(sp.csr_array(x))

    def test_shapes(self, op):
        """The shape is quoted."""
        with pytest.raises(ValueError, match=r"X must have shape \(3,\) or \(3, m\); got \(4,\)"):
            op.apply(np.ones(4))
        with pytest.raises(ValueError, match=r"got \(3, 1, 1\)"):
            op.apply(np.ones((3, 1, 1)))
        with pytest.raises(ValueError, match=r"X must have shape \(3, m\); got \(2, 2\)"):
            op.apply(sp.csr_array((2, 2)))

    def test_kinds_of_values(self, op):
        """Numbers, dense where a filter makes them dense anyway."""
        with pytest.raises(TypeError, match="X must hold real numbers; got dtype complex128"):
            op.apply(np.ones(3) * 1j)
        with pytest.raises(TypeError, match=r"X must be a dense array here; .* pass X.toarray"):
            op.diffuse(sp.csr_array((3, 2)), 0.5)

    @pytest.mark.parametrize("method", ["equilibrium", "dirichlet_energy"])
    def test_what_directed_graphs_lack(self, method):
        """And the way out."""
        op = PropagationOperator(nx.DiGraph([(0, 1)]), "row")
        with pytest.raises(ValueError, match=f"{method} must have a symmetric .*directed=False"):
            getattr(op, method)(np.ones(2))
