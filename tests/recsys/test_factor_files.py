"""Checkpoints of factors: whole or refused, and no more of them than two."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from suffuse.recsys.factor_files import (
    FINAL,
    RECORD,
    FactorPlan,
    Whole,
    item_file,
    last_whole,
    note_whole,
    read_factors,
    user_file,
    write_factors,
)


@pytest.fixture
def plan(tmp_path: Path) -> FactorPlan:
    """A plan whose folder is not there yet."""
    return FactorPlan(
        n_users=5,
        n_items=4,
        starts=(0, 2, 5),
        item_starts=(0, 2, 4),
        n_factors=3,
        regularization=1.0,
        confidence=2.0,
        popularity_discount=0.0,
        max_iter=9,
        use_weights=False,
        random_state=0,
        folder=str(tmp_path / "als"),
    )


def write_all(plan: FactorPlan, iteration: int) -> None:
    """What the workers and the driver write after an iteration."""
    for shard in range(2):
        write_factors(plan, user_file(iteration, shard), np.full((2, 3), iteration, np.float32))
        write_factors(plan, item_file(iteration, shard), np.full((2, 3), iteration, np.float32))
    note_whole(plan, Whole(iteration, False, 1.5, 2.5))


def test_what_is_written_is_read(plan: FactorPlan) -> None:
    """The bits, also of no rows at all and of a part of an array."""
    assert last_whole(plan, resume=True) is None
    whole = np.random.default_rng(0).random((6, 3), np.float32)
    for rows in (whole, whole[:0], whole[::2]):
        write_factors(plan, "als-1-00000-users.npy", rows)
        found = read_factors(plan, "als-1-00000-users.npy", len(rows))
        np.testing.assert_array_equal(found, rows)
        assert found.flags.writeable


def test_the_last_two_iterations_are_kept(plan: FactorPlan) -> None:
    """And the record says which the last is."""
    last_whole(plan, resume=True)
    for iteration in (1, 2, 3):
        write_all(plan, iteration)
    write_factors(plan, user_file(FINAL, 0), np.zeros((2, 3), np.float32))
    assert last_whole(plan, resume=True) == Whole(3, False, 1.5, 2.5)
    left = sorted(path.name for path in Path(plan.folder).iterdir())
    expected = [
        kind(iteration, shard)
        for iteration in (2, 3)
        for shard in range(2)
        for kind in (item_file, user_file)
    ]
    assert left == sorted([*expected, user_file(FINAL, 0), RECORD])


def test_without_resume_nothing_is_left(plan: FactorPlan) -> None:
    """But files of others stay."""
    last_whole(plan, resume=True)
    write_all(plan, 1)
    write_factors(plan, user_file(FINAL, 0), np.zeros((2, 3), np.float32))
    other = Path(plan.folder, "spread-0.npy")
    other.touch()
    assert last_whole(plan, resume=False) is None
    assert list(Path(plan.folder).iterdir()) == [other]


@pytest.mark.parametrize(
    "change", [{"confidence": 3.0}, {"starts": (0, 3, 5)}, {"tables": "x"}, {"max_iter": 8}]
)
def test_another_fit_is_refused(plan: FactorPlan, change: dict[str, object]) -> None:
    """Parameters, tables and shards must be those that the fit was begun with."""
    last_whole(plan, resume=True)
    write_all(plan, 1)
    other = dataclasses.replace(plan, **change)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"storage must hold no other fit .* resume=False"):
        last_whole(other, resume=True)


def test_the_folder_may_move(plan: FactorPlan, tmp_path: Path) -> None:
    """Its name determines nothing."""
    last_whole(plan, resume=True)
    write_all(plan, 1)
    moved = dataclasses.replace(plan, folder=str(Path(plan.folder).rename(tmp_path / "moved")))
    assert last_whole(moved, resume=True) == Whole(1, False, 1.5, 2.5)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9}', '{"plan": "x", "format": 1}'])
def test_a_damaged_record_is_named(plan: FactorPlan, text: str) -> None:
    """With the way out."""
    last_whole(plan, resume=True)
    Path(plan.folder, RECORD).write_text(text)
    with pytest.raises(ValueError, match=r"als\.json' is missing or damaged .* resume=False"):
        last_whole(plan, resume=True)


def test_damaged_factors_are_named(plan: FactorPlan) -> None:
    """Gone, cut short, or of another shape."""
    last_whole(plan, resume=True)
    name = user_file(1, 0)
    with pytest.raises(ValueError, match=rf"{name}' is missing or damaged .*No such file"):
        read_factors(plan, name, 2)
    write_factors(plan, name, np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"its shape is \(2, 3\)"):
        read_factors(plan, name, 3)
    path = Path(plan.folder, name)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="missing or damaged"):
        read_factors(plan, name, 2)
