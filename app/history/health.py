"""How the collecting is doing: hosts, workers, what is late, what fails, what waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.values import image_name
from app.models import Host, PendingDetail, Revision, Series, Tag, TagStatus, Watch, Worker
from app.models import Repository as RepositoryRow

WORKER_SILENCE = timedelta(minutes=3)  # a worker that did not beat for this long is taken for dead
_SHOWN_FAILURES = 200

HostState = Literal["ok", "failing", "paused", "unmet"]


@dataclass(frozen=True, slots=True)
class Quota:
    """A registry's own word about counted pulls: how many in a window, how many are left, when it said so."""

    limit: int
    remaining: int
    window_seconds: int | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class HostHealth:
    """A registry as last met; "failing": it gave no usable answer, "paused": it asked for a pause.

    `next_try_at`: the next look at any of its tags. `pulls_paused_until`: the pull quota is used up; looking goes on.
    """

    name: str
    state: HostState
    tags: int
    cause_code: str | None
    cause: str | None
    failures: int
    failing_since: datetime | None
    ok_at: datetime | None
    paused_until: datetime | None
    next_try_at: datetime | None
    quota: Quota | None
    pulls_paused_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class FailingTag:
    """A tag whose last look failed, or that is gone; its history stays as it was."""

    image: str
    tag: str
    status: str
    failures: int
    failing_since: datetime | None
    error_code: str | None
    error_message: str | None
    next_check_at: datetime


@dataclass(frozen=True, slots=True)
class PendingCount:
    """How many documents wait to be fetched, for a reason ("quota", "error") and of a priority (0 goes first)."""

    reason: str
    priority: int
    count: int


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """A worker process; `alive` when it beat within the last three minutes."""

    id: str
    version: str
    started_at: datetime
    beat_at: datetime
    alive: bool


@dataclass(frozen=True, slots=True)
class WatchWarning:
    """A watch whose pattern matches more tags than the cap, or could not be expanded."""

    watch_id: int
    image: str
    tag_pattern: str
    matched_tags: int | None
    truncated: bool
    expand_error: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of each kind, for a first look."""

    repositories: int
    tags: int
    series: int
    failing_tags: int
    gone_tags: int
    new_tags: int


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the collecting at one moment. `lag` is how long the most overdue tag has been waiting."""

    revision: int
    counts: Counts
    hosts: tuple[HostHealth, ...]
    due_tags: int
    lag: timedelta
    last_check_at: datetime | None
    failing: tuple[FailingTag, ...]
    pending: tuple[PendingCount, ...]
    workers: tuple[WorkerHealth, ...]
    warnings: tuple[WatchWarning, ...]

    @property
    def unreachable(self) -> tuple[HostHealth, ...]:
        """Registries of watched tags that give no usable answer. Docker Hub's web API has no tags: without it the
        registry is asked."""
        return tuple(host for host in self.hosts if host.tags and host.state == "failing")


async def revision(session: AsyncSession) -> int:
    """The number that grows with every change that pages or API show."""
    return await session.scalar(select(Revision.number)) or 0


async def status(session: AsyncSession, now: datetime) -> Status:
    """Everything that the status page shows."""
    due, oldest, checked = (await session.execute(_queue(now))).one()
    return Status(
        revision=await revision(session),
        counts=await _counts(session),
        hosts=await _hosts(session, now),
        due_tags=due,
        lag=max(now - oldest, timedelta()) if oldest else timedelta(),
        last_check_at=checked,
        failing=await _failing(session),
        pending=await _pending(session),
        workers=await workers(session, now),
        warnings=await _warnings(session),
    )


async def workers(session: AsyncSession, now: datetime) -> tuple[WorkerHealth, ...]:
    """All known workers, the most recently heard of first."""
    return tuple(
        WorkerHealth(one.id, one.version, one.started_at, one.beat_at, now - one.beat_at < WORKER_SILENCE)
        for one in await session.scalars(select(Worker).order_by(Worker.beat_at.desc()))
    )


def _queue(now: datetime) -> Any:
    late = Tag.watched & (Tag.next_check_at <= now)
    return select(
        func.count().filter(late),
        func.min(Tag.next_check_at).filter(late),
        func.max(Tag.checked_at),
    ).select_from(Tag)


