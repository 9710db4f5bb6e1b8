"""Everything that the registries remember of some tags: the one entrance to the sources."""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence

from app.backfill.chainguard import ChainguardHistory
from app.backfill.complete import Completing, complete, past_build
from app.backfill.dating import Dating
from app.backfill.gcr import GcrMap
from app.backfill.hub import HubSiblings
from app.backfill.quay import QuayHistory
from app.backfill.siblings import Siblings
from app.backfill.stored import stored_sources
from app.backfill.tag_history import OciTagHistory
from app.backfill.told import Asking, Memory, Source, Told, Wanted
from app.history.past import PastBuild, PastManifest
from app.polling.look import looking_at
from app.polling.round import Polling
from app.registry.errors import RateLimited, RegistryError
from app.registry.reference import Repository
from app.watchlist.siblings import Catalogue

__all__ = ["Memory", "Wanted", "gather"]

log = logging.getLogger(__name__)
PULLS_AGAIN_SECONDS = 3_600.0  # where the registry does not say when
BREATHER_SECONDS = 60.0
MOST_FRUITLESS = 100_000
MOST_TOLD = 200_000  # by one source, in one run: what has to be read waits in memory
# What is cheap and exact first: of two that tell of one document, the earlier date counts in the end.
SOURCES: tuple[Source, ...] = (
    HubSiblings(),
    QuayHistory(),
    GcrMap(),
    ChainguardHistory(),
    OciTagHistory(),
    Siblings(),
)


async def gather(
    polling: Polling,
    catalogue: Catalogue,
    repository: Repository,
    tags: Sequence[Wanted],
    *,
    memory: Memory | None = None,
) -> AsyncIterator[list[PastBuild]]:
    """The past of some tags of one repository, in portions as it becomes known: keep each, and nothing is lost.

    What is stored already is not read again, so that a run that was interrupted, or that ended with RateLimited since
    no pulls were left or there was too much for one run, goes on where it stopped. RegistryError, once all else is
    told, if a source could not go on.
    `memory` is the process's own.
    """
    memory = memory or Memory()
    if len(memory.fruitless) > MOST_FRUITLESS:
        memory.fruitless.clear()
    asking = Asking(polling.client, polling.hub, catalogue, polling.clock(), memory)
    looking = looking_at(polling, repository.registry)
    now = Completing(asking, polling.database, looking, repository, Dating(asking))
    failed: list[RegistryError] = []
    for source in SOURCES:
        if source.covers(repository):
            async for builds in _told_by(source, now, tags, failed):
                yield builds
    if +asking.skipped:
        log.info("%s: left out of its past: %s", repository, dict(+asking.skipped))
    _conclude(now, failed)


async def _told_by(
    source: Source, now: Completing, tags: Sequence[Wanted], failed: list[RegistryError]
) -> AsyncIterator[list[PastBuild]]:
    """The builds that one source tells of; what it leaves open is read afterwards. Its failure stops no other, and
    takes nothing away from what it told before."""
    unsized: list[Told] = []
    try:
        async for told in source.past(now.asking, now.repository, tags):
            if sized := [build for one in told if one.is_sized for build in _sized(now.repository, one)]:
                yield sized
            unsized += [one for one in told if not one.is_sized][: MOST_TOLD - len(unsized)]
    except RegistryError as error:
        failed.append(error)
    try:
        if unsized:
            stored = await stored_sources(now.database, now.repository, tags)
            async for builds in complete(now, unsized, stored):
                yield builds
    except RegistryError as error:
        failed.append(error)


def _sized(repository: Repository, told: Told) -> Iterator[PastBuild]:
    for one in told.platforms or ():
        if told.at is not None:
            manifest = PastManifest(one.digest, one.compressed_bytes)
            yield past_build(repository, told, one.platform, manifest, told.at)


def _conclude(now: Completing, failed: Sequence[RegistryError]) -> None:
    """Say why there may be more to be had: a failure, or that the pulls did not suffice."""
    if errors := [*failed, *now.troubles]:
        raise next((error for error in errors if error.retryable), errors[0])
    registry = now.repository.registry
    if now.short:
        message = f"the pulls left do not cover {now.short} more documents of {now.repository}"
        wait = now.retry_after or PULLS_AGAIN_SECONDS
        raise RateLimited(message, pull_limit=True, registry=registry, retry_after=wait)
    if now.left and now.read:  # where nothing came of so many, nothing will
        message = f"{now.left} more documents of {now.repository} are read another time"
        raise RateLimited(message, pull_limit=False, registry=registry, retry_after=BREATHER_SECONDS)
