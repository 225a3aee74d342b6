"""Both channels against dense formulas."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse

import suffuse as sf
from suffuse.datasets import Interactions, SocialGraph, SocialWorld
from suffuse.recsys.channels import (
    AGREEMENT_FLOOR,
    Setting,
    SocialChannels,
    Taste,
    add_rows,
    agreement,
    agreement_ties,
    evidence_weights,
    grouped_scores,
    score_scale,
    signal_cosines,
)

Floats = npt.NDArray[np.float64]

BASES = {
    "ALS": sf.ALS(n_factors=6, regularization=1.0),
    "EASE": sf.EASE(regularization=10.0),
    "SpectralFilter": sf.SpectralFilter(n_factors=4),
}


@pytest.fixture(params=[False, True], ids=["undirected", "directed"])
def adjacency(tall: SocialWorld, request: pytest.FixtureRequest) -> sparse.csr_array:
    """The ties of a world, weighted, among all who have interactions or ties."""
    ties = tall.social.assign(weight=np.arange(len(tall.social)) % 3 + 1.0)
    graph = SocialGraph.from_frame(ties, directed=request.param)
    found, _ = graph.reindex(table_of(tall).user_ids)
    return found


def table_of(world: SocialWorld) -> Interactions:
    """Everybody's interactions, users known from ties alone included."""
    table = Interactions.from_frame(world.interactions)
    return table.with_users(world.users["user_id"])


def fitted(name: str, world: SocialWorld) -> sf.ALS | sf.EASE | sf.SpectralFilter:
    """A base model on a world."""
    return BASES[name].fit(table_of(world))


def normalised(adjacency: Floats, kind: str) -> Floats:
    """``P`` by hand; who has no tie keeps what is theirs."""
    rows, columns = adjacency.sum(axis=1), adjacency.sum(axis=0)
    safe = [np.where(degrees > 0, degrees, 1.0) for degrees in (rows, columns)]
    if kind == "row":
        return adjacency / safe[0][:, None] + np.diag((rows == 0) * 1.0)
    p = adjacency / np.sqrt(safe[0])[:, None] / np.sqrt(safe[1])[None, :]
    return p + np.diag(((rows == 0) & (columns == 0)) * 1.0)


def channels_of(name: str, world: SocialWorld, ties: sparse.csr_array, kind: str) -> SocialChannels:
    """The channels of a fitted base."""
    return SocialChannels(fitted(name, world), ties, sf.PropagationOperator(ties, kind))


@pytest.mark.parametrize("kind", ["row", "symmetric"])
@pytest.mark.parametrize("evidence", [None, 3.0])
def test_taste_of_factors_is_the_damped_filter(
    tall: SocialWorld, adjacency: sparse.csr_array, kind: str, evidence: float | None
) -> None:
    """``((1 - w) I + w (1-a) (I - aP)^-1) X Y^T`` by a dense solve."""
    channels = channels_of("ALS", tall, adjacency, kind)
    base, n, a = channels.base, adjacency.shape[0], 0.4
    p = normalised(adjacency.toarray(), kind)
    spread = (1 - a) * np.linalg.solve(np.eye(n) - a * p, base.user_factors_.astype(float))
    if evidence is not None:
        held, ties = np.diff(base.interactions_.indptr), adjacency.toarray().sum(axis=1)
        social = evidence * ties
        weight = (social / np.where(held + social > 0, held + social, 1.0))[:, None]
        spread = (1 - weight) * base.user_factors_ + weight * spread
    expected = spread @ base.item_factors_.T.astype(float)
    taste = Taste(a, evidence)
    scores = channels.taste_scores(np.arange(n), channels.diffused(taste))
    np.testing.assert_allclose(scores, expected, atol=5e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["EASE", "SpectralFilter"])
