"""How the fetching of past sizes is doing: of one tag, of all that wait or fail, and as a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.lookup import find_repository, find_tag
from app.history.page import Key, Page, PageKeyInvalid
from app.history.values import image_name
from app.models import Backfill, Tag
from app.models import Repository as RepositoryRow
from app.registry.reference import Repository

_SHOWN_FAILURES = 50
_AUTOMATIC = "watch"  # a new watch asked, no person

_Rows = Select[Backfill, str, str, str]  # with tag, host and path
State = Literal["waiting", "running", "failing", "done"]


@dataclass(frozen=True, slots=True)
class BackfillState:
    """What came of asking for a tag's past; `found` and `added` count builds, None where that is not known yet.

    "waiting" with an error: the registry asked for a pause. `next_try_at` is None for what is done.
    """

    id: int
    image: str
    tag: str
    state: State
    reason: str
    requested_at: datetime
    next_try_at: datetime | None
    done_at: datetime | None
    found: int | None
    added: int | None
    failures: int
    error_code: str | None
    error_message: str | None


@dataclass(frozen=True, slots=True)
class BackfillHealth:
    """How many tags wait for their past or have it fetched just now, and those of which that fails."""

    waiting: int
    running: int
    failing: tuple[BackfillState, ...]
    failing_count: int


async def backfill_of(session: AsyncSession, repository: Repository, tag: str, now: datetime) -> BackfillState | None:
    """The state of one tag's past; None where nobody asked for it."""
    query = _query().where(RepositoryRow.host == repository.registry, RepositoryRow.path == repository.path)
    rows = await _states(session, query.where(Tag.name == tag), now)
    return rows[0] if rows else None


async def backfills_page(
    session: AsyncSession,
    now: datetime,
    *,
    repository: Repository | None = None,
    tag: str | None = None,
    limit: int,
    after: Key | None,
) -> Page[BackfillState]:
    """What was asked for, the oldest row first; of everything, of a repository, or of its `tag`. UnknownImage."""
    query = _query().order_by(Backfill.id).limit(limit + 1)
    if repository is not None and tag is None:
        query = query.where(Tag.repository_id == (await find_repository(session, repository)).id)
    elif repository is not None and tag is not None:
        query = query.where(Tag.id == (await find_tag(session, repository, tag)).id)
    if after is not None:
        query = query.where(Backfill.id > _id(after))
    found = await _states(session, query, now)
    shown = found[:limit]
    return Page(tuple(shown), (shown[-1].id,) if len(found) > limit else None)


async def backfill_health(session: AsyncSession, now: datetime, *, automatic: bool) -> BackfillHealth:
    """What is open; without `automatic` only what a person asked for, since the rest is not worked on."""
    is_open = [Backfill.done_at.is_(None), Tag.watched]
    if not automatic:
        is_open.append(Backfill.reason != _AUTOMATIC)
    running = Backfill.lease_until > now
    counts = select(func.count().filter(_waits(now)), func.count().filter(running), func.count().filter(_fails(now)))
    waiting, under_way, failing = (
        await session.execute(counts.select_from(Backfill).join(Tag, Tag.id == Backfill.tag_id).where(*is_open))
    ).one()
    worst = _query().where(*is_open, _fails(now)).order_by(Backfill.failures.desc(), Backfill.id)
    return BackfillHealth(waiting, under_way, tuple(await _states(session, worst.limit(_SHOWN_FAILURES), now)), failing)


def _at_rest(now: datetime) -> ColumnElement[bool]:
    return Backfill.lease_until.is_(None) | (Backfill.lease_until <= now)


def _waits(now: datetime) -> ColumnElement[bool]:
    return _at_rest(now) & (Backfill.failures == 0)


def _fails(now: datetime) -> ColumnElement[bool]:
    return _at_rest(now) & (Backfill.failures > 0)


def _query() -> _Rows:
    return (
        select(Backfill, Tag.name, RepositoryRow.host, RepositoryRow.path)
        .join(Tag, Tag.id == Backfill.tag_id)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
    )


async def _states(
    session: AsyncSession, query: Select[Backfill, str, str, str], now: datetime
) -> Sequence[BackfillState]:
    rows = await session.execute(query.execution_options(populate_existing=True))
    return [_state(row, image_name(host, path), tag, now) for row, tag, host, path in rows]


def _state(row: Backfill, image: str, tag: str, now: datetime) -> BackfillState:
    done = row.done_at is not None
    return BackfillState(
        id=row.id,
        image=image,
        tag=tag,
        state=_kind(row, now),
        reason=row.reason,
        requested_at=row.requested_at,
        next_try_at=None if done else row.next_try_at,
        done_at=row.done_at,
        found=row.found if done else None,
        added=row.added,
        failures=row.failures,
        error_code=row.error_code,
        error_message=row.error_message,
    )


def _kind(row: Backfill, now: datetime) -> State:
    if row.done_at is not None:
        return "done"
    if row.lease_until is not None and row.lease_until > now:
        return "running"
    return "failing" if row.failures else "waiting"


def _id(after: Key) -> int:
    match after:
        case (int() as row_id,):
            return row_id
    raise PageKeyInvalid("the cursor belongs to another list")
