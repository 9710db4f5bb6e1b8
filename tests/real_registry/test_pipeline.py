"""The whole pipeline over a real registry: watch, poll, and the database says what skopeo says."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import Database
from app.history.schedule import Schedule
from app.models import Build, Manifest, PendingDetail, Repository, Series, Tag
from app.polling.expand import expand_due
from app.polling.now import poll_now, tags_named
from app.polling.round import Polling, utc_now
from app.registry.client import open_client
from app.watchlist import WatchSpec, add_watch
from tests.real_registry.conftest import KINDS
from tests.real_registry.running import RealRegistry

pytestmark = [pytest.mark.real_registry, pytest.mark.xdist_group("real_registry")]


@pytest.fixture
async def polling(sqlite_database: Database) -> AsyncIterator[Polling]:
    """The pipeline with nothing configured: a registry on localhost is asked over plain http, as Docker does."""
    async with open_client({}, user_agent="tarewatch-tests") as client:
        yield Polling(sqlite_database, client, "test", Schedule(timedelta(hours=6)))


async def _watch(polling: Polling, *references: str) -> None:
    async with polling.database.writing() as session:
        for reference in references:
            await add_watch(session, WatchSpec.parse(reference), origin="cli", now=utc_now())


async def _latest(polling: Polling, path: str) -> dict[str, int | None]:
    """The recorded bytes of a repository's builds, by platform manifest digest."""
    query = (
        select(Manifest.digest, Manifest.compressed_bytes)
        .join(Build, Build.manifest_id == Manifest.id)
        .join(Series, Series.latest_build_id == Build.id)
        .join(Tag, Tag.id == Series.tag_id)
        .join(Repository, Repository.id == Tag.repository_id)
        .where(Repository.path == path)
    )
    async with polling.database.reading() as session:
        return dict((await session.execute(query)).all())


async def test_every_kind_of_image(filled_registry: RealRegistry, polling: Polling) -> None:
    """Recorded sizes equal the sums that `skopeo inspect --raw` shows, for every kind of document."""
    await _watch(polling, *(f"{filled_registry.host}/kinds/{kind}:latest" for kind in KINDS))
    report = await poll_now(polling, await tags_named(polling, []))
    assert (report.looked, report.failed, report.gone, report.deferred) == (len(KINDS), 0, 0, 0)
    for kind in KINDS:
        assert await _latest(polling, f"kinds/{kind}") == filled_registry.compressed_bytes(f"kinds/{kind}:latest")
    async with polling.database.reading() as session:
        assert (await session.scalars(select(PendingDetail))).all() == []


@pytest.mark.slow
async def test_500_tags_over_25_repositories(
    real_registry: RealRegistry, five_hundred_tags: list[str], polling: Polling
) -> None:
    """500 tags are recorded in one poll, the platforms that they share once; the second poll finds nothing new."""
    assert len(five_hundred_tags) == 500
    await _watch(polling, *(f"{real_registry.host}/many/image-{number:02}:v*" for number in range(25)))
    assert await expand_due(polling) == 25
    report = await poll_now(polling, await tags_named(polling, []))
    assert (report.looked, report.failed) == (500, 0)
    async with polling.database.reading() as session:
        assert len((await session.scalars(select(Series.id))).all()) == 1000
        assert len((await session.scalars(select(Manifest.id))).all()) == 50
    assert await _latest(polling, "many/image-03") == real_registry.compressed_bytes("many/image-03:v7")
    again = await poll_now(polling, await tags_named(polling, []))
    assert (again.looked, again.unchanged, again.changes) == (500, 500, [])
