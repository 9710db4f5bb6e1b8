"""Kill -9 at any moment, then start again: nothing is lost, nothing stands twice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from app.db import Database, open_database
from app.imitation.hub import ImitationHub
from app.imitation.hub_entries import HubOptions
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import SettableClock, serve
from app.imitation.world import World
from app.models import Build, Manifest, ManifestLayer, Series, TagEvent
from app.watchlist import WatchSpec, add_watch
from tests.conftest import NOW
from tests.polling.conftest import HUB_HOST, ROOMY, debian
from tests.postgres import all_others_ended

TAGS = 30


@pytest.fixture
async def registries_file(tmp_path: Path) -> AsyncIterator[tuple[Path, ImitationRegistry]]:
    """A Hub with thirty tags in six repositories, on a port."""
    world = World()
    for n in range(TAGS):
        world.push(f"library/r{n % 6}", f"v{n}", debian(1_000_000 + n * 1000, ("linux/amd64", "linux/arm64")), at=NOW)
    registry = ImitationRegistry(world, SettableClock(NOW), ROOMY)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(registry))
        path = tmp_path / "registries.toml"
        path.write_text(f'[registries."{HUB_HOST}"]\nendpoint = "{url}"\n')
        yield path, registry


async def _poll(database_url: str, registries: Path, **settings: str) -> asyncio.subprocess.Process:
    """Run `tarewatch poll` as a user would."""
    environment = os.environ | {
        "TAREWATCH_DATABASE_URL": database_url,
        "TAREWATCH_REGISTRIES": str(registries),
        "TAREWATCH_DOCKER_CONFIG": str(registries.parent / "none.json"),
        **settings,
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app.cli", "poll", "--json", env=environment, stdout=asyncio.subprocess.DEVNULL
    )


async def _kill_after(
    process: asyncio.subprocess.Process, registry: ImitationRegistry | ImitationHub, requests: int
) -> bool:
    """Kill -9 once the registry was asked so often; False if the process ended before."""
    registry.forget_requests()
    async with asyncio.timeout(30):
        while len(registry.requests) < requests and process.returncode is None:  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.001)
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    return await process.wait() == -signal.SIGKILL


async def _free_leases(database: Database) -> None:
    """Three minutes later."""
    if database.engine.dialect.name == "postgresql":
        await all_others_ended(database)
    async with database.writing() as session:
        for table in ("tags", "pending_details"):
            await session.execute(text(f"UPDATE {table} SET lease_until = NULL, lease_owner = NULL"))  # noqa: S608  ours


async def test_killed_at_any_moment(database_url: str, registries_file: tuple[Path, ImitationRegistry]) -> None:
    """After kills at ever later moments, one undisturbed poll leaves exactly what a first poll would have left."""
    registries, registry = registries_file
    database = open_database(database_url)
    try:
        async with database.writing() as session:
            for n in range(TAGS):
                await add_watch(session, WatchSpec.parse(f"r{n % 6}:v{n}"), origin="cli", now=NOW)
        kills = []
        for requests in (1, 40, 90):
            kills.append(await _kill_after(await _poll(database_url, registries), registry, requests))
            await _free_leases(database)
        assert sum(kills) >= 2, "the kills came too late to prove anything"
        last = await _poll(database_url, registries)
        assert await asyncio.wait_for(last.wait(), 60) == 0
        await _check(database)
    finally:
        await database.close()


@pytest.mark.slow
async def test_killed_while_the_web_api_tells(
    sqlite_database: Database, registries_file: tuple[Path, ImitationRegistry]
) -> None:
    """The same where sizes come from Docker Hub's web API first, and from the registry after."""
    registries, registry = registries_file
    hub = ImitationHub(registry.world, registry.clock, HubOptions(per_minute=None))
    database_url = sqlite_database.engine.url.render_as_string(hide_password=False)
    async with sqlite_database.writing() as session:
        for n in range(TAGS):
            await add_watch(session, WatchSpec.parse(f"r{n % 6}:v{n}"), origin="cli", now=NOW)
    async with serve(hub) as url:
        kills = []
        for killer, requests in ((hub, 1), (hub, 4), (registry, 30)):
            process = await _poll(database_url, registries, TAREWATCH_HUB_API_URL=url)
            kills.append(await _kill_after(process, killer, requests))
            await _free_leases(sqlite_database)
        assert sum(kills) >= 2, "the kills came too late to prove anything"
        last = await _poll(database_url, registries, TAREWATCH_HUB_API_URL=url)
        assert await asyncio.wait_for(last.wait(), 60) == 0
    await _check(sqlite_database)


async def _check(database: Database) -> None:
    expected = {Series: 2 * TAGS, Build: 2 * TAGS, Manifest: 2 * TAGS, ManifestLayer: 2 * TAGS, TagEvent: TAGS}
    async with database.reading() as session:
        for table, count in expected.items():
            assert await session.scalar(select(func.count()).select_from(table)) == count, table.__tablename__
        unmeasured = select(func.count()).select_from(Manifest).where(Manifest.compressed_bytes.is_(None))
        assert await session.scalar(unmeasured) == 0
        total = await session.scalar(select(func.sum(Manifest.compressed_bytes)))
        pointers = select(func.count()).select_from(Series).join(Build, Build.id == Series.latest_build_id)
        assert await session.scalar(pointers) == 2 * TAGS
    assert total == sum(2 * (1_000_000 + n * 1000) + 1000 for n in range(TAGS))
