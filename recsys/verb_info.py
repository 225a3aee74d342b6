"""``suffuse info``: what a saved model is, and whether it is whole."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import say, show_frame, spoken_errors
from .memory import readable_bytes

if TYPE_CHECKING:
    import pandas as pd

    from .info_on_model import ModelInfo, StoredFile

#: the number of a shard in the name of a part
_SHARD = re.compile(r"\[\d+\]")


def info_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
) -> None:
    """Show what a saved model is: class, sizes, settings, versions, files; and check every byte.

    The exit code is 1 where a part is damaged or missing, or the model cannot be loaded.

    Example: `suffuse info model/`

    For programs: `suffuse info model/ --json`
    """
    with spoken_errors():
        from .info_on_model import model_info

        info = model_info(model)
        if as_json:
            typer.echo(json.dumps(info.to_dict(), indent=1))
        else:
            _show(info)
    if info.problem is not None:
        raise typer.Exit(1)


def _show(info: ModelInfo) -> None:
    say(f"{info.folder}: {_model_words(info.class_name, info.parameters)}")
    if info.users is not None:
        ties = "" if info.ties is None else f", {info.ties:,} ties"
        say(f"{info.users:,} users, {info.items:,} items, {info.rows:,} rows{ties}")
    if info.settings is not None:
        say(f"normalization: {info.settings['normalization']}")
        show_frame(_settings_frame(info.settings), "settings")
    if info.ablation is not None:
        short = info.ablation.rename(columns={"difference": "gain", "n_users": "judged"})
        show_frame(short, "what the graph changed on the hold-out", digits=3)
    show_frame(_files_frame(info), "parts")
    written = ", ".join(f"{name} {version}" for name, version in info.versions.items())
    say(f"format {info.format}, written by {written}")
    names = {file.name for file in info.files}
    if info.problem is None:
        say(f"{readable_bytes(info.bytes)} in {len(names)} files, all whole (sha256)")
    else:
        say(f"not whole: {info.problem}")


def _settings_frame(settings: dict[str, Any]) -> pd.DataFrame:
    """One row per group of users."""
    import pandas as pd

    groups = {name: dials for name, dials in settings.items() if isinstance(dials, dict)}
    frame = pd.DataFrame.from_dict(groups, orient="index").rename_axis("users").reset_index()
    return frame.astype({"evidence": object}).fillna({"evidence": "none"})


def _files_frame(info: ModelInfo) -> pd.DataFrame:
    """One row per file, under the first part that it belongs to; one for all whole shards of it."""
    import pandas as pd

    files = {file.name: file for file in reversed(info.files)}
    lines: dict[str, list[StoredFile]] = {}
    for file in info.files:
        if files[file.name] is file:
            label = _SHARD.sub("", file.part) if file.state == "whole" else file.part
            lines.setdefault(label, []).append(file)
    sums = (
        shards[0].sha256[:16] if len(shards) == 1 else f"{len(shards)} files"
        for shards in lines.values()
    )
    return pd.DataFrame(
        {
            "part": list(lines),
            "size": [readable_bytes(sum(file.bytes for file in one)) for one in lines.values()],
            "sha256": list(sums),
            "state": [one[0].state for one in lines.values()],
        }
    )


def _model_words(name: str, parameters: dict[str, Any]) -> str:
    """``EASE(regularization=5.0)``, with wrapped models inside."""
    words = []
    for key, value in parameters.items():
        if isinstance(value, dict) and set(value) == {"class", "parameters"}:
            words.append(f"{key}={_model_words(value['class'], value['parameters'])}")
        else:
            words.append(f"{key}={value!r}")
    return f"{name}({', '.join(words)})"
