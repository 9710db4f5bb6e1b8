"""What a look at a tag gave: plain values between the asking (app/polling) and the recording."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from app.models import Tag, covers


@dataclass(frozen=True, slots=True)
class LayerFound:
    """A layer as a manifest's descriptor states it, base first; `step` is the config's `created_by`, if it maps."""

    digest: str
    media_type: str
    compressed_bytes: int
    diff_id: str | None
    step: str | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A platform's manifest, read whole."""

    digest: str
    media_type: str
    config_digest: str
    created_at: datetime | None
    layers: tuple[LayerFound, ...]

    @property
    def compressed_bytes(self) -> int:
        """Sum of the layer descriptors' sizes, repeated layers counted each time."""
        return sum(layer.compressed_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A platform's manifest by hearsay: its bytes as Docker Hub's web API tells them; its layers follow."""

    digest: str
    compressed_bytes: int


Reason = Literal["quota", "platforms", "layers", "error", "lost"]


@dataclass(frozen=True, slots=True)
class Waits:
    """Why a document has not been read: no pulls left, or an error; `retry_after` in seconds, if one was named.

    "layers": only these are missing, the size is known. "lost": it can never be read, since a digest always names the
    same bytes, or they are gone.
    """

    reason: Reason
    error_code: str | None = None
    error_message: str | None = None
    retryable: bool = True
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class PlatformFound:
    """One platform of a tag: `content` is None where the manifest was measured before."""

    platform: str
    digest: str
    content: Measured | Claimed | Waits | None


@dataclass(frozen=True, slots=True)
class Target:
    """A tag to look at, with what the database knew of it when it was claimed."""

    tag_id: int
    name: str
    digest: str | None
    status: str
    platforms: tuple[str, ...] | None  # wanted ones; None: all
    interval_seconds: int | None  # None: the default
    on_default: bool = True  # the default counts too, if it is shorter
    checked_at: datetime | None = None  # the last look that got an answer

    @classmethod
    def of(cls, tag: Tag) -> "Target":
        """A tag's row as a value."""
        wanted = None if tag.platforms is None else tuple(tag.platforms)
        interval, on_default = tag.interval_seconds, tag.on_default
        return cls(tag.id, tag.name, tag.digest, tag.status, wanted, interval, on_default, tag.checked_at)

    def wants(self, platform: str) -> bool:
        """Whether some watch wants this platform: "linux/arm" stands for every variant of it."""
        return covers(self.platforms, platform)


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The tag still names the digest that we know."""

    target: Target


@dataclass(frozen=True, slots=True)
class Moved:
    """The tag names a digest that is new to it, or is back after it was gone.

    `contents`: what that document holds, or why it is not known yet; None where it is the one we know. `pushed_at`: the
    registry's word on when, where it gives one.
    """

    target: Target
    digest: str
    media_type: str
    contents: tuple[PlatformFound, ...] | Waits | None
    pushed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """The registry says that there is no such tag."""

    target: Target


@dataclass(frozen=True, slots=True)
class Failed:
    """No usable answer about this tag. `host_level`: the registry as a whole gave none."""

    target: Target
    error_code: str
    error_message: str
    retryable: bool = False
    retry_after: float | None = None
    host_level: bool = False


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not asked, since its host is paused for `seconds` more: nothing is said about the tag."""

    target: Target
    seconds: float


Observation = Unchanged | Moved | Gone | Failed | Deferred


@dataclass(frozen=True, slots=True)
class Change:
    """One line of what a poll changed, for the terminal and the log. Bytes are None where the size is pending."""

    tag: str
    platform: str | None
    kind: str
    old_bytes: int | None = None
    new_bytes: int | None = None


@dataclass(slots=True)
class Recorded:
    """What recording one repository's observations did."""

    changes: list[Change] = field(default_factory=list)
    moved: int = 0
    unchanged: int = 0
    failed: int = 0
    gone: int = 0
    deferred: int = 0
