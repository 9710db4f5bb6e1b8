"""Notices when the database has changed, whichever process changed it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import SQLAlchemyError

from app.db import Database, why_unusable
from app.history.health import revision
from app.web.cache import AnswerCache

log = logging.getLogger(__name__)

_EVERY_SECONDS = 1.0


@asynccontextmanager
async def watching(database: Database, cache: AnswerCache, *, every: float = _EVERY_SECONDS) -> AsyncIterator[None]:
    """While open, a moved revision empties the cache within `every` seconds."""
    task = asyncio.create_task(_watch(database, cache, every), name="revision watcher")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _watch(database: Database, cache: AnswerCache, every: float) -> None:
    known: int | None = None
    while True:
        found = await _read(database, known)
        if found != known:
            cache.clear()
            known = found
        await asyncio.sleep(every)


async def _read(database: Database, known: int | None) -> int | None:
    """The revision; None while the database does not answer, said once."""
    try:
        async with database.reading() as session:
            return await revision(session)
    except SQLAlchemyError as error:
        if known is not None:
            log.warning("the database does not answer: %s", why_unusable(error))
        return None
