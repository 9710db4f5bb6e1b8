"""From a file into the database: all or nothing, repeatable, beside others."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from app.db import Database, open_database
from app.exchange.csv_in import read_csv
from app.exchange.load import Terms, load
from app.exchange.report import Report
from app.exchange.selection import Selection
from app.exchange.text_out import write_csv
from app.models import Build, Manifest, Repository, Tag
from tests.exchange.files import HEADER, NOW, digest, row, source, table

ALL_OR_NOTHING, KEEP_GOING = Terms(), Terms(keep_going=True)
GOOD = table(row(), row(tag="12", digest=digest("two")), row(first_seen_at="2026-02-01", digest=digest("three")))
BAD_LAST = GOOD + row(compressed_bytes="-5").encode() + b"\n"
CONTRADICTION = GOOD + row(first_seen_at="2026-03-01", digest=digest("two"), compressed_bytes="7").encode() + b"\n"


def nowhere(_done: float) -> None:
    """Progress that nobody looks at."""


async def imported(
    database: Database, content: bytes, terms: Terms = ALL_OR_NOTHING, advance: Callable[[float], None] = nowhere
) -> Report:
    return await load(database, source(content), read_csv, terms, NOW, advance)


async def counts(database: Database) -> list[int]:
    """Repositories, tags, manifests and builds."""
    async with database.reading() as session:
        return [
            await session.scalar(select(func.count()).select_from(table_)) or 0
            for table_ in (Repository, Tag, Manifest, Build)
        ]


async def test_a_good_file(database: Database) -> None:
    """Everything is there, and a second time changes nothing."""
    first, second = await imported(database, GOOD), await imported(database, GOOD)
    assert (first.outcome, first.read, first.new, first.known) == ("written", 3, 3, 0)
    assert (second.outcome, second.read, second.new, second.known) == ("written", 3, 0, 3)
    assert await counts(database) == [1, 2, 3, 3]


@pytest.mark.parametrize("content", [BAD_LAST, CONTRADICTION], ids=["bad row", "contradiction"])
async def test_nothing_is_half_written(database: Database, content: bytes) -> None:
    """One row that cannot be taken, by itself or beside what is recorded: the whole file is left out."""
    report = await imported(database, content)
    assert (report.outcome, report.read, report.new, report.refusals) == ("nothing written", 4, 0, 1)
    assert report.examples[0][0] == "sizes.csv:5"
    assert await counts(database) == [0, 0, 0, 0]


@pytest.mark.parametrize("content", [BAD_LAST, CONTRADICTION], ids=["bad row", "contradiction"])
async def test_keeping_going(database: Database, content: bytes) -> None:
    """What is good is taken, what is not is told."""
    report = await imported(database, content, KEEP_GOING)
    assert (report.outcome, report.new, report.refusals) == ("written", 3, 1)
    assert await counts(database) == [1, 2, 3, 3]


async def test_dry_run(database: Database) -> None:
    """Says what would be new beside what is there, and writes nothing."""
    await imported(database, table(row()))
    before = await counts(database)
    report = await imported(database, GOOD, Terms(dry_run=True))
    assert (report.outcome, report.new, report.known) == ("dry run", 2, 1)
    assert await counts(database) == before


async def test_contradicting_what_is_recorded(database: Database) -> None:
    """The row, the digest and both sizes are told."""
    await imported(database, table(row()))
    report = await imported(database, table(row(tag="12", compressed_bytes="7")))
    ((place, reason),) = report.examples
    assert place == "sizes.csv:2"
    assert digest("one") in reason
    assert "48497210 bytes, not 7" in reason


async def test_more_rows_than_a_chunk(sqlite_database: Database) -> None:
    """One series over several chunks stays one history; progress grows to its end."""
    days = [f"20{13 + n // 336}-{1 + n // 28 % 12:02}-{1 + n % 28:02}" for n in range(4_000)]
    rows = [
        row(first_seen_at=day, digest=digest(n % 7 + 100 * variant), compressed_bytes=str(n % 7 + 1), tag=f"t{variant}")
        for variant in range(2)
        for n, day in enumerate(days)
    ]
    steps: list[float] = []
    report = await imported(sqlite_database, table(*rows), advance=steps.append)
    assert (report.new, report.refusals) == (8_000, 0)
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


async def test_two_at_once(database_url: str) -> None:
    """Of two processes that import the same, each finds the other's builds known; nothing comes twice."""
    databases = [open_database(database_url) for _ in range(2)]
    rows = [row(tag=f"t{n % 50}", first_seen_at=f"2025-01-{1 + n // 50:02}", digest=digest(n)) for n in range(1_000)]
    contents = [table(*rows), table(*reversed(rows))]
    reports = await asyncio.gather(*(imported(*pair) for pair in zip(databases, contents, strict=True)))
    assert sum(report.new for report in reports) == 1_000
    assert sum(report.known for report in reports) == 1_000
    assert (await counts(databases[0]))[3] == 1_000
    for database in databases:
        await database.close()


async def test_order_of_rows_does_not_matter(database: Database) -> None:
    """Newest first or oldest first, the history is the same."""
    rows = [row(first_seen_at=f"2025-01-{1 + n:02}", digest=digest(n % 5)) for n in range(28)]
    await imported(database, table(*reversed(rows)))
    parts = [part async for part in write_csv(database, Selection())]
    told = b"".join(parts).decode().splitlines()
    assert [line.split(",")[3][:10] for line in told[1:]] == [f"2025-01-{1 + n:02}" for n in range(28)]


async def test_the_header_alone_counts_as_nothing(database: Database) -> None:
    """An export of an empty installation can be imported."""
    report = await imported(database, f"{HEADER}\n".encode())
    assert (report.outcome, report.read) == ("written", 0)
