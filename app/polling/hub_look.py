"""Look at tags by Docker Hub's web API, where that is cheaper; what it cannot tell is left to the registry."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from app.history.observations import Failed, Moved, PlatformFound, Target, Unchanged
from app.models import Series
from app.polling.hosts import Outcome
from app.polling.listing import Listing, claimed, compare
from app.polling.look import Looking
from app.polling.plan import MOST_PAGES, wanted, worth_a_page
from app.polling.round import Polling
from app.registry.deadline import deadline
from app.registry.errors import BadAnswer, Deadline, HostPaused, NotFound, RegistryError, Unauthorized
from app.registry.hub import HUB_API, HubApi, HubTag
from app.registry.reference import HUB, Repository

log = logging.getLogger(__name__)

Told = Unchanged | Moved


@dataclass(slots=True)
class HubLook:
    """A round's use of the API.

    `denied`: repositories of which it said that something is missing; `heard`: ids of tags of which it told too little;
    `until`: when the event loop's clock says that it has had its time, so that no slow answers hold up the registry's.
    """

    hub: HubApi
    polling: Polling
    looking: Looking
    until: float
    outcome: Outcome = field(default_factory=Outcome)
    denied: set[Repository] = field(default_factory=set)
    heard: set[int] = field(default_factory=set)

    def note(self, repository: Repository, error: RegistryError, target: Target) -> None:
        """A refusal or failure of the API: for its line on the status page, and for the log. It is no tag's fault."""
        if isinstance(error, HostPaused):
            self.outcome.deferred += 1
        elif isinstance(error, NotFound | Unauthorized):
            self.denied.add(repository)
            self.outcome.answered += 1
        else:
            if self.outcome.last is None:
                log.warning("Docker Hub's web API cannot be used now, the registry is asked instead: %s", error.message)
            wait, retryable = error.retry_after, error.retryable
            self.outcome.add([Failed(target, error.code, error.message, retryable, wait, host_level=True)])

    def exists(self, repository: Repository) -> None:
        """The registry has a tag of this repository: was the API right in denying it?"""
        if repository in self.denied:
            self.denied.discard(repository)
            self.hub.contradicted(repository)


def hub_look(polling: Polling, host: str, looking: Looking) -> HubLook | None:
    """The means of asking the API about the tags of this registry; None where there is none."""
    if polling.hub is None or host != HUB:
        return None
    return HubLook(polling.hub, polling, looking, asyncio.get_running_loop().time() + polling.hub.patience)


async def look_by_hub(look: HubLook, repository: Repository, targets: Sequence[Target]) -> dict[int, Told]:
    """What the API tells of these tags, by tag id: of all, of some or of none. Never raises for what the API does."""
    try:
        told: dict[int, Told] = {}
        async with _in_time(look, repository, targets[0]):
            told |= await _by_pages(look, repository, targets)
            rest = [one for one in targets if one.tag_id not in told and one.tag_id not in look.heard]
            if repository not in look.denied:
                new = (_by_name(look, repository, one) for one in rest if one.digest is None)
                told |= {seen.target.tag_id: seen for seen in await asyncio.gather(*new) if seen is not None}
        return await _completed(look, told)
    except Exception:  # a bug of ours must not cost a look: the registry is asked instead
        log.exception("what Docker Hub's web API says of %s could not be used", repository)
        return {}


async def look_into_by_hub(look: HubLook, repository: Repository, target: Target, digest: str) -> Moved | None:
    """The contents of a tag that the registry says names this digest now; None where the API cannot tell."""
    if target.tag_id in look.heard:
        return None
    told: HubTag | None = None
    async with _in_time(look, repository, target):
        told = await _tag(look, repository, target)
    if told is None:
        look.exists(repository)
    if told is None or told.digest != digest:
        return None
    contents = claimed(told.images, target)
    if contents is None:
        return None
    moved = Moved(target, digest, told.media_type or "", contents, told.pushed_at)
    seen = (await _completed(look, {target.tag_id: moved})).get(target.tag_id)
    return seen if isinstance(seen, Moved) else None


