"""What the database already holds of a past, so that an interrupted backfill does not ask for it again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.backfill.told import Told, Wanted
from app.db import Database
from app.models import Build, Manifest, Series, Tag
from app.models import Repository as RepositoryRow
from app.registry.reference import Repository

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """Sources of a repository's builds: (tag, source) -> platforms; and the platforms that each tag has at all."""

    sources: dict[tuple[str, str], set[str]]
    series: dict[str, set[str]]

    def holds(self, told: Told) -> bool:
        """Whether anything of this source is known."""
        return (told.wanted.tag, told.source) in self.sources

    def is_whole(self, told: Told) -> bool:
        """Whether it is known of every platform that is wanted and that the tag has now, or is asked for by name."""
        known = self.sources.get((told.wanted.tag, told.source), set())
        wanted = {one for one in self.series.get(told.wanted.tag, ()) if told.wanted.wants(one)}
        named = told.wanted.platforms or ()
        return bool(known) and wanted <= known and all(_any_covers(known, platform) for platform in named)


def _any_covers(known: Iterable[str], platform: str) -> bool:
    """Whether one of these is the platform, or a variant of it."""
    return any(one == platform or one.startswith(f"{platform}/") for one in known)


async def stored_sources(database: Database, repository: Repository, tags: Sequence[Wanted]) -> Stored:
    """What is known of these tags."""
    stored = Stored({}, defaultdict(set))
    query = (
        select(Tag.name, Series.platform, Build.source)
        .join(Series, Series.tag_id == Tag.id)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .outerjoin(Build, Build.series_id == Series.id)
        .where(RepositoryRow.host == repository.registry, RepositoryRow.path == repository.path)
        .distinct()
    )
    async with database.reading() as session:
        for start in range(0, len(tags), _CHUNK):
            names = [wanted.tag for wanted in tags[start : start + _CHUNK]]
            for tag, platform, source in await session.execute(query.where(Tag.name.in_(names))):
                stored.series[tag].add(platform)
                if source is not None:
                    stored.sources.setdefault((tag, source), set()).add(platform)
    return stored


async def creation_dates(database: Database, digests: Sequence[str]) -> dict[str, datetime]:
    """When manifests that we measured before were made, by their own word."""
    query = select(Manifest.digest, Manifest.created_at).where(Manifest.created_at.is_not(None))
    found: dict[str, datetime] = {}
    async with database.reading() as session:
        for start in range(0, len(digests), _CHUNK):
            rows = await session.execute(query.where(Manifest.digest.in_(digests[start : start + _CHUNK])))
            found |= {digest: created_at for digest, created_at in rows if created_at is not None}
    return found
