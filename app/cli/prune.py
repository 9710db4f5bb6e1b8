"""`tarewatch prune`: give up old detail to save room."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

from app.cli.printing import console, counted, progress_bar
from app.cli.running import with_database
from app.db import Database
from app.history.prune import Pruned, prunable, prune
from app.polling.round import utc_now
from app.settings import Duration, SettingsInvalid, load_settings

out = console()
err = console(stderr=True)
SHORTEST = timedelta(days=1)


def prune_(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    older_than: Annotated[
        str | None, typer.Option(help="How long ago a build ended: 180d. Default: TAREWATCH_KEEP_DETAILS.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Remove the layers of builds that ended long ago. Sizes, builds, digests and dates stay."""
    ended_before = utc_now() - _age(older_than)

    async def main(database: Database) -> Pruned:
        async with database.reading() as session:
            expected = await prunable(session, ended_before)
        return expected if dry_run else await _prune(database, expected, ended_before)

    pruned = with_database(main)
    if as_json:
        typer.echo(json.dumps(asdict(pruned) | {"dry_run": dry_run, "ended_before": ended_before.isoformat()}))
    else:
        out.print(
            f"{'would remove' if dry_run else 'removed'} the layers of {counted(pruned.manifests, 'manifest')}: "
            f"{counted(pruned.manifest_layers, 'place')} in them, {counted(pruned.layers, 'layer')} that no other has, "
            f"{counted(pruned.build_steps, 'build step')}"
        )


async def _prune(database: Database, expected: Pruned, ended_before: datetime) -> Pruned:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with progress_bar(*columns, on=err) as bar:
        task = bar.add_task("pruning", total=expected.manifests)
        return await prune(
            database, ended_before, utc_now(), lambda so_far: bar.update(task, completed=so_far.manifests)
        )


def _age(text: str | None) -> timedelta:
    """How old is old: from the option, else from the settings."""
    if text is None:
        kept = load_settings().keep_details
        if kept is None:
            raise SettingsInvalid("say how old is old: --older-than 180d, or TAREWATCH_KEEP_DETAILS")
        return kept
    try:
        age = TypeAdapter[timedelta](Duration).validate_python(text)
    except ValidationError:
        raise typer.BadParameter(f"--older-than: {text[:40]!r} is not a duration: write 180d") from None
    if age < SHORTEST:
        raise typer.BadParameter("--older-than: a day at least")
    return age
