"""Quay's own API keeps what a tag named, with times, for as long as its "time machine" goes back.

Reference: quay/quay, endpoints/api/tag.py. A digest that fell out of it is gone, and so are its bytes.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from app.backfill.told import Asking, Told, Wanted, tag_by_tag
from app.models import Origin
from app.registry.errors import AnswerInvalid, Denied, Unauthorized
from app.registry.reference import Repository, is_digest

QUAY = "quay.io"
MOST_PAGES = 20
_PAGE = 100  # the most that it gives
_LATEST = 253_402_214_400  # 9999-12-31, in seconds: what a datetime holds


class QuayHistory:
    """Repositories of quay.io."""

    def covers(self, repository: Repository) -> bool:
        """Those with a namespace and a name."""
        return repository.registry == QUAY and repository.path.count("/") == 1

    async def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """Each tag's entries, newest first, page by page."""
        try:
            async for told in tag_by_tag(tags, lambda wanted: _pages(asking, repository, wanted)):
                yield told
        except (Unauthorized, Denied):  # it answers for public repositories only
            return


async def _pages(asking: Asking, repository: Repository, wanted: Wanted) -> AsyncIterator[list[Told]]:
    for number in range(1, MOST_PAGES + 1):
        entries, more = await _page(asking, repository, wanted.tag, number)
        yield [told for entry in entries if (told := _told(asking, wanted, entry)) is not None]
        if not more or not entries:
            return
    asking.skipped["more history than is read"] += 1


async def _page(asking: Asking, repository: Repository, tag: str, number: int) -> tuple[list[Any], bool]:
    query = {"specificTag": tag, "onlyActiveTags": "false", "limit": str(_PAGE), "page": str(number)}
    place, what = f"/api/v1/repository/{repository.path}/tag/", f"the tag history of {repository}"
    page = await asking.client.get_json(repository, place, what=what, query=query)
    entries = page.document.get("tags")
    if not isinstance(entries, list) or len(entries) > _PAGE * 10:
        raise AnswerInvalid(f"{what} holds no list of tags, or far too many", registry=repository.registry)
    return entries, page.document.get("has_additional") is True


def _told(asking: Asking, wanted: Wanted, entry: Any) -> Told | None:
    """One entry; None where it is of another tag or makes no sense."""
    if not isinstance(entry, dict) or entry.get("name") != wanted.tag:
        return None
    digest, started = entry.get("manifest_digest"), entry.get("start_ts")
    at = asking.believable(_moment(started))
    if not isinstance(digest, str) or not is_digest(digest) or at is None:
        asking.skipped["no date or no digest"] += 1
        return None
    return Told(wanted, Origin.HISTORY, digest, at, at, digest)


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 < seconds < _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)
