"""How the collecting itself is doing: hosts, workers, and the counter of changes."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, UtcTime


class Host(Base):
    """A registry as we last met it: its pull quota, its pause, its last failure."""

    __tablename__ = "hosts"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    ok_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failures: Mapped[int] = mapped_column(default=0)  # looks in a row that got no usable answer from the host
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    retry_at: Mapped[datetime | None] = mapped_column(UtcTime)  # our own back-off after failures
    paused_until: Mapped[datetime | None] = mapped_column(UtcTime)  # the registry asked for it
    pause_reason: Mapped[str | None] = mapped_column(Text)
    pulls_paused_until: Mapped[datetime | None] = mapped_column(UtcTime)  # the pull quota is used up; HEADs go on
    quota_limit: Mapped[int | None] = mapped_column()
    quota_remaining: Mapped[int | None] = mapped_column()
    quota_window_seconds: Mapped[int | None] = mapped_column()
    quota_seen_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Backfill(Base):
    """A tag whose past is asked for: the row is the queue, and afterwards says what came of it."""

    __tablename__ = "backfills"
    __table_args__ = (Index("ix_backfills_due", "done_at", "next_try_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    tag_id: Mapped[int] = mapped_column(ForeignKey("tags.id"), unique=True)
    requested_at: Mapped[datetime] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(String(8))  # "watch", "page", "api", "cli"
    next_try_at: Mapped[datetime] = mapped_column(UtcTime)
    lease_owner: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
    found: Mapped[int | None] = mapped_column()  # past builds that the sources told of
    added: Mapped[int | None] = mapped_column()  # those that were new
    failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)


class Worker(Base):
    """A worker process and its heartbeat."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    version: Mapped[str] = mapped_column(String(40))
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    beat_at: Mapped[datetime] = mapped_column(UtcTime)


class Revision(Base):
    """One row: a number that grows in every transaction that changes what pages and API show.

    Web processes read it once a second and keep their finished answers until it moves.
    """

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)


async def bump_revision(session: AsyncSession) -> None:
    """Tell the web processes that what they show has changed; last in a transaction, since all writers meet here."""
    await session.execute(update(Revision).values(number=Revision.number + 1))
