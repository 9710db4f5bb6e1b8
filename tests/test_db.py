"""Engines, sessions, and the schema on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, select, text, update
from sqlalchemy.exc import StatementError

from app.db import Database, DatabaseUnusable, open_database, parse_url
from app.models import Repository, Revision, Worker
from app.schema import downgrade, head_revision, require_current, upgrade


@pytest.mark.parametrize(
    ("text_", "drivername"),
    [
        ("sqlite:///data/x.db", "sqlite+aiosqlite"),
        ("postgres://u:p@h/n", "postgresql+psycopg"),
        ("postgresql://h/n", "postgresql+psycopg"),
    ],
)
def test_url_drivers(text_: str, drivername: str) -> None:
    """Familiar URL spellings get our two drivers."""
    assert parse_url(text_).drivername == drivername


@pytest.mark.parametrize("text_", ["mysql://u:secret@h/n", "not a url secret"])
def test_other_urls_are_refused_without_secrets(text_: str) -> None:
    """A URL we cannot use names what is supported, never the password."""
    with pytest.raises(DatabaseUnusable) as caught:
        parse_url(text_)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text_", "hint"),
    [
        ("postgresql://u:hid@den@h/n", "%40"),
        ("postgresql://u:hidden@h:hidden/n", "port that is no number"),
        ("postgresql://u:hi:dden@h:x@y/n", "%40"),
    ],
)
def test_urls_that_want_encoding(text_: str, hint: str) -> None:
    """A password with an @ in it, or a port that is none, is one clear line that does not show it."""
    with pytest.raises(DatabaseUnusable, match=hint) as caught:
        parse_url(text_)
    assert "\n" not in str(caught.value)
    assert "den" not in str(caught.value)


def test_encoded_passwords_are_fine() -> None:
    """As the hint says."""
    assert parse_url("postgresql://u:hid%40den@h:5432/n").password == "hid@den"


async def test_sessions_on_postgresql_run_in_utc(postgres_url: str) -> None:
    """Whatever the server's own zone; options of the URL stay in force."""
    server = make_url(postgres_url).update_query_dict({"options": "-c timezone=Asia/Tokyo -c statement_timeout=1234"})
    database = open_database(server.render_as_string(hide_password=False))
    async with database.reading() as session:
        shown = [await session.scalar(text(f"SHOW {name}")) for name in ("timezone", "statement_timeout")]
    await database.close()
    assert shown == ["UTC", "1234ms"]


async def test_times_come_back_aware_and_exact(database: Database) -> None:
    """A time keeps its microseconds and comes back in UTC, whatever its zone was."""
    moment = datetime(2026, 3, 1, 1, 2, 3, 456789, tzinfo=timezone(timedelta(hours=5)))
    async with database.writing() as session:
        session.add(Worker(id="w", version="1", started_at=moment, beat_at=datetime(1969, 1, 1, tzinfo=UTC)))
    async with database.reading() as session:
        worker = await session.get_one(Worker, "w")
    assert worker.started_at == moment
    assert worker.started_at.tzinfo is UTC
    assert worker.beat_at == datetime(1969, 1, 1, tzinfo=UTC)


async def test_naive_times_are_refused(database: Database) -> None:
    """A time without a zone is an error, not a guess."""
    with pytest.raises(StatementError, match="naive"):
        async with database.writing() as session:
            session.add(Worker(id="w", version="1", started_at=datetime(2026, 1, 1), beat_at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_writing_rolls_back_on_error(database: Database) -> None:
    """An error inside a write transaction leaves nothing behind."""
    with pytest.raises(RuntimeError):
        async with database.writing() as session:
            session.add(Repository(host="docker.io", path="library/debian"))
            await session.flush()
            raise RuntimeError
    async with database.reading() as session:
        assert (await session.scalars(select(Repository))).all() == []


async def test_writers_wait_for_each_other(database: Database) -> None:
    """Two writers at once both succeed: the second waits for the first's commit."""

    async def bump() -> None:
        async with database.writing() as session:
            await session.execute(update(Revision).values(number=Revision.number + 1))

    await asyncio.gather(*(bump() for _ in range(10)))
    async with database.reading() as session:
        assert (await session.scalars(select(Revision.number))).one() == 10


def test_migrations_go_down_and_up_with_data(database_url: str) -> None:
    """Down to nothing and up again works on a database that holds rows."""
    engine = create_engine(parse_url(database_url, driver="sync"))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO repositories (host, path) VALUES ('docker.io', 'library/debian')"))
    engine.dispose()
    downgrade(database_url, "base")
    assert upgrade(database_url) == (None, head_revision())
    assert upgrade(database_url) == (head_revision(), head_revision())


def test_newer_database_is_refused(database_url: str) -> None:
    """A schema that this program does not know is not touched; the message says what to do."""
    engine = create_engine(parse_url(database_url, driver="sync"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for refuses in (upgrade, require_current):
        with pytest.raises(DatabaseUnusable, match="newer than this program"):
            refuses(database_url)


def test_unmigrated_database_is_refused(tmp_path: Path) -> None:
    """An empty database is not served; the message names the command."""
    with pytest.raises(DatabaseUnusable, match="tarewatch migrate"):
        require_current(f"sqlite:///{tmp_path}/new.db")


def test_unwritable_folder_is_one_clear_line(tmp_path: Path) -> None:
    """A folder that cannot be made is named, with what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnusable, match=r"cannot write .*file/x\.db"):
        upgrade(f"sqlite:///{tmp_path}/file/x.db")
