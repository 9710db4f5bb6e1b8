"""The worker prunes by itself where details are not kept for ever."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select

from app.db import Database
from app.models import Manifest, ManifestLayer
from app.polling.round import utc_now
from app.worker import working
from tests.history.seed import DAY, add_series, add_tag
from tests.polling.conftest import make_stage


async def test_old_details_go_once_a_day(sqlite_database: Database) -> None:
    """A worker whose clock is behind, so that the daily job is due: the layers of the build that ended go."""
    now = utc_now()
    async with AsyncExitStack() as stack:
        stage = await make_stage(stack, sqlite_database)
        polling = replace(stage.polling, clock=lambda: utc_now() - timedelta(hours=2))
        async with sqlite_database.writing() as session:
            tag = await add_tag(session, "debian:12", now, watched=False)
            await add_series(session, tag, "linux/amd64", [(now - 90 * DAY, 10), (now - 60 * DAY, 20)], layers=2)
        async with asyncio.timeout(10), working(polling, keep_details=30 * DAY):
            while await _layers(sqlite_database) > 2:  # noqa: ASYNC110 - what is waited for is in the database
                await asyncio.sleep(0.05)
    async with sqlite_database.reading() as session:
        pruned = await session.scalars(select(Manifest.compressed_bytes).where(Manifest.layers_pruned_at.is_not(None)))
        assert pruned.all() == [10]


async def _layers(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(ManifestLayer)) or 0
