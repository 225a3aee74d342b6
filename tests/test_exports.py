"""The public names are those that the front door and the rooms declare."""

from __future__ import annotations

import importlib
import inspect

import pytest

import suffuse

FIXED = {
    "ALS",
    "EASE",
    "Popularity",
    "PropagationOperator",
    "SocialDiffusion",
    "SpectralFilter",
    "datasets",
    "diffusion",
    "evaluate",
    "load_model",
    "recsys",
    "training",
}


def test_the_front_door_has_the_fixed_names() -> None:
    """Names of the design may gain company, never go."""
    assert set(suffuse.__all__) >= FIXED


@pytest.mark.parametrize("name", suffuse.__all__)
def test_every_declared_name_is_there(name: str) -> None:
    """``__all__`` holds nothing that cannot be had, and ``dir`` shows it."""
    assert getattr(suffuse, name) is not None
    assert name in dir(suffuse)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy front door does not invent names."""
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = suffuse.Nonsense


@pytest.mark.parametrize("room", ["recsys", "diffusion", "datasets"])
def test_rooms_declare_what_they_export(room: str) -> None:
    """Everything in a room's ``__all__`` exists and belongs to suffuse."""
    module = importlib.import_module(f"suffuse.{room}")
    for name in module.__all__:
        thing = getattr(module, name)
        assert getattr(thing, "__module__", "suffuse").startswith("suffuse"), name


@pytest.mark.parametrize("room", ["recsys", "diffusion", "datasets"])
def test_public_things_have_an_example(room: str) -> None:
    """Every function and class that a room exports shows how it is used; exceptions explain."""
    module = importlib.import_module(f"suffuse.{room}")
    for name in module.__all__:
        thing = getattr(module, name)
        is_error = inspect.isclass(thing) and issubclass(thing, Exception)
        if is_error or (getattr(thing, "_is_protocol", False) and name == "Recommender"):
            assert inspect.getdoc(thing), name
        elif inspect.isfunction(thing) or inspect.isclass(thing):
            assert ">>>" in (inspect.getdoc(thing) or ""), f"{room}.{name}"
