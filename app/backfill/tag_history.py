"""The tag history that the OCI may yet standardise: `_oci/tag-history/<tag>`, asked where a registry has it.

Reference: opencontainers/distribution-spec pull request 606, not merged: a registry without it answers 404, one with it
answers `n=0` with an empty index, whatever the tag. Newest first; `Link` leads on.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.backfill.chainguard import CHAINGUARD
from app.backfill.quay import QUAY
from app.backfill.told import Asking, Told, Wanted, tag_by_tag
from app.models import Origin
from app.registry.client import Page
from app.registry.errors import AnswerInvalid, Denied, RegistryError, Unauthorized
from app.registry.image_config import parse_date
from app.registry.reference import Repository, is_digest

MOST_PAGES = 20
_PAGE = 1_000
_ASK_AGAIN = timedelta(days=7)
_AT = "org.opencontainers.distribution.tag.timestamp"
_EVENT = "org.opencontainers.distribution.tag.event"


class OciTagHistory:
    """Any registry that has no API of its own for it."""

    def covers(self, repository: Repository) -> bool:
        """All but those of registries that answer another way."""
        return repository.registry not in {QUAY, CHAINGUARD}

    async def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """Each tag's history, page by page; nothing where the registry keeps none."""
        if not tags or not await _knows_it(asking, repository, tags[0].tag):
            return
        async for told in tag_by_tag(tags, lambda wanted: _history(asking, repository, wanted)):
            yield told


async def _history(asking: Asking, repository: Repository, wanted: Wanted) -> AsyncIterator[list[Told]]:
    query: Mapping[str, str] | None = {"n": str(_PAGE)}
    for _ in range(MOST_PAGES):
        page = await _page(asking, repository, wanted.tag, query)
        entries = _entries(page, repository)
        yield [told for entry in entries if (told := _told(asking, wanted, entry)) is not None]
        query = page.next_query
        if query is None or not entries:
            return
    asking.skipped["more history than is read"] += 1


async def _knows_it(asking: Asking, repository: Repository, tag: str) -> bool:
    """Whether the registry does; a no is remembered for a week."""
    until = asking.memory.without_history.get(repository.registry)
    if until is not None and until > asking.now:
        return False
    try:
        _entries(await _page(asking, repository, tag, {"n": "0"}), repository)
    except RegistryError as problem:
        if problem.retryable:
            raise
        if not isinstance(problem, Unauthorized | Denied):  # those are said of the repository, not of the registry
            asking.memory.without_history[repository.registry] = asking.now + _ASK_AGAIN
        return False
    return True


async def _page(asking: Asking, repository: Repository, tag: str, query: Mapping[str, str] | None) -> Page:
    what = f"the tag history of {repository}:{tag}"
    return await asking.client.get_json(repository, f"_oci/tag-history/{tag}", what=what, query=query)


def _entries(page: Page, repository: Repository) -> list[Any]:
    entries = page.document.get("manifests")
    if not isinstance(entries, list) or len(entries) > _PAGE * 10:
        raise AnswerInvalid(f"the tag history of {repository} is no index", registry=repository.registry)
    return entries


def _told(asking: Asking, wanted: Wanted, entry: Any) -> Told | None:
    """One event; None for a deletion, which names what the tag named before, and for what makes no sense."""
    notes = entry.get("annotations") if isinstance(entry, dict) else None
    if not isinstance(notes, dict):
        asking.skipped["no date or no digest"] += 1
        return None
    digest, stated = entry.get("digest"), notes.get(_AT)
    at = asking.believable(parse_date(stated)) if isinstance(stated, str) else None
    if notes.get(_EVENT, "created") != "created":
        return None
    if not isinstance(digest, str) or not is_digest(digest) or at is None:
        asking.skipped["no date or no digest"] += 1
        return None
    return Told(wanted, Origin.HISTORY, digest, at, at, digest)
