"""What is watched: repositories, watches, and the tags that they cover."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, Digest, UtcTime


class Repository(Base):
    """A repository of a registry: `docker.io` + `library/debian`."""

    __tablename__ = "repositories"
    __table_args__ = (UniqueConstraint("host", "path"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    path: Mapped[str] = mapped_column(String(255))


class Watch(Base):
    """What the operator wants tracked: a repository, a tag pattern, platforms and an interval.

    `platforms` NULL means every platform; `interval_seconds` NULL means the default of the settings.
    """

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("repository_id", "tag_pattern"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"))
    tag_pattern: Mapped[str] = mapped_column(String(255))
    platforms: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    interval_seconds: Mapped[int | None] = mapped_column()
    paused: Mapped[bool] = mapped_column(default=False)
    origin: Mapped[str] = mapped_column(String(16))  # "default", "cli", "api", "page", "import", "apply", "demo"
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    # A pattern is expanded by listing the repository's tags; a plain tag needs no listing and leaves these NULL.
    next_expand_at: Mapped[datetime | None] = mapped_column(UtcTime, index=True)
    expanded_at: Mapped[datetime | None] = mapped_column(UtcTime)
    matched_tags: Mapped[int | None] = mapped_column()
    truncated: Mapped[bool] = mapped_column(default=False)  # more tags match than the cap allows
    expand_failures: Mapped[int] = mapped_column(default=0)
    expand_error: Mapped[str | None] = mapped_column(Text)


class WatchTag(Base):
    """A watch covers a tag: its own one, or one that its pattern was expanded to."""

    __tablename__ = "watch_tags"

    watch_id: Mapped[int] = mapped_column(ForeignKey("watches.id"), primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"), primary_key=True, index=True)


class WatchSource(Base):
    """Where an imported watch was found: `location` inside of what was imported, `root`."""

    __tablename__ = "watch_sources"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    watch_id: Mapped[int] = mapped_column(ForeignKey("watches.id"), index=True)
    root: Mapped[str] = mapped_column(String(1000))
    location: Mapped[str] = mapped_column(String(1000))  # "api/Dockerfile:3"
    found_at: Mapped[datetime] = mapped_column(UtcTime)


def covers(wanted: Sequence[str] | None, platform: str) -> bool:
    """Whether a list of wanted platforms, None for all, holds this one; "linux/arm" stands for its variants."""
    return wanted is None or any(platform == one or platform.startswith(f"{one}/") for one in wanted)


class TagStatus(StrEnum):
    """What the last look at a tag gave."""

    NEW = "new"  # never looked at
    OK = "ok"
    FAILING = "failing"  # `error_code` and `error_message` say why; history stays as it was
    GONE = "gone"  # the registry says that there is no such tag


class Tag(Base):
    """A tag that some watch covers, or covered: its state, its next look, and the lease of who is looking."""

    __tablename__ = "tags"
    __table_args__ = (
        UniqueConstraint("repository_id", "name"),
        Index("ix_tags_due", "watched", "next_check_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"))
    name: Mapped[str] = mapped_column(String(128))
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    # Derived from the watches that cover it, whenever those change (app/watchlist/coverage.py):
    watched: Mapped[bool] = mapped_column(default=True)
    platforms: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    interval_seconds: Mapped[int | None] = mapped_column()  # the shortest that a watch states
    on_default: Mapped[bool] = mapped_column(default=True)  # some watch states none, so the default counts too
    # The last look:
    status: Mapped[str] = mapped_column(String(8), default=TagStatus.NEW)
    digest: Mapped[str | None] = mapped_column(Digest)  # what the tag names now: an index or a manifest
    media_type: Mapped[str | None] = mapped_column(String(128))
    checked_at: Mapped[datetime | None] = mapped_column(UtcTime)  # last look that got an answer, "gone" included
    changed_at: Mapped[datetime | None] = mapped_column(UtcTime)  # last time that `digest` moved
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    # The queue: the row is the job.
    next_check_at: Mapped[datetime] = mapped_column(UtcTime)
    lease_owner: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
