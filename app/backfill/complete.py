"""Complete what a source left open: read the document, its platforms and their bytes, as far as the pulls go."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.backfill.dating import Dating
from app.backfill.stored import Stored, creation_dates
from app.backfill.told import Asking, Told
from app.db import Database
from app.history.intern import intern_manifests, measure
from app.history.observations import Measured, PlatformFound, Target, Waits
from app.history.past import PastBuild, PastManifest
from app.models import TagStatus
from app.polling.look import Looking, look_into
from app.registry.errors import BadDocument, NotFound, NotReached, RateLimited, RegistryError
from app.registry.reference import Repository

MOST_DOCUMENTS = 2_000  # of one repository and run; the next run goes on from there
_SIDE_BY_SIDE = 8
_MOST_TROUBLES = 20


@dataclass(slots=True)
class Completing:
    """One repository's documents, and what is open after a run.

    `short`: how many the pulls did not cover; `left`: how many are for the next run; `troubles`: why others could not
    be read that may be another time.
    """

    asking: Asking
    database: Database
    looking: Looking
    repository: Repository
    dating: Dating
    most_documents: int = MOST_DOCUMENTS
    short: int = 0
    left: int = 0
    read: int = 0  # builds that came of it
    retry_after: float | None = None
    troubles: list[RegistryError] = field(default_factory=list)

    def key(self, told: Told) -> tuple[Repository, str, str]:
        """What told it, for the memory of what came to nothing."""
        return self.repository, told.wanted.tag, told.source


@dataclass(frozen=True, slots=True)
class _Stop:
    """The registry cannot be asked any further now: it does not answer, or, without an error, no pulls are left."""

    error: RegistryError | None = None


async def complete(now: Completing, told: Sequence[Told], stored: Stored) -> AsyncIterator[list[PastBuild]]:
    """The builds behind what was told, in portions; those of which nothing is known first, in the order given."""
    told = [one for one in _side_by_side(told) if now.key(one) not in now.asking.memory.fruitless]
    fresh = [one for one in told if not stored.holds(one)]
    partly = [one for one in told if stored.holds(one) and not stored.is_whole(one)]
    waiting = [*fresh, *partly][: now.most_documents]
    now.left += max(len(fresh) - now.most_documents, 0)
    for start in range(0, len(waiting), _SIDE_BY_SIDE):
        group = waiting[start : start + _SIDE_BY_SIDE]
        found = await asyncio.gather(*(_look(now, one) for one in group))
        seen = [(one, what) for one, what in zip(group, found, strict=True) if not isinstance(what, _Stop)]
        await _keep(now, [one.content for _, what in seen for one in what if isinstance(one.content, Measured)])
        if builds := await _builds(now, seen):
            now.read += len(builds)
            yield builds
        stops = [what.error for what in found if isinstance(what, _Stop)]
        if any(stops) or len(now.troubles) >= _MOST_TROUBLES:
            raise next((error for error in stops if error is not None), None) or now.troubles[-1]
        if stops:
            now.short += len(waiting) - start - len(group)
            return


def _side_by_side(told: Sequence[Told]) -> list[Told]:
    """One document's tags side by side, so that it is read once for all of them; of each tag the earliest time."""
    by_source: dict[str, dict[str, Told]] = {}
    for one in told:
        of_tags = by_source.setdefault(one.source, {})
        known = of_tags.get(one.wanted.tag)
        if known is None or known.at is None or (one.at is not None and one.at < known.at):
            of_tags[one.wanted.tag] = one
    return [one for of_tags in by_source.values() for one in of_tags.values()]


async def _look(now: Completing, told: Told) -> tuple[PlatformFound, ...] | _Stop:
    """The wanted platforms of a document; none if it is gone, is no image, or cannot be read now."""
    target = Target(0, told.wanted.tag, None, TagStatus.NEW, told.wanted.platforms, None)
    try:
        digest = told.digest or (await now.looking.client.head(now.repository, told.source)).digest
        seen = await look_into(now.looking, now.repository, digest, target)
    except (NotReached, RateLimited) as problem:
        return _Stop(problem)
    except (NotFound, BadDocument) as problem:
        now.asking.skipped[problem.code] += 1
        seen = ()
    except RegistryError as problem:
        now.troubles.append(problem)
        return ()
    if isinstance(seen, Waits):
        _fall_short(now, seen)
        return _Stop()
    if not seen:
        now.asking.memory.fruitless.add(now.key(told))
    return seen


def _fall_short(now: Completing, waits: Waits) -> None:
    now.short += 1
    now.retry_after = waits.retry_after or now.retry_after


async def _keep(now: Completing, measured: Sequence[Measured]) -> None:
    """Write down manifests that were read, layers and all: what cost a pull is never read again, come what may."""
    fresh = {one.digest: one for one in measured}
    if fresh:
        async with now.database.writing() as session:
            ids = await intern_manifests(session, fresh)
            await measure(session, list(fresh.values()), ids, now.asking.now)


async def _builds(now: Completing, looked: Sequence[tuple[Told, tuple[PlatformFound, ...]]]) -> list[PastBuild]:
    found = [(told, one) for told, seen in looked for one in seen if _is_usable(now, one)]
    made = await creation_dates(now.database, [one.digest for _, one in found if one.content is None])
    made |= {one.digest: m.created_at for _, one in found if isinstance(m := one.content, Measured) and m.created_at}
    for told, one in found:
        now.dating.learn(told.wanted.tag, [(one.platform, one.digest, made.get(one.digest))])
    builds = []
    for told, one in found:
        at = told.at or now.dating.date(told.wanted.tag, one.platform, told.source, made.get(one.digest))
        if at is None:
            now.asking.skipped["no date"] += 1
            now.asking.memory.fruitless.add(now.key(told))
        else:
            builds.append(past_build(now.repository, told, one.platform, _manifest(one), at))
    return builds


def past_build(repository: Repository, told: Told, platform: str, manifest: PastManifest, at: datetime) -> PastBuild:
    """One platform of what was told, for the store."""
    return PastBuild(
        repository, told.wanted.tag, platform, at, manifest, told.origin, told.pushed_at, source=told.source
    )


def _is_usable(now: Completing, found: PlatformFound) -> bool:
    if not isinstance(found.content, Waits):
        return True
    if found.content.reason == "quota":
        _fall_short(now, found.content)
    elif found.content.reason == "lost":
        now.asking.skipped[found.content.error_code or found.content.reason] += 1
    else:
        now.troubles.append(_as_error(now, found.content))
    return False


def _as_error(now: Completing, waits: Waits) -> RegistryError:
    message = waits.error_message or f"a manifest of {now.repository} could not be read"
    error = RegistryError(message, registry=now.repository.registry, retry_after=waits.retry_after)
    error.code, error.retryable = waits.error_code or error.code, waits.retryable
    return error


def _manifest(found: PlatformFound) -> PastManifest:
    if isinstance(found.content, Measured):
        return PastManifest(found.digest, found.content.compressed_bytes)
    return PastManifest(found.digest)  # measured before
