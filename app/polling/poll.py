"""Ask about every due tag of a registry, and record the answers: HEAD first, more only if a digest moved.

Tags of Docker Hub may be told of by its web API instead (`hub_look`).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

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
from app.history.record import give_up, record, record_unchanged
from app.models import TagStatus, bump_revision
from app.polling.claim import TAGS_PER_CLAIM, Claim, claim_tags
from app.polling.hosts import Outcome, remember_host
from app.polling.hub_look import HubLook, hub_look, look_by_hub, look_into_by_hub
from app.polling.look import Looking, look_into, looking_at
from app.polling.round import Polling
from app.registry.client import Head
from app.registry.errors import (
    CredentialHelperFailed,
    HostPaused,
    NotFound,
    NotReached,
    RateLimited,
    RegistryError,
    ServerError,
    UnsafeTarget,
)
from app.registry.hub import HUB_API
from app.registry.reference import Repository

log = logging.getLogger(__name__)
_SHORT_PAUSE = 60.0
_SILENT_TAGS = 2

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


@dataclass(slots=True)
class _Round:
    """Up to 500 tags of one registry, and what came of them; unchanged ones are written down together, at the end."""

    polling: Polling
    looking: Looking
    report: Report
    progress: Progress | None
    hub: HubLook | None
    told: int = 0  # tags for which the registry was not asked
    outcome: Outcome = field(default_factory=Outcome)
    unchanged: list[list[Unchanged]] = field(default_factory=list)


async def poll_host(
    polling: Polling, host: str, only: Sequence[int] | None = None, progress: Progress | None = None
) -> Report:
    """Look at every due tag of one registry, once; repositories side by side, sharing the registry's slots."""
    report, looking = Report(), looking_at(polling, host)
    while claims := await _claim(polling, host, only):
        now = _Round(polling, looking, report, progress, hub_look(polling, host, looking))
        ids = {target.tag_id for claim in claims for target in claim.targets}
        polling.held.tags.update(ids)
        try:
            await asyncio.gather(*(_apart(now, claim) for claim in claims))
            await _finish(now, host)
        finally:
            polling.held.tags.difference_update(ids)
        if not (now.outcome.answered or now.told) or sum(len(claim.targets) for claim in claims) < TAGS_PER_CLAIM:
            break
    return report


async def _claim(polling: Polling, host: str, only: Sequence[int] | None) -> list[Claim]:
    async with polling.database.writing() as session:
        return await claim_tags(session, host, polling.owner, polling.clock(), only)


async def _apart(now: _Round, claim: Claim) -> None:
    """One repository; should recording fail, its tags come up again later, and the others go on."""
    try:
        await _poll_claim(now, claim)
    except Exception:  # a repository that cannot be recorded must not stop the others
        log.exception("recording %s failed", claim.repository)
        await _give_up(now.polling, claim.targets)


async def _give_up(polling: Polling, targets: Sequence[Target]) -> None:
    """Say on the tags that they could not be recorded, and try them later; failing that, their lease ends."""
    try:
        async with polling.database.writing() as session:
            await give_up(session, targets, polling.clock(), polling.schedule, polling.owner)
    except SQLAlchemyError:
        log.exception("giving back %d tags failed", len(targets))


async def _poll_claim(now: _Round, claim: Claim) -> None:
    at, circuit = now.polling.clock(), Circuit()
    told = await look_by_hub(now.hub, claim.repository, claim.targets) if now.hub else {}
    rest = [one for one in claim.targets if one.tag_id not in told]
    asked = await asyncio.gather(*(observe(now.looking, claim.repository, one, circuit, now.hub) for one in rest))
    seen = [*told.values(), *asked]
    unchanged = [one for one in seen if isinstance(one, Unchanged)]
    others = [one for one in seen if not isinstance(one, Unchanged)]
    recorded = Recorded()
    if others:
        async with now.polling.database.writing() as session:
            recorded = await record(session, others, at, now.polling.schedule, now.polling.owner)
    recorded.unchanged = len(unchanged)
    now.unchanged.append(unchanged)
    now.outcome.add(asked)
    now.told += len(told)
    now.report.add(claim.repository, recorded, len(seen))
    if now.progress is not None:
        now.progress(claim.repository, recorded)


async def _finish(now: _Round, host: str) -> None:
    """One transaction for all that did not change, and for how the registry did."""
    async with now.polling.database.writing() as session:
        polling = now.polling
        await record_unchanged(session, now.unchanged, polling.clock(), polling.schedule, polling.owner)
        await remember_host(session, polling, host, now.outcome)
        if now.hub is not None and now.hub.outcome.asked:
            await remember_host(session, polling, HUB_API, now.hub.outcome)
        await bump_revision(session)


@dataclass(slots=True)
class Circuit:
    """Stops asking about a repository that does not answer: its other tags would hold up the whole registry."""

    answered: bool = False
    silent: list[RegistryError] = field(default_factory=list)

    def check(self) -> None:
        """Raise what the last tag met, if nothing but silence was met so far."""
        if not self.answered and len(self.silent) >= _SILENT_TAGS:
            raise self.silent[-1]

    def note(self, error: RegistryError | None) -> None:
        """A refusal is an answer too."""
        if error in self.silent:
            return
        if isinstance(error, NotReached):
            self.silent.append(error)
        else:
            self.answered = True


async def observe(
    looking: Looking, repository: Repository, target: Target, circuit: Circuit, hub: HubLook | None = None
) -> Observation:
    """What one tag names now. Never raises: whatever goes wrong with one tag stays with that tag."""
    try:
        return await _observe(looking, repository, target, circuit, hub)
    except HostPaused as error:
        return Deferred(target, error.retry_after or _SHORT_PAUSE)
    except RateLimited as error:
        return Deferred(target, error.retry_after or _SHORT_PAUSE)
    except RegistryError as error:
        return _failed(target, error)
    except Exception as error:  # a bug met by one tag must not stop the others
        log.exception("looking at %s:%s failed", repository, target.name)
        return Failed(target, "internal-error", f"a bug in Tarewatch: {type(error).__name__}; the log has more")


async def _observe(
    looking: Looking, repository: Repository, target: Target, circuit: Circuit, hub: HubLook | None
) -> Observation:
    try:
        head = await _head(looking, repository, target, circuit)
    except NotFound:  # of the tag itself: a document or blob that is missing behind it is no vanished tag
        if target.digest is None:
            raise
        return Gone(target)
    if hub is not None:
        hub.exists(repository)
    if head.digest != target.digest:
        moved = await look_into_by_hub(hub, repository, target, head.digest) if hub is not None else None
        if moved is not None:
            return moved
        contents = await look_into(looking, repository, head.digest, target)
        return Moved(target, head.digest, head.media_type, contents)
    if target.status == TagStatus.GONE:
        return Moved(target, head.digest, head.media_type, None)
    return Unchanged(target)


async def _head(looking: Looking, repository: Repository, target: Target, circuit: Circuit) -> Head:
    try:
        head = await looking.client.head(repository, target.name, go_ahead=circuit.check)
    except RegistryError as error:
        circuit.note(error)
        raise
    circuit.note(None)
    return head


def _failed(target: Target, error: RegistryError) -> Failed:
    host_level = isinstance(error, NotReached | ServerError | CredentialHelperFailed | UnsafeTarget)
    return Failed(target, error.code, error.message, error.retryable, error.retry_after, host_level)
