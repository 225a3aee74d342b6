"""``suffuse recommend``: lists from a fitted model to a table, or to a folder of parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .cluster_options import (
    Address,
    Backend,
    Fresh,
    Shards,
    Storage,
    Wheel,
    cluster_of,
    finish_run,
)
from .console import parsed_columns, progress_bars, say, spoken_errors, stage
from .options import (
    Columns,
    Device,
    Force,
    Jobs,
    SocialColumns,
    refuse_other_kind,
    refuse_unwritable,
    typed_id,
)

if TYPE_CHECKING:
    from .list_files import WrittenLists


def recommend_verb(
    model: Annotated[Path, typer.Argument(help="Folder of a fitted model.")],
    out: Annotated[
        Path, typer.Option(help="csv, tsv or parquet to write, or a folder of parquet parts.")
    ],
    k: Annotated[int, typer.Option(help="Length of a list.")] = 10,
    users: Annotated[
        list[str] | None, typer.Option(help="A user id; repeat for more. Everybody by default.")
    ] = None,
    users_from: Annotated[Path | None, typer.Option(help="Table with a column user_id.")] = None,
    unknown_users: Annotated[str, typer.Option(help="raise, warn, skip or popular.")] = "raise",
    interactions: Annotated[
        Path | None, typer.Option(help="Rows of users who were not in the fit.")
    ] = None,
    social: Annotated[
        Path | None, typer.Option(help="Ties of users who were not in the fit.")
    ] = None,
    directed: Annotated[
        bool, typer.Option(help="A tie of --social binds its source alone.")
    ] = False,
    columns: Columns = [],  # noqa: B006 - typer reads the default, nothing changes it
    social_columns: SocialColumns = [],  # noqa: B006
    keep_seen: Annotated[bool, typer.Option(help="Also list what the user already has.")] = False,
    part_users: Annotated[
        int | None, typer.Option(help="Users in a part, where --out is a folder.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on in the folder of a run that was stopped.")
    ] = False,
    jobs: Jobs = None,
    device: Device = None,
    backend: Backend = None,
    address: Address = None,
    shards: Shards = None,
    storage: Storage = None,
    wheel: Wheel = [],  # noqa: B006
    fresh: Fresh = False,
    force: Force = False,
) -> None:
    """Write the k best items of every user to a table.

    With --interactions, --social or both: of newcomers, by the items and the ties in these files.

    Example: `suffuse recommend model/ --k 10 --out recs.parquet`

    Newcomers: `suffuse recommend model/ --social new_ties.parquet --out new_recs.parquet`

    Many users: `suffuse recommend model/ --k 20 --out recs/`; should it be stopped, the same
    with `--resume` goes on

    On a cluster, for everybody: the same with `--backend ray --address auto`
    """
    with spoken_errors(), progress_bars():
        from .loading import load_model

        is_folder = _checked_target(out, resume=resume, force=force, part_users=part_users)
        _refuse_alone(directed, social)
        cluster = cluster_of(
            backend,
            out,
            address=address,
            shards=shards,
            storage=storage,
            wheels=wheel,
            fresh=fresh,
        )
        _refuse_file(out, may_be=is_folder or cluster is None)
        with stage("reading"):
            fitted = load_model(model)
            new_rows = _new_rows(fitted, interactions, columns)
            new_ties = _new_ties(fitted, social, social_columns, directed=directed)
        if jobs is not None:
            fitted.set_params(n_jobs=jobs)
        is_frame = not is_folder and not out.name.endswith(_PARQUET)
        lists = partial(
            fitted.recommend if is_frame else partial(fitted.recommend_to, backend=cluster),
            users=_asked_users(fitted, users, users_from),
            k=k,
            filter_seen=not keep_seen,
            unknown_users=unknown_users,
            interactions=new_rows,
            social=new_ties,
            device=device,
        )
        if is_folder:
            parts = partial(lists, resume=resume, overwrite=force)
            said = _write_folder(parts, out, part_users=part_users)
        elif is_frame:
            said = _write_frame(lists, out)
        else:
            said = _said(lists(path=out, overwrite=force))
    say(said)
    finish_run(cluster, out)


#: what is written in blocks; other tables come from a frame of all lists
_PARQUET = (".parquet", ".pq")


def _refuse_alone(directed: bool, social: Path | None) -> None:
    if directed and social is None:
        raise ValueError("--directed must come with --social, whose ties it is about")


def _refuse_file(out: Path, *, may_be: bool) -> None:
    if not may_be:
        raise ValueError(f"--out must be a folder with --backend; got {str(out)!r}")


def _checked_target(out: Path, *, resume: bool, force: bool, part_users: int | None) -> bool:
    """Whether lists go to a folder; refused where they could not be written at the end."""
    from ..datasets.readers import SUFFIXES
    from .list_manifest import refuse_taken

    if out.is_dir() or not (out.suffix or out.exists()):
        refuse_taken(out, resume=resume, overwrite=force)
        return True
    if not out.exists() and not out.name.lower().endswith(SUFFIXES):
        raise ValueError(
            f"--out must end in one of {', '.join(SUFFIXES)}, or be a folder, which is made where "
            f"its name has no dot; got {str(out)!r}: make that folder first, or name another"
        )
    if resume or part_users is not None:
        option = "--resume" if resume else "--part-users"
        raise ValueError(f"{option} must come with a folder as --out; got {str(out)!r}")
    refuse_unwritable(out, force)
    return False


def _new_rows(fitted: Any, path: Path | None, columns: list[str]) -> Any:
    """The items of newcomers."""
    from ..datasets.readers import read_interactions

    if path is None:
        return None
    table = read_interactions(path, columns=parsed_columns("--columns", columns))
    refuse_other_kind(table.user_ids, fitted.user_ids_, path)
    return table


def _new_ties(fitted: Any, path: Path | None, columns: list[str], *, directed: bool) -> Any:
    """The ties of newcomers."""
    from ..datasets.readers import read_social

    if path is None:
        return None
    named = parsed_columns("--social-columns", columns)
    graph = read_social(path, directed=directed, columns=named)
    refuse_other_kind(graph.ids, fitted.user_ids_, path)
    return graph


def _write_frame(lists: Callable[..., Any], out: Path) -> str:
    """Write all lists at once; what was written, in words."""
    from ..datasets.readers import write_table

    recs = lists()
    with stage("writing"):
        write_table(recs, out)
    return f"{len(recs)} recommendations for {recs['user_id'].nunique()} users: {out}"


def _write_folder(lists: Callable[..., Any], out: Path, *, part_users: int | None) -> str:
    """Write lists part by part; an interruption says how to go on."""
    from .list_files import USERS_PER_PART

    size = USERS_PER_PART if part_users is None else part_users
    try:
        written = lists(path=out, users_per_part=size)
    except (KeyboardInterrupt, OSError) as error:
        n_parts = len(list(out.glob("part-*.parquet"))) if out.is_dir() else 0
        whole = f"{n_parts} whole parts are in {out}: go on with --resume"
        if isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(whole) from error
        if isinstance(error, FileExistsError) or not n_parts:
            raise
        raise OSError(f"{error}; {whole}") from error
    return _said(written)


def _said(written: WrittenLists) -> str:
    kept = written.n_kept_parts
    parts = f" ({kept} of {written.n_parts} parts were there already)" if kept else ""
    return f"{written.n_rows} recommendations for {written.n_users} users: {written.path}{parts}"


def _asked_users(fitted: Any, users: list[str] | None, users_from: Path | None) -> Any:
    """Raw ids from the command line, as numbers where the model's ids are numbers."""
    import pandas as pd

    from ..datasets.readers import read_table

    if users is None and users_from is None:
        return None
    asked: list[Any] = []
    if users_from is not None:
        frame = read_table(users_from)
        if "user_id" not in frame.columns:
            raise ValueError(
                f"--users-from must have a column user_id; found {list(map(str, frame.columns))}"
            )
        asked += frame["user_id"].tolist()
    asked += [typed_id(fitted.user_ids_, user) for user in users or []]
    return pd.Series(asked, dtype=None if asked else object).to_numpy()
