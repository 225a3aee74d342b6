"""Data that comes with the package."""

import networkx as nx
import pandas as pd
import pytest

from suffuse.datasets import (
    Interactions,
    as_social_graph,
    co_attendance,
    load_davis,
    tiny_world,
)


def test_the_tiny_world_has_six_people_six_items_six_ties() -> None:
    """One person is known from the graph only."""
    world = tiny_world()
    graph = as_social_graph(world.social)
    assert (graph.n_nodes, graph.n_ties) == (6, 6)
    assert world.interactions.item_id.nunique() == 6
    assert set(graph.ids) - set(world.interactions.user_id) == {"finn"}


def test_every_call_gives_tables_of_its_own() -> None:
    """Changing one copy leaves the next as it was."""
    world = tiny_world()
    world.interactions.loc[0, "item_id"] = "changed"
    assert tiny_world().interactions.loc[0, "item_id"] == "chess"


def test_davis_is_the_graph_of_networkx() -> None:
    """The same 89 edges."""
    graph = nx.davis_southern_women_graph()
    pairs = set(load_davis().itertuples(index=False, name=None))
    assert len(pairs) == 89
    assert all(graph.has_edge(woman, event) for woman, event in pairs)
    assert graph.number_of_edges() == 89


def test_co_attendance_agrees_with_the_projection_of_networkx() -> None:
    """Weights are those of the weighted bipartite projection."""
    attendance = load_davis()
    women = sorted(set(attendance.user_id))
    projected = nx.bipartite.weighted_projected_graph(nx.davis_southern_women_graph(), women)
    expected = {
        frozenset((u, v)): weight for u, v, weight in projected.edges(data="weight") if weight >= 3
    }
    for table in (attendance, Interactions.from_frame(attendance)):
        ties = co_attendance(table)
        got = {
            frozenset((u, v)): weight for u, v, weight in ties.itertuples(index=False, name=None)
        }
        assert got == expected
        assert len(ties) == len(expected)


def test_co_attendance_counts_items_not_weights() -> None:
    """Two shared items are two, however often they were chosen."""
    frame = pd.DataFrame(
        {"user": ["a", "a", "b", "b"], "item": [1, 2, 1, 2], "count": [9, 9, 9, 9]}
    )
    assert co_attendance(frame, min_shared=2).weight.tolist() == [2.0]


@pytest.mark.parametrize("bad", [0, -1, True])
def test_at_least_one_item_must_be_shared(bad: int) -> None:
    """Everybody would be tied to everybody."""
    with pytest.raises(ValueError, match="min_shared must be a whole number of at least 1"):
        co_attendance(load_davis(), min_shared=bad)
