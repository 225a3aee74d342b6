"""The model behind the service: loaded, checked, tried, and changed for another while it serves.

A request keeps the model with which it began, so a swap takes nothing from a running one. A
folder that cannot be loaded leaves the old model in its place, and the keeper remembers why.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .execution import Rows
from .loading import load_model
from .recommend import best_items
from .scoring import item_popularity
from .store_manifest import manifest_text

logger = logging.getLogger(__name__)

RawId = int | str

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_LARGEST = 2**63 - 1
#: seconds between two looks at a folder that could not be loaded, at first and at most
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class WrongKindError(ValueError):
    """Ids that are text where the model has numbers, or numbers where it has text."""


class IdIndex:
    """Raw ids and their places, looked up without a pass over all of them.

    Parameters
    ----------
    ids : ndarray
        All whole numbers, or all text: what JSON can say.
    name : str
        What they are, for messages.

    Raises
    ------
    ValueError
        For ids of another kind.

    Examples
    --------
    >>> index = IdIndex(np.array([30, 10]), "user ids")
    >>> index.places([10, 7]).tolist(), index.from_text("30")
    ([1, -1], 30)
    >>> index.places(["ten"])
    Traceback (most recent call last):
    suffuse.recsys.service_model.WrongKindError: user ids must be whole numbers; got 'ten'
    """

    def __init__(self, ids: npt.NDArray[Any], name: str) -> None:
        self.name = name
        self.is_number = ids.dtype.kind in "iu" or (
            ids.dtype == object and pd.api.types.infer_dtype(ids, skipna=False) == "integer"
        )
        if not self.is_number and pd.api.types.infer_dtype(ids, skipna=False) != "string":
            raise ValueError(
                f"{name} must be whole numbers or text to be served; got {ids[:1].tolist()} of "
                f"type {ids.dtype}: fit with ids of one of these kinds"
            )
        if self.is_number and len(ids) and int(ids.max()) > _LARGEST:
            raise ValueError(f"{name} must be below 2**63 to be served; got {ids.max()}")
        self._index = pd.Index(ids.astype(np.int64 if self.is_number else object))
        # the hash table is made now, by one thread
        self.places(self._index[:1].tolist())

    @property
    def kind(self) -> str:
        """The kind of the ids, in words."""
        return "whole numbers" if self.is_number else "text"

    def places(self, asked: list[Any]) -> Rows:
        """The place of every id, -1 where it is unknown; refuses ids of the other kind."""
        wanted = int if self.is_number else str
        for value in asked:
            if type(value) is not wanted:
                raise WrongKindError(f"{self.name} must be {self.kind}; got {shown(value)}")
        target = np.empty(len(asked), np.int64 if self.is_number else object)
        target[:] = asked
        found = self._index.get_indexer(pd.Index(target, dtype=target.dtype))
        return np.asarray(found, np.int64)

    def from_text(self, text: str) -> RawId:
        """An id from an address, as a number where the ids are numbers."""
        if not self.is_number:
            return text
        if not _WHOLE_NUMBER.fullmatch(text) or abs(int(text)) > _LARGEST:
            raise WrongKindError(f"{self.name} must be {self.kind}; got {shown(text)}")
        return int(text)


def shown(value: Any) -> str:
    """An id in a message, cut where it is long.

    Examples
    --------
    >>> shown("x" * 100)[-6:], len(shown("x" * 100))
    ('xxx...', 63)
    """
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A loaded model that has given a first list.

    Parameters
    ----------
    model : fitted model
    users, items : IdIndex
    popularity : ndarray of shape (n_items,)
        How many users have each item, for users whom the model does not know.
    one_way : bool or None
        Whether a tie of its graph binds its source alone; None without a graph.
    mark : str
        First digits of the sha256 of its manifest.
    text : bytes
        The manifest.
    loaded_at : float
        Seconds since 1970.
    """

    model: Any
    users: IdIndex
    items: IdIndex
    popularity: npt.NDArray[np.float32]
    one_way: bool | None
    mark: str
    text: bytes
    loaded_at: float

    @property
    def item_ids(self) -> npt.NDArray[Any]:
        """Raw ids of items, in the order of the model's columns."""
        ids: npt.NDArray[Any] = self.model.item_ids_
        return ids

    @property
    def class_name(self) -> str:
        """The class, and that of the wrapped model where there is one."""
        inner = getattr(self.model, "base_", None)
        name = type(self.model).__name__
        return name if inner is None else f"{name}({type(inner).__name__})"


