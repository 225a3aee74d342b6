"""What one request to the service may ask for, and how many may run at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceLimits:
    """Bounds of a service; what is beyond them is refused before anything is computed.

    Parameters
    ----------
    list_length : int
        The largest ``k``.
    batch : int
        Users and newcomers, or items of ``/similar``, in one request.
    ids : int
        Other ids in one request: items and friends of all newcomers, items to choose from.
    body_bytes : int
        Size of a request's body.
    concurrent : int
        Requests that are worked on or wait; one more is answered with 503 at once.
    timeout : float
        Seconds until a request is answered with 503, the reading of its body included.
    threads : int, optional
        Threads that compute; all cores by default.

    Examples
    --------
    >>> ServiceLimits(batch=10).batch
    10
    >>> ServiceLimits(timeout=0.0)
    Traceback (most recent call last):
    ValueError: timeout must be a number in (0, inf); got 0.0
    """

    list_length: int = 1000
    batch: int = 256
    ids: int = 10_000
    body_bytes: int = 2**20
    concurrent: int = 128
    timeout: float = 30.0
    threads: int | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that nothing could keep."""
        # the command line reads the bounds above for its help, and waits for nothing heavy
        from .execution import resolve_jobs
        from .inputs import checked_count, checked_number

        for name in ("list_length", "batch", "ids", "body_bytes", "concurrent"):
            checked_count(name, getattr(self, name))
        checked_number("timeout", self.timeout, above=True)
        resolve_jobs(self.threads)
