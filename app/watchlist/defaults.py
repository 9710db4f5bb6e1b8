"""The watch list that an empty database starts with (catalogue.toml)."""

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Repository
from app.watchlist.spec import WatchExists, WatchSpec
from app.watchlist.watches import add_watches

CATALOGUE = Path(__file__).with_name("catalogue.toml")


@cache
def default_watches() -> tuple[WatchSpec, ...]:
    """The watches of the catalogue, in its order."""
    table = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return tuple(WatchSpec.parse(image, table.get("platforms")) for image in table["watches"])


async def add_default_watches(session: AsyncSession, now: datetime) -> int:
    """Add them to a database that never watched anything; how many were added."""
    if await session.scalar(select(Repository.id).limit(1)) is not None:
        return 0
    try:
        return len(await add_watches(session, default_watches(), origin="default", now=now))
    except WatchExists:  # another process is starting too, and was first
        return 0
