"""Series and their runs: what a tag's document holds becomes builds, platform by platform."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.observations import Change, Claimed, Measured, PlatformFound, Target
from app.models import Build, Manifest, Origin, PendingDetail, Series, Tag, TagEvent, TagEventKind


@dataclass(frozen=True, slots=True)
class Sight:
    """A tag's document as it was seen at `event.at`; `current`: nothing newer is known of the tag."""

    tag: Tag
    event: TagEvent
    target: Target  # with the platforms that were asked for
    current: bool
    widened: bool = False  # only because other platforms are wanted now: not the registry's doing
    pushed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    build_id: int
    manifest_id: int
    first_seen_at: datetime
    compressed_bytes: int | None


async def add_runs(
    session: AsyncSession, sight: Sight, found: Sequence[PlatformFound], manifest_ids: Mapping[str, int]
) -> list[Change]:
    """Add a build wherever a platform's manifest digest differs from the one before; the changes, for people.

    Platforms are judged by their own manifest, not by the index: a re-assembled index adds nothing. Repeating it adds
    nothing either. A sight older than what is known already is put in its place in time.
    """
    series = {row.platform: row for row in await session.scalars(select(Series).where(Series.tag_id == sight.tag.id))}
    latest = await _latest_runs(session, series.values())
    await _add_series(session, sight, series, [one.platform for one in found])
    changes: list[Change] = []
    builds: dict[str, dict[str, Any]] = {}
    for one in found:
        row = series[one.platform]
        _offered_again(session, sight, row)
        before = await _before(session, sight, row, latest.get(row.id))
        build = await _new_run(session, sight, row, manifest_ids[one.digest], before)
        if build is not None:
            builds[one.platform] = build
            changes.append(_change(sight, one, before))
    await _add_builds(session, sight, series, builds, latest)
    if sight.current:
        offered = {one.platform for one in found}
        changes += _dropped(session, sight, [row for row in series.values() if row.platform not in offered])
    return changes


async def _add_series(session: AsyncSession, sight: Sight, series: dict[str, Series], platforms: Sequence[str]) -> None:
    """Series for the platforms that are new; an event for each, unless the whole tag is new."""
    first_sight = not series or sight.event.kind == TagEventKind.SEEN  # what others told of its past is no sight
    for platform in platforms:
        if platform not in series:
            series[platform] = Series(tag_id=sight.tag.id, platform=platform, first_seen_at=sight.event.at)
            session.add(series[platform])
            if not first_sight and not sight.widened:
                _add_event(session, sight, TagEventKind.PLATFORM_ADDED, platform)
    await session.flush()


async def _add_builds(
    session: AsyncSession,
    sight: Sight,
    series: Mapping[str, Series],
    builds: Mapping[str, dict[str, Any]],
    latest: Mapping[int, _Run],
) -> None:
    """The builds, and the pointer of each series to its latest."""
    if not builds:
        return
    added = await session.execute(insert(Build).returning(Build.series_id, Build.id), list(builds.values()))
    ids = dict(added.all())
    for platform in builds:
        row = series[platform]
        if row.id not in latest or latest[row.id].first_seen_at <= sight.event.at:
            row.latest_build_id = ids[row.id]


async def _latest_runs(session: AsyncSession, series: Iterable[Series]) -> dict[int, _Run]:
    ids = [row.latest_build_id for row in series if row.latest_build_id is not None]
    rows = await session.execute(
        select(Build.series_id, Build.id, Build.manifest_id, Build.first_seen_at, Manifest.compressed_bytes)
        .join(Manifest, Manifest.id == Build.manifest_id)
        .where(Build.id.in_(ids))
    )
    return {row[0]: _Run(row[1], row[2], row[3], row[4]) for row in rows}


def _offered_again(session: AsyncSession, sight: Sight, row: Series) -> None:
    if row.dropped_at is not None and sight.current:
        row.dropped_at = None
        _add_event(session, sight, TagEventKind.PLATFORM_RETURNED, row.platform)


