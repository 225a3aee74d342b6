"""Names of metrics as a person writes them: ``ndcg``, ``ndcg@10``, ``ndcg@10:gain=exp``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

_NAME = re.compile(r"^([a-z][a-z0-9_]*)(?:@([1-9][0-9]*))?((?::[^:]+)*)$")


@dataclass(frozen=True)
class Asked:
    """One metric that was asked for: its label, its name, the cut (None: whole lists), options."""

    label: str
    name: str
    k: int | None
    options: Mapping[str, Any] = field(default_factory=dict)


def asked(label: Any, known: Collection[str]) -> Asked:
    """Take a label apart: name, then ``@k``, then ``:option=value`` any number of times.

    Parameters
    ----------
    label : str
        What was written.
    known : collection of str
        The names there are.

    Returns
    -------
    Asked

    Raises
    ------
    ValueError
        If the label is not of that form, or the name is unknown.

    Examples
    --------
    >>> asked("rbp@20:p=0.9", {"rbp"})
    Asked(label='rbp@20:p=0.9', name='rbp', k=20, options={'p': 0.9})
    """
    match = _NAME.match(label) if isinstance(label, str) else None
    if match is None or match[1] not in known:
        raise ValueError(
            "metrics must be names like 'recall@20' or 'ndcg@20:gain=exp' from "
            f"{sorted(known)}; got {label!r}"
        )
    options = {}
    for part in filter(None, match[3].split(":")):
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not (key and sign and value):
            raise ValueError(f"options of a metric must be option=value; got {part!r} in {label!r}")
        options[key] = _value(value)
    return Asked(label, match[1], int(match[2]) if match[2] else None, options)


def _value(word: str) -> Any:
    """A number where the word is one, True or False, else the word."""
    if word in ("true", "false"):
        return word == "true"
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            continue
    return word
