"""Write down what a look at one repository's tags gave: one transaction, safe to repeat, append-only."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.claims import PastManifest, claim
from app.history.intern import intern_manifests, measure
from app.history.observations import (
    Change,
    Claimed,
    Deferred,
    Failed,
    Gone,
    Measured,
    Moved,
    Observation,
    PlatformFound,
    Recorded,
    Target,
    Unchanged,
    Waits,
)
from app.history.runs import Sight, add_runs
from app.history.schedule import Schedule
from app.history.waiting import enqueue_document, enqueue_manifests, remove_measured
from app.models import Tag, TagEvent, TagEventKind, TagStatus, UtcTime, bump_revision

log = logging.getLogger(__name__)
_HEALTHY = {"failures": 0, "failing_since": None, "error_code": None, "error_message": None}
_RELEASED = {"lease_owner": None, "lease_until": None}


@dataclass(slots=True)
class _Round:
    """The transaction at hand, with what everything below needs."""

    session: AsyncSession
    at: datetime
    schedule: Schedule
    report: Recorded = field(default_factory=Recorded)


async def record(
    session: AsyncSession, observations: Sequence[Observation], at: datetime, schedule: Schedule, owner: str
) -> Recorded:
    """Record what is new about one repository's tags, and set their next look. `Unchanged` is for `record_unchanged`.

    Only who holds a tag's lease may record it: of two that saw the same, or of a look repeated after a crash, the one
    that lost the lease is passed over, and the other finds the digest known, and adds no event and no build.
    """
    now = _Round(session, at, schedule)
    tags = await _lock(session, [seen.target.tag_id for seen in observations], owner)
    manifest_ids = await remember(session, [seen for seen in observations if isinstance(seen, Moved)], at)
    for seen in observations:
        if (tag := tags.get(seen.target.tag_id)) is not None:
            await _record_one(now, tag, seen, manifest_ids)
    await session.flush()
    await bump_revision(session)
    return now.report


async def record_unchanged(
    session: AsyncSession, repositories: Iterable[Sequence[Unchanged]], at: datetime, schedule: Schedule, owner: str
) -> None:
    """The common case, one statement for a whole round; the tags of one repository stay together in time."""
    rows = [row for seen in repositories for row in _looked_at(seen, at, schedule)]
    if not rows:
        return
    interval_kept = Tag.interval_seconds.is_not_distinct_from(bindparam("interval"))
    statement = (
        update(Tag)
        .where(Tag.id == bindparam("tag_id"), Tag.lease_owner == owner)
        .values(
            status=TagStatus.OK,
            checked_at=at,
            next_check_at=case((interval_kept, bindparam("next", type_=UtcTime)), else_=Tag.next_check_at),
            **_HEALTHY,
            **_RELEASED,
        )
    )
    connection = await session.connection()
    await connection.execute(statement, sorted(rows, key=itemgetter("tag_id")))


def _looked_at(seen: Sequence[Unchanged], at: datetime, schedule: Schedule) -> Iterator[dict[str, Any]]:
    next_check_at: dict[int | None, datetime] = {}
    for one in seen:
        interval_seconds = one.target.interval_seconds
        if interval_seconds not in next_check_at:
            next_check_at[interval_seconds] = at + schedule.regular(interval_seconds, one.target.on_default)
        yield {
            "tag_id": one.target.tag_id,
            "interval": interval_seconds,
            "next": next_check_at[interval_seconds],
        }


async def _lock(session: AsyncSession, tag_ids: Sequence[int], owner: str) -> dict[int, Tag]:
    held = select(Tag).where(Tag.id.in_(tag_ids), Tag.lease_owner == owner)
    rows = await session.scalars(held.order_by(Tag.id).with_for_update())
    return {tag.id: tag for tag in rows}


async def remember(session: AsyncSession, moved: Sequence[Moved], at: datetime) -> dict[str, int]:
    """Write down every manifest that these observations name; their ids by digest."""
    found = [one for seen in moved if isinstance(seen.contents, tuple) for one in seen.contents]
    await _believe(session, [one.content for one in found if isinstance(one.content, Claimed)])
    ids = await intern_manifests(session, {one.digest for one in found})
    measured = [one.content for one in found if isinstance(one.content, Measured)]
    if measured:
        await measure(session, measured, ids, at)
        await remove_measured(session, [manifest.digest for manifest in measured])
    return ids


async def _believe(session: AsyncSession, claimed: Sequence[Claimed]) -> None:
    """Write down bytes by hearsay, wherever nothing is recorded; what is recorded stands."""
    if not claimed:
        return
    held, _ = await claim(session, [PastManifest(one.digest, one.compressed_bytes) for one in claimed])
    for one in claimed:
        recorded = held[one.digest].compressed_bytes
        if recorded != one.compressed_bytes:
            log.warning("%s has %s bytes; Docker Hub's web API says %d", one.digest, recorded, one.compressed_bytes)


async def give_up(
    session: AsyncSession, targets: Iterable[Target], at: datetime, schedule: Schedule, owner: str
) -> None:
    """Give back tags whose look could not be recorded, with the fault of ours on them; they are tried again later."""
    now, fault = _Round(session, at, schedule), "a bug in Tarewatch kept this from being recorded; the log has more"
    failed = [Failed(target, "internal-error", fault, retryable=True) for target in targets]
    tags = await _lock(session, [seen.target.tag_id for seen in failed], owner)
    for seen in failed:
        if (tag := tags.get(seen.target.tag_id)) is not None:
            await _record_one(now, tag, seen, {})
    await session.flush()
    await bump_revision(session)


async def _record_one(now: _Round, tag: Tag, seen: Observation, manifest_ids: Mapping[str, int]) -> None:
    tag.lease_owner = tag.lease_until = None
    match seen:
        case Moved():
            await _moved(now, tag, seen, manifest_ids)
        case Gone():
            _gone(now, tag)
        case Failed():
            _failed(now, tag, seen)
        case Deferred():
            wait = now.schedule.after_failure(1, retryable=True, retry_after=seen.seconds)
            tag.next_check_at = now.at + wait
            now.report.deferred += 1


async def _moved(now: _Round, tag: Tag, seen: Moved, manifest_ids: Mapping[str, int]) -> None:
    event, pushed_at = await _sighting(now, tag, seen), _pushed_at(now, tag, seen)
    now.report.moved += 1
    tag.status, tag.digest, tag.media_type = TagStatus.OK, seen.digest, seen.media_type[:128]
    _answered(now, tag)
    _healthy(tag)
    await now.session.flush()
    if isinstance(seen.contents, Waits):
        await enqueue_document(now.session, tag, event, seen.contents, now.schedule)
        now.report.changes.append(Change(tag.name, None, "pending"))
    elif seen.contents is not None:
        sight = Sight(tag, event, seen.target, current=True, pushed_at=pushed_at)
        now.report.changes += await record_contents(now.session, sight, seen.contents, manifest_ids, now.schedule)
        if Target.of(tag).platforms != seen.target.platforms:  # others are wanted since the tag was claimed
            await enqueue_document(now.session, tag, event, Waits("platforms"), now.schedule)


async def record_contents(
    session: AsyncSession,
    sight: Sight,
    contents: Sequence[PlatformFound],
    manifest_ids: Mapping[str, int],
    schedule: Schedule,
) -> list[Change]:
    """Add the runs of a document that was read, and queue those of its manifests that were not."""
    changes = await add_runs(session, sight, contents, manifest_ids)
    await enqueue_manifests(session, sight.tag, sight.event, contents, schedule)
    return changes


async def _sighting(now: _Round, tag: Tag, seen: Moved) -> TagEvent:
    """The event of this sight: a new one, or the one that recorded the same digest before."""
    if tag.digest == seen.digest and tag.status != TagStatus.GONE:
        known = await now.session.scalar(
            select(TagEvent)
            .where(TagEvent.tag_id == tag.id, TagEvent.digest == seen.digest, TagEvent.platform.is_(None))
            .order_by(TagEvent.id.desc())
            .limit(1)
        )
        if known is not None:
            return known
    event = TagEvent(tag_id=tag.id, at=max(now.at, tag.changed_at or now.at), kind=_kind(tag), digest=seen.digest)
    if tag.digest != seen.digest:
        tag.changed_at = now.at
    now.session.add(event)
    if event.kind == TagEventKind.RETURNED:
        now.report.changes.append(Change(tag.name, None, event.kind))
    return event


def _pushed_at(now: _Round, tag: Tag, seen: Moved) -> datetime | None:
    """When it was pushed, if that can be: after the look that found something else, and not in the future."""
    if seen.pushed_at is None or seen.pushed_at > now.at:
        return None
    return seen.pushed_at if tag.checked_at is None or seen.pushed_at > tag.checked_at else None


def _kind(tag: Tag) -> TagEventKind:
    if tag.status == TagStatus.GONE:
        return TagEventKind.SEEN if tag.digest is None else TagEventKind.RETURNED
    return TagEventKind.SEEN if tag.digest is None else TagEventKind.MOVED


def _gone(now: _Round, tag: Tag) -> None:
    """Recorded once; the tag is looked for again ever more rarely, since tags do come back."""
    if tag.status != TagStatus.GONE:
        now.session.add(TagEvent(tag_id=tag.id, at=now.at, kind=TagEventKind.GONE, digest=tag.digest))
        now.report.changes.append(Change(tag.name, None, TagEventKind.GONE))
        _healthy(tag)
    tag.status, tag.failures = TagStatus.GONE, tag.failures + 1
    tag.checked_at = now.at
    tag.next_check_at = now.at + now.schedule.after_failure(
        tag.failures, retryable=False, interval=now.schedule.usual(Target.of(tag))
    )
    now.report.gone += 1


def _failed(now: _Round, tag: Tag, seen: Failed) -> None:
    """History stays as it was; a gone tag that fails stays gone until there is an answer."""
    if tag.status != TagStatus.GONE:
        tag.status = TagStatus.FAILING
    tag.failures += 1
    tag.failing_since = tag.failing_since or now.at
    tag.error_code, tag.error_message = seen.error_code, seen.error_message
    tag.next_check_at = now.at + now.schedule.after_failure(
        tag.failures,
        retryable=seen.retryable,
        interval=now.schedule.usual(Target.of(tag)),
        retry_after=seen.retry_after,
    )
    now.report.failed += 1


def _answered(now: _Round, tag: Tag) -> None:
    tag.checked_at = now.at
    tag.next_check_at = now.at + now.schedule.regular(tag.interval_seconds, tag.on_default)


def _healthy(tag: Tag) -> None:
    tag.failures, tag.failing_since, tag.error_code, tag.error_message = 0, None, None, None
