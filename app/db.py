"""Engine and sessions from a URL: SQLite (WAL) or PostgreSQL, the same for the rest of the program."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Column, ColumnElement, Dialect, any_, event, func, literal, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import InstrumentedAttribute

BUSY_TIMEOUT_MS = 5_000
POOL_SECONDS = 10  # for a free connection; who waits longer is told to come back
_POSTGRES = {"postgres", "postgresql", "postgresql+psycopg"}
_SQLITE = {"sqlite", "sqlite+aiosqlite"}
_ENCODE = "in user name and password, write @ : / as %40 %3A %2F"


class DatabaseUnusable(Exception):
    """The database cannot be used as it is; str() says why and what to do, without credentials."""


def parse_url(text: str, *, driver: str = "async") -> URL:
    """The SQLAlchemy URL for "sqlite:///..." or "postgresql://..."; `driver` "async" or "sync" picks the DBAPI."""
    url = _made(text)
    if url.drivername in _POSTGRES:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername in _SQLITE:
        if not url.database or url.database == ":memory:":
            raise DatabaseUnusable("TAREWATCH_DATABASE_URL names no file: sqlite:///data/tarewatch.db does")
        return url.set(drivername="sqlite+aiosqlite" if driver == "async" else "sqlite")
    raise DatabaseUnusable(
        f"TAREWATCH_DATABASE_URL starts with {url.drivername}://; sqlite:// and postgresql:// are supported"
    )


def _made(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseUnusable(
            "TAREWATCH_DATABASE_URL is no URL: use sqlite:///data/tarewatch.db or postgresql://..."
        ) from None
    except ValueError:
        raise DatabaseUnusable(f"TAREWATCH_DATABASE_URL has a port that is no number; {_ENCODE}") from None
    if "@" in (url.host or ""):  # the end of a password
        raise DatabaseUnusable(f"TAREWATCH_DATABASE_URL has an @ too many; {_ENCODE}")
    return url


def ensure_folder(url: URL) -> None:
    """Make the folder of an SQLite file; DatabaseUnusable when it cannot be written."""
    if not url.drivername.startswith("sqlite") or not url.database:
        return
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise DatabaseUnusable(
            f"cannot write {path}: {error.strerror}; make the folder writable or set TAREWATCH_DATABASE_URL"
        ) from None


@dataclass(frozen=True, slots=True)
class Database:
    """One database: `reading()` and `writing()` give a session inside one transaction."""

    engine: AsyncEngine
    _read: async_sessionmaker[AsyncSession]
    _write: async_sessionmaker[AsyncSession]
    _turn: AbstractAsyncContextManager[None]  # SQLite lets one write at a time, and does not queue those who wait

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session for queries; nothing is committed."""
        async with self._read() as session:
            yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session in a write transaction, committed at the end, rolled back on any error."""
        async with self._turn, self._write() as session, session.begin():
            yield session

    async def close(self) -> None:
        """Give every connection back."""
        await self.engine.dispose()


def open_database(text: str) -> Database:
    """The database at a URL (see `parse_url`); connects on first use."""
    url = parse_url(text)
    engine = _sqlite_engine(url) if url.drivername.startswith("sqlite") else _postgres_engine(url)
    writer = engine.execution_options(tarewatch_write=True)
    return Database(
        engine,
        async_sessionmaker(engine, expire_on_commit=False),
        async_sessionmaker(writer, expire_on_commit=False),
        asyncio.Lock() if url.drivername.startswith("sqlite") else nullcontext(),
    )


def _postgres_engine(url: URL) -> AsyncEngine:
    # UTC, since psycopg cannot read what other zones make of the first and the last days there are.
    options = " ".join([*url.normalized_query.get("options", ()), "-c timezone=UTC"])
    connect_args = {"connect_timeout": 10, "application_name": "tarewatch", "options": options}
    return create_async_engine(url, pool_pre_ping=True, pool_timeout=POOL_SECONDS, connect_args=connect_args)


def _sqlite_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, pool_timeout=POOL_SECONDS, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine.sync_engine, "connect", prepare_sqlite)
    event.listen(engine.sync_engine, "begin", begin_sqlite)
    return engine


def prepare_sqlite(connection: Any, _record: object) -> None:
    """Set what every SQLite connection needs; the driver's own implicit BEGIN is off, `begin_sqlite` does it."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def begin_sqlite(connection: Any) -> None:
    """Begin; a writer takes the write lock at once, since a reader that turns writer cannot wait for it."""
    writes = connection.get_execution_options().get("tarewatch_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def why_unusable(error: BaseException) -> str:
    """One line for people about a failed connection or statement, without the URL's password."""
    cause = getattr(error, "orig", None) or error
    text = " ".join(str(cause).split())
    if isinstance(cause, sqlite3.OperationalError) and "locked" in text:
        return "the database is locked by another process: stop it, or wait, then try again"
    if isinstance(cause, sqlite3.DatabaseError) and "not a database" in text:
        return "the file that TAREWATCH_DATABASE_URL names is no SQLite database: name another, or restore a backup"
    return text or type(cause).__name__


def insert_or_pass(session: AsyncSession, table: Any) -> Any:
    """An INSERT into a mapped table that passes over rows whose unique key is taken, on both databases."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table).on_conflict_do_nothing()


async def insert_many(session: AsyncSession, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """INSERT many rows, all with the same columns, into a mapped table; rows whose unique key is taken are passed over.

    PostgreSQL gets them as one array per column, in one statement: half the time of a statement per row.
    """
    if not rows:
        return
    connection = await session.connection()
    if connection.dialect.name != "postgresql":
        await connection.exec_driver_sql(*_for_sqlite(table, rows, connection.dialect))
        return
    columns = [table.__table__.c[name] for name in rows[0]]
    arrays = [literal([row[column.name] for row in rows], postgresql.ARRAY(column.type)) for column in columns]
    given = (
        func.unnest(*arrays).table_valued(*(Column(column.name, column.type) for column in columns)).render_derived()
    )
    names = [column.name for column in columns]
    statement = postgresql.insert(table).from_select(names, select(given), include_defaults=False)
    await connection.execute(statement.on_conflict_do_nothing())


def _for_sqlite(table: Any, rows: Sequence[Mapping[str, Any]], dialect: Dialect) -> tuple[str, list[tuple[Any, ...]]]:
    """The statement and its parameters, as the driver takes them: SQLAlchemy's own way spends a third of the time."""
    statement = sqlite.insert(table).on_conflict_do_nothing()
    compiled = statement.compile(dialect=dialect, column_keys=list(rows[0]))
    names = compiled.positiontup or []
    columns = [[row[name] for row in rows] for name in names]
    for number, name in enumerate(names):
        process = table.__table__.c[name].type.dialect_impl(dialect).bind_processor(dialect)
        if process is not None:
            columns[number] = [process(value) for value in columns[number]]
    return str(compiled), list(zip(*columns, strict=True))


def one_of(session: AsyncSession, column: InstrumentedAttribute[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether the column is one of many values; they travel as one array, which both databases read faster."""
    if session.get_bind().dialect.name == "postgresql":
        return column == any_(literal(list(values), postgresql.ARRAY(column.type)))
    given = func.json_each(json.dumps(list(values))).table_valued("value")
    return column.in_(select(given.c.value))
