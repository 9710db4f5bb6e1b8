"""Asking for a tag's past, by page or by API."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.history.errors import UnknownImage
from app.history.lookup import find_tag
from app.models import bump_revision
from app.registry.reference import Repository
from app.watchlist import request_backfills
from app.watchlist.backfills import Reason


async def ask_for_past(session: AsyncSession, repository: Repository, tag: str, reason: Reason, now: datetime) -> None:
    """Let a worker fetch the past of a watched tag; UnknownImage if nobody watches it."""
    found = await find_tag(session, repository, tag)
    if not found.watched:
        raise UnknownImage(f"{repository.familiar}:{tag}")
    await request_backfills(session, [found.id], reason, now)
    await bump_revision(session)
