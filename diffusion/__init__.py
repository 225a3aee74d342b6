"""Ground floor: the propagation operator, its filters, its physics.

Names are imported when they are first asked for, so that importing the room is cheap.
"""

if __name__ != "suffuse.diffusion":
    raise ImportError(
        f"this folder is suffuse.diffusion, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .circle import Circle
    from .glass import Glass
    from .operator import PropagationOperator
    from .row_threads import limit_threads
    from .times import damping_from_time, time_from_damping
    from .walls import Partition
    from .water import stokes_einstein, water_viscosity

__all__ = [
    "Circle",
    "Glass",
    "Partition",
    "PropagationOperator",
    "damping_from_time",
    "limit_threads",
    "stokes_einstein",
    "time_from_damping",
    "water_viscosity",
]

#: module of this room -> the public names that it holds; no module is called like one of them
_HOMES = {
    "circle": ("Circle",),
    "glass": ("Glass",),
    "operator": ("PropagationOperator",),
    "row_threads": ("limit_threads",),
    "times": (
        "damping_from_time",
        "time_from_damping",
    ),
    "walls": ("Partition",),
    "water": (
        "stokes_einstein",
        "water_viscosity",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name, or a module of this room, when it is first asked for."""
    if name in _HOME_OF:
        value: object = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
