"""``suffuse serve``: a saved model behind HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from .console import say, spoken_errors
from .service_limits import ServiceLimits


def serve_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model, or a link to one.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the bearer token; else SUFFUSE_TOKEN of the environment."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; more than one need --watch.")] = 1,
    watch: Annotated[
        bool, typer.Option("--watch", help="Swap to another model when it stands in the folder.")
    ] = False,
    max_k: Annotated[int, typer.Option(help="The longest list.")] = ServiceLimits.list_length,
    max_batch: Annotated[
        int, typer.Option(help="Users, newcomers or items in one request.")
    ] = ServiceLimits.batch,
    max_body: Annotated[int, typer.Option(help="Bytes of a request.")] = ServiceLimits.body_bytes,
    max_concurrent: Annotated[
        int, typer.Option(help="Requests in work or waiting.")
    ] = ServiceLimits.concurrent,
    timeout: Annotated[
        float, typer.Option(help="Seconds to answer a request.")
    ] = ServiceLimits.timeout,
    threads: Annotated[
        int | None, typer.Option(help="Threads of a process; all cores by default.")
    ] = None,
) -> None:
    """Serve recommendations, similar items and explanations over HTTP, with a page to try them.

    Needs `pip install "suffuse[serve]"`. SIGTERM finishes the requests that run.

    Example: `suffuse serve model/ --watch`

    For other machines: `suffuse serve model/ --host 0.0.0.0 --token-file token.txt`
    """
    with spoken_errors():
        from .service import serve

        limits = ServiceLimits(
            list_length=max_k,
            batch=max_batch,
            body_bytes=max_body,
            concurrent=max_concurrent,
            timeout=timeout,
            threads=threads,
        )
        try:
            serve(
                model,
                host=host,
                port=port,
                token=_token(token_file),
                workers=workers,
                watch=watch,
                limits=limits,
                on_start=lambda address: say(f"serving {model} at {address} (API: {address}/docs)"),
            )
        except ImportError as error:
            raise ValueError(str(error)) from error
        say("stopped")


def _token(file: Path | None) -> str | None:
    """The token of a file, or of the environment, or none."""
    if file is None:
        return os.environ.get("SUFFUSE_TOKEN")
    return file.read_text(encoding="utf-8").strip()
