"""Backfill on demand: the given tags, without waiting for a worker."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

from app.backfill.report import TagReport
from app.backfill.run import Backfilling, Progress, backfill_host
from app.models import bump_revision
from app.polling.claim import renew
from app.polling.round import LEASE, Polling
from app.watchlist import request_backfills

_RENEWED = LEASE.total_seconds() / 3


async def backfill_now(run: Backfilling, tags: Mapping[str, Sequence[int]], progress: Progress) -> list[TagReport]:
    """Fetch the past of these tags (ids by registry) now, the registries side by side; those that came to nothing yet
    because somebody else is at their repository are left out of the report, and stay asked for."""
    polling = run.polling
    async with polling.database.writing() as session:
        for ids in tags.values():
            await request_backfills(session, ids, "cli", polling.clock())
        await bump_revision(session)
    async with _holding(polling):
        found = await asyncio.gather(*(backfill_host(run, host, ids, progress) for host, ids in tags.items()))
    return [report for reports in found for report in reports]


@asynccontextmanager
async def _holding(polling: Polling) -> AsyncIterator[None]:
    """Keep our leases while the block runs: here no worker's heartbeat does."""
    beating = asyncio.create_task(_beat(polling))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(polling: Polling) -> None:
    while True:
        await asyncio.sleep(_RENEWED)
        async with polling.database.writing() as session:
            await renew(session, polling.owner, polling.clock(), polling.held)
