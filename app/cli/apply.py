"""`tarewatch apply`: make the watch list what a file declares."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.printing import console
from app.cli.running import with_database
from app.db import Database
from app.polling.round import utc_now
from app.watchlist.applying import Differences, apply_declared, differences
from app.watchlist.declared import DeclarationInvalid, Declared, load_declared

out = console()


def apply(
    file: Annotated[Path, typer.Argument(help="The watch list as TOML.")] = Path("tarewatch.toml"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without being asked.")] = False,
) -> None:
    """Make the watch list what a file declares. Exit code 1 if there are differences that stay."""
    declared = load_declared(file)
    found = _differences(declared)
    _show(found, file)
    if not found:
        out.print("nothing to do")
        return
    if dry_run or not (yes or _agreed(found)):
        raise typer.Exit(1)
    _apply(declared, found, file)
    out.print("done")


def _differences(declared: tuple[Declared, ...]) -> Differences:
    async def main(database: Database) -> Differences:
        async with database.reading() as session:
            return await differences(session, declared)

    return with_database(main)


def _apply(declared: tuple[Declared, ...], agreed: Differences, file: Path) -> None:
    async def main(database: Database) -> bool:
        async with database.writing() as session:
            return await apply_declared(session, declared, agreed, utc_now())

    if not with_database(main):
        raise DeclarationInvalid(f"{file}: the watch list was changed by somebody else meanwhile; look at it again")


def _agreed(found: Differences) -> bool:
    if not (out.is_terminal and typer.get_text_stream("stdin").isatty()):
        raise DeclarationInvalid("nobody can be asked here: --yes applies it, --dry-run only shows it")
    count = len(found.add) + len(found.change) + len(found.remove)
    return typer.confirm(f"Apply {count} change{'s' if count > 1 else ''}?", default=False)


def _show(found: Differences, file: Path) -> None:
    for one in found.add:
        out.print(f"+ {one.spec}{' (paused)' if one.paused else ''}", style="green", markup=False)
    for change in found.change:
        out.print(f"~ {change.watch.spec}: {', '.join(change.what)}", style="yellow", markup=False)
    for watch in found.remove:
        out.print(f"- {watch.spec}", style="red", markup=False)
    if found.unmanaged:
        count = len(found.unmanaged)
        out.print(f"{count} watch{'es' if count > 1 else ''} not managed by {file}", markup=False)
