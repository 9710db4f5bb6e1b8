"""Sibling tags by `tags/list`: names only. What each is, and from when, has to be asked one by one."""

from collections.abc import AsyncIterator, Sequence

from app.backfill.told import Asking, Told, Wanted
from app.models import Origin
from app.registry.reference import HUB, Repository
from app.watchlist.siblings import order, siblings_of

MOST_TAGS = 100_000
MOST_SIBLINGS = 500  # of one tag and run: years of a weekly one


class Siblings:
    """Repositories of which the catalogue knows siblings."""

    def covers(self, asking: Asking, repository: Repository) -> bool:
        """Every registry can list its tags; Docker Hub's web API tells more."""
        return repository.registry != HUB or asking.hub is None

    async def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """Each tag's siblings, the newest first; not asked where none are known."""
        rules = [(wanted, siblings_of(asking.catalogue, repository, wanted.tag)) for wanted in tags]
        if not any(rule for _, rule in rules):
            return
        listed = await asking.client.list_tags(repository, limit=MOST_TAGS)
        if listed.truncated:
            asking.skipped["more tags than are read"] += 1
        for wanted, rule in rules:
            if rule is None:
                continue
            names = sorted((name for name in listed.names if rule.matches(name)), key=order, reverse=True)
            asking.skipped["older than the 500 newest siblings"] += len(names[MOST_SIBLINGS:])
            yield [Told(wanted, Origin.SIBLING, name, None) for name in names[:MOST_SIBLINGS]]
