"""Bring a file's facts into the database: all of them or none, unless told to keep going."""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlalchemy.exc import OperationalError

from app.db import Database
from app.exchange.report import Report
from app.exchange.source import Source
from app.history.past import PastBuild, add_past
from app.models import bump_revision

CHUNK = 5_000
_BETWEEN_COLLECTIONS = 50_000  # objects made and not yet freed
_TRIES = 3  # of a transaction that another one deadlocked with
_DEADLOCK = "40P01"  # SQLSTATE

Reader = Callable[[Source, Report, datetime], Iterator[PastBuild]]
Advance = Callable[[float], None]  # told the part that is done, 0 to 1


@dataclass(frozen=True, slots=True)
class Terms:
    """How to import: without writing, and whether what is refused may be left out."""

    dry_run: bool = False
    keep_going: bool = False


async def load(
    database: Database, source: Source, read: Reader, terms: Terms, now: datetime, advance: Advance
) -> Report:
    """Read the file, and write it in one transaction; FileRefused if it cannot be read as a whole.

    Without `keep_going` nothing is written any more once something was refused: the rest is read for the report.
    """
    with _seldom_collecting():
        return await _persistently(database, source, read, terms, now, lambda: advance(_done(source)))


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Facts come by the thousand and hold no cycles: looking for some among them costs a tenth of an import's time."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


async def _persistently(
    database: Database, source: Source, read: Reader, terms: Terms, now: datetime, advance: Callable[[], None]
) -> Report:
    for remaining in reversed(range(_TRIES)):
        try:
            return await _write(database, source, read, terms, now, advance)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _DEADLOCK or not remaining:
                raise
    raise AssertionError("unreachable")


async def _write(
    database: Database, source: Source, read: Reader, terms: Terms, now: datetime, advance: Callable[[], None]
) -> Report:
    report = Report()
    async with database.writing() as session:
        for chunk in _chunks(read(source, report, now)):
            if terms.keep_going or not report.refusals:
                report.take(await add_past(session, chunk, now, bump=False))
            advance()
        if report.refusals and not terms.keep_going:
            report.outcome, report.new, report.layered = "nothing written", 0, 0
        elif terms.dry_run:
            report.outcome = "dry run"
        if report.outcome == "written":
            await bump_revision(session)
        else:
            await session.rollback()
    return report


def _chunks(facts: Iterable[PastBuild]) -> Iterator[list[PastBuild]]:
    every = iter(facts)
    while chunk := list(islice(every, CHUNK)):
        yield chunk


def _done(source: Source) -> float:
    return source.position / (source.length_bytes or 1)
