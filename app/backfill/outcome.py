"""What came of claimed backfills, written back on their rows by whoever holds the lease, and by nobody else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, literal, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.backfill.claim import Asked
from app.models import Backfill, bump_revision
from app.polling.round import LEASE, Polling
from app.registry.errors import HostPaused, RateLimited, RegistryError

_LONGEST = timedelta(hours=6)  # between tries of what may mend itself; what a retry cannot mend waits up to a day
_FREE = {"lease_owner": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a past could not be had now. A pause that a registry asked for is no failure: it does not count."""

    code: str
    message: str
    counts: bool
    retryable: bool = True
    retry_after: float | None = None

    @classmethod
    def of(cls, error: RegistryError) -> "Trouble":
        """The trouble that a registry, or another source, made."""
        paused = isinstance(error, HostPaused | RateLimited)
        return cls(error.code, error.message, not paused, error.retryable, error.retry_after)


async def note_added(session: AsyncSession, row: Asked, new: int, owner: str, now: datetime) -> bool:
    """Count builds in, in the transaction that adds them, and renew the lease; False if it is no longer ours."""
    ours = await session.execute(
        update(Backfill)
        .where(Backfill.id == row.id, Backfill.lease_owner == owner)
        .values(added=func.coalesce(Backfill.added, 0) + new, lease_until=now + LEASE)
        .returning(Backfill.id)
        .execution_options(synchronize_session=False)
    )
    return ours.first() is not None


async def finish(
    session: AsyncSession, rows: Sequence[Asked], found: Mapping[int, int], owner: str, now: datetime
) -> None:
    """All that there is has been told. What was asked for anew meanwhile stays due."""
    done_at = literal(now, Backfill.done_at.type)
    for row in rows:
        await session.execute(
            update(Backfill)
            .where(Backfill.id == row.id, Backfill.lease_owner == owner)
            .values(
                done_at=case((Backfill.requested_at == row.requested_at, done_at), else_=None),
                found=found[row.id],
                added=func.coalesce(Backfill.added, 0),
                failures=0,
                error_code=None,
                error_message=None,
                **_FREE,
            )
            .execution_options(synchronize_session=False)
        )
    await bump_revision(session)


async def put_off(
    session: AsyncSession, rows: Sequence[Asked], trouble: Trouble, polling: Polling
) -> dict[int, datetime]:
    """Give the rows back with the reason; when each is tried again, by its id."""
    until = {row.id: polling.clock() + _wait(row, trouble, polling) for row in rows}
    for row in rows:
        await session.execute(
            update(Backfill)
            .where(Backfill.id == row.id, Backfill.lease_owner == polling.owner)
            .values(
                failures=row.failures + int(trouble.counts),
                error_code=trouble.code,
                error_message=trouble.message,
                next_try_at=until[row.id],
                **_FREE,
            )
            .execution_options(synchronize_session=False)
        )
    await bump_revision(session)
    return until


def _wait(row: Asked, trouble: Trouble, polling: Polling) -> timedelta:
    failures = row.failures + int(trouble.counts)
    return polling.schedule.after_failure(
        failures, retryable=trouble.retryable, interval=_LONGEST, retry_after=trouble.retry_after
    )
