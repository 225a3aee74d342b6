"""The picture of a preference that spreads."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

from suffuse.datasets import as_social_graph
from suffuse.diffusion.drawing import dye_colours, figure_pixels
from suffuse.recsys.glass_story import PERSON
from suffuse.recsys.preference_spread import spread
from suffuse.recsys.spread_plots import draw_spread

GRAPH = as_social_graph(nx.connected_watts_strogatz_graph(30, 4, 0.2, seed=2))


def test_people_have_the_colour_of_what_they_hold() -> None:
    """One spot for each of those drawn, as dyed as the law of Beer and Lambert says."""
    found = spread(GRAPH, 3, [0.0, 2.0])
    axes = draw_spread(found, GRAPH.adjacency).axes
    assert [ax.get_title() for ax in axes[:2]] == [
        f"time 0: {found.reached(0.0)} reached",
        f"time 2: {found.reached(2.0)} reached",
    ]
    for row in (0, 1):
        (people,) = (c for c in axes[row].collections if isinstance(c, PathCollection))
        (ties,) = (c for c in axes[row].collections if isinstance(c, LineCollection))
        wanted = dye_colours(found.relative[row], clear=PERSON) / 255.0
        shown = np.asarray(people.get_facecolor())[:, :3]
        assert sorted(map(tuple, shown.round(6))) == sorted(map(tuple, wanted.round(6)))
        assert len(ties.get_paths()) == GRAPH.n_ties


def test_few_of_many_and_few_of_many_times() -> None:
    """Those whom it reached first, at five of the times; the picture says so."""
    found = spread(GRAPH, [3, 4], np.linspace(0.0, 9.0, 12))
    figure = draw_spread(found, GRAPH.adjacency, most=10)
    spots = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    assert len(spots[0].get_offsets()) == 10
    assert len(figure.axes) == 5 + 2
    texts = [text.get_text() for sub in figure.subfigs for text in sub.texts]
    assert any("10 of 30 people" in text for text in texts)


def test_many_distances_share_the_last_colour() -> None:
    """A long path has more distances than there are colours."""
    path = nx.path_graph(14)
    figure = draw_spread(spread(path, 0, [50.0]), nx.to_scipy_sparse_array(path, format="csr"))
    legend = figure.axes[1].get_legend()
    assert legend is not None
    assert legend.get_texts()[0].get_text() == "6 or more ties away"
    assert figure_pixels(figure).std() > 1


@pytest.mark.parametrize("most", [0, 2.5])
def test_a_bad_number_of_people_is_refused(most: object) -> None:
    """The value and the rule."""
    with pytest.raises(ValueError, match="most must be a whole number of at least 1"):
        draw_spread(spread(GRAPH, 3, [1.0]), GRAPH.adjacency, most=most)  # type: ignore[arg-type]
