"""The past of one tag: a step function per platform, and what happened to the tag."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.lookup import find_tag
from app.history.values import build_at
from app.models import Build, BuildStep, Manifest, ManifestLayer, Origin, Series, Tag, TagEvent, TagEventKind
from app.registry.reference import Repository


@dataclass(frozen=True, slots=True)
class Point:
    """A change: from `at` on, the series is this build. `compressed_bytes` None: not measured yet.

    `origin` and `source` say where it is known from, `base_step` is the text of the step that made its first layer.
    """

    build_id: int
    at: datetime
    compressed_bytes: int | None
    digest: str
    origin: str = Origin.POLL
    source: str | None = None
    base_step: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesHistory:
    """One platform's changes, oldest first; `dropped_at`: the tag no longer offers it."""

    platform: str
    first_seen_at: datetime
    dropped_at: datetime | None
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class TagEventRow:
    """What a look found to be different: `kind` is a TagEventKind, `digest` what the tag named then."""

    at: datetime
    kind: str
    digest: str | None
    platform: str | None


@dataclass(frozen=True, slots=True)
class TagHistory:
    """A tag's state, all its series in the order in which they appeared, and its events, oldest first.

    `observed_since` is our own first look at the tag: what came before is known from others only. None: never.
    """

    image: str
    full_name: str
    tag: str
    watched: bool
    status: str
    error_code: str | None
    error_message: str | None
    failing_since: datetime | None
    digest: str | None
    media_type: str | None
    first_seen_at: datetime
    checked_at: datetime | None
    changed_at: datetime | None
    next_check_at: datetime
    observed_since: datetime | None
    series: tuple[SeriesHistory, ...]
    events: tuple[TagEventRow, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the past: `platforms` None means all; the build in force at `since` is included."""

    platforms: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None


EVERYTHING = Window()


async def series_of(session: AsyncSession, repository: Repository, tag: str, window: Window = EVERYTHING) -> TagHistory:
    """The tag's history; UnknownImage with close names when it is not known. A platform it lacks is left out."""
    row = await find_tag(session, repository, tag)
    points = await _points(session, row.id)
    return TagHistory(
        image=repository.familiar,
        full_name=str(repository),
        tag=row.name,
        watched=row.watched,
        status=row.status,
        error_code=row.error_code,
        error_message=row.error_message,
        failing_since=row.failing_since,
        digest=row.digest,
        media_type=row.media_type,
        first_seen_at=row.first_seen_at,
        checked_at=row.checked_at,
        changed_at=row.changed_at,
        next_check_at=row.next_check_at,
        observed_since=await _observed_since(session, row.id),
        series=tuple(
            SeriesHistory(one.platform, one.first_seen_at, one.dropped_at, cut(points[one.id], window))
            for one in await _series(session, row.id, window)
        ),
        events=await _events(session, row, window),
    )


def cut(points: Sequence[Point], window: Window) -> tuple[Point, ...]:
    """The points inside the window, led by the one in force at its start."""
    first = 0
    if window.since is not None:
        first = max((i for i, point in enumerate(points) if point.at <= window.since), default=0)
    return tuple(point for point in points[first:] if window.until is None or point.at <= window.until)


async def _series(session: AsyncSession, tag_id: int, window: Window) -> Sequence[Series]:
    query = select(Series).where(Series.tag_id == tag_id).order_by(Series.id)
    if window.platforms is not None:
        query = query.where(Series.platform.in_(window.platforms))
    return (await session.scalars(query)).all()


async def _observed_since(session: AsyncSession, tag_id: int) -> datetime | None:
    first = func.min(TagEvent.at, type_=TagEvent.at.type)
    found: datetime | None = await session.scalar(
        select(first).where(TagEvent.tag_id == tag_id, TagEvent.kind == TagEventKind.SEEN)
    )
    return found


async def _points(session: AsyncSession, tag_id: int) -> dict[int, list[Point]]:
    """Per series, in order; a push date that runs backwards yields to the date that we saw it."""
    found = await session.execute(
        select(
            Build.series_id,
            Build.id,
            build_at(),
            Build.first_seen_at,
            Manifest.compressed_bytes,
            Manifest.digest,
            Build.origin,
            Build.source,
            BuildStep.text,
        )
        .join(Manifest, Manifest.id == Build.manifest_id)
        .join(Series, Series.id == Build.series_id)
        .outerjoin(ManifestLayer, (ManifestLayer.manifest_id == Manifest.id) & (ManifestLayer.position == 0))
        .outerjoin(BuildStep, BuildStep.id == ManifestLayer.build_step_id)
        .where(Series.tag_id == tag_id)
        .order_by(Build.series_id, Build.first_seen_at, Build.id)
    )
    points: dict[int, list[Point]] = defaultdict(list)
    for series_id, build_id, at, seen_at, amount, digest, origin, source, base_step in found:
        mine = points[series_id]
        backwards = bool(mine) and at <= mine[-1].at
        mine.append(Point(build_id, seen_at if backwards else at, amount, digest, origin, source, base_step))
    return points


async def _events(session: AsyncSession, tag: Tag, window: Window) -> tuple[TagEventRow, ...]:
    query = select(TagEvent).where(TagEvent.tag_id == tag.id).order_by(TagEvent.at, TagEvent.id)
    if window.since is not None:
        query = query.where(TagEvent.at >= window.since)
    if window.until is not None:
        query = query.where(TagEvent.at <= window.until)
    return tuple(TagEventRow(one.at, one.kind, one.digest, one.platform) for one in await session.scalars(query))
