"""A registry that lives in simulated time, and the real pipeline polling it over HTTP into a real database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.db import Database
from app.history.schedule import Schedule
from app.imitation.documents import Document, image, index
from app.imitation.hub import ImitationHub
from app.imitation.hub_entries import HubOptions
from app.imitation.options import HUB, Options
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import SettableClock, serve
from app.imitation.world import World
from app.models import Build, Manifest, Series, Tag, TagEvent
from app.polling.details import read_details
from app.polling.expand import expand_due
from app.polling.poll import Report, poll_host
from app.polling.round import Polling
from app.registry.access import RegistryAccess
from app.registry.client import Limits, open_client
from app.registry.hub import open_hub
from app.registry.politeness import Politeness
from app.watchlist import WatchSpec, add_watch
from tests.conftest import NOW
from tests.registry.fakes import NoJitter

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/s390x")
HUB_HOST = "docker.io"
DEFAULT_LIMITS = Limits()
ROOMY = replace(HUB, pull_limit=None, redirect_blobs=False)


def debian(own_bytes: int, platforms: Sequence[str] = PLATFORMS, **options: bool) -> Document:
    """An index of images of one layer each, a little different in size per platform, attested."""
    images = [image(p, [(own_bytes + 1000 * n, "ADD rootfs.tar.xz / # buildkit")]) for n, p in enumerate(platforms)]
    return index(images, attestations=options.get("attestations", True))


@dataclass(slots=True)
class Stage:
    """Registry, clock, database and pipeline of one test."""

    database: Database
    clock: SettableClock
    polling: Polling
    registries: dict[str, ImitationRegistry]
    web_api: ImitationHub | None = None

    @property
    def hub(self) -> ImitationHub:
        """Docker Hub's web API, of stages that have one."""
        assert self.web_api is not None
        return self.web_api

    @property
    def registry(self) -> ImitationRegistry:
        """The Hub."""
        return self.registries[HUB_HOST]

    @property
    def world(self) -> World:
        """What is on the Hub."""
        return self.registry.world

    def push(self, tag: str, document: Document, repository: str = "library/debian") -> Document:
        """Let the tag name this document from now on."""
        return self.world.push(repository, tag, document, at=self.clock.now)

    async def watch(self, *patterns: str, **options: object) -> None:
        """Watch these."""
        async with self.database.writing() as session:
            for pattern in patterns:
                spec = WatchSpec.parse(pattern, **options)  # type: ignore[arg-type]  # a test's shorthand
                await add_watch(session, spec, origin="cli", now=self.clock.now)

    async def poll(self, hours: float = 7, host: str = HUB_HOST) -> Report:
        """Let time pass, then poll what is due; the request log starts anew."""
        self.clock.now += timedelta(hours=hours)
        self.registry.forget_requests()
        if self.web_api is not None:
            self.web_api.forget_requests()
        return await poll_host(self.polling, host)

    async def expand(self) -> int:
        """Expand the patterns that are due."""
        return await expand_due(self.polling)

    async def read_details(self, host: str = HUB_HOST) -> int:
        """Read what waits."""
        return await read_details(self.polling, host)

    async def builds(
        self, tag: str = "bookworm-slim", platform: str = "linux/amd64"
    ) -> list[tuple[datetime, int | None]]:
        """When each run of a series began, and its bytes."""
        query = (
            select(Build.first_seen_at, Manifest.compressed_bytes)
            .join(Manifest, Manifest.id == Build.manifest_id)
            .join(Series, Series.id == Build.series_id)
            .join(Tag, Tag.id == Series.tag_id)
            .where(Tag.name == tag, Series.platform == platform)
            .order_by(Build.first_seen_at, Build.id)
        )
        async with self.database.reading() as session:
            return list(await session.execute(query))

    async def events(self, tag: str = "bookworm-slim") -> list[tuple[str, str | None]]:
        """What happened to a tag, and to which platform."""
        query = select(TagEvent.kind, TagEvent.platform).join(Tag, Tag.id == TagEvent.tag_id).where(Tag.name == tag)
        async with self.database.reading() as session:
            return list(await session.execute(query.order_by(TagEvent.id)))

    async def tag(self, name: str = "bookworm-slim") -> Tag:
        """A tag's row."""
        async with self.database.reading() as session:
            return (await session.scalars(select(Tag).where(Tag.name == name))).one()


async def make_stage(
    stack: AsyncExitStack,
    database: Database,
    options: dict[str, Options] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    hub: HubOptions | None = None,
) -> Stage:
    """Serve imitations and open a client on them; everything ends with the stack. `hub`: with the Hub's web API."""
    clock = SettableClock(NOW)
    registries, access = {}, {}
    for host, chosen in (options or {HUB_HOST: ROOMY}).items():
        registries[host] = ImitationRegistry(World(), clock, chosen)
        registries[host].gate.clock = lambda: datetime.now(UTC)  # tokens live in the client's time
        access[host] = RegistryAccess(endpoint=await stack.enter_async_context(serve(registries[host])))
    politeness = Politeness(clock=clock, rng=NoJitter())
    client = await stack.enter_async_context(
        open_client(access, user_agent="test", politeness=politeness, limits=limits)
    )
    polling = Polling(database, client, "test", Schedule(jitter=0), clock=clock)
    if hub is None:
        return Stage(database, clock, polling, registries)
    web_api = ImitationHub(registries[HUB_HOST].world, clock, hub)
    url = await stack.enter_async_context(serve(web_api))
    api = await stack.enter_async_context(open_hub(url, user_agent="test", politeness=politeness))
    return Stage(database, clock, replace(polling, hub=api), registries, web_api)


@pytest.fixture
async def stage(database: Database) -> AsyncIterator[Stage]:
    """The Hub without limits, on both databases."""
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, database)


@pytest.fixture
async def lite(sqlite_database: Database) -> AsyncIterator[Stage]:
    """The same on SQLite only, where the database makes no difference."""
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, sqlite_database)


@pytest.fixture
async def web(sqlite_database: Database) -> AsyncIterator[Stage]:
    """The Hub with its web API, neither with limits."""
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, sqlite_database, hub=HubOptions(per_minute=None))


@pytest.fixture
async def both(database: Database) -> AsyncIterator[Stage]:
    """The same on both databases."""
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, database, hub=HubOptions(per_minute=None))
