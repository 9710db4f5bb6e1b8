"""Due tags, taken repository by repository under a lease: the row is the queue."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.observations import Target
from app.models import Host, PendingDetail, Repository, Tag
from app.polling.round import LEASE
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
        .where(*_due(now), or_(Host.paused_until.is_(None), Host.paused_until <= now))
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
    )
    if only is not None:
        chosen = chosen.where(Tag.id.in_(only))
    rows = await session.execute(
        update(Tag)
        .where(Tag.id.in_(chosen.scalar_subquery()), *_due(now))
        .values(lease_owner=owner, lease_until=now + LEASE)
        .returning(Tag.repository_id, Tag.id, Tag.name, Tag.digest, Tag.status, Tag.platforms, Tag.interval_seconds)
        .execution_options(synchronize_session=False)
    )
    return await _by_repository(session, rows.all())


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    free = or_(Tag.lease_until.is_(None), Tag.lease_until <= now)
    return Tag.watched.is_(True), Tag.next_check_at <= now, free


async def _by_repository(
    session: AsyncSession, rows: Sequence[tuple[int, int, str, str | None, str, list[str] | None, int | None]]
) -> list[Claim]:
    targets: defaultdict[int, list[Target]] = defaultdict(list)
    for repository_id, tag_id, name, digest, status, platforms, interval_seconds in rows:
        wanted = None if platforms is None else tuple(platforms)
        targets[repository_id].append(Target(tag_id, name, digest, status, wanted, interval_seconds))
    found = await session.scalars(select(Repository).where(Repository.id.in_(targets)))
    return [Claim(reference.Repository(row.host, row.path), tuple(targets[row.id])) for row in found]


async def renew(session: AsyncSession, owner: str, now: datetime) -> None:
    """Hold on to everything that this owner is looking at."""
    for table in (Tag, PendingDetail):
        await session.execute(
            update(table)
            .where(table.lease_owner == owner)
            .values(lease_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )


async def release(session: AsyncSession, owner: str) -> None:
    """Give back everything that this owner holds; it is due as before."""
    for table in (Tag, PendingDetail):
        await session.execute(
            update(table)
            .where(table.lease_owner == owner)
            .values(lease_owner=None, lease_until=None)
            .execution_options(synchronize_session=False)
        )
