"""Whether a model has been fitted."""

from __future__ import annotations

from typing import Any

#: name under which a model keeps attributes whose rows lie in a folder still, see ``row_parts.py``
ROWS = "_rows"


class NotFittedError(ValueError):
    """A fitted model was needed; the message says to call ``fit`` first."""


def require_fitted(model: Any) -> None:
    """Raise :class:`NotFittedError` unless ``fit`` has been called; nothing is read for it."""
    if "user_ids_" not in getattr(model, ROWS, ()) and not hasattr(model, "user_ids_"):
        name = type(model).__name__
        raise NotFittedError(
            f"{name} must be fitted before use: call {name}(...).fit(interactions) first"
        )