@pytest.mark.parametrize("kind", ["row", "symmetric"])
@pytest.mark.parametrize("evidence", [None, 3.0])
def test_taste_of_preference_rows_reaches_two_hops(
    tall: SocialWorld, adjacency: sparse.csr_array, name: str, kind: str, evidence: float | None
) -> None:
    """``(1-a) (I + aP) + a^2 P^2`` in the place of the damped filter, then the item filter."""
    channels = channels_of(name, tall, adjacency, kind)
    base, n, a = channels.base, adjacency.shape[0], 0.4
    p = normalised(adjacency.toarray(), kind)
    spread = (1 - a) * (np.eye(n) + a * p) + a**2 * p @ p
    if evidence is not None:
        held, ties = np.diff(base.interactions_.indptr), adjacency.toarray().sum(axis=1)
        social = evidence * ties
        weight = (social / np.where(held + social > 0, held + social, 1.0))[:, None]
        spread = (1 - weight) * np.eye(n) + weight * spread
    signals = (spread @ base.interactions_.toarray()).astype(np.float32)
    rows = np.array([0, 7, 3, n - 1])
    diffused = channels.diffused(Taste(a, evidence))
    assert diffused.factors == (None,)
    scores = channels.taste_scores(rows, diffused)
    np.testing.assert_allclose(scores, base.score_signals(signals)[rows], rtol=1e-3, atol=2e-5)


def test_no_damping_is_the_base_exactly(tall: SocialWorld, adjacency: sparse.csr_array) -> None:
    """Bit for bit, whatever the evidence."""
    for name in BASES:
        channels = channels_of(name, tall, adjacency, "symmetric")
        rows = np.flatnonzero(np.diff(channels.base.interactions_.indptr))
        expected = channels.base.score_users(rows)
        for taste in (Taste(), Taste(0.0, 5.0)):
            found = channels.taste_scores(rows, channels.diffused(taste))
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", list(BASES))
def test_memory_is_the_friends_items_weighted_by_agreement(
    tall: SocialWorld, adjacency: sparse.csr_array, name: str
) -> None:
    """``D^-1/2 C D^-1/2 r``, C the ties times cosine of signals plus a floor, r = x / sqrt(n)."""
    channels = channels_of(name, tall, adjacency, "row")
    base, ties = channels.base, adjacency.toarray()
    signals = base.signals_
    dense = (signals if isinstance(signals, np.ndarray) else signals.toarray()).astype(float)
    lengths = np.linalg.norm(dense, axis=1)
    unit = dense / np.where(lengths > 0, lengths, 1.0)[:, None]
    agreement = ties * (np.maximum(unit @ unit.T, 0.0) + AGREEMENT_FLOOR)
    rows, columns = agreement.sum(axis=1), agreement.sum(axis=0)
    scale = np.outer(np.where(rows > 0, rows, 1.0), np.where(columns > 0, columns, 1.0))
    held = base.interactions_.toarray()
    held = held / np.sqrt(np.maximum(held.sum(axis=1), 1.0))[:, None]
    expected = agreement / np.sqrt(scale) @ held
    found = channels.memory_rows(np.arange(len(ties))).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert found[rows == 0].sum() == 0


def test_a_tie_to_oneself_is_no_memory_of_the_lonely(tall: SocialWorld) -> None:
    """The operator lets a user without ties keep their own; memory must not."""
    table = table_of(tall)
    nobody = sparse.csr_array((table.n_users, table.n_users))
    assert agreement_ties(fitted("EASE", tall), nobody).nnz == 0


def test_the_mix_is_the_sum_of_the_channels(tall: SocialWorld, adjacency: sparse.csr_array) -> None:
    """``taste + scale (memory rows + background q)``, q of root mean square 1; taste unchanged."""
    channels = channels_of("ALS", tall, adjacency, "row")
    rows = np.array([4, 1, 9])
    taste = channels.taste_scores(rows, channels.diffused(Taste()))
    before, memory = taste.copy(), channels.memory_rows(rows)
    counts = np.diff(channels.base.interactions_.tocsc().indptr).astype(float)
    q = counts / np.sqrt(np.mean(counts**2))
    expected = taste + channels.scale * (2.0 * memory.toarray() + 0.3 * q)
    found = channels.mix(taste, memory, Setting(Taste(), 2.0, 0.3))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(taste, before)
    np.testing.assert_array_equal(channels.mix(taste, memory, Setting()), before)


@pytest.mark.parametrize("name", list(BASES))
def test_the_scale_is_the_mean_score_of_training_cells(tall: SocialWorld, name: str) -> None:
    """Over all users where there are few."""
    base = fitted(name, tall)
    seen = base.interactions_.toarray() > 0
    expected = base.score_users(np.arange(len(seen)))[seen].astype(float).mean()
    np.testing.assert_allclose(score_scale(base), expected, rtol=1e-5)


