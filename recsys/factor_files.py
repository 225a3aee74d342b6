"""Factors on the storage that all workers see: what a fit goes on from when something is lost.

After an iteration every worker writes the factors of its users and of its block of items, then
the driver writes down that the iteration is whole. Those of the last two iterations are kept.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .scoring import Floats
from .store_files import write_file

#: the file that says which iteration is the last whole one
RECORD = "als.json"
#: the version of what is written
_FORMAT = 1
#: what comes after the last iteration: the exact half-step for users
FINAL = "final"


@dataclass(frozen=True)
class FactorPlan:
    """Everything that determines the factors, and where they are kept on the way.

    Attributes
    ----------
    starts, item_starts : tuple of int, shape (n_shards + 1,)
        The users and the items of each shard; no items where the fit is to cut them evenly.
    n_factors : int
        ``d``, no more than users or items.
    tables : str
        A fingerprint of the tables; "" where nobody will resume the fit with others.
    folder : str
        For checkpoints; seen by all workers.

    The others are parameters of :class:`suffuse.ALS`.
    """

    n_users: int
    n_items: int
    starts: tuple[int, ...]
    n_factors: int
    regularization: float
    confidence: float
    popularity_discount: float
    max_iter: int
    use_weights: bool
    random_state: int
    folder: str
    tables: str = ""
    item_starts: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """A sha256 of what determines the factors."""
        said = dataclasses.asdict(self) | {"folder": ""}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Whole:
    """The last whole iteration, from 1, and whether the users were solved exactly after it.

    ``largest_user`` and ``largest_item`` are the largest absolute values of the factors.
    """

    iteration: int
    final: bool
    largest_user: float
    largest_item: float


def write_factors(plan: FactorPlan, name: str, factors: Floats) -> None:
    """Write an array as a ``.npy`` file that appears whole or not at all."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, np.lib.format.header_data_from_array_1_0(factors))
    write_file(Path(plan.folder), name, (header.getvalue(), np.ascontiguousarray(factors).data))


def read_factors(plan: FactorPlan, name: str, n_rows: int) -> Floats:
    """An array of a shape that is known; ``ValueError`` where the file is gone or is another."""
    path = Path(plan.folder, name)
    try:
        found: Floats = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ValueError(_broken(path, str(error))) from error
    if found.shape != (n_rows, plan.n_factors) or found.dtype != np.float32:
        raise ValueError(_broken(path, f"its shape is {found.shape}"))
    return found


def user_file(stage: int | str, shard: int) -> str:
    """The factors of the users of a shard after an iteration, or at the end."""
    return f"als-{stage}-{shard:05d}-users.npy"


def item_file(stage: int, shard: int) -> str:
    """The factors of the items of a shard after an iteration."""
    return f"als-{stage}-{shard:05d}-items.npy"


def note_whole(plan: FactorPlan, whole: Whole) -> None:
    """Write down that an iteration is whole, and remove what nobody needs any more."""
    said = {"format": _FORMAT, "plan": plan.digest} | dataclasses.asdict(whole)
    folder = Path(plan.folder)
    write_file(folder, RECORD, [json.dumps(said, indent=1).encode()])
    _remove(folder, before=whole.iteration - 1)


def last_whole(plan: FactorPlan, *, resume: bool) -> Whole | None:
    """What the folder holds of this fit; None, and nothing left of others, without ``resume``.

    Raises
    ------
    ValueError
        Where the folder holds a fit of another kind, or cannot be read.
    """
    folder = Path(plan.folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RECORD
    if not resume or not path.exists():
        path.unlink(missing_ok=True)
        _remove(folder)
        return None
    try:
        said = json.loads(path.read_text("utf-8"))
        digest, whole = said["plan"], _whole(said)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(_broken(path, str(error))) from error
    if digest != plan.digest:
        raise ValueError(
            "storage must hold no other fit that was begun; got one with other parameters, tables "
            f"or shards in {plan.folder!r}: take another folder, or resume=False to begin anew"
        )
    return whole


def _whole(said: dict[str, object]) -> Whole:
    """What a record says, in its own types."""
    if said["format"] != _FORMAT:
        raise ValueError(f"format {said['format']!r} is not {_FORMAT}")
    names = [field.name for field in dataclasses.fields(Whole)]
    whole = Whole(**{name: said[name] for name in names})  # type: ignore[arg-type]
    if not isinstance(whole.iteration, int) or whole.iteration < 1:
        raise ValueError(f"iteration {whole.iteration!r}")
    return whole


def _remove(folder: Path, before: int | None = None) -> None:
    """Remove the factors of all iterations, or of those before one."""
    for path in folder.glob("als-*.npy"):
        stage = re.match(rf"als-(\d+|{FINAL})-", path.name)
        if stage and (before is None or (stage[1] != FINAL and int(stage[1]) < before)):
            path.unlink(missing_ok=True)


def _broken(path: Path, reason: str) -> str:
    return (
        f"storage must hold what the fit wrote; {str(path)!r} is missing or damaged ({reason}): "
        "begin anew with resume=False"
    )
