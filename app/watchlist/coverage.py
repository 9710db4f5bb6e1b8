"""Which tags the watches cover, and what each tag inherits from them."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import insert_or_pass
from app.models import PendingDetail, Series, Tag, TagEvent, Watch, WatchTag, covers
from app.watchlist.backfills import AUTOMATIC, request_backfills

_CHUNK = 500  # bound parameters of one statement stay far below every limit
_DIGITS = re.compile(r"(\d+)")
_REFERRER = re.compile(r"sha256-[0-9a-f]{64}(\..*)?")  # signatures, attestations and SBOMs of another manifest


def matching_tags(names: Iterable[str], pattern: str, cap: int) -> tuple[list[str], int]:
    """The tags that a glob selects, newest-looking first and at most `cap`, and how many there are in all.

    Tags like sha256-<hex>.sig hold signatures, not images, and never match.
    """
    matched = [name for name in set(names) if fnmatchcase(name, pattern) and not _REFERRER.fullmatch(name)]
    matched.sort(key=_version_key, reverse=True)
    return matched[:cap], len(matched)


def _version_key(name: str) -> list[tuple[int, int | str]]:
    """Orders "3.9" before "3.10": runs of digits compare as numbers."""
    return [(1, int(part)) if part.isdigit() else (0, part) for part in _DIGITS.split(name) if part]


async def cover(session: AsyncSession, watch: Watch, names: Sequence[str], now: datetime) -> int:
    """Let a watch cover these tags, made where they are new; how many it covers now that it did not before.

    Tags that it covered already stay: a tag that left the list has a history, and polling records that it is gone.
    """
    tags = await _ensure_tags(session, watch.repository_id, names, now)
    known = set(await session.scalars(select(WatchTag.tag_id).where(WatchTag.watch_id == watch.id)))
    added = [tag for tag in tags if tag.id not in known]
    session.add_all(WatchTag(watch_id=watch.id, tag_id=tag.id) for tag in added)
    await session.flush()
    await inherit(session, added, now)
    await request_backfills(session, [tag.id for tag in added], AUTOMATIC, now)
    return len(added)


async def uncover_beyond(session: AsyncSession, watch: Watch, other: set[str], cap: int, now: datetime) -> None:
    """Hold a pattern's coverage to its cap: give up the tags that it matches and were not chosen, and of those that
    left the registry's list the oldest beyond the cap. What was recorded of them stays."""
    tags = await tags_of(session, watch.id)
    kept = [tag for tag in tags if tag.name not in other]
    kept.sort(key=lambda tag: (tag.first_seen_at, tag.id), reverse=True)
    gone = [tag for tag in tags if tag.name in other] + kept[2 * cap :]
    ids = [tag.id for tag in gone]
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        await session.execute(delete(WatchTag).where(WatchTag.watch_id == watch.id, WatchTag.tag_id.in_(chunk)))
    await inherit(session, gone, now)


async def _ensure_tags(session: AsyncSession, repository_id: int, names: Sequence[str], now: datetime) -> list[Tag]:
    """The tags by these names, made where they are new, and locked: who else covers them waits until we are done."""
    found: list[Tag] = []
    for start in range(0, len(names), _CHUNK):
        chunk = sorted(names[start : start + _CHUNK])
        rows = [{"repository_id": repository_id, "name": name, **_new_tag(now)} for name in chunk]
        await session.execute(insert_or_pass(session, Tag), rows)
        query = select(Tag).where(Tag.repository_id == repository_id, Tag.name.in_(chunk))
        found += await session.scalars(query.order_by(Tag.id).with_for_update())
    return found


def _new_tag(now: datetime) -> dict[str, object]:
    return {"first_seen_at": now, "next_check_at": now}


async def inherit(session: AsyncSession, tags: Sequence[Tag], now: datetime) -> None:
    """Derive each tag's `watched`, `platforms` and `interval_seconds` from the watches that cover it."""
    watches: dict[int, list[Watch]] = {}
    for start in range(0, len(tags), _CHUNK):
        rows = await session.execute(
            select(WatchTag.tag_id, Watch)
            .join(Watch, Watch.id == WatchTag.watch_id)
            .where(WatchTag.tag_id.in_([tag.id for tag in tags[start : start + _CHUNK]]), Watch.paused.is_(False))
        )
        for tag_id, watch in rows:
            watches.setdefault(tag_id, []).append(watch)
    for tag in tags:
        await _inherit_one(session, tag, watches.get(tag.id, []), now)


async def tags_of(session: AsyncSession, watch_id: int) -> list[Tag]:
    """The tags that a watch covers, locked until the transaction ends."""
    covered = select(Tag).join(WatchTag, WatchTag.tag_id == Tag.id).where(WatchTag.watch_id == watch_id)
    return list(await session.scalars(covered.order_by(Tag.id).with_for_update(of=Tag)))


async def _inherit_one(session: AsyncSession, tag: Tag, watches: list[Watch], now: datetime) -> None:
    if not watches:
        tag.watched = False
        return
    if not tag.watched:
        tag.watched, tag.next_check_at = True, now
    _inherit_interval(tag, watches, now)
    platforms = _union(watches)
    if platforms != tag.platforms:
        more = platforms is None or (tag.platforms is not None and not set(platforms) <= set(tag.platforms))
        tag.platforms = platforms
        await _mark_series(session, tag)
        if more:
            await _look_again(session, tag, now)
            await request_backfills(session, [tag.id], AUTOMATIC, now, again=True)


def _inherit_interval(tag: Tag, watches: list[Watch], now: datetime) -> None:
    stated = [watch.interval_seconds for watch in watches if watch.interval_seconds is not None]
    interval, on_default = min(stated, default=None), len(stated) < len(watches)
    if (interval, on_default) != (tag.interval_seconds, tag.on_default):
        tag.interval_seconds, tag.on_default = interval, on_default
        tag.next_check_at = min(tag.next_check_at, now)


async def _mark_series(session: AsyncSession, tag: Tag) -> None:
    """Platforms that nobody wants any more keep their history, and are no longer current."""
    for series in await session.scalars(select(Series).where(Series.tag_id == tag.id)):
        series.watched = covers(tag.platforms, series.platform)


def _union(watches: list[Watch]) -> list[str] | None:
    if any(watch.platforms is None for watch in watches):
        return None
    return sorted({platform for watch in watches for platform in watch.platforms or ()})


async def _look_again(session: AsyncSession, tag: Tag, now: datetime) -> None:
    """The tag's document has not moved, but other platforms of it are wanted now: queue it."""
    event_id = await session.scalar(
        select(TagEvent.id)
        .where(TagEvent.tag_id == tag.id, TagEvent.digest == tag.digest, TagEvent.platform.is_(None))
        .order_by(TagEvent.id.desc())
        .limit(1)
    )
    if tag.digest is None or event_id is None:
        return
    queued = await session.scalar(
        select(PendingDetail.id).where(PendingDetail.tag_event_id == event_id, PendingDetail.kind == "tag")
    )
    if queued is None:
        session.add(
            PendingDetail(
                repository_id=tag.repository_id, kind="tag", digest=tag.digest, tag_event_id=event_id,
                priority=0, reason="platforms", created_at=now, next_try_at=now,
            )
        )  # fmt: skip
