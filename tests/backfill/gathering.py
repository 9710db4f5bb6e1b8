"""Gather the past of tags and keep it, as a backfill does, and look at what became of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from app.backfill.gather import Memory, Wanted, gather
from app.db import Database
from app.history.past import Added, PastBuild, add_past
from app.imitation.hub_entries import HUB_WEB, HubOptions
from app.imitation.options import Options
from app.models import Build, Manifest, Series, Tag
from app.registry.reference import Repository
from app.watchlist.catalogue import load_catalogue
from app.watchlist.siblings import Catalogue
from tests.polling.conftest import HUB_HOST, ROOMY, Stage, make_stage

CATALOGUE = load_catalogue()


class Known(NamedTuple):
    """A build as the database has it."""

    at: datetime
    compressed_bytes: int | None
    origin: str
    source: str | None
    pushed_at: datetime | None


@asynccontextmanager
async def hub_stage(
    database: Database, hub: HubOptions | None = HUB_WEB, options: Options = ROOMY
) -> AsyncIterator[Stage]:
    """A Hub with its web API."""
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, database, {HUB_HOST: options}, hub=hub)


async def collect(
    stage: Stage,
    image: str,
    tags: Sequence[Wanted | str],
    catalogue: Catalogue = CATALOGUE,
    memory: Memory | None = None,
) -> list[PastBuild]:
    """All that the sources tell, stored as it comes, even if the run ends with an error."""
    wanted = [Wanted(tag) if isinstance(tag, str) else tag for tag in tags]
    found: list[PastBuild] = []
    async for builds in gather(stage.polling, catalogue, Repository.parse(image), wanted, memory=memory):
        await store(stage, builds)
        found += builds
    return found


async def store(stage: Stage, builds: Sequence[PastBuild]) -> Added:
    """Keep these."""
    async with stage.database.writing() as session:
        return await add_past(session, builds, stage.clock.now)


async def history(stage: Stage, tag: str, platform: str = "linux/amd64") -> list[Known]:
    """The builds of a series, oldest first."""
    query = (
        select(Build.first_seen_at, Manifest.compressed_bytes, Build.origin, Build.source, Build.pushed_at)
        .join(Manifest, Manifest.id == Build.manifest_id)
        .join(Series, Series.id == Build.series_id)
        .join(Tag, Tag.id == Series.tag_id)
        .where(Tag.name == tag, Series.platform == platform)
        .order_by(Build.first_seen_at, Build.id)
    )
    async with stage.database.reading() as session:
        return [Known(*row) for row in await session.execute(query)]
