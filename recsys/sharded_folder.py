"""A model folder as workers read it: some rows of one attribute, every byte of them checked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from .execution import resolve_jobs
from .row_parts import joined, refuse_other_shape
from .scoring import Floats
from .selection import fitted_selection, to_settings
from .store_manifest import (
    KIND_OF_ROWS,
    CorruptModelError,
    Description,
    manifest_text,
    parsed_manifest,
    seal,
)
from .store_parts import PartReader


@dataclass(frozen=True, eq=False)
class ShardedModel:
    """What a folder of a model says of itself; rows are read when they are asked for.

    A folder that was saved whole counts as one shard.

    Attributes
    ----------
    folder : Path
    class_name : str
        ``"ALS"`` or ``"SocialDiffusion"``.
    parameters : dict
        Of the model; a wrapped one as ``{"class": ..., "parameters": ...}``.
    base_parameters : dict
        Of the ALS model: the same where that is the model itself.
    starts : tuple of int
        Where the shards begin among the users; the last entry is the number of users.
    settings : dict or None
        ``settings_`` of a ``SocialDiffusion``.
    fingerprint : str
        The sha256 of what the manifest says of the model: its parts by their own sha256.
    """

    folder: Path
    class_name: str
    parameters: dict[str, Any]
    base_parameters: dict[str, Any]
    starts: tuple[int, ...]
    settings: dict[str, Any] | None
    fingerprint: str
    _parts: dict[str, list[Description]]

    @property
    def n_shards(self) -> int:
        """How many shards there are."""
        return len(self.starts) - 1

    @property
    def n_users(self) -> int:
        """Users in all shards."""
        return self.starts[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """Attributes that can be read."""
        return tuple(self._parts)

    def cut(self, n_shards: int) -> tuple[int, ...]:
        """Where so many shards begin, each with about as many rows and ties.

        Its own where the number is; else within a shard all users are taken to weigh the same.
        Raises ``ValueError`` for more shards than users.
        """
        if n_shards == self.n_shards:
            return self.starts
        if n_shards > self.n_users:
            raise ValueError(
                f"n_shards must be at most the number of users, {self.n_users}; got {n_shards}: "
                "take fewer shards"
            )
        loads = np.diff(self.starts).astype(np.float64)
        for name in ("interactions_", "social_"):
            loads += [piece.get("cells", 0) for piece in self._parts.get(name, [])] or 0
        before = np.concatenate([[0.0], np.cumsum(loads)])
        wanted = np.interp(np.arange(1, n_shards) * before[-1] / n_shards, before, self.starts)
        cuts = [0]
        for part, place in enumerate(np.rint(wanted).astype(int).tolist(), start=1):
            # a user for every part, those to come included
            cuts.append(min(max(place, cuts[-1] + 1), self.n_users - (n_shards - part)))
        return (*cuts, self.n_users)

    def rows(self, name: str, shard: int) -> Any:
        """One shard of an attribute of users, such as ``"user_factors_"``.

        Raises
        ------
        KeyError
            Where the model has no such attribute.
        ValueError
            Where a file is missing or damaged (``CorruptModelError``, with the file named).
        """
        return self._read([self._pieces(name)[shard]])

    def between(self, name: str, start: int, stop: int) -> Any:
        """Rows ``start`` to ``stop`` of an attribute of users, of whatever shards hold them."""
        pieces = self._pieces(name)
        if len(pieces) == 1:
            return self._read(pieces)[start:stop]
        first = max(int(np.searchsorted(self.starts, start, side="right")) - 1, 0)
        last = max(int(np.searchsorted(self.starts, stop)), first + 1)
        offset = self.starts[first]
        return self._read(pieces[first:last])[start - offset : stop - offset]

    def item_factors(self) -> Floats:
        """Factors of all items, shape (n_items, d)."""
        factors: Floats = self._read(self._pieces("item_factors_"))
        return factors

    def item_ids(self) -> npt.NDArray[Any]:
        """Raw ids of all items."""
        ids: npt.NDArray[Any] = self._read(self._pieces("item_ids_"))
        return ids

    def _pieces(self, name: str) -> list[Description]:
        if name not in self._parts:
            raise KeyError(f"name must be one of {sorted(self._parts)}; got {name!r}")
        return self._parts[name]

    def _read(self, pieces: list[Description]) -> Any:
        """Some pieces, one after the other."""
        files = [file for piece in pieces for file in piece["files"].values()]
        pool = ThreadPoolExecutor(resolve_jobs(None))
        try:
            reader = PartReader(self.folder, files, pool)
            parts = [reader.part(piece) for piece in pieces]
            for part, piece in zip(parts, pieces, strict=True):
                if "shape" in piece:
                    refuse_other_shape(part, piece, self.folder)
            return joined(parts, pool)
        finally:
            pool.shutdown(cancel_futures=True)


def open_sharded(folder: str | Path) -> ShardedModel:
    """Read what the manifest of a folder says; no row.

    Parameters
    ----------
    folder : path
        Of an ``ALS``, or of a ``SocialDiffusion`` over one.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If its manifest cannot be read, or it holds another model.

    Examples
    --------
    >>> open_sharded("no/such/model")
    Traceback (most recent call last):
    FileNotFoundError: the model must be a folder; got 'no/such/model', which is none
    """
    place = Path(folder)
    manifest = parsed_manifest(place, manifest_text(place))
    try:
        base = manifest["parts"].get("base_", {}).get("model", manifest)
        if base["class"] != "ALS" or manifest["class"] not in ("ALS", "SocialDiffusion"):
            raise ValueError(
                "model must be ALS, or SocialDiffusion over ALS, to lie in shards; got "
                f"{manifest['class']} in {str(place)!r}"
            )
        parts = {
            name: part["of"] if part["kind"] == KIND_OF_ROWS else [part]
            for name, part in (manifest["parts"] | base["parts"]).items()
            if part["kind"] in (KIND_OF_ROWS, "array", "sparse", "ids")
        }
        return ShardedModel(
            folder=place,
            class_name=manifest["class"],
            parameters=manifest["parameters"],
            base_parameters=base["parameters"],
            starts=_starts(parts["interactions_"]),
            settings=_settings(manifest),
            fingerprint=seal(
                {key: manifest[key] for key in ("class", "parameters", "values", "parts")}
            ),
            _parts=parts,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CorruptModelError(
            f"{place} must name class, parameters, parts and values; missing or wrong: {error}: "
            "save the model again"
        ) from error


def _starts(pieces: list[Description]) -> tuple[int, ...]:
    """Where shards begin."""
    return tuple(int(end) for end in np.cumsum([0, *(piece["shape"][0] for piece in pieces)]))


def _settings(manifest: Description) -> dict[str, Any] | None:
    """The fitted settings of a ``SocialDiffusion``, None of other models."""
    if manifest["class"] != "SocialDiffusion":
        return None
    return to_settings(fitted_selection(SimpleNamespace(**manifest["values"])))
