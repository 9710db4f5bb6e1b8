"""The present: what each tag weighs now, and how that changed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.listing import IMAGE_SORTS, MONTH, YEAR, Chosen, ImageFilter, ImageSort, Scope, chosen_tags
from app.history.lookup import find_tag
from app.history.page import Key, Page
from app.history.values import build_at, current_bytes, image_name, measured_at, waits_for_details
from app.models import Build, Manifest, Series, Tag
from app.models import Repository as RepositoryRow
from app.registry.reference import Repository

__all__ = [
    "IMAGE_SORTS",
    "Change",
    "Gauge",
    "ImageFilter",
    "ImageRow",
    "ImageSort",
    "Latest",
    "Scope",
    "image_rows",
    "latest_all",
    "latest_of",
    "latest_of_tags",
]


@dataclass(frozen=True, slots=True)
class Change:
    """From one value of a series to a later one, in compressed bytes."""

    before_bytes: int
    after_bytes: int

    @property
    def difference_bytes(self) -> int:
        """Positive when it grew."""
        return self.after_bytes - self.before_bytes

    @property
    def ratio(self) -> float | None:
        """0.05 for 5 % more; None when there was nothing before."""
        return self.difference_bytes / self.before_bytes if self.before_bytes else None


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A tag on one platform, as a row of the table of images.

    `compressed_bytes` is the last measured value; `pending` says that a newer build still waits to be measured.
    `changed_at` is when this platform last changed. `points` are the changes of the last year, the first one being
    the value a year ago where that is known. A tag that nobody watches has no change since a time of which nothing
    is known.
    """

    tag_id: int
    image: str
    tag: str
    watched: bool
    platform: str | None
    compressed_bytes: int | None
    pending: bool
    status: str
    error_message: str | None
    changed_at: datetime | None
    checked_at: datetime | None
    change_30d: Change | None
    change_1y: Change | None
    points: tuple[tuple[datetime, int], ...]
    platforms: int


@dataclass(frozen=True, slots=True)
class Latest:
    """A series and its value now."""

    image: str
    tag: str
    platform: str
    compressed_bytes: int | None
    pending: bool
    build_id: int | None
    digest: str | None
    at: datetime | None
    dropped_at: datetime | None


async def image_rows(
    session: AsyncSession, wanted: ImageFilter, *, now: datetime, limit: int, after: Key | None = None
) -> Page[ImageRow]:
    """Tags, one row each, with changes and sparkline; a handful of queries whatever the number of rows."""
    chosen, key, total = await chosen_tags(session, wanted, now=now, limit=limit, after=after)
    return Page(await _filled(session, chosen, now), key, total)


async def latest_of(session: AsyncSession, repository: Repository, tag: str) -> tuple[Latest, ...]:
    """Every platform of a tag with its value now, in the order in which they were first seen; UnknownImage."""
    row = await find_tag(session, repository, tag)
    return tuple(one for _, one in await latest_of_tags(session, [row.id]))


