"""Folders with a published split."""

import json
from pathlib import Path

import pandas as pd
import pytest

from suffuse.datasets import as_social_graph, read_split_folder

DATA = Path(__file__).parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the published splits lie beside a development checkout only"
)
PART = pd.DataFrame({"user": [0, 1], "item": [1, 0], "freq": [3, 4]})


def make_folder(folder: Path, **checks: object) -> Path:
    """Write a small folder with train, test, social and users."""
    for name in ("train", "test"):
        PART.to_parquet(folder / f"{name}.parquet")
    pd.DataFrame({"user": [0], "friend": [1]}).to_parquet(folder / "social.parquet")
    pd.DataFrame({"user": [0, 1], "age": [30, 40]}).to_parquet(folder / "users.parquet")
    (folder / "meta.json").write_text(json.dumps({"name": "mine", "checks": checks}))
    return folder


def test_columns_get_our_names(tmp_path: Path) -> None:
    """user, item, freq, friend become ours; what is not there is None."""
    split = read_split_folder(make_folder(tmp_path))
    assert split.name == "mine"
    assert list(split.train.columns) == ["user_id", "item_id", "weight"]
    assert split.social is not None
    assert list(split.social.columns) == ["source_id", "target_id"]
    assert split.users is not None
    assert list(split.users.columns) == ["user_id", "age"]
    assert split.valid is None
    assert split.items is None


@pytest.mark.parametrize(
    ("checks", "directed"),
    [
        ({"social_symmetric": True, "social_reciprocity": 1.0}, False),
        ({"social_symmetric": False, "social_reciprocity": 0.0}, False),
        ({"social_symmetric": False, "social_reciprocity": 0.3}, True),
        ({}, None),
    ],
)
def test_direction_is_read_from_the_statistics(
    tmp_path: Path, checks: dict[str, object], directed: bool | None
) -> None:
    """Both directions listed, each pair once, a part of them mutual, unknown."""
    assert read_split_folder(make_folder(tmp_path, **checks)).directed is directed


def test_a_folder_without_meta_has_its_own_name(tmp_path: Path) -> None:
    """meta.json may be missing, but not broken."""
    folder = make_folder(tmp_path)
    (folder / "meta.json").unlink()
    assert read_split_folder(folder).name == tmp_path.name
    (folder / "meta.json").write_text("{")
    with pytest.raises(ValueError, match=r"meta\.json must be valid JSON"):
        read_split_folder(folder)
    (folder / "meta.json").write_text("[]")
    with pytest.raises(ValueError, match=r"meta\.json must hold an object"):
        read_split_folder(folder)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    """No folder, no train, no item column."""
    with pytest.raises(FileNotFoundError, match="existing folder"):
        read_split_folder(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=r"must hold train\.parquet; .* holds \[\]"):
        read_split_folder(tmp_path)
    folder = make_folder(tmp_path)
    pd.DataFrame({"user": [1]}).to_parquet(folder / "test.parquet")
    with pytest.raises(ValueError, match=r"test\.parquet.*must have a column 'item_id'"):
        read_split_folder(folder)


@needs_data
@pytest.mark.parametrize(
    "name",
    ["gbsr_yelp", "gbsr_douban_book", "lightgcn_lastfm", "lightgcn_gowalla", "capri_gowalla"],
)
def test_published_splits_have_their_published_counts(name: str) -> None:
    """Rows, ties and self ties are those that meta.json counts."""
    split = read_split_folder(DATA / name)
    counts = split.meta["counts"]
    assert len(split.train) == counts["train_interactions"]
    assert len(split.test) == counts["test_interactions"]
    assert (split.valid is not None) == ("valid_interactions" in counts)
    if split.social is None:
        assert "social_edges" not in counts
        return
    assert split.directed is False
    graph = as_social_graph(split.social, directed=split.directed)
    n_self = split.meta["checks"]["social_self_loops"]
    assert graph.n_self_ties == n_self
    assert len(split.social) == counts["social_edges"]
    assert graph.n_ties == counts["social_undirected_pairs"]
