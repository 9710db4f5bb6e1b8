"""`tarewatch export ...`: what was recorded, as files."""

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from app.cli.running import ready_database, run
from app.db import Database
from app.exchange.facts import moment
from app.exchange.parquet_out import load_pyarrow, write_parquet
from app.exchange.refusals import RowRefused
from app.exchange.selection import Selection
from app.exchange.text_out import write_csv, write_jsonl
from app.history.errors import UnknownImage
from app.history.lookup import find_repository
from app.registry.platform import Platform
from app.registry.reference import ReferenceInvalid, Repository, split_pattern
from app.settings import load_settings

app = typer.Typer(help="Give out what was recorded, as files.", no_args_is_help=True)

Image = Annotated[str | None, typer.Option(help='Only this repository: "debian"; "debian:bookworm*" names tags too.')]
Tag = Annotated[str | None, typer.Option(help='Only tags that fit: "bookworm", "bookworm-*".')]
Platforms = Annotated[list[str] | None, typer.Option("--platform", help="Only this platform; may be repeated.")]
Since = Annotated[str | None, typer.Option(help="Only builds from then on: 2026-01-31, or an RFC 3339 time.")]
Until = Annotated[str | None, typer.Option(help="Only builds up to then.")]
Output = Annotated[Path | None, typer.Option(help="Write this file, whole or not at all. Default: standard output.")]
OutputFile = Annotated[Path, typer.Option("--output", help="Write this file, whole or not at all.")]

Write = Callable[[Database, Selection], AsyncIterator[bytes]]


@app.callback()
def export() -> None:
    """Give out what was recorded, as files; docs/exchange.md has their shape."""


@app.command("csv")
def csv_(
    image: Image = None,
    tag: Tag = None,
    platforms: Platforms = None,
    since: Since = None,
    until: Until = None,
    output: Output = None,
) -> None:
    """Builds as CSV."""
    _write_text(write_csv, _selection(image, tag, platforms, since, until), output)


@app.command()
def jsonl(
    image: Image = None,
    tag: Tag = None,
    platforms: Platforms = None,
    since: Since = None,
    until: Until = None,
    output: Output = None,
) -> None:
    """Builds as JSONL, with their layers and build steps."""
    _write_text(write_jsonl, _selection(image, tag, platforms, since, until), output)


@app.command()
def parquet(
    output: OutputFile,
    image: Image = None,
    tag: Tag = None,
    platforms: Platforms = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Builds as Parquet; needs pyarrow."""
    load_pyarrow()
    wanted = _selection(image, tag, platforms, since, until)

    async def main(database: Database) -> None:
        await _require_known(database, wanted)
        with _whole(output) as path:
            await write_parquet(database, wanted, path)

    _with_database(main)


def _selection(
    image: str | None, tag: str | None, platforms: list[str] | None, since: str | None, until: str | None
) -> Selection:
    try:
        repository, named = _repository(image)
        if tag and named:
            raise typer.BadParameter(f"--image names the tag {named!r} already; leave out that or --tag")
        wanted = {str(Platform.parse(one)) for one in platforms} if platforms else None
        begin, end = _moment(since), _moment(until)
        if begin and end and begin > end:
            raise typer.BadParameter(f"--since {since} is later than --until {until}")
        return Selection(repository, tag or named, wanted, begin, end)
    except (ReferenceInvalid, RowRefused, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


def _repository(image: str | None) -> tuple[Repository | None, str | None]:
    """The repository, and the tag or pattern that is named with it."""
    if image is None:
        return None, None
    try:
        return Repository.parse(image), None
    except ReferenceInvalid as error:
        if error.part != "tag":
            raise
        return split_pattern(image)


async def _require_known(database: Database, wanted: Selection) -> None:
    """An image that is misspelled is no empty file."""
    if wanted.repository is None:
        return
    async with database.reading() as session:
        try:
            await find_repository(session, wanted.repository)
        except UnknownImage as error:
            close = f"; there is {', '.join(error.suggestions)}" if error.suggestions else ""
            raise typer.BadParameter(f"nothing is recorded of {error.reference}{close}") from None


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None


def _write_text(write: Write, wanted: Selection, output: Path | None) -> None:
    async def main(database: Database) -> None:
        await _require_known(database, wanted)
        if output is None:
            await _copy(write(database, wanted), sys.stdout.buffer)
            return
        with _whole(output) as path, path.open("wb") as file:
            await _copy(write(database, wanted), file)

    _with_database(main)


async def _copy(parts: AsyncIterator[bytes], file: BinaryIO) -> None:
    async for part in parts:
        file.write(part)
    file.flush()


def _with_database(main: Callable[[Database], Coroutine[Any, Any, None]]) -> None:
    database = ready_database(load_settings())

    async def opened() -> None:
        try:
            await main(database)
        finally:
            await database.close()

    try:
        run(opened())
    except BrokenPipeError:  # whoever read has had enough, as `head` does; nothing may be said at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """A new file beside `output` that takes its place at the end; what is no plain file is written as it is."""
    target = output.resolve()
    if target.exists() and not target.is_file():
        yield target
        return
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    except OSError as error:
        raise typer.BadParameter(f"cannot write {output}: {error.strerror}") from None
    path = Path(name)
    try:
        os.fchmod(handle, 0o666 & ~_umask())
        os.close(handle)
        yield path
        _flush(path)
        path.replace(target)
    finally:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _umask() -> int:
    """The process's mask; it can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
