"""How much memory there is, in words."""

import os
from pathlib import Path

import pytest

from suffuse.recsys import memory
from suffuse.recsys.memory import available_bytes, readable_bytes


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KB"),
        (3 * 2**20, "3 MB"),
        (2.25 * 2**30, "2.25 GB"),
        (5 * 2**40, "5 TB"),
        (5000 * 2**40, "5000 TB"),
    ],
)
def test_readable_bytes(count: float, words: str) -> None:
    """Powers of 1024."""
    assert readable_bytes(count) == words


def test_available_bytes_is_within_the_machine() -> None:
    """More than nothing, at most what is built in."""
    found = available_bytes()
    assert found > 0
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        assert found <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_without_a_listing_the_whole_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems without /proc say how many pages they have."""
    monkeypatch.setattr(Path, "exists", lambda self: False)
    assert available_bytes() > 2**20


def test_the_limit_of_a_control_group(tmp_path: Path) -> None:
    """What a container leaves: the limit less what is used, for both versions, or no limit."""
    assert memory._available_in_group(tmp_path) == 2**63 - 1
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("300\n")
    assert memory._available_in_group(tmp_path) == 2**63 - 1
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory._available_in_group(tmp_path) == 700
