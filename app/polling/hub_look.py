"""Look at tags by Docker Hub's web API, where that is cheaper; what it cannot tell is left to the registry."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from sqlalchemy import select

from app.history.observations import Failed, Moved, PlatformFound, Target, Unchanged
from app.models import Series
from app.polling.hosts import Outcome
from app.polling.listing import Listing, claimed, compare
from app.polling.look import Looking
from app.polling.plan import MOST_PAGES, wanted, worth_a_page
from app.polling.round import Polling
from app.registry.errors import BadAnswer, HostPaused, NotFound, RegistryError, Unauthorized
from app.registry.hub import HubApi, HubTag
from app.registry.reference import HUB, Repository

log = logging.getLogger(__name__)

Told = Unchanged | Moved


@dataclass(slots=True)
class HubLook:
    """A round's use of the API. `denied`: repositories of which it said that something is not there."""

    hub: HubApi
    polling: Polling
    looking: Looking
    outcome: Outcome = field(default_factory=Outcome)
    denied: set[Repository] = field(default_factory=set)

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
    return HubLook(polling.hub, polling, looking) if polling.hub is not None and host == HUB else None


async def look_by_hub(look: HubLook, repository: Repository, targets: Sequence[Target]) -> dict[int, Told]:
    """What the API tells of these tags, by tag id: of all, of some or of none. Never raises for what the API does."""
    told = await _by_pages(look, repository, targets)
    new = [one for one in targets if one.digest is None and one.tag_id not in told]
    if repository not in look.denied:
        for seen in await asyncio.gather(*(_by_name(look, repository, one) for one in new)):
            told |= {} if seen is None else {seen.target.tag_id: seen}
    return await _completed(look, told)


async def look_into_by_hub(look: HubLook, repository: Repository, target: Target, digest: str) -> Moved | None:
    """The contents of a tag that the registry says names this digest now; None where the API cannot tell."""
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
    seen: dict[int, Told | None] = {}
    for one in targets:
        if one.name in listing.tags:
            seen[one.tag_id] = compare(one, listing.tags[one.name])
        elif listing.says_unchanged(one.name, sought):
            seen[one.tag_id] = Unchanged(one)
    return {tag_id: told for tag_id, told in seen.items() if told is not None}


async def _by_name(look: HubLook, repository: Repository, target: Target) -> Told | None:
    told = await _tag(look, repository, target)
    return None if told is None else compare(target, told)


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
