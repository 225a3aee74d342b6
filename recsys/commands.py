"""The verbs of the command line: one for each thing that a person wants done.

A verb's module holds its options and its help, and imports what does the work when it runs: help
waits for no pandas.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .console import interruption_spoken
from .own_version import own_version
from .verb_demo import demo_verb
from .verb_doctor import doctor_verb
from .verb_evaluate import evaluate_verb
from .verb_explain import explain_verb
from .verb_export import export_verb
from .verb_fetch import fetch_verb
from .verb_fit import fit_verb
from .verb_glass import glass_verb
from .verb_info import info_verb
from .verb_recommend import recommend_verb
from .verb_report import report_verb
from .verb_serve import serve_verb
from .verb_shard import shard_verb
from .verb_spread import spread_verb
from .verb_stability import stability_verb
from .verb_tune import tune_verb
from .verb_update import update_verb


class Verbs(TyperGroup):
    """All verbs; typer is silent about a Ctrl-C before a verb's work and after it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options before the verb, as typer does."""
        with interruption_spoken():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb, as typer does."""
        with interruption_spoken():
            return super().invoke(ctx)


app = typer.Typer(
    name="suffuse",
    cls=Verbs,
    help="Social recommendation by stable diffusion.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _say_version(wanted: bool) -> None:
    """Print the version and end there."""
    if wanted:
        typer.echo(f"suffuse {own_version()}")
        raise typer.Exit


@app.callback()
def suffuse(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Social recommendation by stable diffusion."""


app.command("demo")(demo_verb)
app.command("shard")(shard_verb)
app.command("fit")(fit_verb)
app.command("tune")(tune_verb)
app.command("update")(update_verb)
app.command("recommend")(recommend_verb)
app.command("evaluate")(evaluate_verb)
app.command("report")(report_verb)
app.command("explain")(explain_verb)
app.command("spread")(spread_verb)
app.command("export")(export_verb)
app.command("serve")(serve_verb)
app.command("info")(info_verb)
app.command("doctor")(doctor_verb)
app.command("fetch")(fetch_verb)
app.command("glass")(glass_verb)
app.command("stability")(stability_verb)
