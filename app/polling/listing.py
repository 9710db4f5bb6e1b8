"""Pages of a repository's tags, newest first: what is on them, and what their order proves of tags that are not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from app.history.observations import Claimed, Moved, PlatformFound, Target, Unchanged
from app.models import TagStatus
from app.polling.plan import Covered, Wanted
from app.registry.hub import HubImage, HubPage, HubTag


@dataclass(slots=True)
class Listing:
    """The pages read so far. Their order is believed as long as it is one, and nothing is deleted meanwhile."""

    tags: dict[str, HubTag] = field(default_factory=dict)
    read: Covered = field(default_factory=Covered)
    _in_order: bool = True
    _end: datetime | None = None

    def add(self, page: HubPage) -> None:
        """Take in the next page."""
        self._follow(page)
        for tag in page.tags:
            self.tags.setdefault(tag.name, tag)
        since = self._end if self._in_order else None
        self.read = Covered(self.read.pages + 1, since, page.count, page.last)

    def _follow(self, page: HubPage) -> None:
        """A tag deleted between two pages would move another one from the second to the first, unseen by us."""
        if self.read.pages and (page.count is None or self.read.count is None or page.count < self.read.count):
            self._in_order = False
        for tag in page.tags:
            if tag.updated_at is None:
                continue
            if self._end is not None and tag.updated_at > self._end and tag.name not in self.tags:
                self._in_order = False
            self._end = tag.updated_at if self._end is None else min(self._end, tag.updated_at)

    def left(self, wanted: Wanted) -> Wanted:
        """What these pages do not answer."""
        left = wanted.without(self.tags)
        return Wanted(left.seen, {name: at for name, at in left.since.items() if not self._covers(at)})

    def _covers(self, since: datetime) -> bool:
        """Whether a tag that is on none of the pages was not updated after this; a complete list would hold it."""
        return not self.read.complete and self.read.since is not None and self.read.since < since

    def says_unchanged(self, name: str, wanted: Wanted) -> bool:
        """Whether a tag that is on none of the pages must be as it was."""
        return name not in self.tags and name in wanted.since and self._covers(wanted.since[name])


def compare(target: Target, told: HubTag) -> Unchanged | Moved | None:
    """What the API's word on a tag means; None where only the registry can tell.

    A `Moved` still lacks what only the database knows: see `Claimed` contents, which may have been measured before.
    """
    if told.digest is None:
        return None
    if told.digest == target.digest:
        gone = target.status == TagStatus.GONE
        return Moved(target, told.digest, told.media_type or "", None, told.pushed_at) if gone else Unchanged(target)
    if target.checked_at is not None and (told.pushed_at is None or told.pushed_at <= target.checked_at):
        return None  # what we have seen since is newer than what the API knows
    contents = claimed(told.images, target)
    if contents is None:
        return None
    return Moved(target, told.digest, told.media_type or "", contents, told.pushed_at)


def claimed(images: Iterable[HubImage], target: Target) -> tuple[PlatformFound, ...] | None:
    """The wanted platforms with the bytes that the API tells; None if it leaves any out, or tells of no image at all.

    Nor of Windows: an index names its features, which the API spells in its own way.
    """
    found = list(images)
    wanted = [image for image in found if target.wants(image.platform)]
    contents = [
        PlatformFound(image.platform, image.digest, Claimed(image.digest, image.compressed_bytes))
        for image in wanted
        if image.digest is not None and image.compressed_bytes is not None and not image.platform.startswith("windows/")
    ]
    return tuple(contents) if found and len(contents) == len(wanted) else None
