"""The queue of documents that wait to be read: put in, claimed by lease, put off, done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, case, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.db import insert_or_pass
from app.history.observations import Claimed, PlatformFound, Target, Waits
from app.history.schedule import Schedule
from app.models import Host, Manifest, PendingDetail, Repository, Tag, TagEvent

NEVER = timedelta(days=36_500)
QUOTA_RETRY = timedelta(minutes=2)  # the quota is looked at again, which costs no pull
_FIRST = {"linux/amd64": 0, "linux/arm64": 1}
_REST = 2
_LAYERS = 3  # of manifests whose size is known


def priority(platform: str) -> int:
    """The order in which platforms are fetched where pulls are scarce: amd64, arm64, the others."""
    return _FIRST.get(platform.removesuffix("/v8"), _REST)


@dataclass(frozen=True, slots=True)
class Detail:
    """A queued document: with `platform` None it is what a tag named, else one platform's manifest."""

    id: int
    repository_id: int
    tag_event_id: int
    digest: str
    platform: str | None
    failures: int
    reason: str
    target: Target


async def enqueue_document(session: AsyncSession, tag: Tag, event: TagEvent, waits: Waits, schedule: Schedule) -> None:
    """Queue the document that a tag named at `event`."""
    row = _row((tag, event), event.digest or "", None, waits, schedule)
    await session.execute(insert_or_pass(session, PendingDetail), [row])


async def enqueue_manifests(
    session: AsyncSession, tag: Tag, event: TagEvent, found: Sequence[PlatformFound], schedule: Schedule
) -> None:
    """Queue the manifests of platforms that could not be read along with their index, or are known by hearsay only."""
    waits = [(one, Waits("layers") if isinstance(one.content, Claimed) else one.content) for one in found]
    rows = [_row((tag, event), one.digest, one.platform, why, schedule) for one, why in waits if isinstance(why, Waits)]
    if rows:
        await session.execute(insert_or_pass(session, PendingDetail), rows)


def _row(
    seen: tuple[Tag, TagEvent], digest: str, platform: str | None, waits: Waits, schedule: Schedule
) -> Mapping[str, object]:
    tag, event = seen
    return {
        "repository_id": tag.repository_id,
        "kind": "tag" if platform is None else "manifest",
        "digest": digest,
        "tag_event_id": event.id,
        "platform": platform,
        "priority": _LAYERS if waits.reason == "layers" else 0 if platform is None else priority(platform),
        "reason": waits.reason,
        "created_at": event.at,
        "next_try_at": event.at if waits.reason in {"quota", "layers"} else event.at + _wait(waits, 1, schedule),
        "failures": int(waits.reason == "error"),
        "error_code": waits.error_code,
        "error_message": waits.error_message,
    }


def _wait(waits: Waits, failures: int, schedule: Schedule) -> timedelta:
    if waits.reason == "lost":
        return NEVER
    if waits.reason == "error":
        return schedule.after_failure(failures, retryable=waits.retryable, retry_after=waits.retry_after)
    return max(QUOTA_RETRY, timedelta(seconds=min(waits.retry_after or 0, 7 * 86_400)))


async def due_hosts(session: AsyncSession, now: datetime) -> list[str]:
    """The registries for which something waits and may be tried."""
    rows = await session.scalars(_due(select(Repository.host), now).distinct())
    return list(rows)


async def claim_details(
    session: AsyncSession, host: str, owner: str, now: datetime, lease: timedelta, limit: int
) -> list[Detail]:
    """Take up to `limit` of a registry's due documents, the most wanted first; a lease keeps others off them."""
    chosen = (
        _due(select(PendingDetail.id), now)
        .where(Repository.host == host)
        .order_by(case((PendingDetail.reason == "error", 1), else_=0), PendingDetail.priority, PendingDetail.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=PendingDetail)
    )
    claimed = await session.scalars(
        update(PendingDetail)
        .where(PendingDetail.id.in_(chosen.scalar_subquery()), _free(now))
        .values(lease_owner=owner, lease_until=now + lease)
        .returning(PendingDetail.id)
        .execution_options(synchronize_session=False)
    )
    return await _details(session, list(claimed))


_Query = TypeVar("_Query", bound="Select[Any]")


def _due(query: _Query, now: datetime) -> _Query:
    """What waits for tags that are watched still, of registries that are not left alone."""
    return (
        query.join_from(PendingDetail, Repository, Repository.id == PendingDetail.repository_id)
        .join(TagEvent, TagEvent.id == PendingDetail.tag_event_id)
        .join(Tag, Tag.id == TagEvent.tag_id)
        .outerjoin(Host, Host.name == Repository.host)
        .where(PendingDetail.next_try_at <= now, PendingDetail.reason != "lost", _free(now), Tag.watched)
        .where(not_ahead(Host.paused_until, now), not_ahead(Host.retry_at, now))
    )


def not_ahead(moment: InstrumentedAttribute[datetime | None], now: datetime) -> ColumnElement[bool]:
    """Whether a time is not set, or over."""
    return or_(moment.is_(None), moment <= now)


def _free(now: datetime) -> ColumnElement[bool]:
    return not_ahead(PendingDetail.lease_until, now)


async def _details(session: AsyncSession, ids: Sequence[int]) -> list[Detail]:
    rows = await session.execute(
        select(PendingDetail, Tag)
        .join(TagEvent, TagEvent.id == PendingDetail.tag_event_id)
        .join(Tag, Tag.id == TagEvent.tag_id)
        .where(PendingDetail.id.in_(ids))
        .order_by(PendingDetail.priority, PendingDetail.id)
    )
    return [_detail(row, tag) for row, tag in rows]


def _detail(row: PendingDetail, tag: Tag) -> Detail:
    return Detail(
        row.id, row.repository_id, row.tag_event_id, row.digest, row.platform, row.failures, row.reason, Target.of(tag)
    )


async def put_off(session: AsyncSession, detail: Detail, waits: Waits, now: datetime, schedule: Schedule) -> None:
    """Give a claimed document back, to be tried later."""
    failures = detail.failures + int(waits.reason == "error")
    await session.execute(
        update(PendingDetail)
        .where(PendingDetail.id == detail.id)
        .values(
            reason=waits.reason,
            failures=failures,
            error_code=waits.error_code,
            error_message=waits.error_message,
            next_try_at=now + _wait(waits, failures, schedule),
            lease_owner=None,
            lease_until=None,
        )
    )


async def put_off_host(session: AsyncSession, host: str, until: datetime) -> None:
    """Let everything of a registry wait that waits for pulls: none are left before then."""
    of_host = select(Repository.id).where(Repository.host == host)
    await session.execute(
        update(PendingDetail)
        .where(PendingDetail.repository_id.in_(of_host), PendingDetail.reason.in_(["quota", "platforms", "layers"]))
        .values(next_try_at=until, lease_owner=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )


async def remove_measured(session: AsyncSession, digests: Sequence[str]) -> None:
    """Take manifests off the queue that have been measured, for every tag that waited for them."""
    measured = select(Manifest.digest).where(Manifest.digest.in_(digests), Manifest.fetched_at.is_not(None))
    await session.execute(
        delete(PendingDetail).where(PendingDetail.kind == "manifest", PendingDetail.digest.in_(measured))
    )
