"""Sibling tags by `tags/list`: names only. What each is, and from when, has to be asked one by one."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

from app.backfill.gcr import GcrMap
from app.backfill.lineage import Entry, runs_of
from app.backfill.told import Asking, Told, Wanted
from app.models import Origin
from app.registry.reference import HUB, Repository
from app.watchlist.siblings import SiblingRule, date_in, order, siblings_of

MOST_TAGS = 100_000
MOST_SIBLINGS = 500  # of one tag and run: years of a weekly one


def by_web_api(asking: Asking, repository: Repository) -> bool:
    """Whether Docker Hub's web API can be asked instead, and is."""
    return repository.registry == HUB and asking.hub is not None


class Siblings:
    """Repositories of which the catalogue knows siblings."""

    def covers(self, repository: Repository) -> bool:
        """Every registry can list its tags; Google's tell more at once."""
        return not GcrMap().covers(repository)

    async def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """Each tag's siblings, the newest first; not asked where none are known."""
        if by_web_api(asking, repository):
            return
        async for told in listed_siblings(asking, repository, tags):
            yield told


async def listed_siblings(asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
    """Each tag's siblings by the registry's own list."""
    rules = [(wanted, siblings_of(asking.catalogue, repository, wanted.tag)) for wanted in tags]
    if not any(rule for _, rule in rules):
        return
    listed = await asking.client.list_tags(repository, limit=MOST_TAGS)
    if listed.truncated:
        asking.skipped["more tags than are read"] += 1
    for wanted, rule in rules:
        if rule is None:
            continue
        names = await asyncio.to_thread(_matching, rule, listed.names)  # a bad pattern may take seconds for all
        told = list(_told(asking, wanted, rule, names))
        asking.skipped["older than the 500 newest siblings"] += len(told[MOST_SIBLINGS:])
        yield told[:MOST_SIBLINGS]


def _matching(rule: SiblingRule, names: Sequence[str]) -> list[str]:
    return [name for name in names if rule.matches(name)]


def _told(asking: Asking, wanted: Wanted, rule: SiblingRule, names: Sequence[str]) -> Iterator[Told]:
    """The newest first. Where the tag followed several lines, the days in the names say which one it named when."""
    if len(rule.spans) == 1:
        for name in sorted(names, key=order, reverse=True):
            yield Told(wanted, Origin.SIBLING, name, None)
        return
    days = {name: date_in(name) for name in names}
    for entry in runs_of(rule, [Entry(name, day) for name, day in days.items() if day is not None], asking.skipped):
        yield Told(wanted, Origin.SIBLING, entry.name, entry.at if entry.switched else None)
