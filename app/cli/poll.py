"""`tarewatch poll`: look now, with a progress bar and a table of what changed."""

import json
from collections import Counter
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from sqlalchemy import select

from app.cli.asking import polling_with
from app.cli.printing import console, counted, progress_bar, table
from app.cli.running import ready_database, run
from app.db import Database
from app.history.observations import Change, Recorded
from app.models import Tag
from app.polling.expand import expand_due
from app.polling.now import give_back, poll_now, tags_named
from app.polling.poll import Report
from app.registry.reference import ReferenceInvalid, Repository
from app.settings import Settings, load_settings
from app.watchlist import WatchInvalid

out = console()
err = console(stderr=True)


def poll(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[REF]...", help="Watched images or patterns; default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Look at watched tags now. Exit code 2 if any of them could not be looked at."""
    settings = load_settings()
    database = ready_database(settings)
    try:
        report, failures, busy = run(_poll(settings, database, references or []))
    except ReferenceInvalid as error:
        raise WatchInvalid("image", str(error)) from None
    if as_json:
        typer.echo(json.dumps(_as_json(report, failures), indent=2))
    else:
        _show(report, failures)
    if busy:
        err.print(
            f"{counted(busy, 'tag')} left out: a worker is looking at them now, or their registry asked for a pause"
        )
    if report.failed or report.deferred:
        raise typer.Exit(2)


async def _poll(
    settings: Settings, database: Database, references: list[str]
) -> tuple[Report, list[tuple[str, str]], int]:
    try:
        async with polling_with(settings, database) as polling:
            await expand_due(polling)
            tags = await tags_named(polling, references)
            ids = [tag_id for found in tags.values() for tag_id in found]
            with _progress() as bar:
                task = bar.add_task("polling", total=len(ids))

                def advance(repository: Repository, recorded: Recorded) -> None:
                    done = recorded.unchanged + recorded.failed + recorded.gone + recorded.deferred + recorded.moved
                    bar.update(task, advance=done, description=repository.familiar)

                try:
                    report = await poll_now(polling, tags, advance)
                finally:
                    await give_back(polling)
            return report, await _failures(database, ids), len(ids) - report.looked
    finally:
        await database.close()


def _progress() -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return progress_bar(*columns, on=err)


async def _failures(database: Database, ids: list[int]) -> list[tuple[str, str]]:
    """What went wrong, once for each cause."""
    async with database.reading() as session:
        rows = await session.execute(select(Tag.id, Tag.error_message).where(Tag.error_message.is_not(None)))
        wanted = set(ids)
        causes = Counter(message or "" for tag_id, message in rows if tag_id in wanted)
    return [(counted(count, "tag"), message) for message, count in causes.most_common(20)]


def _show(report: Report, failures: list[tuple[str, str]]) -> None:
    if report.changes:
        rows = table("image", "platform", "what", "bytes", "difference")
        for repository, change in report.changes:
            rows.add_row(*(Text(cell) for cell in _cells(repository, change)))
        out.print(rows)
    out.print(
        f"{counted(report.looked, 'tag')} looked at, {report.unchanged} unchanged, "
        f"{counted(len(report.changes), 'change')}, "
        f"{report.gone} gone, {report.failed} failed, {report.deferred} put off"
    )
    for count, message in failures:
        err.print(f"{count}: {message}", markup=False)


def _cells(repository: Repository, change: Change) -> tuple[str, ...]:
    size = "" if change.new_bytes is None else f"{change.new_bytes:,}"
    return f"{repository.familiar}:{change.tag}", change.platform or "", str(change.kind), size, difference(change)


def difference(change: Change) -> str:
    """ "+4,100,000 (+14.5 %)", or nothing where one of the sizes is unknown."""
    if change.old_bytes is None or change.new_bytes is None:
        return ""
    delta = change.new_bytes - change.old_bytes
    percent = f" ({delta / change.old_bytes:+.1%})" if change.old_bytes else ""
    return f"{delta:+,}{percent}"


def _as_json(report: Report, failures: list[tuple[str, str]]) -> dict[str, object]:
    return {
        "looked": report.looked,
        "unchanged": report.unchanged,
        "gone": report.gone,
        "failed": report.failed,
        "deferred": report.deferred,
        "changes": [
            {
                "image": repository.familiar,
                "tag": change.tag,
                "platform": change.platform,
                "kind": change.kind,
                "old_bytes": change.old_bytes,
                "new_bytes": change.new_bytes,
            }
            for repository, change in report.changes
        ],
        "failures": [message for _, message in failures],
    }
