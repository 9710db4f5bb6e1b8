"""Due tags, taken repository by repository under a lease: the row is the queue."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.observations import Target
from app.history.waiting import not_ahead
from app.models import Backfill, Host, PendingDetail, Repository, Tag
from app.polling.round import LEASE, Held
from app.registry import reference

TAGS_PER_CLAIM = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """Tags of one repository that are ours to look at until the lease ends."""

    repository: reference.Repository
    targets: tuple[Target, ...]


async def due_hosts(session: AsyncSession, now: datetime) -> list[str]:
    """The registries with due tags that are not paused."""
    rows = await session.scalars(
        select(Repository.host)
        .join(Tag, Tag.repository_id == Repository.id)
        .outerjoin(Host, Host.name == Repository.host)
        .where(*_due(now), not_ahead(Host.paused_until, now), not_ahead(Host.retry_at, now))
        .distinct()
    )
    return list(rows)


async def claim_tags(
    session: AsyncSession, host: str, owner: str, now: datetime, only: Sequence[int] | None = None
) -> list[Claim]:
    """Take up to 500 due tags of a registry, the longest due first; `only`: none but these tag ids.

    The UPDATE repeats the condition, so that of two workers exactly one gets a tag.
    """
    chosen = (
        select(Tag.id)
        .join(Repository, Repository.id == Tag.repository_id)
        .where(Repository.host == host, *_due(now))
        .order_by(Tag.next_check_at, Tag.id)
        .limit(TAGS_PER_CLAIM)
        .with_for_update(skip_locked=True, of=Tag)
    )
    if only is not None:
        chosen = chosen.where(Tag.id.in_(only))
    rows = await session.scalars(
        update(Tag)
        .where(Tag.id.in_(chosen.scalar_subquery()), *_due(now))
        .values(lease_owner=owner, lease_until=now + LEASE)
        .returning(Tag)
        .execution_options(synchronize_session=False)
    )
    return await _by_repository(session, list(rows))


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Tag.watched.is_(True), Tag.next_check_at <= now, not_ahead(Tag.lease_until, now)


async def _by_repository(session: AsyncSession, tags: Sequence[Tag]) -> list[Claim]:
    targets: defaultdict[int, list[Target]] = defaultdict(list)
    for tag in tags:
        targets[tag.repository_id].append(Target.of(tag))
    found = await session.scalars(select(Repository).where(Repository.id.in_(targets)))
    return [Claim(reference.Repository(row.host, row.path), tuple(targets[row.id])) for row in found]


async def renew(session: AsyncSession, owner: str, now: datetime, held: Held) -> None:
    """Hold on to what this owner is looking at; rows that are being written just now are given back anyway."""
    for table, ids in ((Tag, held.tags), (PendingDetail, held.details), (Backfill, held.backfills)):
        ours = select(table.id).where(table.id.in_(ids), table.lease_owner == owner).with_for_update(skip_locked=True)
        await session.execute(
            update(table)
            .where(table.id.in_(ours.scalar_subquery()))
            .values(lease_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )


async def release(session: AsyncSession, owner: str) -> None:
    """Give back everything that this owner holds; it is due as before."""
    for table in (Tag, PendingDetail, Backfill):
        await session.execute(
            update(table)
            .where(table.lease_owner == owner)
            .values(lease_owner=None, lease_until=None)
            .execution_options(synchronize_session=False)
        )
