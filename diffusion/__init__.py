"""Ground floor: the propagation operator, its filters, its physics."""

if __name__ != "suffuse.diffusion":
    raise ImportError(
        f"this folder is suffuse.diffusion, imported here as {__name__!r}: "
        "run `pip install -e .`, then `import suffuse`"
    )

from .operator import PropagationOperator
from .times import damping_from_time, time_from_damping

__all__ = ["PropagationOperator", "damping_from_time", "time_from_damping"]
