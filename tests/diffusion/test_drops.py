"""Where drops fall, by hand."""

import numpy as np
import pytest

from suffuse.diffusion.drops import cells_of, node_of
from suffuse.diffusion.walls import make_vessel


def test_a_round_drop_is_measured_in_metres():
    """With cells of 1 by 2 m, 2 m are two cells along one axis and one along the other."""
    chosen = cells_of(make_vessel((7, 7), (1.0, 2.0), None), (3, 3), 2.0)
    np.testing.assert_array_equal(np.flatnonzero(chosen[:, 3]), [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(np.flatnonzero(chosen[3]), [2, 3, 4])


def test_a_drop_stops_at_an_obstacle():
    """Only cells of water are filled."""
    solid = np.zeros((3, 3), dtype=bool)
    solid[0] = True
    chosen = cells_of(make_vessel((3, 3), 1.0, solid), "centre", 1.0)
    np.testing.assert_array_equal(chosen, [[0, 0, 0], [1, 1, 1], [0, 1, 0]])


def test_the_centre_of_an_even_glass():
    """The two cells next to the middle along each even axis, one along each odd."""
    chosen = cells_of(make_vessel((4, 3), 1.0, None), "centre", None)
    np.testing.assert_array_equal(np.argwhere(chosen), [[1, 1], [2, 1]])


def test_an_empty_place():
    """A mask that holds nothing."""
    with pytest.raises(ValueError, match="at least one cell of water"):
        cells_of(make_vessel(4, 1.0, None), np.zeros(4, dtype=bool), None)


def test_nodes_by_their_label():
    """Numbers and words alike."""
    np.testing.assert_array_equal(node_of(np.array(["a", "b"], dtype=object), "b"), [False, True])
    with pytest.raises(KeyError, match="got 7"):
        node_of(np.array([1, 2]), 7)
