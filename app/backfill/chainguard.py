"""Chainguard's registry keeps the history of every tag: digests with the times when the tag came to name them.

Reference: edu.chainguard.dev, "Using the Tag History API". Oldest first, 1,000 entries at most to one request.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.backfill.told import Asking, Told, Wanted, tag_by_tag
from app.models import Origin
from app.registry.errors import AnswerInvalid
from app.registry.image_config import parse_date
from app.registry.reference import Repository, is_digest

CHAINGUARD = "cgr.dev"
MOST_REQUESTS = 10
_FULL = 1_000


class ChainguardHistory:
    """Repositories of cgr.dev."""

    def covers(self, repository: Repository) -> bool:
        """All of them."""
        return repository.registry == CHAINGUARD

    async def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """Each tag's history, the newest first, back to where it ends or ten requests have led."""
        async for told in tag_by_tag(tags, lambda wanted: _history(asking, repository, wanted)):
            yield told


async def _history(asking: Asking, repository: Repository, wanted: Wanted) -> AsyncIterator[list[Told]]:
    end: str | None = None
    for _ in range(MOST_REQUESTS):
        entries = await _entries(asking, repository, wanted.tag, end)
        told = [one for entry in entries if (one := _told(asking, wanted, entry)) is not None]
        told.sort(key=_at, reverse=True)
        yield told
        oldest = _at(told[-1]) if told else ""
        if len(entries) < _FULL or not oldest or oldest == end:
            return
        end = oldest


async def _entries(asking: Asking, repository: Repository, tag: str, end: str | None) -> list[Any]:
    what = f"the history of {repository}:{tag}"
    query = {"end": end} if end else None
    page = await asking.client.get_json(repository, f"_chainguard/history/{tag}", what=what, query=query)
    entries = page.document.get("history")
    if not isinstance(entries, list) or len(entries) > _FULL * 10:
        raise AnswerInvalid(f"{what} holds no list, or far too many entries", registry=repository.registry)
    return entries


def _told(asking: Asking, wanted: Wanted, entry: Any) -> Told | None:
    digest, updated = (entry.get("digest"), entry.get("updateTimestamp")) if isinstance(entry, dict) else (None, None)
    at = asking.believable(parse_date(updated)) if isinstance(updated, str) else None
    if not isinstance(digest, str) or not is_digest(digest) or at is None:
        asking.skipped["no date or no digest"] += 1
        return None
    return Told(wanted, Origin.HISTORY, digest, at, at, digest)


def _at(told: Told) -> str:
    return f"{told.at:%Y-%m-%dT%H:%M:%S}.{told.at.microsecond // 1000:03d}Z" if told.at else ""
