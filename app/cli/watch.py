"""`tarewatch watch ...`: what is watched."""

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.cli import watch_import
from app.cli.printing import console, table
from app.cli.running import with_database
from app.db import Database
from app.polling.round import utc_now
from app.watchlist import WatchInfo, WatchSpec, add_watches, find_watch, list_watches, pause_watches, remove_watches
from app.watchlist.declared import as_toml, interval_text

app = typer.Typer(help="What is watched: add, import, list, pause, resume, remove.", no_args_is_help=True)
app.command("import")(watch_import.import_)
out = console()

Images = Annotated[
    list[str],
    typer.Argument(metavar="IMAGE...", help='Images with a tag or a pattern: "debian:bookworm-slim" "alpine:3.2*"'),
]
Watches = Annotated[list[str], typer.Argument(metavar="WATCH...", help="Watches: their id, or image:tag as listed.")]


@app.command()
def add(
    images: Images,
    platform: Annotated[
        list[str] | None, typer.Option(help="Only this platform; may be repeated. Default: all.")
    ] = None,
    interval: Annotated[str | None, typer.Option(help="How often to look: 30m, 6h, 1d.")] = None,
) -> None:
    """Watch images. All of them, or none if one is wrong."""
    specs = [WatchSpec.parse(image, platform, interval) for image in images]

    async def main(database: Database) -> None:
        async with database.writing() as session:
            await add_watches(session, specs, origin="cli", now=utc_now())

    with_database(main)
    for spec in specs:
        out.print(f"watching {spec}", markup=False)


@app.command("list")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
    toml: Annotated[bool, typer.Option("--toml", help="As a file for `tarewatch apply`.")] = False,
) -> None:
    """List the watches."""

    async def main(database: Database) -> tuple[WatchInfo, ...]:
        async with database.reading() as session:
            return await list_watches(session)

    watches = with_database(main)
    if as_json:
        typer.echo(json.dumps([_as_json(watch) for watch in watches], indent=2))
    elif toml:
        typer.echo(as_toml(watches), nl=False)
    else:
        out.print(_table(watches) if watches else "nothing is watched; `tarewatch watch add debian:bookworm-slim`")


@app.command()
def remove(watches: Watches) -> None:
    """Stop watching. What was recorded stays."""

    async def main(database: Database) -> list[WatchSpec]:
        async with database.writing() as session:
            ids = [await find_watch(session, text) for text in watches]
            return await remove_watches(session, ids, utc_now())

    for spec in with_database(main):
        out.print(f"no longer watching {spec}", markup=False)


@app.command()
def pause(watches: Watches) -> None:
    """Stop looking, until resumed."""
    for spec in _set_paused(watches, paused=True):
        out.print(f"paused {spec}", markup=False)


@app.command()
def resume(watches: Watches) -> None:
    """Look again."""
    for spec in _set_paused(watches, paused=False):
        out.print(f"resumed {spec}", markup=False)


def _set_paused(watches: list[str], *, paused: bool) -> list[WatchSpec]:
    async def main(database: Database) -> list[WatchSpec]:
        async with database.writing() as session:
            ids = [await find_watch(session, text) for text in watches]
            return await pause_watches(session, ids, paused, utc_now())

    return with_database(main)


def _as_json(watch: WatchInfo) -> dict[str, object]:
    interval = watch.spec.interval
    return {
        "id": watch.id,
        "image": str(watch.spec),
        "platforms": watch.spec.platforms,
        "interval_seconds": int(interval.total_seconds()) if interval else None,
        "paused": watch.paused,
        "origin": watch.origin,
        "sources": [{"root": source.root, "location": source.location} for source in watch.sources],
        "tags": watch.tags,
        "matched_tags": watch.matched_tags,
        "truncated": watch.truncated,
        "expand_error": watch.expand_error,
    }


def _table(watches: tuple[WatchInfo, ...]) -> Table:
    rows = table("id", "image", "platforms", "interval", "tags", "from", "state")
    for watch in watches:
        rows.add_row(
            str(watch.id),
            Text(str(watch.spec)),
            " ".join(watch.spec.platforms or ("all",)),
            _interval(watch.spec),
            str(watch.tags),
            Text(_origin(watch)),
            Text(_state(watch)),
        )
    return rows


def _interval(spec: WatchSpec) -> str:
    return interval_text(int(spec.interval.total_seconds())) if spec.interval else "default"


def _origin(watch: WatchInfo) -> str:
    """Where a watch comes from: the files that name it, or who added it."""
    if not watch.sources:
        return watch.origin
    more = len(watch.sources) - 1
    return watch.sources[0].location + (f" and {more} more" if more else "")


def _state(watch: WatchInfo) -> str:
    if watch.paused:
        return "paused"
    if watch.expand_error:
        return f"could not list tags: {watch.expand_error}"
    if watch.truncated:
        return f"{watch.matched_tags} tags match, more than the cap: narrow the pattern or raise the cap"
    return "active"
