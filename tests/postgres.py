"""What other connections to a PostgreSQL database are doing: for tests in which they get into each other's way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from app.db import Database, open_database

_HERE = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """A database of its own connections."""
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


async def somebody_waits(database: Database) -> None:
    """Return once another connection waits for a lock."""
    await _until(database, f"SELECT count(*) > 0 {_HERE} AND wait_event_type = 'Lock'")


async def all_others_ended(database: Database) -> None:
    """Return once every other connection is closed: a killed client's statement, and its commit, may outlive it."""
    await _until(database, f"SELECT count(*) = 0 {_HERE} AND backend_type = 'client backend'")


async def _until(database: Database, question: str) -> None:
    async with asyncio.timeout(10), database.reading() as session:
        while not await session.scalar(text(question)):
            await session.rollback()  # what other connections do is read once in a transaction
            await asyncio.sleep(0.01)
