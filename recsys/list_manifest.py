"""The manifest of a folder of lists: what determines them, so that a run can go on with its own."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .fingerprint import ids_fingerprint, model_fingerprint, newcomers_fingerprint
from .newcomers import Newcomers
from .own_version import own_version
from .phrases import plural
from .recommend import ListRequest
from .store_files import SAVING, remove, sync_folder, write_file

#: readers of parquet pass over names that begin so
MANIFEST = "_manifest.json"
FORMAT = 1
#: under this name a folder that a cluster wrote has the starts of its shards; others have it not
CUTS = "cuts"

_OWN = re.compile(rf"part-\d{{5,}}\.parquet|{re.escape(MANIFEST)}|\..*{re.escape(SAVING)}")
#: how a person speaks of what only a sha256 knows
_SPOKEN = {
    "model": "the model",
    "users": "the users",
    "newcomers": "the newcomers",
    "allowed": "items or exclude_items",
}


def part_name(number: int) -> str:
    """The name of a part.

    Examples
    --------
    >>> part_name(3)
    'part-00003.parquet'
    """
    return f"part-{number:05d}.parquet"


def determinants(
    request: ListRequest, newcomers: Newcomers | None, users_per_part: int
) -> dict[str, Any]:
    """Everything that a list of the folder depends on, in plain words and numbers."""
    return {
        **versions(),
        "model": model_fingerprint(request.model),
        "users": ids_fingerprint(request.asked.ids),
        "newcomers": None if newcomers is None else newcomers_fingerprint(newcomers),
        "n_users": len(request.asked.ids),
        "k": request.k,
        "filter_seen": request.filter_seen,
        "allowed": allowed_digest(request.allowed),
        "users_per_part": users_per_part,
    }


def versions() -> dict[str, Any]:
    """What the bytes of a part depend on besides its lists."""
    return {"format": FORMAT, "suffuse": own_version(), "pyarrow": pa.__version__}


def allowed_digest(allowed: npt.NDArray[np.bool_] | None) -> str | None:
    """The sha256 of which items may be recommended; None where all may."""
    return None if allowed is None else hashlib.sha256(allowed.tobytes()).hexdigest()


def refuse_taken(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Raise ``FileExistsError`` where a folder holds something else, or lists that are to stay."""
    there = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    foreign = [name for name in there if not _OWN.fullmatch(name)]
    if foreign:
        raise FileExistsError(
            f"path must be a folder of lists, or empty; got {str(folder)!r}, which holds "
            f"{foreign[0]!r}: remove that, or choose another folder"
        )
    # a manifest without parts is a run that ended before its first list
    if not (resume or overwrite) and any(name.startswith("part-") for name in there):
        raise FileExistsError(
            f"path must not hold lists yet; got {str(folder)!r}: "
            "go on with resume=True, or begin anew with overwrite=True"
        )


def begin(
    folder: Path, wanted: dict[str, Any], n_parts: int, *, resume: bool, overwrite: bool
) -> None:
    """Make a folder ready for its parts: empty under a new manifest, or with those to keep."""
    refuse_taken(folder, resume=resume, overwrite=overwrite)
    there = list(folder.iterdir())
    if resume and any(not path.name.endswith(SAVING) for path in there):
        _refuse_another(folder, wanted)
        return
    # the manifest goes first and comes last: it must never speak for parts of another run
    remove(folder / MANIFEST)
    sync_folder(folder)
    for path in there:
        if path.name != MANIFEST:
            remove(path)
    _write(folder, {**wanted, "parts": n_parts, "done": None})


def finish(folder: Path, wanted: dict[str, Any], counts: dict[str, int]) -> None:
    """Note in the manifest that all parts are there, and how much they hold."""
    _write(folder, {**wanted, "parts": counts["parts"], "done": counts})


def _write(folder: Path, manifest: dict[str, Any]) -> None:
    write_file(folder, MANIFEST, [json.dumps(manifest, indent=1).encode()])
    sync_folder(folder)


def _refuse_another(folder: Path, wanted: dict[str, Any]) -> None:
    """Raise where the parts of a folder were made of something else, and say of what."""
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
        cuts = found.get(CUTS)
        # parts that were cut otherwise cannot go on, whatever else is said of them
        before = {name: found[name] for name in wanted} if cuts == wanted.get(CUTS) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"resume must find a readable {MANIFEST} in the folder of lists {str(folder)!r} "
            f"({error}): begin anew with overwrite=True"
        ) from error
    if before is None:
        begun, now = _writers(cuts), _writers(wanted.get(CUTS))
        raise ValueError(
            f"resume must go on with what {str(folder)!r} was begun with; it was begun by {begun}, "
            + ("with other users in each" if begun == now else f"and this is {now}")
            + ": go on as then, or begin anew with overwrite=True"
        )
    changed = [
        f"{_SPOKEN[name]} differ{'s' if name == 'model' else ''}"
        if name in _SPOKEN
        else f"{name} was {before[name]!r} and is {value!r}"
        for name, value in wanted.items()
        if before[name] != value
    ]
    if changed:
        raise ValueError(
            f"resume must go on with what {str(folder)!r} was begun with; {', '.join(changed)}: "
            "ask for the same as then, or begin anew with overwrite=True"
        )


def _writers(cuts: Any) -> str:
    """In words, who writes a folder that is cut so."""
    if not isinstance(cuts, list):
        return "one machine"
    n_shards = len(cuts) - 1
    return f"a cluster of {n_shards} {plural(n_shards, 'shard')}"
