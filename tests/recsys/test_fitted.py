"""Whether a model has been fitted."""

from __future__ import annotations

import pytest

import suffuse as sf
from suffuse.recsys.fitted import NotFittedError, require_fitted


def test_what_was_not_fitted_is_refused() -> None:
    """By name; the front door knows the error."""
    assert sf.NotFittedError is NotFittedError
    with pytest.raises(NotFittedError, match=r"EASE must be fitted .* EASE\(\.\.\.\)\.fit"):
        require_fitted(sf.EASE())
    require_fitted(sf.Popularity().fit(sf.datasets.tiny_world().interactions))
