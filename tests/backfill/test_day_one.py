"""From `watch add` to years of history: the queue, the sources and the store together."""

from contextlib import AsyncExitStack
from functools import partial

from sqlalchemy import select

from app.backfill.gather import gather
from app.backfill.run import Backfilling, backfill_host
from app.db import Database
from app.imitation.hub_entries import HUB_WEB
from app.models import Backfill, Origin, TagStatus
from tests.backfill.gathering import CATALOGUE, history
from tests.backfill.worlds import push_debian
from tests.polling.conftest import HUB_HOST, ROOMY, Stage, make_stage


def running(stage: Stage) -> Backfilling:
    """As the worker runs it."""
    return Backfilling(stage.polling, partial(gather, stage.polling, CATALOGUE))


async def test_the_first_evening(database: Database) -> None:
    """A new watch is polled, then its past is fetched: one build per dated sibling; what was observed stays, once."""
    async with AsyncExitStack() as stack:
        stage = await make_stage(stack, database, {HUB_HOST: ROOMY}, hub=HUB_WEB)
        pushed = push_debian(stage.world, ("bookworm",))["bookworm-slim"]
        await stage.watch("debian:bookworm-slim")
        await stage.poll()
        seen_at, pulls = stage.clock.now, stage.registry.pulls
        [report] = await backfill_host(running(stage), HUB_HOST)
        assert stage.registry.pulls == pulls
        assert (report.new, report.failed, dict(report.refused)) == (2 * (len(pushed) - 1), False, {})
        found = await history(stage, "bookworm-slim")
        assert [one.compressed_bytes for one in found] == [push.compressed_bytes for push in pushed]
        assert [one.pushed_at for one in found] == [push.at for push in pushed]
        assert [one.origin for one in found] == [*[Origin.SIBLING] * (len(pushed) - 1), Origin.POLL]
        assert found[-1].at == seen_at
        assert (await stage.tag()).status == TagStatus.OK
        async with database.reading() as session:
            [row] = await session.scalars(select(Backfill))
        assert row.done_at is not None
        assert await backfill_host(running(stage), HUB_HOST) == []
