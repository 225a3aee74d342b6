"""Ground floor: the propagation operator, its filters, its physics."""

if __name__ != "suffuse.diffusion":
    raise ImportError(
        f"this folder is suffuse.diffusion, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )

from .circle import Circle
from .glass import Glass
from .operator import PropagationOperator
from .times import damping_from_time, time_from_damping
from .walls import Partition
from .water import stokes_einstein, water_viscosity

__all__ = [
    "Circle",
    "Glass",
    "Partition",
    "PropagationOperator",
    "damping_from_time",
    "stokes_einstein",
    "time_from_damping",
    "water_viscosity",
]
