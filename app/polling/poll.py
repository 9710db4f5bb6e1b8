"""Ask about every due tag of a registry, and record the answers: HEAD first, more only if a digest moved."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.history.observations import (
    Change,
    Deferred,
    Failed,
    Gone,
    Moved,
    Observation,
    Recorded,
    Target,
    Unchanged,
)
from app.history.record import record
from app.models import TagStatus
from app.polling.claim import Claim, claim_tags
from app.polling.hosts import Outcome, remember_host
from app.polling.look import Looking, look_into, looking_at
from app.polling.round import Polling
from app.registry.errors import HostPaused, NotFound, NotReached, RateLimited, RegistryError, ServerError
from app.registry.reference import Repository

log = logging.getLogger(__name__)
_SHORT_PAUSE = 60.0

Progress = Callable[[Repository, Recorded], None]


@dataclass(slots=True)
class Report:
    """What one round on one registry, or several, came to."""

    looked: int = 0
    unchanged: int = 0
    failed: int = 0
    gone: int = 0
    deferred: int = 0
    changes: list[tuple[Repository, Change]] = field(default_factory=list)

    def add(self, repository: Repository, recorded: Recorded, looked: int) -> None:
        """Count one repository's result in."""
        self.looked += looked
        self.unchanged += recorded.unchanged
        self.failed += recorded.failed
        self.gone += recorded.gone
        self.deferred += recorded.deferred
        self.changes += [(repository, change) for change in recorded.changes]

    @classmethod
    def of(cls, reports: Sequence["Report"]) -> "Report":
        """Several registries' reports as one."""
        whole = cls()
        for one in reports:
            whole.looked += one.looked
            whole.unchanged += one.unchanged
            whole.failed += one.failed
            whole.gone += one.gone
            whole.deferred += one.deferred
            whole.changes += one.changes
        return whole


async def poll_host(
    polling: Polling, host: str, only: Sequence[int] | None = None, progress: Progress | None = None
) -> Report:
    """Look at every due tag of one registry, once; repositories side by side, sharing the registry's slots."""
    report = Report()
    looking = looking_at(polling, host)
    while claims := await _claim(polling, host, only):
        outcome = Outcome()
        async with asyncio.TaskGroup() as group:
            for claim in claims:
                group.create_task(_apart(polling, looking, claim, (report, outcome, progress)))
        if not await remember_host(polling, host, outcome):
            break
    return report


async def _claim(polling: Polling, host: str, only: Sequence[int] | None) -> list[Claim]:
    async with polling.database.writing() as session:
        return await claim_tags(session, host, polling.owner, polling.clock(), only)


async def _apart(
    polling: Polling, looking: Looking, claim: Claim, into: tuple[Report, Outcome, Progress | None]
) -> None:
    """One repository; should recording fail, its tags come up again when their lease ends, and the others go on."""
    try:
        await _poll_claim(polling, looking, claim, into)
    except Exception:  # logged with its cause; a database that is away ends the round at the next claim
        log.exception("polling %s failed", claim.repository)


async def _poll_claim(
    polling: Polling, looking: Looking, claim: Claim, into: tuple[Report, Outcome, Progress | None]
) -> None:
    report, outcome, progress = into
    at = polling.clock()
    observations = await asyncio.gather(*(observe(looking, claim.repository, one) for one in claim.targets))
    async with polling.database.writing() as session:
        recorded = await record(session, observations, at, polling.schedule)
    report.add(claim.repository, recorded, len(observations))
    outcome.add(observations)
    if progress is not None:
        progress(claim.repository, recorded)


async def observe(looking: Looking, repository: Repository, target: Target) -> Observation:
    """What one tag names now. Never raises: whatever goes wrong with one tag stays with that tag."""
    try:
        return await _observe(looking, repository, target)
    except HostPaused as error:
        return Deferred(target, error.retry_after or _SHORT_PAUSE)
    except RateLimited as error:
        return Deferred(target, error.retry_after or _SHORT_PAUSE)
    except NotFound as error:
        return _failed(target, error) if target.digest is None else Gone(target)
    except RegistryError as error:
        return _failed(target, error)
    except Exception as error:  # a bug met by one tag must not stop the others
        log.exception("looking at %s:%s failed", repository, target.name)
        return Failed(target, "internal-error", f"a bug in Tarewatch: {type(error).__name__}; the log has more")


async def _observe(looking: Looking, repository: Repository, target: Target) -> Observation:
    head = await looking.client.head(repository, target.name)
    if head.digest != target.digest:
        contents = await look_into(looking, repository, head.digest, target)
        return Moved(target, head.digest, head.media_type, contents)
    if target.status == TagStatus.GONE:
        return Moved(target, head.digest, head.media_type, None)
    return Unchanged(target)


def _failed(target: Target, error: RegistryError) -> Failed:
    host_level = isinstance(error, NotReached | ServerError)
    return Failed(target, error.code, error.message, error.retryable, error.retry_after, host_level)
