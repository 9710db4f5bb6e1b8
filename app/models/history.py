"""What happened: events of tags, series, and the builds that they ran on. Append-only, grows with changes."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, Digest, UtcTime


class TagEventKind(StrEnum):
    """What a look at a tag found to be different from the look before."""

    SEEN = "seen"  # first sight
    MOVED = "moved"  # the tag names another digest
    GONE = "gone"
    RETURNED = "returned"
    PLATFORM_ADDED = "platform_added"
    PLATFORM_DROPPED = "platform_dropped"
    PLATFORM_RETURNED = "platform_returned"


class TagEvent(Base):
    """One event of a tag, with the digest it named then (index or manifest): what digests did this tag have?"""

    __tablename__ = "tag_events"
    __table_args__ = (Index("ix_tag_events_tag_id", "tag_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"))
    at: Mapped[datetime] = mapped_column(UtcTime)
    kind: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str | None] = mapped_column(Digest)
    platform: Mapped[str | None] = mapped_column(String(120))


class Origin(StrEnum):
    """Where a build is known from."""

    POLL = "poll"
    SIBLING = "sibling"  # another tag of the repository that tells this one's past
    HUB = "hub"  # the tag's own entry in Docker Hub's web API
    HISTORY = "history"  # the registry keeps a history of the tag
    IMPORT = "import"


class Series(Base):
    """One tag x one platform. `dropped_at`: the tag no longer offers this platform.

    `latest_build_id` is kept in the transaction that adds a build; no foreign key, since builds refer to series.
    """

    __tablename__ = "series"
    __table_args__ = (UniqueConstraint("tag_id", "platform"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"))
    platform: Mapped[str] = mapped_column(String(120))
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    dropped_at: Mapped[datetime | None] = mapped_column(UtcTime)
    watched: Mapped[bool] = mapped_column(default=True)  # some watch wants this platform (app/watchlist/coverage.py)
    latest_build_id: Mapped[int | None] = mapped_column(BigId)


class Build(Base):
    """One run of a series on one platform manifest; in force from `first_seen_at` until the next build.

    A return to an old digest is a new row. `pushed_at` is the registry's word, where it gives one; `known_since` is
    an earlier moment from which another source knows this run. What we saw ourselves stays as it was.
    """

    __tablename__ = "builds"
    __table_args__ = (UniqueConstraint("series_id", "first_seen_at", "manifest_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    series_id: Mapped[int] = mapped_column(ForeignKey("series.id"))
    manifest_id: Mapped[int] = mapped_column(ForeignKey("manifests.id"), index=True)
    first_seen_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    pushed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    known_since: Mapped[datetime | None] = mapped_column(UtcTime)
    origin: Mapped[str] = mapped_column(String(8))
    source: Mapped[str | None] = mapped_column(String(255))  # "bookworm-20260918-slim", "repo-info 09a10190dfd5"
    tag_event_id: Mapped[int | None] = mapped_column(ForeignKey("tag_events.id"))
