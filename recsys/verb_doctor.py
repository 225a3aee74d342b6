"""``suffuse doctor``: is this installation well, and what would make it better."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from .console import compiling_said, console, say, spoken_errors

_COLOURS = {"well": "green", "note": "yellow", "ill": "bold red"}


def doctor_verb(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Look at versions, threads, BLAS, memory, compiled code and extras, and test itself.

    The exit code is 1 where something does not work, 0 otherwise; notes are no fault.

    Example: `suffuse doctor`
    """
    with spoken_errors(), compiling_said():
        from .doctor import examine

        findings = examine()
    ill = [finding.name for finding in findings if finding.state == "ill"]
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            mark = f"[{_COLOURS[finding.state]}]{finding.state}[/]"
            console.print(f"{mark} [bold]{finding.name}[/]", highlight=False)
            say(f"     {finding.found}")
            if finding.advice:
                say(f"     -> {finding.advice}")
        say("all well" if not ill else f"ill: {', '.join(ill)}")
    if ill:
        raise typer.Exit(1)
