"""The tags of one repository, watched now or once, with what each weighs now."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.latest import Latest, latest_of_tags
from app.history.lookup import find_repository, find_tag
from app.history.page import Key, Page, PageKeyInvalid
from app.history.values import bytewise
from app.models import Tag
from app.registry.reference import Repository


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag's state; `digest` is what it names now, an index or a manifest."""

    image: str
    tag: str
    watched: bool
    status: str
    error_code: str | None
    error_message: str | None
    digest: str | None
    media_type: str | None
    first_seen_at: datetime
    checked_at: datetime | None
    changed_at: datetime | None
    platforms: tuple[Latest, ...]


async def tags_page(
    session: AsyncSession, repository: Repository, tag: str | None = None, *, limit: int, after: Key | None = None
) -> Page[TagRow]:
    """Tags by name, or the one that is asked for; UnknownImage."""
    if tag is not None:
        await find_tag(session, repository, tag)
    row = await find_repository(session, repository)
    name = bytewise(session, Tag.__table__.c.name)
    query = select(Tag).where(Tag.repository_id == row.id).order_by(name).limit(limit + 1)
    if tag is not None:
        query = query.where(Tag.name == tag)
    if after is not None:
        query = query.where(name > _after_name(after))
    found = list(await session.scalars(query))
    shown = found[:limit]
    latest: dict[int, list[Latest]] = defaultdict(list)
    for tag_id, one in await latest_of_tags(session, [tag.id for tag in shown]):
        latest[tag_id].append(one)
    rows = tuple(_row(repository, one, tuple(latest[one.id])) for one in shown)
    return Page(rows, (shown[-1].name,) if shown and len(found) > limit else None)


def _after_name(after: Key) -> str:
    if len(after) != 1 or not isinstance(after[0], str):
        raise PageKeyInvalid("the cursor belongs to another list")
    return after[0]


def _row(repository: Repository, tag: Tag, platforms: tuple[Latest, ...]) -> TagRow:
    return TagRow(
        image=repository.familiar,
        tag=tag.name,
        watched=tag.watched,
        status=tag.status,
        error_code=tag.error_code,
        error_message=tag.error_message,
        digest=tag.digest,
        media_type=tag.media_type,
        first_seen_at=tag.first_seen_at,
        checked_at=tag.checked_at,
        changed_at=tag.changed_at,
        platforms=platforms,
    )
