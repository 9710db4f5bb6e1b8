"""Take in the public history that docker-library/repo-info is: ten years of pages in a clone, or a folder of them."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path

from app.db import Database
from app.exchange.refusals import FileRefused
from app.exchange.repo_info_facts import Changes, Chunk, take_alone
from app.exchange.repo_info_git import Blobs, Clone, PageVersion, is_clone, open_clone
from app.exchange.repo_info_page import LONGEST_PAGE, Page, PageRefused, page_text, parse_page
from app.exchange.report import Report, printable
from app.history.past import Added, PastBuild, add_past

_BATCH = 100  # page versions whose blobs are asked for together
_REMEMBERED = 1_000  # pages, by blob: reverts and merges bring them back
_WORTH_REMEMBERING = 32 * 1024  # bytes; longer ones would fill the memory


@dataclass(slots=True)
class HistoryReport(Report):
    """A report that also counts `pages` (versions of them), and those that were `silent`: no such tag, no platform."""

    pages: int = 0
    silent: int = 0

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {"pages": self.pages, "silent": self.silent, **Report.as_json(self)}

    def count(self, chunk: Chunk, added: Added) -> None:
        """Add what became of a chunk."""
        self.pages += chunk.pages
        self.silent += chunk.silent
        self.read += len(chunk.facts) + len(chunk.refused)
        self.new, self.known = self.new + added.new, self.known + added.known
        self.overlapping += added.overlapping
        for place, refused in chunk.refused:
            self.refuse(place, refused.reason, refused.detail)
        for fact, reason in added.refused:
            self.refuse(f"{fact.place} {fact.platform}", "contradicts what is recorded", reason)


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages to take in: `count` versions, read by `chunks(now)`; `notes` are worth telling people."""

    count: int
    chunks: Callable[[datetime], Iterator[Chunk]]
    notes: list[str] = field(default_factory=list)


@contextmanager
def open_pages(path: Path) -> Iterator[Pages]:
    """The pages of a clone (work tree or bare), or of a folder; FileRefused if there are none."""
    if not os.path.isdir(path):  # Path.is_dir raises where a folder above may not be read
        raise FileRefused(
            str(path), "no folder; a clone of docker-library/repo-info, or a folder of its pages is wanted"
        )
    if is_clone(path):
        with open_clone(path) as clone, clone.blobs() as blobs:
            yield Pages(_some(clone.count, path), lambda now: _clone_chunks(clone, blobs, now), _clone_notes(clone))
    else:
        files = sorted(filter(os.path.isfile, _page_files(path)))
        yield Pages(_some(len(files), path), lambda now: _folder_chunks(path, files, now))


async def import_pages(
    database: Database, pages: Pages, now: datetime, advance: Callable[[int], object], *, dry_run: bool = False
) -> HistoryReport:
    """Take in the pages, some thousand facts per transaction, while the next ones are read.

    What was written stays when it is interrupted, and is known when it is run again. A dry run judges each of these
    parts against the database as it is.
    """
    report = HistoryReport(notes=list(pages.notes), outcome="dry run" if dry_run else "written")
    chunks = pages.chunks(now)
    coming = asyncio.ensure_future(asyncio.to_thread(next, chunks, None))
    try:
        while (chunk := await coming) is not None:
            coming = asyncio.ensure_future(asyncio.to_thread(next, chunks, None))
            report.count(chunk, await _write(database, chunk.facts, now, dry_run))
            advance(chunk.pages)
    finally:
        await asyncio.gather(coming, return_exceptions=True)  # the reader's files are open until it returns
    report.notes.append(f"{report.pages:,} versions of pages, {report.silent:,} without a tag or platform")
    return report


async def _write(database: Database, facts: Sequence[PastBuild], now: datetime, dry_run: bool) -> Added:
    if not facts:
        return Added()
    async with database.writing() as session:
        added = await add_past(session, facts, now)
        if dry_run:
            await session.rollback()
        return added


def _some(count: int, path: Path) -> int:
    if not count:
        raise FileRefused(str(path), "no pages: neither repos/*/remote/*.md nor *.md (in a clone, of its HEAD)")
    return count


def _clone_notes(clone: Clone) -> list[str]:
    note = "a shallow clone: its history begins late (`git fetch --unshallow` gets the rest)"
    return [note] if clone.is_shallow else []


def _page_files(folder: Path) -> Iterator[Path]:
    for pattern in ("repos/*/remote/*.md", "*/remote/*.md", "remote/*.md", "*.md"):
        if found := list(folder.glob(pattern)):
            return iter(found)
    return iter(())


def _folder_chunks(folder: Path, files: Sequence[Path], now: datetime) -> Iterator[Chunk]:
    chunk = Chunk()
    for file in files:
        plain = not file.is_symlink()  # as in a clone: a stranger's link may lead to anything that we may read
        body = _content(file) if plain else None
        page = _parsed(body) if body is not None else PageRefused("cannot be read" if plain else "not a plain file")
        chunk.count(page, len(body or b""))
        take_alone(printable(file.relative_to(folder).as_posix()), page, now, chunk)
        if chunk.is_full:
            yield chunk
            chunk = Chunk()
    yield chunk


def _content(file: Path) -> bytes | None:
    try:
        with file.open("rb") as opened:
            return opened.read(LONGEST_PAGE + 1)
    except OSError:
        return None


def _clone_chunks(clone: Clone, blobs: Blobs, now: datetime) -> Iterator[Chunk]:
    changes, chunk = Changes(now), Chunk()
    for version, page, length in _versions_read(clone, blobs):
        chunk.count(page, length)
        changes.take(version, page, chunk)
        if chunk.is_full:
            yield chunk
            chunk = Chunk()
    yield chunk


_Read = tuple[Page | PageRefused, int]


def _versions_read(clone: Clone, blobs: Blobs) -> Iterator[tuple[PageVersion, Page | PageRefused, int]]:
    """Every version with its page, and the bytes of that; a blob that comes again soon is not read again."""
    known: dict[str, _Read] = {"": (PageRefused("not a plain file"), 0)}
    versions = clone.versions()
    while batch := list(islice(versions, _BATCH)):
        wanted = dict.fromkeys(version.blob for version in batch if version.blob not in known)
        now = {name: _read(body) for name, body in blobs.read(wanted)}
        for version in batch:
            yield version, *(now.get(version.blob) or known[version.blob])
        known |= {name: read for name, read in now.items() if read[1] <= _WORTH_REMEMBERING}
        for name in list(islice(known, 1, max(1, len(known) - _REMEMBERED))):  # the first is the empty name
            del known[name]


def _read(body: bytes | None) -> _Read:
    if body is None:
        return PageRefused("the clone lacks this version of the page"), 0
    return _parsed(body), len(body)


def _parsed(body: bytes) -> Page | PageRefused:
    try:
        return parse_page(page_text(body))
    except PageRefused as refused:
        return refused
