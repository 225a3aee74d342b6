"""The profile of a data set, by hand and by networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.recsys.data_profile import (
    HISTORIES,
    Profile,
    head_labels,
    history_labels,
    profile,
    profile_of,
)

ROWS = pd.DataFrame({"user_id": ["a", "a", "b", "c"], "item_id": ["x", "y", "x", "x"]})
TIES = pd.DataFrame({"source_id": ["a", "b", "n"], "target_id": ["b", "a", "c"]})


def test_a_small_table_by_hand() -> None:
    """Counts, density, who is cold; a user known from a tie alone is a user without items."""
    found = profile(ROWS, social=TIES)
    assert found.user_counts.tolist() == [2, 1, 1, 0]
    assert found.item_counts.tolist() == [3, 1]
    assert found.tie_counts is not None
    assert found.tie_counts.tolist() == [1, 1, 1, 1]
    assert (found.n_rows, found.n_ties, found.n_parts, found.largest_part) == (4, 2, 2, 2)
    assert found.density == 0.5
    frame = found.histories().set_index("users")
    assert frame["n_users"].tolist() == [1, 3, 0, 0]
    assert frame["with_ties"].tolist() == [1, 3, 0, 0]
    degrees = found.degrees().set_index("of")
    assert degrees.loc["items of a user", ["mean", "median", "largest", "none"]].tolist() == [
        1.0, 1.0, 2, 1,
    ]  # fmt: skip


@pytest.mark.parametrize("directed", [False, True])
def test_ties_and_parts_are_those_of_networkx(directed: bool) -> None:
    """Pairs, neighbours in either direction, connected parts."""
    rng = np.random.default_rng(4)
    dense = np.triu(rng.random((40, 40)) < 0.03, 1)
    dense = (rng.random((40, 40)) < 0.03) & ~np.eye(40, dtype=bool) if directed else dense | dense.T
    graph = nx.from_numpy_array(dense | dense.T)
    found = profile_of(sparse.csr_array(np.ones((40, 2))), sparse.csr_array(dense.astype(float)))
    assert found.n_ties == graph.number_of_edges()
    assert found.tie_counts is not None
    assert found.tie_counts.tolist() == [degree for _, degree in graph.degree()]
    sizes = [len(part) for part in nx.connected_components(graph) if len(part) > 1]
    assert (found.n_parts, found.largest_part) == (len(sizes), max(sizes))


def test_a_model_has_the_profile_of_its_tables() -> None:
    """Matrices of a fitted model and tables say the same."""
    world = sf.datasets.make_social_world(n_users=100, n_items=60, rng=0)
    model = sf.SocialDiffusion(sf.Popularity(), damping=0.0, memory=1.0, background=0.1)
    model.fit(world.interactions, social=world.social)
    one = profile(world.interactions, social=world.social, n_shuffles=5)
    other = profile_of(model.interactions_, model.social_, n_shuffles=5)
    assert one.sentences() == other.sentences()
    pd.testing.assert_frame_equal(one.agreement_frame(), other.agreement_frame())


def test_the_words() -> None:
    """Numbers of the frames in sentences; without a graph nothing is said of ties."""
    found = profile(ROWS, social=TIES)
    text = " ".join(found.sentences()).replace("\N{NO-BREAK SPACE}", " ")
    for words in (
        "4 users, 2 items and 4 rows: 50.00 % of all cells", "1 user (25.0 %) has no items",
        "all of them is tied", "2 pairs of people are tied", "Everybody has a tie",
    ):  # fmt: skip
        assert words in text, words
    assert len(profile(ROWS).sentences()) == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.3, "3.0 times as much"), (0.1, "can hardly help"), (0.01, "may mislead")],
)
def test_what_the_agreement_means(value: float, words: str) -> None:
    """Above, within and below where random graphs lie."""
    level = sf.recsys.tie_agreement.Level("friends", value, 0.1, 0.08, 0.12, 50)
    ones = np.array([1, 1])
    found = Profile(ones, ones.copy(), ones.copy(), agreement=(level,))
    assert words in found.sentences()[-1]


def test_no_ties_at_all() -> None:
    """A graph without a tie is a graph."""
    found = profile_of(sparse.csr_array(np.eye(3)), sparse.csr_array((3, 3)))
    assert (found.n_ties, found.n_parts, found.largest_part) == (0, 0, 0)
    assert "3 users (100.0" in " ".join(found.sentences())
    assert found.agreement == ()


def test_kinds_of_users_and_items() -> None:
    """At and beside the borders; the most popular fifth is rounded up."""
    found = history_labels([0, 1, 5, 6, 20, 21, 10**6])
    names = [name for name, _ in HISTORIES]
    assert found.tolist() == [names[place] for place in (0, 1, 1, 2, 2, 3, 3)]
    assert (head_labels(np.arange(11)) == "most popular fifth").nonzero()[0].tolist() == [8, 9, 10]


def test_values_are_frozen() -> None:
    """Arrays of a profile cannot be written to."""
    found = profile(ROWS)
    with pytest.raises(ValueError, match="read-only"):
        found.user_counts[0] = 5
