"""Sibling tags by Docker Hub's web API: a hundred with digests, bytes and push times in one request, no pulls."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from app.backfill.lineage import Entry, aliases_by_digest, runs_of, telling_name
from app.backfill.siblings import listed_siblings
from app.backfill.told import Asking, PlatformTold, Told, Wanted
from app.models import Origin
from app.registry.errors import BadAnswer, NotFound
from app.registry.hub import HubApi, HubTag
from app.registry.hub_tags import PAGE_SIZE
from app.registry.reference import HUB, Repository
from app.watchlist.siblings import SiblingRule, date_in, siblings_of

MOST_PAGES = 50  # of one listing
_FEW_REQUESTS = 3
_SHORTEST_QUERY = 2  # characters; "." would be found in every tag


class HubSiblings:
    """Repositories of Docker Hub; by `tags/list` where the API is switched off or does not know them."""

    def covers(self, repository: Repository) -> bool:
        """Those of docker.io."""
        return repository.registry == HUB

    async def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """Each tag's siblings and its own present entry."""
        if asking.hub is None:
            return
        rules = {wanted.tag: siblings_of(asking.catalogue, repository, wanted.tag) for wanted in tags}
        listings = _Listings(asking, asking.hub, repository)
        try:
            await listings.plan(rules)
            for wanted in tags:
                yield await _past_of(asking, listings, wanted, rules[wanted.tag])
        except NotFound as problem:
            if problem.missing != "repository":
                raise
            async for told in listed_siblings(asking, repository, tags):  # a private one, for example
                yield told
            asking.hub.contradicted(repository)


@dataclass(slots=True)
class _Listings:
    """Listings of one repository, each read once; `whole`: one of all its tags serves every query."""

    asking: Asking
    hub: HubApi
    repository: Repository
    whole: bool = False
    cut: bool = False  # one was longer than is read
    read: dict[str, dict[str, HubTag]] = field(default_factory=dict)

    async def plan(self, rules: Mapping[str, SiblingRule | None]) -> None:
        """Find out what is cheaper for these tags: a listing for each query, and a request for each tag that is in
        none of them; or one listing of everything."""
        queries = {query for rule in rules.values() if rule for query in rule.queries}
        if any(len(query) < _SHORTEST_QUERY for query in queries):
            self.whole = True
            return
        requests = len(queries) + sum(not any(query in tag for query in queries) for tag in rules)
        if requests > _FEW_REQUESTS:
            async for page in self.hub.tags(self.repository, most_pages=1):
                self.whole = page.count is not None and page.count <= requests * PAGE_SIZE

    async def of(self, query: str) -> dict[str, HubTag]:
        """The tags whose names contain this text, and perhaps others; by name."""
        query = "" if self.whole else query
        if query not in self.read:
            wider = next((known for known in self.read if known in query), None)
            self.read[query] = self.read[wider] if wider is not None else await self._list(query)
        return self.read[query]

    async def _list(self, query: str) -> dict[str, HubTag]:
        found: dict[str, HubTag] = {}
        last = True
        async for page in self.hub.tags(self.repository, name=query or None, most_pages=MOST_PAGES):
            found |= {tag.name: tag for tag in page.tags}
            last = page.last
        if not last:
            self.cut = True
            self.asking.skipped["more tags than are read"] += 1
        return found

    async def entry(self, name: str) -> HubTag | None:
        """One tag; None where the API has none of this name, or tells nonsense of it."""
        if self.whole and not self.cut:
            return (await self.of("")).get(name)
        for listed in self.read.values():
            if name in listed:
                return listed[name]
        try:
            return await self.hub.tag(self.repository, name)
        except NotFound as problem:
            if problem.missing == "repository":
                raise
        except BadAnswer as problem:  # about one tag: the others have a past too
            self.asking.skipped[problem.code] += 1
        return None


async def _past_of(asking: Asking, listings: _Listings, wanted: Wanted, rule: SiblingRule | None) -> list[Told]:
    listed: dict[str, HubTag] = {}
    for query in rule.queries if rule else ():
        listed |= await listings.of(query)
    aliases = aliases_by_digest({tag.name: tag.digest for tag in listed.values()})
    told = list(_siblings(asking, wanted, rule, _Listed(listed, aliases))) if rule else []
    own = await listings.entry(wanted.tag)
    at = asking.believable(own.pushed_at) if own else None
    if own is not None and at is not None:  # behind the siblings: of two that were pushed together theirs counts
        name = telling_name(own.name, aliases.get(own.digest or "", ()))
        told.append(Told(wanted, Origin.HUB, name, at, at, own.digest, _platforms(own, wanted)))
    return told


class _Listed(NamedTuple):
    """Tags by name, and names by the digest that they share."""

    tags: Mapping[str, HubTag]
    aliases: Mapping[str, Sequence[str]]


def _siblings(asking: Asking, wanted: Wanted, rule: SiblingRule, listed: _Listed) -> Iterator[Told]:
    entries = []
    for name, tag in listed.tags.items():
        if rule.matches(name):
            at = asking.believable(_pushed_at(tag)) or asking.believable(date_in(name))
            if at is None:
                asking.skipped["no date"] += 1
            else:
                entries.append(Entry(name, at))
    for entry in runs_of(rule, entries, asking.skipped):
        tag = listed.tags[entry.name]
        name = telling_name(tag.name, listed.aliases.get(tag.digest or "", ()))
        pushed_at = entry.at if not entry.switched and entry.at == _pushed_at(tag) else None
        yield Told(wanted, Origin.SIBLING, name, entry.at, pushed_at, tag.digest, _platforms(tag, wanted))


def _pushed_at(tag: HubTag) -> datetime | None:
    """The tag's own push time, else its last platform's: the tag joins them afterwards."""
    return tag.pushed_at or max((image.pushed_at for image in tag.images if image.pushed_at), default=None)


def _platforms(tag: HubTag, wanted: Wanted) -> tuple[PlatformTold, ...] | None:
    """The wanted ones; None if the API leaves out something, so that the registry has to tell them."""
    images = [image for image in tag.images if wanted.wants(image.platform)]
    if not tag.images or any(image.digest is None for image in images):
        return None
    return tuple(PlatformTold(image.platform, image.digest or "", image.compressed_bytes) for image in images)