def _dropped(session: AsyncSession, sight: Sight, missing: Sequence[Series]) -> list[Change]:
    """Mark the platforms that the document no longer holds; one that nobody wants any more is left as it was.

    At first sight it is no event: the tag dropped a platform of its past before we looked.
    """
    changes = []
    for row in missing:
        if row.dropped_at is None and sight.target.wants(row.platform):
            row.dropped_at = sight.event.at
            if sight.event.kind != TagEventKind.SEEN:
                _add_event(session, sight, TagEventKind.PLATFORM_DROPPED, row.platform)
                changes.append(Change(sight.tag.name, row.platform, TagEventKind.PLATFORM_DROPPED))
    return changes


async def _before(session: AsyncSession, sight: Sight, row: Series, latest: _Run | None) -> _Run | None:
    """The run in force just before this sight: nearly always the latest; for a late detail, looked up."""
    if latest is None or latest.first_seen_at <= sight.event.at:
        return latest
    found = await session.execute(
        select(Build.id, Build.manifest_id, Build.first_seen_at, Manifest.compressed_bytes)
        .join(Manifest, Manifest.id == Build.manifest_id)
        .where(Build.series_id == row.id, Build.first_seen_at <= sight.event.at)
        .order_by(Build.first_seen_at.desc(), Build.id.desc())
        .limit(1)
    )
    run = found.first()
    return _Run(*run) if run is not None else None


async def _new_run(
    session: AsyncSession, sight: Sight, row: Series, manifest_id: int, before: _Run | None
) -> dict[str, Any] | None:
    """The build to add; None where the platform still runs on the same manifest."""
    if (
        before is not None
        and before.manifest_id == manifest_id
        and not await _unread(session, sight.tag, before.first_seen_at, sight.event.at)
    ):
        return None
    after = await _after(session, sight, row, before)
    if (
        after is not None
        and after.manifest_id == manifest_id
        and not await _unread(session, sight.tag, sight.event.at, after.first_seen_at)
    ):
        after.first_seen_at = sight.event.at  # the same run, now known to have begun earlier
        after.tag_event_id = sight.event.id
        return None
    return {
        "series_id": row.id,
        "manifest_id": manifest_id,
        "first_seen_at": sight.event.at,
        "pushed_at": sight.pushed_at,
        "origin": Origin.POLL,
        "tag_event_id": sight.event.id,
    }


async def _unread(session: AsyncSession, tag: Tag, start: datetime, end: datetime) -> bool:
    """Whether the tag named something between these moments that has not been read yet: the run may have ended."""
    found = await session.scalar(
        select(PendingDetail.id)
        .join(TagEvent, TagEvent.id == PendingDetail.tag_event_id)
        .where(TagEvent.tag_id == tag.id, PendingDetail.kind == "tag", TagEvent.at > start, TagEvent.at < end)
        .limit(1)
    )
    return found is not None


async def _after(session: AsyncSession, sight: Sight, row: Series, before: _Run | None) -> Build | None:
    """The run that follows a sight which is not the newest; None for the newest."""
    if row.latest_build_id == (before.build_id if before is not None else None):
        return None
    build: Build | None = await session.scalar(
        select(Build)
        .where(Build.series_id == row.id, Build.first_seen_at > sight.event.at)
        .order_by(Build.first_seen_at, Build.id)
        .limit(1)
    )
    return build


def _change(sight: Sight, platform: PlatformFound, before: _Run | None) -> Change:
    new_bytes = platform.content.compressed_bytes if isinstance(platform.content, Measured | Claimed) else None
    kind = "new" if before is None else "changed"
    return Change(sight.tag.name, platform.platform, kind, before.compressed_bytes if before else None, new_bytes)


def _add_event(session: AsyncSession, sight: Sight, kind: TagEventKind, platform: str) -> None:
    session.add(
        TagEvent(tag_id=sight.tag.id, at=sight.event.at, kind=kind, digest=sight.event.digest, platform=platform)
    )
