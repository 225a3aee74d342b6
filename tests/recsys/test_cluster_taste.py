"""What lists need of the graph, on shards: what a dense solve says, where a group needs it."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

from suffuse.recsys import cluster_diffusion
from suffuse.recsys.channels import AGREEMENT_FLOOR, FAINT, Setting, Taste
from suffuse.recsys.cluster_taste import prepare_taste, taste_key
from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.selection import Selection
from suffuse.recsys.shard_parts import ShardFactors, ShardMemory, ShardRows, ShardTaste, ShardTies

Floats = npt.NDArray[Any]
N = 9


def world(seed: int) -> tuple[Floats, Floats]:
    """Weighted ties, at least one for each user, and factors."""
    rng = np.random.default_rng(seed)
    ties = (rng.random((N, N)) < 0.3) * rng.uniform(0.5, 3.0, (N, N))
    ties += np.roll(np.eye(N), 1, axis=1)
    np.fill_diagonal(ties, 0)
    return np.maximum(ties, ties.T), rng.standard_normal((N, 3)).astype(np.float32)


def put(state: ShardState, ties: Any, users: Floats, starts: tuple[int, ...]) -> None:
    """What a worker holds of a model."""
    state.put(ShardTies(ties, starts, state.shard))
    state.put(ShardFactors(users, np.empty((0, users.shape[1]), np.float32)))
    state.put(ShardRows(sparse.csr_array((len(users), 2), dtype=np.float32), starts, state.shard))


def place(workers: Any, ties: Floats, users: Floats, starts: tuple[int, ...]) -> None:
    """Hand the rows out."""
    given = [(sparse.csr_array(ties[a:b]), users[a:b], starts) for a, b in pairwise(starts)]
    workers.setup("world", put, given)


def taken(state: ShardState) -> tuple[dict[Taste, Any], Any]:
    """Diffused factors by taste, and the weights of ties where there are any."""
    memory = state.get(ShardMemory).ties.toarray() if state.has(ShardMemory) else None
    return state.get(ShardTaste).factors, memory


def joined(workers: Any) -> tuple[dict[Taste, Any], Any]:
    """The same of all workers."""
    found = workers.steadily(lambda: workers.fetch(workers.each(taken)))
    factors = {
        taste: None if first is None else np.concatenate([one[taste] for one, _ in found])
        for taste, first in found[0][0].items()
    }
    parts = [memory for _, memory in found]
    if any(part is None for part in parts):
        assert all(part is None for part in parts)
        return factors, None
    return factors, np.concatenate(parts)


def diffused(ties: Floats, users: Floats, damping: float) -> Floats:
    """``(1 - a) (I - a P)^-1 x`` with ``P = D^-1 A``, densely."""
    step = ties / ties.sum(axis=1, keepdims=True)
    found: Floats = (1 - damping) * np.linalg.solve(np.eye(len(ties)) - damping * step, users)
    return found


def agreed(ties: Floats, users: Floats) -> Floats:
    """``D^-1/2 C D^-1/2``, densely, with the sums of the rows and the columns of ``C``."""
    unit = users / np.linalg.norm(users, axis=1, keepdims=True)
    weights = ties * (np.maximum(unit @ unit.T, 0) + AGREEMENT_FLOOR)
    root = np.sqrt(weights.sum(axis=1))
    found: Floats = weights / root[:, None] / root[None, :]
    return found


def selection(warm: Setting, few: Setting, cold: Setting) -> Selection:
    """Settings of three groups over the plain average of friends."""
    return Selection("row", warm, few, cold)


def prepared(workers: Any, given: Selection, folder: Path, **changes: Any) -> Any:
    """What the workers hold after all."""
    prepare_taste(workers, given, folder, **{"key": "k", "resume": True, **changes})
    return joined(workers)


@pytest.mark.parametrize("starts", [(0, 9), (0, 1, 9), (0, 4, 8, 9), tuple(range(N + 1))], ids=len)
def test_taste_and_memory_are_those_of_a_dense_solve(
    workers_here: Any, tmp_path: Path, starts: tuple[int, ...]
) -> None:
    """For every taste of the three groups, once each, down to one user in a shard."""
    ties, users = world(0)
    workers = workers_here(len(starts) - 1)
    place(workers, ties, users, starts)
    given = selection(
        Setting(Taste(0.3), 1.0), Setting(Taste(0.8)), Setting(Taste(0.3), 0.5, FAINT)
    )
    factors, memory = prepared(workers, given, tmp_path / "deep" / "spread")
    assert list(factors) == [Taste(0.3), Taste(0.8)]
    for taste, found in factors.items():
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, diffused(ties, users, taste.damping), atol=1e-4)
    np.testing.assert_allclose(memory, agreed(ties, users), rtol=1e-5)


@pytest.mark.parametrize("group", ["warm", "few", "cold", None])
def test_ties_are_weighed_where_a_group_remembers(
    workers_here: Any, tmp_path: Path, group: str | None
) -> None:
    """One of the three is enough; without any, nothing is weighed and nothing is written."""
    ties, users = world(1)
    workers = workers_here(2)
    place(workers, ties, users, (0, 2, N))
    names = ("warm", "few", "cold")
    given = selection(*(Setting(memory=float(name == group)) for name in names))
    factors, memory = prepared(workers, given, tmp_path / "spread")
    assert factors == {Taste(): None}
    assert (memory is None) == (group is None)
    assert bool(list((tmp_path / "spread").iterdir())) == (group is not None)


def test_a_user_without_ties(workers_here: Any, tmp_path: Path) -> None:
    """Alone in the world: the own taste as it was, whatever the damping, and nobody to remember."""
    users = np.array([[1.0, -2.0]], np.float32)
    workers = workers_here(1)
    place(workers, np.zeros((1, 1)), users, (0, 1))
    given = selection(Setting(Taste(0.7, 2.0), 1.0), Setting(), Setting(Taste(0.7, 2.0)))
    factors, memory = prepared(workers, given, tmp_path)
    np.testing.assert_array_equal(factors[Taste(0.7, 2.0)], users)
    assert factors[Taste()] is None
    np.testing.assert_array_equal(memory, [[0.0]])


def test_what_is_finished_is_taken_by_its_key(
    workers_here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Solved once for a key; another key, or a word, solves anew, and what was noted is its own."""
    solved: list[float] = []
    real = cluster_diffusion.certified
    monkeypatch.setattr(
        cluster_diffusion,
        "certified",
        lambda panel, damping, *rest: (solved.append(damping), real(panel, damping, *rest))[1],
    )
    given = selection(Setting(Taste(0.3), 1.0), Setting(Taste(0.8)), Setting())
    ties, users = world(2)

    def run(x: Floats, **changes: Any) -> tuple[Any, int]:
        workers = workers_here(3)
        place(workers, ties, x, (0, 3, 4, N))
        return prepared(workers, given, tmp_path, **changes), len(solved)

    (first, memory), n = run(users)
    assert n == 2
    (again, weights), n = run(users)
    assert n == 2
    for taste in (Taste(0.3), Taste(0.8)):
        np.testing.assert_array_equal(again[taste], first[taste])
    np.testing.assert_array_equal(weights, memory)
    (other, weights), n = run(users[::-1], key="other")
    assert n == 4
    np.testing.assert_allclose(weights, agreed(ties, users[::-1]), rtol=1e-5)
    np.testing.assert_allclose(other[Taste(0.3)], diffused(ties, users[::-1], 0.3), atol=1e-4)
    assert run(users[::-1], key="other", resume=False)[1] == 6


def test_deaths_change_nothing(workers_here: Any, tmp_path: Path) -> None:
    """Of any worker, on the way and afterwards: a new one has what the others have."""
    ties, users = world(3)
    given = selection(Setting(Taste(0.5), 1.0), Setting(), Setting(Taste(0.6), 1.0, FAINT))
    found = []
    for place_of, deaths in enumerate([(), (5, 40), (20, 90, 140)]):
        workers = workers_here(3, deaths=deaths)
        place(workers, ties, users, (0, 2, 5, N))
        found.append(prepared(workers, given, tmp_path / str(place_of)))
        if deaths:
            assert workers.n_calls > max(deaths)
    for factors, memory in found[1:]:
        for taste in (Taste(0.5), Taste(0.6)):
            np.testing.assert_array_equal(factors[taste], found[0][0][taste])
        np.testing.assert_array_equal(memory, found[0][1])


def test_the_key_tells_models_and_cuts_apart() -> None:
    """The same for the same; another where either is another."""
    key = taste_key("a", (0, 2, 5))
    assert key == taste_key("a", (0, 2, 5))
    others = [taste_key("b", (0, 2, 5)), taste_key("a", (0, 3, 5)), taste_key("a", (0, 5))]
    assert len({key, *others}) == 4