def load_served(folder: Path) -> ServedModel:
    """Load and check a model, and bring it to its first list, which may take longest.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`suffuse.load_model`, and for ids that JSON cannot say.

    Examples
    --------
    >>> import tempfile
    >>> import suffuse as sf
    >>> folder = Path(tempfile.mkdtemp()) / "model"
    >>> sf.Popularity().fit(sf.datasets.tiny_world().interactions).save(folder)
    >>> load_served(folder).class_name
    'Popularity'
    """
    text = manifest_text(folder)
    model = load_model(folder)
    if "n_jobs" in model.get_params(deep=False):
        # requests run side by side; one of them needs no threads of its own
        model.set_params(n_jobs=1)
    one_way = None
    if hasattr(model, "social_"):
        one_way = bool((model.social_ != model.social_.T).nnz)
    served = ServedModel(
        model=model,
        users=IdIndex(model.user_ids_, "user ids"),
        items=IdIndex(model.item_ids_, "item ids"),
        popularity=item_popularity(model.interactions_),
        one_way=one_way,
        mark=hashlib.sha256(text).hexdigest()[:12],
        text=text,
        loaded_at=time.time(),
    )
    # what the first list would have to wait for
    best_items(model, np.zeros(1, np.int64), 1)
    return served


class ModelKeeper:
    """Holds the model that serves, and changes it for what stands in the folder now.

    Parameters
    ----------
    folder : path
        A saved model, or a symbolic link to one.

    Attributes
    ----------
    current : ServedModel
    problem : str or None
        Why what stands in the folder now is not served.
    swaps, failures : int

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`suffuse.load_model`.

    Examples
    --------
    >>> import tempfile
    >>> import suffuse as sf
    >>> folder = Path(tempfile.mkdtemp()) / "model"
    >>> world = sf.datasets.tiny_world()
    >>> sf.Popularity().fit(world.interactions).save(folder)
    >>> keeper = ModelKeeper(folder)
    >>> sf.EASE().fit(world.interactions).save(folder, overwrite=True)
    >>> keeper.current.class_name, keeper.renew(), keeper.current.class_name
    ('Popularity', True, 'EASE')
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.current = load_served(self.folder)
        self.problem: str | None = None
        self.swaps = 0
        self.failures = 0
        self._lock = threading.Lock()
        self._wait = _FIRST_WAIT
        self._not_before = 0.0

    def renew(self, *, now: bool = True) -> bool:
        """Load what stands in the folder, if it is another model; whether it serves now.

        With ``now=False`` a folder that could not be loaded is left alone for a while, the
        longer the more often it failed.
        """
        with self._lock:
            if not now and time.monotonic() < self._not_before:
                return False
            try:
                if manifest_text(self.folder) == self.current.text:
                    self.problem = None
                    return False
                fresh = load_served(self.folder)
            # whatever is wrong with the new model, the old one must go on
            except Exception as error:
                self.failures += 1
                self.problem = f"{type(error).__name__}: {error}"
                self._not_before = time.monotonic() + self._wait
                self._wait = min(2 * self._wait, _LONGEST_WAIT)
                logger.warning("the old model goes on serving: %s", self.problem)
                return False
            self.current = fresh
            self.problem = None
            self.swaps += 1
            self._wait, self._not_before = _FIRST_WAIT, 0.0
            logger.info("serving %s of %s", fresh.class_name, fresh.mark)
            return True
