"""What recorded kinds are called on pages."""

from datetime import timedelta

from app.models import Origin, TagEventKind

ORIGINS = {
    Origin.POLL: "our own look",
    Origin.SIBLING: "dated sibling tag",
    Origin.HUB: "Docker Hub's history",
    Origin.IMPORT: "import",
}
ORIGIN_TEXTS = {
    ORIGINS[Origin.POLL]: "Tarewatch asked the registry and saw it.",
    ORIGINS[Origin.SIBLING]: "A tag that tells a moving tag's past, such as bookworm-20260918-slim for bookworm-slim.",
    ORIGINS[Origin.HUB]: "Docker Hub's web API, which carries sizes and push dates.",
    ORIGINS[Origin.IMPORT]: "A file that the operator imported.",
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
    "error": "could not be read, tried again",
    "lost": "can never be read",
}
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def duration_text(duration: timedelta) -> str:
    """ "6 hours", "90 minutes", "1 day": exact where the number stays small, else rounded down."""
    seconds = int(duration.total_seconds())
    for name, length in _UNITS:
        if seconds >= length and (seconds % length == 0 or seconds >= 3 * length):
            return _counted(seconds // length, name)
    return _counted(seconds, "second")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" + ("" if count == 1 else "s")
