"""What goes out comes in again: the same builds, the same dates, the same bytes when it goes out once more."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from sqlalchemy import select

from app.db import Database, open_database
from app.exchange.csv_in import read_csv
from app.exchange.jsonl_in import read_jsonl
from app.exchange.load import Reader, Terms, load
from app.exchange.selection import PAGE, Selection, select_pages
from app.exchange.text_out import write_csv, write_jsonl
from app.history.observations import LayerFound
from app.history.past import PastBuild, PastManifest, add_past
from app.models import Build, Series
from app.registry.reference import Repository
from tests.exchange.files import NOW, digest, row, source, table
from tests.exchange.histories import History, histories, store
from tests.history.seed import seed_history

Write = Callable[[Database, Selection], AsyncIterator[bytes]]
FORMS = pytest.mark.parametrize(("write", "read"), [(write_csv, read_csv), (write_jsonl, read_jsonl)])


async def out(database: Database, write: Write) -> bytes:
    return b"".join([part async for part in write(database, Selection())])


async def back(database: Database, content: bytes, read: Reader) -> None:
    """Import it all, and prove that a second time adds nothing."""
    for known in (False, True):
        report = await load(database, source(content), read, Terms(), NOW, lambda _done: None)
        assert report.examples == []
        assert (report.new, report.overlapping) == (0 if known else report.read, 0)


@FORMS
@given(history=histories)
@settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)  # shrinking would take minutes
def test_any_history(sqlite_template: Path, write: Write, read: Reader, history: History) -> None:
    """Exported, imported into an empty database and exported again: not a byte differs."""

    async def main(folder: Path) -> None:
        databases = []
        for name in ("one", "two"):
            shutil.copy(sqlite_template, folder / name)
            databases.append(open_database(f"sqlite:///{folder / name}"))
        one, two = databases
        try:
            async with one.writing() as session:
                await store(session, history)
            content = await out(one, write)
            await back(two, content, read)
            assert await out(two, write) == content
        finally:
            for database in databases:
                await database.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


@pytest.fixture
async def years(sqlite_url: str) -> AsyncIterator[Database]:
    """Two realistic years of several images."""
    database = open_database(sqlite_url)
    async with database.writing() as session:
        await seed_history(session, NOW)
    yield database
    await database.close()


@pytest.fixture
async def empty(request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """Another, empty database of either kind."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("fresh_postgres_url")
    else:
        url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'empty.db')}"
    database = open_database(url)
    yield database
    await database.close()


@FORMS
@pytest.mark.parametrize("empty", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_two_years(years: Database, empty: Database, write: Write, read: Reader) -> None:
    """From one kind of database into the other as well; every series knows its latest build again."""
    content = await out(years, write)
    await back(empty, content, read)
    assert await out(empty, write) == content
    async with empty.reading() as session:
        latest = select(Build.first_seen_at).where(Build.series_id == Series.id)
        latest = latest.order_by(Build.first_seen_at.desc()).limit(1)
        last = select(Build.first_seen_at).where(Build.id == Series.latest_build_id)
        wrong = select(Series.id).where(last.scalar_subquery() != latest.scalar_subquery())
        assert (await session.scalars(wrong)).all() == []


async def test_pages_neither_lose_nor_repeat(sqlite_database: Database) -> None:
    """A series longer than a page, between short ones."""
    rows = [row(tag="a"), *(row(tag="b", first_seen_at=_moment(n), digest=digest(n % 2)) for n in range(2 * PAGE))]
    await load(sqlite_database, source(table(*rows, row(tag="c"))), read_csv, Terms(), NOW, lambda _done: None)
    sizes = []
    seen: list[tuple[str, str]] = []
    async for page in select_pages(sqlite_database, Selection()):
        sizes.append(len(page))
        seen += [(build.tag, build.first_seen_at.isoformat()) for build in page]
    assert len(seen) == len(set(seen)) == 2 * PAGE + 2
    assert seen == sorted(seen)
    assert max(sizes) == PAGE


def _moment(number: int) -> str:
    return f"2025-{1 + number // 500:02}-{1 + number // 24 % 28:02}T{number % 24:02}:{number // 672 % 60:02}:00Z"


async def test_patterns_choose_tags(sqlite_database: Database) -> None:
    """As watches do."""
    content = table(*(row(tag=name) for name in ("3.19", "3.1", "a", "b", "_", "latest")))
    await load(sqlite_database, source(content), read_csv, Terms(), NOW, lambda _done: None)
    expected = {"3.1*": {"3.19", "3.1"}, "[ab]": {"a", "b"}, "?": {"a", "b", "_"}, "3.1": {"3.1"}, "x*": set()}
    for tag, names in expected.items():
        pages = select_pages(sqlite_database, Selection(tag=tag))
        assert {build.tag async for page in pages for build in page} == names


async def test_long_build_steps_leave_in_small_parts(sqlite_database: Database) -> None:
    """Whoever reads slowly holds the part that waits for them: a thousand images of a thousand steps are not one."""
    layers = tuple(LayerFound(digest(number), "", 1, None, f"RUN {number} {'x' * 200}") for number in range(1_000))
    async with sqlite_database.writing() as session:
        manifests = [PastManifest(digest(5_000 + number), 1_000, 1_000, layers) for number in range(12)]
        facts = [
            PastBuild(Repository.parse("a"), "b", "linux/amd64", NOW - timedelta(days=number), one, "import")
            for number, one in enumerate(manifests, 1)
        ]
        await add_past(session, facts, NOW)
    parts = [part async for part in write_jsonl(sqlite_database, Selection())]
    assert b"".join(parts).count(b"\n") == 12
    assert max(len(part) for part in parts) < 1_500_000