async def latest_of_tags(session: AsyncSession, tag_ids: Sequence[int]) -> list[tuple[int, Latest]]:
    """The same for several tags by their ids: (tag id, platform's value) pairs."""
    found = await session.execute(_latest().where(Series.tag_id.in_(tag_ids)).order_by(Series.id))
    return [(row.tag_id, _latest_row(row)) for row in found]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One sample of `/metrics`."""

    image: str
    tag: str
    platform: str
    compressed_bytes: int


async def latest_all(session: AsyncSession) -> tuple[Gauge, ...]:
    """The value now of every offered series of every watched tag; series without any measured build are left out."""
    value = current_bytes()
    found = await session.execute(
        select(RepositoryRow.host, RepositoryRow.path, Tag.name, Series.platform, value)
        .select_from(Series)
        .join(Tag, Tag.id == Series.tag_id)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .outerjoin(Build, Build.id == Series.latest_build_id)
        .outerjoin(Manifest, Manifest.id == Build.manifest_id)
        .where(Tag.watched, Series.watched, Series.dropped_at.is_(None), Series.latest_build_id.is_not(None))
    )
    return tuple(
        Gauge(image_name(host, path), tag, platform, amount)
        for host, path, tag, platform, amount in found
        if amount is not None
    )


def _latest() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Series.tag_id,
            RepositoryRow.host,
            RepositoryRow.path,
            Tag.name,
            Series.platform,
            Series.dropped_at,
            Series.latest_build_id,
            current_bytes().label("value"),
            Manifest.digest,
            Manifest.compressed_bytes.is_(None).label("unmeasured"),
            build_at().label("at"),
        )
        .select_from(Series)
        .join(Tag, Tag.id == Series.tag_id)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .outerjoin(Build, Build.id == Series.latest_build_id)
        .outerjoin(Manifest, Manifest.id == Build.manifest_id)
    )


def _latest_row(row: Row[Any]) -> Latest:
    pending = row.latest_build_id is not None and bool(row.unmeasured)
    return Latest(
        image_name(row.host, row.path),
        row.name,
        row.platform,
        row.value,
        pending,
        row.latest_build_id,
        row.digest,
        row.at,
        row.dropped_at,
    )


async def _filled(session: AsyncSession, chosen: Chosen, now: datetime) -> tuple[ImageRow, ...]:
    """The rows for these (tag, series) pairs, in this order."""
    series_ids = [series_id for _, series_id in chosen if series_id is not None]
    tags = {row.id: row for row in await session.execute(_tag_facts([tag_id for tag_id, _ in chosen]))}
    facts = {row.id: row for row in await session.execute(_series_facts(series_ids, now))}
    points = await _points(session, series_ids, now - YEAR)
    return tuple(
        _image_row(tags[tag_id], facts.get(series_id or 0), points.get(series_id or 0, []), now)
        for tag_id, series_id in chosen
    )


def _tag_facts(tag_ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    offered = (
        select(func.count())
        .select_from(Series)
        .where(Series.tag_id == Tag.id, Series.dropped_at.is_(None))
        .correlate(Tag)
        .scalar_subquery()
    )
    return (
        select(
            Tag.id,
            RepositoryRow.host,
            RepositoryRow.path,
            Tag.name,
            Tag.watched,
            Tag.status,
            Tag.error_message,
            Tag.checked_at,
            offered.label("platforms"),
            waits_for_details().label("waiting"),
        )
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .where(Tag.id.in_(tag_ids))
    )


def _series_facts(series_ids: Sequence[int], now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Series.id,
            Series.platform,
            current_bytes().label("value"),
            Manifest.compressed_bytes.is_(None).label("unmeasured"),
            measured_at(Series.id, now - MONTH).label("month_ago"),
            measured_at(Series.id, now - YEAR).label("year_ago"),
            build_at().label("changed_at"),
        )
        .outerjoin(Build, Build.id == Series.latest_build_id)
        .outerjoin(Manifest, Manifest.id == Build.manifest_id)
        .where(Series.id.in_(series_ids))
    )


async def _points(
    session: AsyncSession, series_ids: Sequence[int], since: datetime
) -> dict[int, list[tuple[datetime, int]]]:
    found = await session.execute(
        select(Build.series_id, build_at(), Manifest.compressed_bytes)
        .join(Manifest, Manifest.id == Build.manifest_id)
        .where(Build.series_id.in_(series_ids), build_at() >= since, Manifest.compressed_bytes.is_not(None))
        .order_by(Build.series_id, Build.first_seen_at, Build.id)
    )
    points: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for series_id, at, amount in found:
        mine = points[series_id]
        if amount is not None and not (mine and mine[-1][1] == amount):
            mine.append((max(at, mine[-1][0]) if mine else at, amount))
    return points


def _image_row(tag: Row[Any], series: Row[Any] | None, points: list[tuple[datetime, int]], now: datetime) -> ImageRow:
    value = series.value if series else None
    year_ago = _value_then(tag, series, "year_ago", now - YEAR)
    return ImageRow(
        tag_id=tag.id,
        image=image_name(tag.host, tag.path),
        tag=tag.name,
        watched=tag.watched,
        platform=series.platform if series else None,
        compressed_bytes=value,
        pending=bool(tag.waiting) or bool(series and series.changed_at and series.unmeasured),
        status=tag.status,
        error_message=tag.error_message,
        changed_at=series.changed_at if series else None,
        checked_at=tag.checked_at,
        change_30d=_change(_value_then(tag, series, "month_ago", now - MONTH), value),
        change_1y=_change(year_ago, value),
        points=(*([(now - YEAR, year_ago)] if year_ago is not None else []), *points),
        platforms=tag.platforms,
    )


def _value_then(tag: Row[Any], series: Row[Any] | None, column: str, moment: datetime) -> int | None:
    """The value at a moment; None if nothing is known of the tag after it (`listing.is_known_since`)."""
    heard = [at for at in (tag.checked_at, series.changed_at if series else None) if at is not None]
    known = tag.watched or any(at >= moment for at in heard)
    value: int | None = getattr(series, column) if series and known else None
    return value


def _change(before: int | None, after: int | None) -> Change | None:
    return Change(before, after) if before is not None and after is not None else None
