"""Who hears of progress, and for how long."""

import pytest

import suffuse as sf
from suffuse.recsys.progress import as_share, progress_to, tell


def test_nobody_listens_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    """The library is silent."""
    tell("anything", 1, 2)
    sf.ALS(n_factors=2, regularization=1.0).fit(sf.datasets.tiny_world().interactions)
    assert capsys.readouterr() == ("", "")


def test_a_listener_hears_what_is_inside_the_block() -> None:
    """Not what comes before or after."""
    heard: list[tuple[str, int, int]] = []
    tell("before", 1, 1)
    with progress_to(lambda *news: heard.append(news)):
        tell("inside", 1, 2)
    tell("after", 1, 1)
    assert heard == [("inside", 1, 2)]


def test_the_inner_listener_hears_and_the_outer_comes_back() -> None:
    """Also when the inner block fails."""
    outer: list[str] = []
    inner: list[str] = []

    def fail() -> None:
        with progress_to(lambda stage, done, total: inner.append(stage)):
            tell("inner", 1, 1)
            raise RuntimeError("stop")

    with progress_to(lambda stage, done, total: outer.append(stage)):
        with pytest.raises(RuntimeError, match="stop"):
            fail()
        tell("outer", 1, 1)
    assert (outer, inner) == (["outer"], ["inner"])


def test_every_long_stage_is_told() -> None:
    """Fitting, choosing, recommending, finding similar items: from nothing done to all."""
    world = sf.datasets.make_social_world(120, 60, rng=0)
    first: dict[str, int] = {}
    last: dict[str, tuple[int, int]] = {}

    def listen(stage: str, done: int, total: int) -> None:
        first.setdefault(stage, done)
        last[stage] = (done, total)

    with progress_to(listen):
        base = sf.ALS(n_factors=4, regularization=1.0)
        model = sf.SocialDiffusion(base).fit(world.interactions, social=world.social)
        model.recommend(k=2)
        model.similar_items(k=2)
        sf.EASE().fit(world.interactions)
        sf.SpectralFilter().fit(world.interactions)
    assert set(last) == {
        "fitting ALS",
        "fitting EASE",
        "fitting SpectralFilter",
        "choosing on a hold-out",
        "normalising the graph",
        "diffusing",
        "recommending",
        "finding similar items",
    }
    assert set(first.values()) == {0}
    assert all(done == total for done, total in last.values())


def test_a_share_of_a_longer_stage() -> None:
    """A block's own steps count within the whole, other stages as they are; nobody may listen."""
    heard: list[tuple[str, int, int]] = []
    with progress_to(lambda *news: heard.append(news)):
        for first, last in ((0, 60), (60, 100)):
            with as_share("recommending", first, last, 100):
                tell("recommending", 0, 4)
                tell("compiling", 1, 1)
                tell("recommending", 4, 4)
        with as_share("recommending", 100, 100, 100):
            tell("recommending", 0, 0)
    assert heard == [
        ("recommending", 0, 100),
        ("compiling", 1, 1),
        ("recommending", 60, 100),
        ("recommending", 60, 100),
        ("compiling", 1, 1),
        ("recommending", 100, 100),
    ]
    with as_share("recommending", 0, 1, 1):
        tell("recommending", 1, 1)
