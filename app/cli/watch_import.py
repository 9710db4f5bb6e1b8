"""`tarewatch watch import`: watch what Dockerfiles, compose files, manifests, workflows and lists name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.cli.printing import console, counted, table
from app.cli.running import with_database
from app.db import Database
from app.polling.round import utc_now
from app.registry.reference import Repository
from app.watchlist import WatchInfo, WatchSpec, parse_interval
from app.watchlist.importing import Findings, Found, find_images
from app.watchlist.sources import ImportPlan, import_watches, plan_import, retire_gone
from app.watchlist.spec import parse_platforms

out = console()
err = console(stderr=True)

Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders to be searched.")]


def import_(
    paths: Paths,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is found where.")] = False,
    retire: Annotated[bool, typer.Option("--retire", help="Remove imported watches that are found no more.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    platform: Annotated[
        list[str] | None, typer.Option(help="Only this platform, for new watches; may be repeated. Default: all.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="How often to look at new watches: 30m, 6h, 1d.")] = None,
) -> None:
    """Watch the images that files name: Dockerfiles, compose files, Kubernetes manifests, workflows, plain lists."""
    platforms, every = parse_platforms(platform), parse_interval(interval)
    findings = [find_images(path) for path in dict.fromkeys(paths)]

    async def main(database: Database) -> ImportPlan:
        if dry_run:
            async with database.reading() as session:
                return await plan_import(session, findings)
        async with database.writing() as session:
            return await import_watches(session, findings, utc_now(), platforms=platforms, interval=every)

    plan = with_database(main)
    retired: list[WatchSpec] = []
    if not dry_run and plan.gone and (retire or (not as_json and _agreed(plan.gone))):
        retired = _retire(findings, plan.gone)
    if as_json:
        typer.echo(json.dumps(_as_json(findings, plan, retired), indent=2))
    else:
        _show(findings, plan, retired, dry_run=dry_run)


def _retire(findings: Sequence[Findings], gone: Sequence[WatchInfo]) -> list[WatchSpec]:
    async def main(database: Database) -> list[WatchSpec]:
        async with database.writing() as session:
            return await retire_gone(session, findings, [watch.id for watch in gone], utc_now())

    return with_database(main)


def _agreed(gone: Sequence[WatchInfo]) -> bool:
    """What a person at a terminal says; nobody else is asked."""
    if not (out.is_terminal and typer.get_text_stream("stdin").isatty()):
        return False
    _show_gone(gone)
    return typer.confirm(f"Remove {_watches(len(gone))}? What was recorded stays", default=False)


def _watches(count: int) -> str:
    return counted(count, "watch", "watches")


def _show(findings: Sequence[Findings], plan: ImportPlan, retired: Sequence[WatchSpec], *, dry_run: bool) -> None:
    for one in findings:
        if one.found:
            out.print(_table(one, plan, dry_run=dry_run))
        for skipped in one.skipped:
            err.print(f"not read: {skipped.file}: {skipped.reason}", markup=False)
    for spec in retired:
        out.print(f"no longer watching {spec}", markup=False)
    if plan.gone and not retired:
        _show_gone(plan.gone)
        out.print("`--retire` removes them")
    unclear = sum(found.problem is not None for one in findings for found in one.found)
    verb = "would be added" if dry_run else "added"
    out.print(
        f"{counted(sum(one.files for one in findings), 'file')} read; {_watches(len(plan.new))} {verb}, "
        f"{len(plan.watched)} watched already, {unclear} cannot be told"
    )


def _show_gone(gone: Sequence[WatchInfo]) -> None:
    for watch in gone:
        places = ", ".join(source.location for source in watch.sources[:3])
        out.print(f"found no more: {watch.spec} (was in {places})", markup=False)


def _table(findings: Findings, plan: ImportPlan, *, dry_run: bool) -> Table:
    rows = table("image", "where", "what")
    new = {(spec.repository, spec.tag_pattern) for spec in plan.new}
    for found in findings.found:
        what = _what(found, new, dry_run=dry_run)
        place = f"{found.location} ({found.where})" if found.where else found.location
        rows.add_row(Text(str(found.spec or found.text)), Text(place), Text(what))
    return rows


def _what(found: Found, new: set[tuple[Repository, str]], *, dry_run: bool) -> str:
    if found.spec is None:
        return f"cannot tell: {found.problem}"
    if (found.spec.repository, found.spec.tag_pattern) in new:
        return "new" if dry_run else "added"
    return "already watched"


def _as_json(findings: Sequence[Findings], plan: ImportPlan, retired: Sequence[WatchSpec]) -> dict[str, object]:
    return {
        "files": sum(one.files for one in findings),
        "found": [_found(one.root, found) for one in findings for found in one.found],
        "not_read": [
            {"root": one.root, "file": skipped.file, "reason": skipped.reason}
            for one in findings
            for skipped in one.skipped
        ],
        "new": [str(spec) for spec in plan.new],
        "watched": [str(spec) for spec in plan.watched],
        "gone": [str(watch.spec) for watch in plan.gone],
        "retired": [str(spec) for spec in retired],
    }


def _found(root: str, found: Found) -> dict[str, object]:
    return {
        "image": str(found.spec) if found.spec else None,
        "text": found.text,
        "root": root,
        "location": found.location,
        "where": found.where,
        "problem": found.problem,
    }
