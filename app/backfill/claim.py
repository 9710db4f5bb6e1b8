"""Backfills that are due, taken repository by repository under a lease: the row is the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, case, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.backfill.told import Wanted
from app.history.waiting import not_ahead
from app.models import Backfill, Host, Repository, Tag
from app.polling.round import LEASE
from app.registry import reference
from app.watchlist.backfills import AUTOMATIC

ROWS_PER_CLAIM = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A tag whose past is ours to fetch."""

    id: int
    wanted: Wanted
    requested_at: datetime
    failures: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Tags of one repository whose past is ours to fetch until the lease ends."""

    repository: reference.Repository
    rows: tuple[Asked, ...]

    @property
    def ids(self) -> set[int]:
        """The claimed rows."""
        return {row.id for row in self.rows}


async def due_hosts(session: AsyncSession, now: datetime, *, automatic: bool) -> list[str]:
    """The registries with backfills that are due and not under way; none that is paused, or that does not answer.

    Without `automatic` only what a person asked for is due.
    """
    rows = await session.scalars(
        select(Repository.host)
        .outerjoin(Host, Host.name == Repository.host)
        .where(not_ahead(Host.paused_until, now), not_ahead(Host.retry_at, now))
        .where(Repository.id.in_(_due(select(Tag.repository_id), now, automatic)), _at_rest(now))
        .distinct()
    )
    return list(rows)


async def claim_repository(
    session: AsyncSession, host: str, owner: str, now: datetime, *, only: Sequence[int] | None = None, automatic: bool
) -> Claim | None:
    """Take the due backfills of one repository of a registry, those first that a person asked for; None: none is due.

    `only`: none but those of these tags. While anybody holds a row of a repository, nobody gets another one of it.
    """
    due = _due(select(Tag.repository_id), now, automatic, only)
    asked_for = select(func.min(case((Backfill.reason == AUTOMATIC, 1), else_=0))).select_from(Backfill)
    asked_for = asked_for.join(Tag, Tag.id == Backfill.tag_id).where(Tag.repository_id == Repository.id)
    first = (
        select(Repository)
        .where(Repository.host == host, Repository.id.in_(due), _at_rest(now))
        .order_by(asked_for.where(Backfill.done_at.is_(None)).correlate(Repository).scalar_subquery(), Repository.id)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True, of=Repository)
        .execution_options(populate_existing=True)
    )
    while (repository := await session.scalar(first)) is not None:
        ids = _due(select(Backfill.id), now, automatic, only).where(Tag.repository_id == repository.id)
        ids = ids.order_by(Backfill.id).limit(ROWS_PER_CLAIM).with_for_update(skip_locked=True, of=Backfill)
        if rows := await _lease(session, ids, repository.id, owner, now):
            return Claim(reference.Repository(repository.host, repository.path), rows)
    return None  # the loop: somebody else took that repository between the two statements


async def _lease(
    session: AsyncSession, ids: Select[tuple[int]], repository_id: int, owner: str, now: datetime
) -> tuple[Asked, ...]:
    held = select(Repository.id).where(Repository.id == repository_id, _at_rest(now)).exists()
    taken = await session.scalars(
        update(Backfill)
        .where(Backfill.id.in_(ids), held)
        .values(lease_owner=owner, lease_until=now + LEASE)
        .returning(Backfill.id)
        .execution_options(synchronize_session=False)
    )
    found = select(Backfill, Tag).join(Tag, Tag.id == Backfill.tag_id).where(Backfill.id.in_(taken.all()))
    return tuple(_asked(row, tag) for row, tag in await session.execute(found.order_by(Backfill.id)))


def _asked(row: Backfill, tag: Tag) -> Asked:
    platforms = None if tag.platforms is None else tuple(tag.platforms)
    return Asked(row.id, Wanted(tag.name, platforms), row.requested_at, row.failures)


def _due(
    query: Select[tuple[int]], now: datetime, automatic: bool, only: Sequence[int] | None = None
) -> Select[tuple[int]]:
    query = (
        query.select_from(Backfill)
        .join(Tag, Tag.id == Backfill.tag_id)
        .where(Backfill.done_at.is_(None), Backfill.next_try_at <= now, Tag.watched)
    )
    if not automatic:
        query = query.where(Backfill.reason != AUTOMATIC)
    return query if only is None else query.where(Tag.id.in_(only))


def _at_rest(now: datetime) -> ColumnElement[bool]:
    """Whether nobody is at work on the repository."""
    held = select(Tag.repository_id).join(Backfill, Backfill.tag_id == Tag.id).where(Backfill.lease_until > now)
    return Repository.id.not_in(held)
