"""What a person asks to be watched, parsed once: "alpine:3.2*" on some platforms every so often."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from app.registry.platform import Platform
from app.registry.reference import ReferenceInvalid, Repository, is_tag, split_pattern

MIN_INTERVAL = timedelta(minutes=1)
MAX_INTERVAL = timedelta(days=90)
_INTERVAL = re.compile(r"(\d{1,6})\s*([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class WatchInvalid(ValueError):
    """The text is no watch; `field` is "image", "platforms" or "interval", str() says what is allowed."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class WatchExists(ValueError):
    """There is such a watch already; str() names it."""


class UnknownWatch(LookupError):
    """There is no such watch; str() says which was asked for."""


@dataclass(frozen=True, slots=True)
class WatchSpec:
    """A repository, a tag or a glob over tags, platforms (None: all), and an interval (None: the default)."""

    repository: Repository
    tag_pattern: str
    platforms: tuple[str, ...] | None = None
    interval: timedelta | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether it must be expanded by listing the repository's tags."""
        return not is_tag(self.tag_pattern)

    def __str__(self) -> str:
        return f"{self.repository.familiar}:{self.tag_pattern}"

    @classmethod
    def parse(cls, image: str, platforms: Iterable[str] | None = None, interval: str | None = None) -> "WatchSpec":
        """The watch that three texts describe; WatchInvalid says which of them is wrong, and why."""
        try:
            repository, pattern = split_pattern(image.strip())
        except ReferenceInvalid as error:
            raise WatchInvalid("image", str(error)) from None
        return cls(repository, pattern, parse_platforms(platforms), parse_interval(interval))


def parse_platforms(texts: Iterable[str] | None) -> tuple[str, ...] | None:
    """Platforms in their one spelling, sorted, none being None (all of them); WatchInvalid."""
    try:
        keys = {str(Platform.parse(text.strip())) for text in texts or () if text.strip()}
    except ValueError as error:
        raise WatchInvalid("platforms", str(error)) from None
    return tuple(sorted(keys)) or None


def parse_interval(text: str | None) -> timedelta | None:
    """ "30m", "6h" or "1d" as a timedelta, nothing as None; WatchInvalid outside of a minute to 90 days."""
    if text is None or not text.strip():
        return None
    match = _INTERVAL.fullmatch(text.strip().lower())
    if match is None:
        raise WatchInvalid("interval", f"{text[:40]!r} is not an interval: write 30m, 6h or 1d")
    interval = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if not MIN_INTERVAL <= interval <= MAX_INTERVAL:
        raise WatchInvalid("interval", f"{text[:40]!r} is out of range: from 1m to 90d")
    return interval
