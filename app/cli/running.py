"""What the commands share: the event loop, settings, and the database."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from app.db import Database, open_database, parse_url
from app.schema import require_current, upgrade
from app.settings import Settings, load_settings

_T = TypeVar("_T")


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine, run on the fast event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def ready_database(settings: Settings, *, migrate: bool | None = None) -> Database:
    """The database, its schema this program's: an SQLite file is migrated by itself, a PostgreSQL must have been."""
    url = settings.database_url.get_secret_value()
    if parse_url(url).drivername.startswith("sqlite") if migrate is None else migrate:
        upgrade(url)
    else:
        require_current(url)
    return open_database(url)


def with_database(main: Callable[[Database], Coroutine[Any, Any, _T]]) -> _T:
    """What a coroutine gives that needs nothing but the database; it is opened before and closed after."""
    database = ready_database(load_settings())

    async def opened() -> _T:
        try:
            return await main(database)
        finally:
            await database.close()

    return run(opened())
