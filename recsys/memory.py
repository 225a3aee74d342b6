"""How much memory there is, in words."""

from __future__ import annotations

import os
from pathlib import Path


def available_bytes() -> int:
    """Bytes of memory that can be had now without swapping, as far as the system tells.

    In a container the limit of its control group counts, if that is lower than what the host has.
    """
    return min(_available_on_host(), _available_in_group())


def _available_in_group(folder: Path = Path("/sys/fs/cgroup")) -> int:
    """What the control group leaves (version 2 or 1), or more than there can be."""
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        limit, used = folder / limit_name, folder / used_name
        if limit.is_file() and used.is_file():
            text = limit.read_text(encoding="ascii").strip()
            if text.isdigit():
                return max(int(text) - int(used.read_text(encoding="ascii")), 0)
    return 2**63 - 1


def _available_on_host() -> int:
    listing = Path("/proc/meminfo")
    if listing.exists():
        for line in listing.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" in names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 2**63 - 1


def readable_bytes(count: float) -> str:
    """``count`` bytes with a unit: 1536 -> '1.5 KB'."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} TB"
