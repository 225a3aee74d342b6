"""The manifest of a folder of lists: who may go on, and what may be replaced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suffuse.recsys.list_manifest import MANIFEST, begin, finish, part_name, refuse_taken

WANTED: dict[str, Any] = {"format": 1, "model": "a", "users": "b", "allowed": None, "k": 10}


def test_a_new_folder_gets_a_manifest_first(tmp_path: Path) -> None:
    """With what determines the lists; at the end also the counts."""
    begin(tmp_path, WANTED, 3, resume=False, overwrite=False)
    before = json.loads((tmp_path / MANIFEST).read_text())
    assert before == {**WANTED, "parts": 3, "done": None}
    finish(tmp_path, WANTED, {"users": 7, "rows": 70, "parts": 3})
    after = json.loads((tmp_path / MANIFEST).read_text())
    assert after == {**WANTED, "parts": 3, "done": {"users": 7, "rows": 70, "parts": 3}}
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_only_the_same_lists_go_on(tmp_path: Path) -> None:
    """Everything that differs is named, before anything is touched."""
    begin(tmp_path, WANTED, 3, resume=True, overwrite=False)
    part = tmp_path / part_name(0)
    part.write_bytes(b"part")
    begin(tmp_path, WANTED, 3, resume=True, overwrite=False)
    assert part.read_bytes() == b"part"
    other = {**WANTED, "model": "c", "users": "d", "allowed": "e", "k": 20}
    words = "the model differs, the users differ, items or exclude_items differ, k was 10 and is 20"
    with pytest.raises(ValueError, match=f"{words}: .* overwrite=True"):
        begin(tmp_path, other, 3, resume=True, overwrite=False)
    assert part.exists()
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match=f"readable {MANIFEST}"):
        begin(tmp_path, WANTED, 3, resume=True, overwrite=False)
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(ValueError, match=f"readable {MANIFEST}"):
        begin(tmp_path, WANTED, 3, resume=True, overwrite=False)


def test_who_cut_the_users_goes_on(tmp_path: Path) -> None:
    """One machine, or the same shards; a manifest that tells no such thing is not read."""
    kinds: dict[str, dict[str, Any]] = {
        "one machine": WANTED,
        "a cluster of 1 shard": {**WANTED, "cuts": [0, 9]},
        "a cluster of 2 shards": {**WANTED, "cuts": [0, 5, 9]},
    }
    for begun, wanted in kinds.items():
        begin(tmp_path, wanted, 3, resume=False, overwrite=True)
        (tmp_path / part_name(0)).write_bytes(b"part")
        begin(tmp_path, wanted, 3, resume=True, overwrite=False)
        for now in kinds.keys() - {begun}:
            with pytest.raises(ValueError, match=f"begun by {begun}, and this is {now}: go on as"):
                begin(tmp_path, {**kinds[now], "k": 20}, 3, resume=True, overwrite=False)
    with pytest.raises(ValueError, match="by a cluster of 2 shards, with other users in each: "):
        begin(tmp_path, {**WANTED, "cuts": [0, 4, 9]}, 3, resume=True, overwrite=False)
    (tmp_path / MANIFEST).write_text("[]")
    with pytest.raises(ValueError, match=f"readable {MANIFEST}"):
        begin(tmp_path, WANTED, 3, resume=True, overwrite=False)


def test_lists_are_replaced_when_asked_and_nothing_else_is(tmp_path: Path) -> None:
    """Old parts go; a file of somebody else's stops everything."""
    begin(tmp_path, WANTED, 3, resume=False, overwrite=False)
    (tmp_path / part_name(0)).write_bytes(b"part")
    (tmp_path / ".part-00001.parquet.0123456789abcdef.saving").mkdir()
    with pytest.raises(FileExistsError, match="resume=True, or begin anew with overwrite=True"):
        begin(tmp_path, WANTED, 3, resume=False, overwrite=False)
    begin(tmp_path, {**WANTED, "k": 20}, 2, resume=False, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    (tmp_path / "thesis.txt").write_text("mine")
    for options in ({"resume": True}, {"overwrite": True}, {}):
        given = {"resume": False, "overwrite": False, **options}
        with pytest.raises(FileExistsError, match=r"holds 'thesis\.txt'"):
            refuse_taken(tmp_path, **given)
    refuse_taken(tmp_path / "nowhere", resume=False, overwrite=False)


def test_parts_are_in_order_by_name() -> None:
    """As readers of a folder take them."""
    names = [part_name(number) for number in range(0, 99_999, 777)]
    assert names == sorted(names)