async def _counts(session: AsyncSession) -> Counts:
    states = await session.execute(select(Tag.status, func.count()).where(Tag.watched).group_by(Tag.status))
    by_status = dict(states.all())
    repositories = select(func.count(func.distinct(Tag.repository_id))).where(Tag.watched)
    offered = select(func.count()).select_from(Series).join(Tag, Tag.id == Series.tag_id)
    series = offered.where(Tag.watched, Series.watched, Series.dropped_at.is_(None))
    return Counts(
        repositories=await session.scalar(repositories) or 0,
        tags=sum(by_status.values()),
        series=await session.scalar(series) or 0,
        failing_tags=by_status.get(TagStatus.FAILING, 0),
        gone_tags=by_status.get(TagStatus.GONE, 0),
        new_tags=by_status.get(TagStatus.NEW, 0),
    )


async def _hosts(session: AsyncSession, now: datetime) -> tuple[HostHealth, ...]:
    """Every registry that a watched tag lies on, and those met before."""
    watched = {
        host: (count, next_check)
        for host, count, next_check in await session.execute(
            select(RepositoryRow.host, func.count(), func.min(Tag.next_check_at))
            .join(Tag, Tag.repository_id == RepositoryRow.id)
            .where(Tag.watched)
            .group_by(RepositoryRow.host)
        )
    }
    met = {host.name: host for host in await session.scalars(select(Host))}
    return tuple(
        _host_health(name, met.get(name), watched.get(name, (0, None)), now) for name in sorted(watched.keys() | met)
    )


def _host_health(name: str, host: Host | None, watched: tuple[int, datetime | None], now: datetime) -> HostHealth:
    tags, next_check = watched
    if host is None:
        return HostHealth(name, "unmet", tags, None, None, 0, None, None, None, next_check, None)
    paused = _ahead(host.paused_until, now)
    return HostHealth(
        name=name,
        state="failing" if host.failures else "paused" if paused else "ok",
        tags=tags,
        cause_code=host.error_code,
        cause=host.error_message if host.failures else host.pause_reason if paused else None,
        failures=host.failures,
        failing_since=host.failing_since,
        ok_at=host.ok_at,
        paused_until=paused,
        next_try_at=max(filter(None, (paused, next_check)), default=None),
        quota=_quota(host),
        pulls_paused_until=_ahead(host.pulls_paused_until, now),
    )


def _ahead(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and moment > now else None


def _quota(host: Host) -> Quota | None:
    if host.quota_limit is None or host.quota_remaining is None:
        return None
    return Quota(host.quota_limit, host.quota_remaining, host.quota_window_seconds, host.quota_seen_at)


async def _failing(session: AsyncSession) -> tuple[FailingTag, ...]:
    found = await session.execute(
        select(Tag, RepositoryRow.host, RepositoryRow.path)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .where(Tag.watched, Tag.status.in_([TagStatus.FAILING, TagStatus.GONE]))
        .order_by(Tag.status, RepositoryRow.host, RepositoryRow.path, Tag.name)
        .limit(_SHOWN_FAILURES)
    )
    return tuple(
        FailingTag(
            image_name(host, path),
            tag.name,
            tag.status,
            tag.failures,
            tag.failing_since,
            tag.error_code,
            tag.error_message,
            tag.next_check_at,
        )
        for tag, host, path in found
    )


async def _pending(session: AsyncSession) -> tuple[PendingCount, ...]:
    group = (PendingDetail.reason, PendingDetail.priority)
    found = await session.execute(select(*group, func.count()).group_by(*group).order_by(*group))
    return tuple(PendingCount(*row) for row in found)


async def _warnings(session: AsyncSession) -> tuple[WatchWarning, ...]:
    found = await session.execute(
        select(Watch, RepositoryRow.host, RepositoryRow.path)
        .join(RepositoryRow, RepositoryRow.id == Watch.repository_id)
        .where(Watch.truncated | Watch.expand_error.is_not(None))
        .order_by(Watch.id)
    )
    return tuple(
        WatchWarning(one.id, image_name(host, path), one.tag_pattern, one.matched_tags, one.truncated, one.expand_error)
        for one, host, path in found
    )
