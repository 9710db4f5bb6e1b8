"""Builds as they go out: chosen, in a stable order, page by page, with no transaction open between the pages."""

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.history.values import build_at, bytewise, image_name
from app.models import Build, Manifest, Series, Tag
from app.models import Repository as RepositoryRow
from app.registry.reference import Repository

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which builds: `tag` is a tag or a pattern of `*`, `?` and `[ ]`; the times are those of coming into force."""

    repository: Repository | None = None
    tag: str | None = None
    platforms: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


class BuildOut(NamedTuple):
    """A build with what is known of its manifest; the fields from `repository` on are those of `columns.EXPORTED`."""

    id: int
    series_id: int
    manifest_id: int
    repository: str
    tag: str
    platform: str
    first_seen_at: datetime
    pushed_at: datetime | None
    known_since: datetime | None
    origin: str
    source: str | None
    digest: str
    compressed_bytes: int | None
    layers: int | None
    media_type: str | None
    config_digest: str | None
    created_at: datetime | None


async def select_pages(database: Database, wanted: Selection) -> AsyncIterator[Sequence[BuildOut]]:
    """The builds by repository, tag, platform and `first_seen_at`; what is added meanwhile may or may not come."""
    async with database.reading() as session:
        counts = await _series(session, wanted)
    for series_ids in _batches(counts):
        after: tuple[datetime, int] | None = None
        while True:
            async with database.reading() as session:
                page = await _page(session, wanted, series_ids, after)
            if page:
                yield page
                after = page[-1].first_seen_at, page[-1].id
            if len(series_ids) > 1 or len(page) < PAGE:
                break


async def _series(session: AsyncSession, wanted: Selection) -> list[tuple[int, int]]:
    """(id, number of builds) of every series that is wanted, in order."""
    order = (RepositoryRow.host, RepositoryRow.path, Tag.name, Series.platform)
    query = (
        select(Series.id, Tag.name, func.count(Build.id))
        .join(Build, Build.series_id == Series.id)
        .join(Tag, Tag.id == Series.tag_id)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .group_by(Series.id, *order)
        .order_by(*(bytewise(session, column.expression) for column in order))
    )
    if wanted.repository is not None:
        here = wanted.repository
        query = query.where(RepositoryRow.host == here.registry, RepositoryRow.path == here.path)
    if wanted.platforms is not None:
        query = query.where(Series.platform.in_(wanted.platforms))
    rows = await session.execute(query)
    return [(key, count) for key, tag, count in rows if wanted.tag is None or fnmatchcase(tag, wanted.tag)]


def _batches(counts: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Series whose builds make a page together; one that has more is alone."""
    batch: list[int] = []
    total = 0
    for series_id, count in counts:
        if batch and total + count > PAGE:
            yield batch
            batch, total = [], 0
        batch.append(series_id)
        total += count
    if batch:
        yield batch


async def _page(
    session: AsyncSession, wanted: Selection, series_ids: Sequence[int], after: tuple[datetime, int] | None
) -> list[BuildOut]:
    query = _builds().where(Build.series_id.in_(series_ids)).order_by(Build.series_id, Build.first_seen_at, Build.id)
    if wanted.since is not None:
        query = query.where(build_at() >= wanted.since)
    if wanted.until is not None:
        query = query.where(build_at() <= wanted.until)
    if len(series_ids) == 1:
        query = query.limit(PAGE)
    if after is not None:
        moment, build_id = after
        place = tuple_(literal(moment, Build.first_seen_at.type), literal(build_id))
        query = query.where(tuple_(Build.first_seen_at, Build.id) > place)
    position = {series_id: number for number, series_id in enumerate(series_ids)}
    rows = [_build(row) for row in (await session.execute(query)).all()]
    return sorted(rows, key=lambda row: position[row.series_id])


def _build(row: Sequence[object]) -> BuildOut:
    build_id, series_id, manifest_id, host, path, *rest = row
    return BuildOut(build_id, series_id, manifest_id, image_name(host, path), *rest)  # type: ignore[arg-type]  # typed by `_builds`


def _builds() -> Select[*tuple[object, ...]]:
    return (
        select(
            Build.id,
            Build.series_id,
            Build.manifest_id,
            RepositoryRow.host,
            RepositoryRow.path,
            Tag.name,
            Series.platform,
            Build.first_seen_at,
            Build.pushed_at,
            Build.known_since,
            Build.origin,
            Build.source,
            Manifest.digest,
            Manifest.compressed_bytes,
            Manifest.layer_count,
            Manifest.media_type,
            Manifest.config_digest,
            Manifest.created_at,
        )
        .join(Manifest, Manifest.id == Build.manifest_id)
        .join(Series, Series.id == Build.series_id)
        .join(Tag, Tag.id == Series.tag_id)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
    )
