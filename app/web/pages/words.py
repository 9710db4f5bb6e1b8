"""What recorded kinds are called on pages."""

from datetime import datetime, timedelta

from app.history.builds import BuildRow
from app.models import Origin, TagEventKind

ORIGINS = {
    Origin.POLL: ("Our own look", "Tarewatch asked the registry and saw it."),
    Origin.SIBLING: (
        "Another tag",
        "A dated tag that does not move tells a moving one's past: bookworm-20260918-slim for bookworm-slim.",
    ),
    Origin.HUB: ("Docker Hub's record", "Its web API carries sizes and push dates of the tag itself."),
    Origin.HISTORY: ("The registry's tag history", "Some registries keep which digests a tag had, and since when."),
    Origin.IMPORT: ("Import", "A file, or a repository of pages, that the operator imported."),
}
EVENTS = {
    TagEventKind.SEEN: "first seen",
    TagEventKind.MOVED: "moved to another digest",
    TagEventKind.GONE: "gone from the registry",
    TagEventKind.RETURNED: "returned",
    TagEventKind.PLATFORM_ADDED: "platform added",
    TagEventKind.PLATFORM_DROPPED: "platform dropped",
    TagEventKind.PLATFORM_RETURNED: "platform returned",
}
REASONS = {
    "quota": "the registry's pull limit",
    "platforms": "other platforms wanted",
    "layers": "sizes known, layers still to be read",
    "error": "could not be read, tried again",
    "lost": "can never be read",
}
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def known_from(origin: str, source: str | None) -> str:
    """Where a build is known from, in a few words: "from the tag bookworm-20260918-slim"."""
    match origin:
        case Origin.POLL:
            return "seen by Tarewatch"
        case Origin.SIBLING:
            return f"from the tag {source}" if source else "from another tag"
        case Origin.HUB:
            return "from Docker Hub's record"
        case Origin.HISTORY:
            return "from the registry's tag history"
        case Origin.IMPORT:
            return f"imported from {source}" if source else "imported"
    return origin


def dated_by(build: BuildRow) -> str:
    """Whose date a build bears."""
    if build.pushed_at is not None:
        return "push date"
    if build.known_since is not None or build.origin != Origin.POLL:
        return "its source's date"
    return "first seen"


def day_text(moment: datetime) -> str:
    """ "23 Nov 2026", of an aware time in UTC."""
    return f"{moment.day} {moment:%b %Y}"


def duration_text(duration: timedelta) -> str:
    """ "6 hours", "90 minutes", "1 day": exact where the number stays small, else rounded down."""
    seconds = int(duration.total_seconds())
    for name, length in _UNITS:
        if seconds >= length and (seconds % length == 0 or seconds >= 3 * length):
            return _counted(seconds // length, name)
    return _counted(seconds, "second")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" + ("" if count == 1 else "s")
