"""Dials of a fit on shards: given, chosen as one machine chooses, or noted by an earlier run."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import suffuse as sf
from suffuse.datasets import ShardedTables, SocialWorld
from suffuse.recsys import cluster_selection
from suffuse.recsys.cluster_selection import choose, selection_for
from suffuse.recsys.cluster_workers import ShardState
from suffuse.recsys.inputs import training_table
from suffuse.recsys.selection import Selection, to_settings
from suffuse.recsys.ties import with_ties

#: the file in which the choice is noted
NOTED = "settings.json"


def model(**changes: Any) -> sf.SocialDiffusion:
    """An unfitted model that leaves the memory and the background to a hold-out."""
    base = sf.ALS(n_factors=3, regularization=2.0, max_iter=2)
    dials: dict[str, Any] = {"normalization": "row", "damping": 0.3, "evidence": 2.0}
    return sf.SocialDiffusion(base, **{**dials, **changes})


@pytest.fixture(scope="module")
def tables(tall: SocialWorld, tmp_path_factory: pytest.TempPathFactory) -> ShardedTables:
    """A small world in three shards."""
    folder = tmp_path_factory.mktemp("selection") / "tables"
    rows = tall.interactions
    return sf.datasets.shard_tables(rows, folder, social=tall.social, directed=False, n_shards=3)


@pytest.fixture(scope="module")
def known(tall: SocialWorld) -> Selection:
    """What one machine chooses."""
    table, adjacency = with_ties(training_table(tall.interactions), tall.social, directed=False)
    return model().chosen_selection(table, adjacency)


def assert_same(one: Selection, other: Selection) -> None:
    """The same settings, and the same tables that say why."""
    assert to_settings(one) == to_settings(other)
    pd.testing.assert_frame_equal(one.ablation, other.ablation)
    pd.testing.assert_frame_equal(one.trials, other.trials)


@pytest.mark.parametrize(
    "given",
    [
        {"memory": 1.0, "background": 0.02},
        {"memory": 0, "background": 0, "damping": 0},
        {"memory": 1.0, "background": 0.02, "normalization": 0.3},
    ],
)
def test_what_is_given_asks_nobody(
    tables: ShardedTables, workers_here: Any, tmp_path: Path, given: dict[str, Any]
) -> None:
    """No worker is called, and nothing is noted."""
    workers, one = workers_here(3), model(**given)
    found = selection_for(workers, one, tables, tmp_path, resume=True)
    assert_same(found, one.given_selection(has_ties=True))
    assert found.warm.memory == given["memory"]
    assert workers.n_calls == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("directed", [None, False])
def test_without_a_tie_there_is_nothing_to_choose(
    tall: SocialWorld, workers_here: Any, tmp_path: Path, directed: bool | None
) -> None:
    """Without a graph, and with one that has no tie: the base alone, popularity for newcomers."""
    ties = None if directed is None else tall.social[:0]
    rows, folder = tall.interactions, tmp_path / "tables"
    tables = sf.datasets.shard_tables(rows, folder, social=ties, directed=directed, n_shards=2)
    workers = workers_here(2)
    found = selection_for(workers, model(), tables, tmp_path, resume=True)
    assert (found.warm.taste.damping, found.warm.memory) == (0, 0)
    assert (found.cold.memory, found.cold.background) == (0, 1)
    assert workers.n_calls == 0


@pytest.mark.parametrize("deaths", [(), (1, 3)])
def test_the_first_worker_chooses_as_one_machine(
    tables: ShardedTables, known: Selection, workers_here: Any, tmp_path: Path, deaths: Any
) -> None:
    """Whoever dies; the model of the driver stays as it was, and a run that goes on asks nobody."""
    one, workers = model(n_jobs=2), workers_here(3, deaths=deaths)
    found = selection_for(workers, one, tables, tmp_path, resume=True)
    assert_same(found, known)
    assert one.n_jobs == 2
    assert not hasattr(one, "damping_")
    again = workers_here(3)
    assert_same(selection_for(again, model(n_jobs=2), tables, tmp_path, resume=True), known)
    assert again.n_calls == 0


def test_a_choice_of_another_fit_is_not_taken(
    tall: SocialWorld,
    tables: ShardedTables,
    workers_here: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another model, other tables, or a word, asks again; the latest is noted."""
    asked: list[str] = []
    plain = model().given_selection(has_ties=False)
    monkeypatch.setattr(
        sf.SocialDiffusion, "chosen_selection", lambda one, *_: (asked.append(repr(one)), plain)[1]
    )
    other = sf.datasets.shard_tables(
        tall.interactions[:-1], tmp_path / "other", social=tall.social, n_shards=3
    )

    def count(one: sf.SocialDiffusion, given: ShardedTables, *, resume: bool = True) -> int:
        workers = workers_here(3)
        found = selection_for(workers, one, given, tmp_path, resume=resume)
        assert to_settings(found) == to_settings(plain)
        return len(asked)

    assert [count(model(), tables), count(model(), tables)] == [1, 1]
    assert count(model(), tables, resume=False) == 2
    assert count(model(), tables) == 2
    assert count(model(random_state=1), tables) == 3
    assert count(sf.SocialDiffusion(sf.ALS(n_factors=4), normalization="row"), tables) == 4
    assert count(model(), other) == 5
    assert [count(model(), tables), count(model(), tables)] == [6, 6]
    assert set(json.loads((tmp_path / NOTED).read_text())["settings"]) == {
        "normalization",
        "warm",
        "few",
        "cold",
    }


def test_who_is_not_asked_reads_nothing(tables: ShardedTables) -> None:
    """Neither the folder nor the model is looked at by other workers."""
    state = ShardState(shard=1, n_shards=3, n_threads=1)
    assert choose(state, None, "") is None
    found = choose(state, model(memory=0.5, background=0.0), str(tables.folder))
    assert found is not None
    assert found.warm.memory == 0.5


def test_tables_that_one_worker_cannot_hold(
    tables: ShardedTables, workers_here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker says what it has and what to do; nothing is read, nothing is noted."""
    monkeypatch.setattr(cluster_selection, "available_bytes", lambda: 2048)
    monkeypatch.setattr(ShardedTables, "to_interactions", None)
    sentence = r'must be numbers where they are "auto" .* it has 2 KB: .*settings=model\.settings_'
    with pytest.raises(MemoryError, match=sentence):
        selection_for(workers_here(3), model(), tables, tmp_path, resume=True)
    assert not list(tmp_path.iterdir())