@asynccontextmanager
async def _in_time(look: HubLook, repository: Repository, target: Target) -> AsyncIterator[None]:
    """Ends the block, quietly, when the API has had its time in this round."""
    left = max(look.until - asyncio.get_running_loop().time(), 0.0)
    try:
        async with deadline(left, "a round", HUB_API):
            yield
    except Deadline:
        look.hub.took_too_long()
        message = f"all that was asked in one round took longer than {look.hub.patience:g} s"
        look.note(repository, Deadline(message, registry=HUB_API), target)


async def _by_pages(look: HubLook, repository: Repository, targets: Sequence[Target]) -> dict[int, Told]:
    now = look.polling.clock()
    sought = wanted(repository, targets, now)
    listing = Listing()
    if not worth_a_page(sought, listing.read, now):
        return {}
    try:
        async with aclosing(look.hub.tags(repository, newest_first=True, most_pages=MOST_PAGES)) as pages:
            async for page in pages:
                listing.add(page)
                look.outcome.answered += 1
                if not worth_a_page(listing.left(sought), listing.read, now):
                    break
    except RegistryError as error:
        look.note(repository, error, targets[0])
        if isinstance(error, BadAnswer):
            return {}
    seen = [_heard(look, one, listing.tags.get(one.name)) for one in targets]
    inferred = [Unchanged(one) for one in targets if listing.says_unchanged(one.name, sought)]
    return {one.target.tag_id: one for one in (*seen, *inferred) if one is not None}


def _heard(look: HubLook, target: Target, told: HubTag | None) -> Told | None:
    """What the API's word on a tag means; if that is not enough, it need not be asked for it again."""
    seen = None if told is None else compare(target, told)
    if told is not None and seen is None:
        look.heard.add(target.tag_id)
    return seen


async def _by_name(look: HubLook, repository: Repository, target: Target) -> Told | None:
    return _heard(look, target, await _tag(look, repository, target))


async def _tag(look: HubLook, repository: Repository, target: Target) -> HubTag | None:
    try:
        told = await look.hub.tag(repository, target.name)
    except RegistryError as error:
        look.note(repository, error, target)
        return None
    look.outcome.answered += 1
    return told


async def _completed(look: HubLook, told: dict[int, Told]) -> dict[int, Told]:
    """The same, less those that lack a platform offered so far; manifests measured before need no hearsay."""
    moved = [one for one in told.values() if isinstance(one, Moved)]
    offered = await _offered(look, [one.target for one in moved])
    known = await look.looking.known({found.digest for one in moved for found in _contents(one)}) if moved else set()
    for one in moved:
        contents = _contents(one)
        if one.contents is not None and not offered[one.target.tag_id] <= {found.platform for found in contents}:
            del told[one.target.tag_id]  # that it is offered no more is for the registry to say
            look.heard.add(one.target.tag_id)
        elif contents:
            kept = tuple(replace(found, content=None) if found.digest in known else found for found in contents)
            told[one.target.tag_id] = replace(one, contents=kept)
    return told


def _contents(moved: Moved) -> tuple[PlatformFound, ...]:
    return moved.contents if isinstance(moved.contents, tuple) else ()


async def _offered(look: HubLook, targets: Sequence[Target]) -> defaultdict[int, set[str]]:
    """The wanted platforms that each tag was last known to have."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    by_id = {one.tag_id: one for one in targets if one.digest is not None}
    if by_id:
        query = select(Series.tag_id, Series.platform).where(Series.tag_id.in_(by_id), Series.dropped_at.is_(None))
        async with look.polling.database.reading() as session:
            for tag_id, platform in await session.execute(query):
                if by_id[tag_id].wants(platform):
                    found[tag_id].add(platform)
    return found
