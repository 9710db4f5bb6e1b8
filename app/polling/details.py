"""Read what waited: documents that the pull quota did not cover, or that could not be read at first."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.intern import intern_manifests, measure
from app.history.observations import Measured, Moved, PlatformFound, Waits
from app.history.record import record_contents, remember
from app.history.runs import Sight
from app.history.waiting import Detail, claim_details, put_off, put_off_host, remove_measured
from app.models import PendingDetail, Tag, TagEvent, bump_revision
from app.models import Repository as RepositoryRow
from app.polling.look import Looking, look_into, looking_at, read_manifest, unreadable
from app.polling.round import LEASE, Polling
from app.registry.errors import RegistryError
from app.registry.politeness import PULL_LIMIT
from app.registry.reference import Repository

log = logging.getLogger(__name__)
BATCH = 20
QUOTA_LOOK = timedelta(minutes=10)  # asking again what is left costs a HEAD, which is no pull

Found = tuple[PlatformFound, ...] | Measured | Waits


async def read_details(polling: Polling, host: str, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Work through a registry's queue while its quota lasts, the most wanted first; how many documents were read.

    `goes_on` is asked before each batch: the queue may be long, and whoever stops does not want to wait for its end.
    """
    looking, read = looking_at(polling, host), 0
    while goes_on() and (details := await _claim(polling, host)):
        ids = {detail.id for detail in details}
        polling.held.details.update(ids)
        try:
            repositories = await _repositories(polling, {detail.repository_id for detail in details})
            if not await _affordable(looking, repositories[details[0].repository_id], details[0]):
                await _wait_for_pulls(polling, host)
                break
            details = await _without_known(polling, looking, details)
            results = await asyncio.gather(
                *(_apart(polling, looking, repositories[detail.repository_id], detail) for detail in details)
            )
        finally:
            polling.held.details.difference_update(ids)
        read += sum(results)
    return read


async def _claim(polling: Polling, host: str) -> list[Detail]:
    async with polling.database.writing() as session:
        return await claim_details(session, host, polling.owner, polling.clock(), LEASE, BATCH)


async def _repositories(polling: Polling, ids: Iterable[int]) -> dict[int, Repository]:
    async with polling.database.reading() as session:
        rows = await session.scalars(select(RepositoryRow).where(RepositoryRow.id.in_(list(ids))))
        return {row.id: Repository(row.host, row.path) for row in rows}


async def _affordable(looking: Looking, repository: Repository, detail: Detail) -> bool:
    """Whether a pull is left. What we last heard may be hours old: a HEAD costs none and tells anew."""
    if _covered(looking, detail) and (looking.budget.is_told or detail.reason != "layers"):
        return True
    try:
        await looking.client.head(repository, detail.digest)
    except RegistryError:
        return False
    return _covered(looking, detail)


def _covered(looking: Looking, detail: Detail) -> bool:
    """Layers of a manifest whose size is known are worth a pull only while there are plenty."""
    return looking.budget.plenty(1) if detail.reason == "layers" else looking.budget.covers(1)


async def _without_known(polling: Polling, looking: Looking, details: list[Detail]) -> list[Detail]:
    """The documents less those that were measured by way of another tag since they were queued."""
    known = await looking.known(detail.digest for detail in details if detail.platform is not None)
    if known:
        async with polling.database.writing() as session:
            await remove_measured(session, list(known))
    return [detail for detail in details if detail.platform is None or detail.digest not in known]


async def _wait_for_pulls(polling: Polling, host: str) -> None:
    """Put the whole registry's queue off: until the time that it named, or for some minutes."""
    now, state = polling.clock(), polling.client.host_state(host)
    named = state.paused_until if state.pause_reason == PULL_LIMIT else None
    async with polling.database.writing() as session:
        await put_off_host(session, host, max(named or now, now + QUOTA_LOOK))


async def _apart(polling: Polling, looking: Looking, repository: Repository, detail: Detail) -> bool:
    """One document; should it bring out a bug of ours, the others go on."""
    try:
        return await _read(polling, looking, repository, detail)
    except Exception:  # logged with its cause, and said where the document waits
        log.exception("reading %s@%s failed", repository, detail.digest)
        fault = Waits("error", "internal-error", "a bug in Tarewatch; the log has more")
        async with polling.database.writing() as session:
            await put_off(session, detail, fault, polling.clock(), polling.schedule)
        return False


async def _read(polling: Polling, looking: Looking, repository: Repository, detail: Detail) -> bool:
    found = await _ask(looking, repository, detail)
    async with polling.database.writing() as session:
        if isinstance(found, Waits):
            await put_off(session, detail, found, polling.clock(), polling.schedule)
            return False
        if isinstance(found, Measured):
            ids = await intern_manifests(session, [found.digest])
            await measure(session, [found], ids, polling.clock())
            await remove_measured(session, [found.digest])
        else:
            await _record_document(session, polling, detail, found)
        await bump_revision(session)
    return True


async def _ask(looking: Looking, repository: Repository, detail: Detail) -> Found:
    if detail.reason == "layers" and not _covered(looking, detail):
        return Waits("layers")
    if detail.platform is not None:
        found = await read_manifest(looking, repository, detail.digest)
        if found is None:
            return Waits("lost", "not-an-image", "this child of the index is no container image")
        return found
    try:
        return await look_into(looking, repository, detail.digest, detail.target)
    except RegistryError as error:
        return unreadable(error)


async def _record_document(
    session: AsyncSession, polling: Polling, detail: Detail, found: tuple[PlatformFound, ...]
) -> None:
    """Add the runs of a document seen earlier, at the time when it was seen."""
    tag = await session.get_one(Tag, detail.target.tag_id, with_for_update=True)
    event = await session.get_one(TagEvent, detail.tag_event_id)
    seen = Moved(detail.target, detail.digest, "", found)
    ids = await remember(session, [seen], polling.clock())
    widened = detail.reason == "platforms"
    sight = Sight(tag, event, detail.target, current=await _is_newest(session, event), widened=widened)
    await session.execute(delete(PendingDetail).where(PendingDetail.id == detail.id))
    await record_contents(session, sight, found, ids, polling.schedule)


async def _is_newest(session: AsyncSession, event: TagEvent) -> bool:
    """Whether the tag has named nothing else since; being gone for a while does not count."""
    later = await session.scalar(
        select(TagEvent.id)
        .where(TagEvent.tag_id == event.tag_id, TagEvent.platform.is_(None), TagEvent.kind != "gone")
        .where(TagEvent.id > event.id, TagEvent.digest != event.digest)
        .limit(1)
    )
    return later is None
