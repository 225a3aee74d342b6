"""Whether a model has been fitted."""

from __future__ import annotations

from typing import Any


class NotFittedError(ValueError):
    """A fitted model was needed; the message says to call ``fit`` first."""


def require_fitted(model: Any) -> None:
    """Raise :class:`NotFittedError` unless ``fit`` has been called."""
    if not hasattr(model, "user_ids_"):
        name = type(model).__name__
        raise NotFittedError(
            f"{name} must be fitted before use: call {name}(...).fit(interactions) first"
        )
