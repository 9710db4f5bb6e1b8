"""`tarewatch backfill`: fetch past sizes now, with a progress bar and a table of what came of it."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from sqlalchemy import select

from app.backfill.now import backfill_now
from app.backfill.report import TagReport
from app.cli.asking import backfilling_with, polling_with
from app.cli.printing import console, counted, progress_bar, table
from app.cli.running import ready_database, run
from app.db import Database
from app.models import Tag
from app.polling.expand import expand_due
from app.polling.now import give_back, tags_named
from app.registry.reference import ReferenceInvalid, Repository
from app.settings import Settings, load_settings
from app.watchlist import WatchInvalid

out = console()
err = console(stderr=True)


def backfill(
    references: Annotated[
        list[str] | None, typer.Argument(metavar="[REF]...", help="Watched images or patterns; default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Fetch the past sizes of watched tags now. Exit code 2 if any of them could not be had."""
    settings = load_settings()
    database = ready_database(settings)
    try:
        reports, busy = run(_backfill(settings, database, references or []))
    except ReferenceInvalid as error:
        raise WatchInvalid("image", str(error)) from None
    reports.sort(key=lambda report: (str(report.repository), report.tag))
    if as_json:
        typer.echo(json.dumps(_as_json(reports, busy), indent=2))
    else:
        _show(reports)
    if busy:
        err.print(f"{counted(busy, 'tag')} left out: another process is at their repository now")
    if any(report.error_code for report in reports):
        raise typer.Exit(2)


async def _backfill(settings: Settings, database: Database, references: list[str]) -> tuple[list[TagReport], int]:
    try:
        async with polling_with(settings, database) as polling:
            await expand_due(polling)
            tags = await tags_named(polling, references)
            with _progress() as bar:
                task = bar.add_task("looking for past sizes", total=await _repositories(database, tags), builds=0)
                added = [0]

                def advance(repository: Repository, repositories: int, builds: int) -> None:
                    added[0] += builds
                    bar.update(task, advance=repositories, description=repository.familiar, builds=added[0])

                try:
                    reports = await backfill_now(backfilling_with(settings, polling), tags, advance)
                finally:
                    await give_back(polling)
            return reports, sum(map(len, tags.values())) - len(reports)
    finally:
        await database.close()


async def _repositories(database: Database, tags: dict[str, list[int]]) -> int:
    """How many repositories these tags lie in."""
    wanted = {tag_id for ids in tags.values() for tag_id in ids}
    async with database.reading() as session:
        rows = await session.execute(select(Tag.id, Tag.repository_id).where(Tag.watched))
        return len({repository_id for tag_id, repository_id in rows if tag_id in wanted})


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("repositories, {task.fields[builds]} builds added"),
        TimeElapsedColumn(),
    )
    return progress_bar(*columns, on=err)


def _show(reports: Sequence[TagReport]) -> None:
    told = [report for report in reports if report.found]
    if told:
        rows = table("image")
        for name in ("found", "new", "known", "overlapping"):
            rows.add_column(name, justify="right")
        for one in told:
            rows.add_row(Text(_name(one)), *(f"{n:,}" for n in (one.found, one.new, one.known, one.overlapping)))
        out.print(rows)
    silent = sum(not report.found and not report.error_code for report in reports)
    out.print(
        f"{counted(len(reports), 'tag')}, {counted(sum(one.found for one in reports), 'past build')} found, "
        f"{sum(one.new for one in reports):,} of them new; no past that anybody tells: {counted(silent, 'tag')}"
    )
    for one in reports:
        for line in _complaints(one):
            err.print(f"{_name(one)}: {line}", markup=False, soft_wrap=True)


def _complaints(report: TagReport) -> list[str]:
    """What could not be had, and why."""
    lines = [f"{count} left out: {reason}" for reason, count in report.refused.most_common(5)]
    if report.error_message:
        later = f"; next try {report.next_try_at:%Y-%m-%d %H:%M} UTC" if report.next_try_at else ""
        lines.append(f"{report.error_message}{later}")
    return lines


def _name(report: TagReport) -> str:
    return f"{report.repository.familiar}:{report.tag}"


def _as_json(reports: Sequence[TagReport], busy: int) -> dict[str, object]:
    return {
        "tags": [
            {
                "image": one.repository.familiar,
                "tag": one.tag,
                "found": one.found,
                "new": one.new,
                "known": one.known,
                "overlapping": one.overlapping,
                "refused": dict(one.refused),
                "error_code": one.error_code,
                "error_message": one.error_message,
                "next_try_at": one.next_try_at.isoformat() if one.next_try_at else None,
            }
            for one in reports
        ],
        "found": sum(one.found for one in reports),
        "new": sum(one.new for one in reports),
        "left_out": busy,
    }
