"""How much memory there is, in words."""

from __future__ import annotations

import os
from pathlib import Path


def available_bytes() -> int:
    """Bytes of memory that can be had now without swapping, as far as the system tells."""
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
