"""Backfills over sources that are played: what they tell, and when they fail, is the test's choice."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.backfill.report import TagReport
from app.backfill.run import Backfilling, backfill_host
from app.backfill.told import Wanted
from app.db import Database
from app.history.past import PastBuild, PastManifest
from app.models import Backfill, Build, Manifest, Origin, Series, Tag
from app.registry.reference import Repository
from tests.conftest import NOW
from tests.history.seed import digest_of
from tests.polling.conftest import HUB_HOST, Stage, make_stage

AMD = "linux/amd64"
DEBIAN = Repository(HUB_HOST, "library/debian")
MONTH = timedelta(days=30)

Story = Callable[[Repository, Sequence[Wanted]], AsyncIterator[list[PastBuild]]]


def past(tag: str, months_ago: int, compressed_bytes: int, repository: Repository = DEBIAN) -> PastBuild:
    """A fact that a dated sibling tells."""
    at = NOW - months_ago * MONTH
    manifest = PastManifest(digest_of(f"{repository} {tag} {months_ago} {compressed_bytes}"), compressed_bytes)
    source = f"{tag}-{at:%Y%m%d}"
    return PastBuild(repository, tag, AMD, at, manifest, Origin.SIBLING, pushed_at=at, source=source)


@dataclass
class Sources:
    """Tells what is in `facts` of the tags that are asked for; `asked` remembers by whom it was asked."""

    facts: list[PastBuild] = field(default_factory=list)
    trouble: dict[str, Exception] = field(default_factory=dict)  # by repository's path, raised at the end
    asked: list[tuple[str, list[str]]] = field(default_factory=list)
    per_chunk: int = 2

    async def __call__(self, repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        """The sources' part in a backfill."""
        names = [row.tag for row in rows]
        self.asked.append((repository.path, names))
        mine = [fact for fact in self.facts if fact.repository == repository and fact.tag in names]
        for start in range(0, len(mine), self.per_chunk):
            yield mine[start : start + self.per_chunk]
        if repository.path in self.trouble:
            raise self.trouble[repository.path]


@dataclass
class Play:
    """The stage of polling's tests, with sources of past sizes."""

    stage: Stage
    sources: Sources

    @property
    def database(self) -> Database:
        """The stage's."""
        return self.stage.database

    def running(self, story: Story | None = None, *, automatic: bool = True) -> Backfilling:
        """The means of backfilling, from another story if one is given."""
        return Backfilling(self.stage.polling, story or self.sources, automatic)

    async def run(self, minutes: float = 1, story: Story | None = None, host: str = HUB_HOST) -> list[TagReport]:
        """Let time pass, then work off what is due."""
        self.stage.clock.now += timedelta(minutes=minutes)
        return await backfill_host(self.running(story), host)

    async def row(self, tag: str = "bookworm-slim") -> Backfill:
        """The row of one tag."""
        async with self.database.reading() as session:
            found = await session.scalars(select(Backfill).join(Tag, Tag.id == Backfill.tag_id).where(Tag.name == tag))
            return found.one()

    async def told(self, tag: str = "bookworm-slim") -> list[tuple[datetime, int | None, str, str | None]]:
        """A series as it is recorded: since when, bytes, origin, source."""
        query = (
            select(Build.first_seen_at, Manifest.compressed_bytes, Build.origin, Build.source)
            .join(Manifest, Manifest.id == Build.manifest_id)
            .join(Series, Series.id == Build.series_id)
            .join(Tag, Tag.id == Series.tag_id)
            .where(Tag.name == tag, Series.platform == AMD)
            .order_by(Build.first_seen_at, Build.id)
        )
        async with self.database.reading() as session:
            return [(at, size, origin, source) for at, size, origin, source in await session.execute(query)]


def five_months(tag: str = "bookworm-slim", repository: Repository = DEBIAN) -> list[PastBuild]:
    """Five builds, a month apart, each a little larger."""
    return [past(tag, 6 - n, 28_000_000 + n, repository) for n in range(5)]


@pytest.fixture
async def play(database: Database) -> AsyncIterator[Play]:
    """On both databases: one watched tag whose sources know five builds."""
    async with AsyncExitStack() as stack:
        stage = await make_stage(stack, database)
        await stage.watch("debian:bookworm-slim")
        yield Play(stage, Sources(five_months()))


@pytest.fixture
async def lite(sqlite_database: Database) -> AsyncIterator[Play]:
    """The same on SQLite only, where the database makes no difference."""
    async with AsyncExitStack() as stack:
        stage = await make_stage(stack, sqlite_database)
        await stage.watch("debian:bookworm-slim")
        yield Play(stage, Sources(five_months()))