def test_the_scale_of_a_model_without_scores_is_positive() -> None:
    """So that a cold user's popularity never turns round."""
    base = sf.EASE().fit(sparse.csr_array([[1.0, 0], [0, 1.0]]))
    assert not base.score_users(np.arange(2)).any()
    assert score_scale(base) > 0


def test_cosines_of_signals() -> None:
    """By hand: equal, orthogonal, opposite, and zero signals; dense and sparse alike."""
    signals = np.array([[3.0, 4], [6, 8], [-4, 3], [-3, -4], [0, 0]], np.float32)
    sources, targets = np.array([0, 0, 0, 0, 4]), np.array([1, 2, 3, 4, 4])
    for given in (signals, sparse.csr_array(signals)):
        found = signal_cosines(given, sources, targets)
        np.testing.assert_allclose(found, [1, 0, -1, 0, 0], atol=1e-6)


def test_add_rows() -> None:
    """``scores += weight * rows`` in place."""
    scores = np.ones((2, 3), np.float32)
    add_rows(scores, sparse.csr_array(np.array([[0, 2.0, 0], [1, 0, 3]], np.float32)), 0.5)
    assert scores.tolist() == [[1, 2, 1], [1.5, 1, 2.5]]


def test_evidence_weights() -> None:
    """``c d / (n + c d)`` by hand; 1 for everybody without c, 0 with neither items nor ties."""
    counts, ties = np.array([6, 0, 3, 0]), np.array([2.0, 1, 0, 0])
    found = evidence_weights(Taste(0.3, 3.0), counts, ties)
    np.testing.assert_allclose(found, [0.5, 1, 0, 0])
    assert evidence_weights(Taste(0.3), counts, ties).tolist() == [1, 1, 1, 1]


def test_agreement_is_the_cosine_plus_a_floor() -> None:
    """Times the tie; never negative."""
    signals = np.array([[1.0, 0], [1, 0], [-1, 0]], np.float32)
    ties = sparse.csr_array(np.array([[0, 2.0, 4], [0, 0, 0], [1, 0, 0]]))
    found = agreement(signals, ties).toarray()
    floor = AGREEMENT_FLOOR
    np.testing.assert_allclose(found, [[0, 2 * (1 + floor), 4 * floor], [0] * 3, [floor, 0, 0]])


@pytest.mark.parametrize("kind", ["row", "symmetric"])
def test_what_friends_pass_on_is_without_their_own_weight(
    tall: SocialWorld, adjacency: sparse.csr_array, kind: str
) -> None:
    """``F_P x`` of everybody by a dense solve, found once."""
    channels = channels_of("ALS", tall, adjacency, kind)
    n, a = adjacency.shape[0], 0.4
    p = normalised(adjacency.toarray(), kind)
    factors = channels.base.user_factors_.astype(float)
    expected = (1 - a) * np.linalg.solve(np.eye(n) - a * p, factors)
    found = channels.spread_of(0, a)
    np.testing.assert_allclose(found, expected, atol=5e-4 * np.abs(expected).max())
    assert channels.spread_of(0, a) is found
    columns = agreement(factors.astype(np.float32), adjacency).toarray().sum(axis=0)
    np.testing.assert_allclose(channels.agreement_sums, columns, rtol=1e-6)


def test_each_group_has_its_setting(tall: SocialWorld, adjacency: sparse.csr_array) -> None:
    """Many items, few, none; who has no ties and a setting of zeros keep the scores of the base."""
    channels = channels_of("EASE", tall, adjacency, "row")
    rows = np.arange(adjacency.shape[0])
    prepared = [
        (setting, channels.diffused(setting.taste))
        for setting in (Setting(Taste(0.3), 1.0), Setting(), Setting(Taste(0.6), 2.0, 0.5))
    ]
    base = np.full((len(rows), len(tall.items)), -1.0, np.float32)
    found = grouped_scores(base.copy(), rows, channels, prepared)
    has_ties = np.asarray(adjacency.sum(axis=1)).ravel() > 0
    kept = ~has_ties | ((channels.counts > 0) & (channels.counts <= 5))
    assert (found[kept] == -1).all()
    for group, (setting, diffused) in zip(
        (channels.counts > 5, channels.counts == 0), (prepared[0], prepared[2]), strict=True
    ):
        some = rows[group & has_ties]
        assert len(some)
        taste = channels.taste_scores(some, diffused)
        expected = channels.mix(taste, channels.memory_rows(some), setting)
        np.testing.assert_allclose(found[some], expected, rtol=1e-6)
