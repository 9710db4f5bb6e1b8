"""Which requests are the cheapest honest ones: a HEAD per tag, or pages of Docker Hub's web API. Pure decisions.

A page answers for the tags on it. Newest first, it also answers for tags that are not on it: what was updated since the
page's end would be. But a tag that was deleted is on no page either, so every tag is seen itself once a day.
"""

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.history.observations import Target
from app.models import TagStatus
from app.registry.hub_tags import PAGE_SIZE
from app.registry.reference import Repository

MOST_PAGES = 50  # of one repository, in one round
_PAGE_COST = 3  # requests that a page is worth: it is half a megabyte to send and to parse
_OVERLAP = timedelta(hours=1)  # a push that the API told late is seen by the next look
_DAY = timedelta(days=1).total_seconds()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What pages must show for some tags: `seen` on a page themselves, `since` when all updates must be known."""

    seen: frozenset[str]
    since: Mapping[str, datetime]

    def __len__(self) -> int:
        return len(self.seen) + len(self.since)

    def without(self, names: Iterable[str]) -> "Wanted":
        """What is left once these have been seen."""
        found = set(names)
        return Wanted(self.seen - found, {name: at for name, at in self.since.items() if name not in found})


@dataclass(frozen=True, slots=True)
class Covered:
    """How far pages have been read: every update after `since` is known. `count`: of all tags, where it is told."""

    pages: int = 0
    since: datetime | None = None
    count: int | None = None
    complete: bool = False


def wanted(repository: Repository, targets: Iterable[Target], now: datetime) -> Wanted:
    """What a listing must show to answer for these tags."""
    seen: set[str] = set()
    since: dict[str, datetime] = {}
    for one in targets:
        known = one.digest is not None and one.status == TagStatus.OK
        if known and one.checked_at is not None and _day(repository, one.checked_at) == _day(repository, now):
            since[one.name] = one.checked_at - _OVERLAP
        else:
            seen.add(one.name)
    return Wanted(frozenset(seen), since)


def _day(repository: Repository, moment: datetime) -> int:
    """The number of the day, which begins at another time for each repository."""
    return int((moment.timestamp() + zlib.crc32(str(repository).encode()) % _DAY) // _DAY)


def worth_a_page(left: Wanted, read: Covered, now: datetime) -> bool:
    """Whether reading on is likely to cost less than one request for each tag that has no answer yet."""
    if read.complete or read.pages >= MOST_PAGES:
        return False
    back = _pages_back(left, read, now) * _PAGE_COST + len(left.seen)
    to_end = _pages_to_end(left, read) * _PAGE_COST
    return min(back, to_end) < len(left)


def _pages_back(left: Wanted, read: Covered, now: datetime) -> float:
    """Pages that reach back to the oldest look, if updates are spread as on the pages read so far."""
    if not left.since:
        return math.inf
    if read.pages == 0:
        return 1
    if read.since is None or read.since >= now:
        return math.inf
    missing = (read.since - min(left.since.values())) / (now - read.since) * read.pages
    return max(math.ceil(missing), 1)


def _pages_to_end(left: Wanted, read: Covered) -> float:
    if read.count is not None:
        return max(math.ceil(read.count / PAGE_SIZE) - read.pages, 1)
    return math.ceil(len(left) / PAGE_SIZE) if read.pages == 0 else math.inf
