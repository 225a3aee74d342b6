"""What is hidden from whom."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import suffuse as sf
from suffuse.datasets import Interactions
from suffuse.recsys import holdout
from suffuse.recsys.holdout import CELL_SHARE, FEW, KEPT, USER_SHARE, Holdout, hide_cells, hold_out


def random_table(n_users: int, n_items: int, share: float, seed: int) -> Interactions:
    """A random table with at least one cell; some users may have none."""
    rng = np.random.default_rng(seed)
    dense = rng.random((n_users, n_items)) < share
    dense[0, 0] = True
    return Interactions.from_matrix(sparse.csr_array(dense.astype(float)))


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 80), st.integers(1, 12), st.floats(0.0, 1.0), st.integers(0, 99), st.booleans()
)
def test_laws(n_users: int, n_items: int, share: float, seed: int, tied: bool) -> None:
    """Disjoint, complete; nobody loses everything but those picked as cold, who have ties."""
    table = random_table(n_users, n_items, share, seed)
    has_ties = np.random.default_rng(seed + 1).random(n_users) < 0.5 * (1 + tied)
    held = hold_out(table, has_ties, random_state=seed)
    before, kept, hidden = (m.toarray() > 0 for m in (table.matrix, held.train.matrix, held.truth))
    assert not (kept & hidden).any()
    assert ((kept | hidden) == before).all()
    assert len(held.train) > 0
    lost = before.any(axis=1) & ~kept.any(axis=1)
    assert np.flatnonzero(lost).tolist() == held.cold.tolist()
    assert has_ties[held.cold].all()
    n_candidates = int((has_ties & before.any(axis=1)).sum())
    assert len(held.cold) == int(USER_SHARE * n_candidates)
    asked, left = hidden.any(axis=1), kept.sum(axis=1)
    assert np.flatnonzero(asked & (left > FEW)).tolist() == held.warm.tolist()
    assert np.flatnonzero(asked & (left > 0) & (left <= FEW)).tolist() == held.few.tolist()
    assert held.train.user_ids.tolist() == table.user_ids.tolist()
    assert held.train.item_ids.tolist() == table.item_ids.tolist()


def test_shares() -> None:
    """A tenth of the cells of the warm; of the users a twentieth whole, a twentieth but few."""
    table = random_table(2000, 50, 0.3, 0)
    held = hold_out(table, np.ones(2000, bool), random_state=1)
    assert len(held.cold) == 100
    left = np.diff(held.train.matrix.indptr)
    little = np.flatnonzero(np.isin(left, KEPT))
    assert len(little) == pytest.approx(100, abs=5)
    assert set(left[held.few]) >= set(KEPT)
    others = np.setdiff1d(np.arange(2000), [*held.cold, *held.few])
    share = held.truth[others].nnz / table.matrix[others].nnz
    assert share == pytest.approx(CELL_SHARE, abs=0.01)


def test_the_seed_decides() -> None:
    """The same seed hides the same, another seed something else."""
    table = Interactions.from_frame(sf.datasets.make_social_world(150, 60, rng=0).interactions)
    ties = np.ones(table.n_users, bool)

    def hidden(seed: int) -> bytes:
        return hold_out(table, ties, random_state=seed).truth.toarray().tobytes()

    assert hidden(3) == hidden(3)
    assert hidden(3) != hidden(4)


def test_at_most_draws_a_sorted_sample() -> None:
    """Of each group, seeded; small groups stay whole; the table stays."""
    table = random_table(400, 20, 0.5, 0)
    held = hold_out(table, np.ones(400, bool), random_state=0)
    few = held.at_most(30, random_state=7)
    assert isinstance(few, Holdout)
    assert len(few.warm) == 30
    assert few.cold.tolist() == held.cold.tolist()
    assert set(few.warm) <= set(held.warm)
    assert few.warm.tolist() == sorted(few.warm.tolist())
    assert few.warm.tolist() == held.at_most(30, random_state=7).warm.tolist()
    assert few.warm.tolist() != held.at_most(30, random_state=8).warm.tolist()
    assert few.train is held.train


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 60), st.integers(1, 12), st.floats(0.0, 1.0), st.integers(0, 99))
def test_laws_of_hidden_cells(n_users: int, n_items: int, share: float, seed: int) -> None:
    """Disjoint, complete, nobody loses all; those who lost something are asked, and they alone."""
    table = random_table(n_users, n_items, share, seed)
    held = hide_cells(table, random_state=seed)
    before, kept, hidden = (m.toarray() > 0 for m in (table.matrix, held.train.matrix, held.truth))
    assert not (kept & hidden).any()
    assert ((kept | hidden) == before).all()
    assert (kept.any(axis=1) == before.any(axis=1)).all()
    assert held.warm.tolist() == np.flatnonzero(hidden.any(axis=1)).tolist()
    assert len(held.few) == len(held.cold) == 0
    assert held.train.user_ids.tolist() == table.user_ids.tolist()
    assert held.train.item_ids.tolist() == table.item_ids.tolist()


def test_a_tenth_of_the_cells_is_hidden_by_the_seed() -> None:
    """Of users with many cells alike; another seed hides others; weights stay with their cells."""
    table = random_table(500, 60, 0.5, 0)
    held = hide_cells(table, random_state=1)
    assert held.truth.nnz / len(table) == pytest.approx(CELL_SHARE, abs=0.01)
    again = hide_cells(table, random_state=np.random.default_rng(1))
    assert (held.truth != again.truth).nnz == 0
    assert (held.truth != hide_cells(table, random_state=2).truth).nnz > 0
    weighted = table.matrix.copy()
    weighted.data = np.arange(1, weighted.nnz + 1, dtype=np.float64)
    parts = hide_cells(Interactions.from_matrix(weighted), random_state=1).train.matrix
    at = parts.nonzero()
    assert (np.asarray(parts[at]) == np.asarray(weighted[at])).all()


def test_users_of_one_item_are_never_asked() -> None:
    """There would be nothing left to know them by."""
    held = hide_cells(random_table(300, 1, 1.0, 0), random_state=0)
    assert held.truth.nnz == len(held.warm) == 0
    assert len(held.train) == 300


@pytest.mark.parametrize("n_drawn", [7, 1 << 22])
def test_the_draws_are_those_of_the_whole_table(
    n_drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number per row for the cells, one for the order, however many are drawn at a time."""
    monkeypatch.setattr(holdout, "_DRAWN", n_drawn)
    table = random_table(90, 15, 0.5, 0)
    held = hold_out(table, np.ones(90, bool), random_state=3)
    rng = np.random.default_rng(3)
    counts = np.bincount(table.users, minlength=90)
    candidates = rng.permutation(np.flatnonzero(counts))
    n_each = int(USER_SHARE * len(candidates))
    cells, order = rng.random(len(table)) < CELL_SHARE, rng.random(len(table))
    keeps = dict.fromkeys(candidates[:n_each].tolist(), 0)
    keeps |= dict(
        zip(candidates[n_each : 2 * n_each].tolist(), np.resize(KEPT, n_each), strict=True)
    )
    assert len(keeps) == 8
    expected = np.zeros((90, 15), bool)
    for user in range(90):
        rows = np.flatnonzero(table.users == user)
        hidden = rows[cells[rows]]
        if user in keeps:
            hidden = rows[np.argsort(order[rows])][keeps[user] :]
        elif len(hidden) == len(rows):
            hidden = rows[:0]
        expected[user, table.items[hidden]] = True
    np.testing.assert_array_equal(held.truth.toarray() > 0, expected)
