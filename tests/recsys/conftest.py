"""Two small social worlds that the tests of the room share."""

import pytest

import suffuse as sf
from suffuse.datasets import SocialWorld, WorldShape


@pytest.fixture(scope="session")
def tall() -> SocialWorld:
    """More users than items: EASE inverts the item side."""
    shape = WorldShape(mean_interactions=10, mean_degree=8)
    return sf.datasets.make_social_world(150, 60, homophily=0.8, shape=shape, rng=0)


@pytest.fixture(scope="session")
def wide() -> SocialWorld:
    """More items than users: EASE inverts the user side."""
    shape = WorldShape(mean_interactions=15, mean_degree=8)
    return sf.datasets.make_social_world(90, 150, homophily=0.8, shape=shape, rng=0)
