"""Asking for a tag's past: a row that app/backfill works off, and that afterwards says what came of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import insert_or_pass
from app.models import Backfill

Reason = Literal["watch", "page", "api", "cli"]

AUTOMATIC: Reason = "watch"  # the others: a person asked
HEAD_START = timedelta(seconds=15)  # what is new is polled first: today's size before yesterday's
_CHUNK = 500


async def request_backfills(
    session: AsyncSession, tag_ids: Sequence[int], reason: Reason, now: datetime, *, again: bool = False
) -> None:
    """Ask for the past of these tags; what is asked for already, or is done, stays as it is.

    A person who asks gets what is done once more, and what waits at once. `again`: more is wanted of the tags than
    before, so everything once more, even what is under way. Pages show it: the caller bumps the revision.
    """
    due = now + HEAD_START if reason == AUTOMATIC else now
    asked: dict[str, object] = {"reason": reason, "requested_at": now, "next_try_at": due}
    for start in range(0, len(tag_ids), _CHUNK):
        ids = sorted(tag_ids[start : start + _CHUNK])
        if again or reason != AUTOMATIC:
            await _ask_again(session, ids, asked, under_way=again)
        rows = [{"tag_id": tag_id, "failures": 0, **asked} for tag_id in ids]
        await session.execute(insert_or_pass(session, Backfill), rows)


async def _ask_again(session: AsyncSession, ids: Sequence[int], asked: dict[str, object], *, under_way: bool) -> None:
    these, is_open = Backfill.tag_id.in_(ids), Backfill.done_at.is_(None)
    if under_way:  # who asked for it first keeps the name
        await _update(session, these & is_open, {"requested_at": asked["requested_at"]})
    else:
        await _update(session, these & is_open & Backfill.lease_owner.is_(None), asked)
    fresh = {"done_at": None, "found": None, "added": None, "failures": 0, "error_code": None, "error_message": None}
    await _update(session, these & Backfill.done_at.is_not(None), asked | fresh)


async def _update(session: AsyncSession, where: ColumnElement[bool], values: dict[str, object]) -> None:
    """In the order of their ids, like everybody who changes several: so nobody waits in a circle."""
    ids = select(Backfill.id).where(where).order_by(Backfill.id).with_for_update()
    change = update(Backfill).where(Backfill.id.in_(ids), where).values(**values)
    await session.execute(change.execution_options(synchronize_session=False))
