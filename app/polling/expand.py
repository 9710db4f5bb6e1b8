"""Tag patterns -> tags, by listing a repository's tags: now and then, since new tags appear."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Repository as RepositoryRow
from app.models import Watch, bump_revision
from app.polling.round import Polling
from app.registry.errors import HostPaused, RegistryError
from app.registry.reference import Repository
from app.watchlist.coverage import cover, matching_tags, uncover_beyond

log = logging.getLogger(__name__)
LISTED_TAGS = 100_000  # of one repository; more are not read
EVERY = timedelta(hours=24)
_LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Due:
    """A pattern to expand."""

    watch_id: int
    repository: Repository
    pattern: str
    failures: int


async def expand_due(polling: Polling) -> int:
    """Expand every pattern that is due; how many there were. Registries go side by side, one pattern at a time each."""
    due = await _claim(polling)
    hosts: defaultdict[str, list[Due]] = defaultdict(list)
    for one in due:
        hosts[one.repository.registry].append(one)
    await asyncio.gather(*(_expand_all(polling, patterns) for patterns in hosts.values()))
    return len(due)


async def _expand_all(polling: Polling, patterns: Sequence[Due]) -> None:
    for one in patterns:
        try:
            await _expand(polling, one)
        except Exception:  # logged; the pattern comes up again, and the others are expanded
            log.exception("expanding %s:%s failed", one.repository, one.pattern)


async def _expand(polling: Polling, due: Due) -> None:
    """A failure is noted on the watch, and tried again later; a pause of the registry is none."""
    try:
        listed = await polling.client.list_tags(due.repository, limit=LISTED_TAGS)
    except HostPaused as error:
        await _put_off(polling, due, error.until)
    except RegistryError as error:
        await _failed(polling, due, error)
    else:
        await _expanded(polling, due, listed.names, listed.truncated)


async def _claim(polling: Polling) -> list[Due]:
    """Take the due patterns by moving their time on: a crash means that they come up again ten minutes later."""
    now = polling.clock()
    async with polling.database.writing() as session:
        ids = await session.scalars(
            update(Watch)
            .where(Watch.next_expand_at <= now, Watch.paused.is_(False))
            .values(next_expand_at=now + _LEASE)
            .returning(Watch.id)
            .execution_options(synchronize_session=False)
        )
        return await _due(session, list(ids))


async def _due(session: AsyncSession, ids: list[int]) -> list[Due]:
    rows = await session.execute(
        select(Watch, RepositoryRow)
        .join(RepositoryRow, RepositoryRow.id == Watch.repository_id)
        .where(Watch.id.in_(ids))
        .order_by(Watch.id)
    )
    return [
        Due(watch.id, Repository(row.host, row.path), watch.tag_pattern, watch.expand_failures) for watch, row in rows
    ]


async def _expanded(polling: Polling, due: Due, names: tuple[str, ...], cut: bool) -> None:
    now = polling.clock()
    chosen, matched = matching_tags(names, due.pattern, polling.tags_per_watch)
    async with polling.database.writing() as session:
        watch = await session.get(Watch, due.watch_id)
        if watch is None:  # removed while we were asking
            return
        watch.expanded_at, watch.matched_tags = now, matched
        watch.truncated = cut or matched > len(chosen)
        watch.next_expand_at = now + polling.schedule.regular(int(EVERY.total_seconds()))
        watch.expand_failures, watch.expand_error = 0, None
        await cover(session, watch, chosen, now)
        await uncover_beyond(session, watch, set(names) - set(chosen), polling.tags_per_watch, now)
        await bump_revision(session)


async def _put_off(polling: Polling, due: Due, until: datetime) -> None:
    async with polling.database.writing() as session:
        await session.execute(update(Watch).where(Watch.id == due.watch_id).values(next_expand_at=until))


async def _failed(polling: Polling, due: Due, error: RegistryError) -> None:
    now = polling.clock()
    wait = polling.schedule.after_failure(due.failures + 1, retryable=error.retryable, retry_after=error.retry_after)
    async with polling.database.writing() as session:
        await session.execute(
            update(Watch)
            .where(Watch.id == due.watch_id)
            .values(expand_failures=due.failures + 1, expand_error=error.message, next_expand_at=now + wait)
        )
        await bump_revision(session)
    log.warning("%s:%s could not be expanded: %s", due.repository, due.pattern, error.message)
