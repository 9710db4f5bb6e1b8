"""Image configurations (image-spec, config.md): the platform, the date and the build step of each layer."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.registry.errors import ManifestInvalid
from app.registry.platform import Platform, read_platform
from app.registry.reference import is_digest
from app.registry.strict_json import JsonObject, load_object, optional_list, optional_object, optional_text

MAX_HISTORY = 10_000
LONGEST_STEP = 4 * 1024  # characters
MOST_STEP_TEXT = 256 * 1024  # characters of all steps of one image

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,18}))?(?:[Zz]|([+-])(\d\d):?(\d\d))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says of itself.

    `created` is its author's word: often 1970 or the date of a commit, never when it was pushed. A step is cut at 4,096
    characters, an ellipsis the last; those beyond 262,144 in total are None.
    """

    digest: str
    platform: Platform
    created: datetime | None
    diff_ids: tuple[str, ...]
    steps: tuple[str | None, ...]

    def steps_for(self, layer_count: int) -> tuple[str | None, ...]:
        """The build step of each of `layer_count` layers; all None where the history does not fit them."""
        return self.steps if len(self.steps) == layer_count else (None,) * layer_count


def parse_config(body: bytes, digest: str | None = None) -> ImageConfig:
    """The image configuration in body; ManifestInvalid if it is none or names no platform."""
    document = load_object(body, "config")
    platform = read_platform(document, "config")
    if platform is None:
        raise ManifestInvalid("config: it names no operating system and architecture")
    return ImageConfig(
        digest=digest or f"sha256:{hashlib.sha256(body).hexdigest()}",
        platform=platform,
        created=parse_date(optional_text(document, "created", "config")),
        diff_ids=_diff_ids(document),
        steps=_steps(document),
    )


def parse_date(text: str | None) -> datetime | None:
    """An RFC 3339 date as aware UTC, to the microsecond; None for garbage and for years outside 1970 to 9998.

    Go's zero time is in the year 1; the last year of all has no room for other time zones.
    """
    match = _DATE.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[part]) for part in range(1, 7))
    microsecond = int((match[7] or "0").ljust(6, "0")[:6])
    offset = timedelta(hours=int(match[9] or 0), minutes=int(match[10] or 0)) * (-1 if match[8] == "-" else 1)
    try:
        moment = datetime(year, month, day, hour, minute, min(second, 59), microsecond, tzinfo=UTC) - offset
    except (ValueError, OverflowError):
        return None
    return moment if 1970 <= moment.year <= 9998 else None


def _diff_ids(document: JsonObject) -> tuple[str, ...]:
    rootfs = optional_object(document, "rootfs", "config") or {}
    diff_ids = optional_list(rootfs, "diff_ids", "config", at_most=MAX_HISTORY)
    if not all(isinstance(text, str) and is_digest(text) for text in diff_ids):
        raise ManifestInvalid("config: diff_ids holds something that is no digest")
    return tuple(diff_ids)


def _steps(document: JsonObject) -> tuple[str | None, ...]:
    """The k-th history entry that is not `empty_layer` made layer k."""
    entries = optional_list(document, "history", "config", at_most=MAX_HISTORY)
    if not all(isinstance(entry, dict) for entry in entries):
        raise ManifestInvalid("config: history holds something that is no object")
    made_layers = (entry for entry in entries if entry.get("empty_layer") is not True)
    texts = (_shortened(optional_text(entry, "created_by", "config history") or "") for entry in made_layers)
    return tuple(_while_room(texts))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_STEP else f"{text[: LONGEST_STEP - 1]}\N{HORIZONTAL ELLIPSIS}"


def _while_room(texts: Iterable[str]) -> Iterator[str | None]:
    room = MOST_STEP_TEXT
    for text in texts:
        room -= len(text)
        yield text if text and room >= 0 else None
