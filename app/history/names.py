"""Names to choose from: the platforms that tags offer, the tags of a repository."""

from dataclasses import dataclass

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.listing import Scope
from app.history.values import bytewise
from app.models import Repository as RepositoryRow
from app.models import Series, Tag
from app.registry.reference import Repository


@dataclass(frozen=True, slots=True)
class TagName:
    """A tag of a repository."""

    name: str
    watched: bool


async def platform_names(session: AsyncSession, scope: Scope = "watched", *, limit: int = 100) -> tuple[str, ...]:
    """Every platform that a tag of this scope offers, by name."""
    query = select(Series.platform).where(Series.dropped_at.is_(None)).distinct()
    if scope == "watched":
        query = query.join(Tag, Tag.id == Series.tag_id).where(Tag.watched)
    return tuple(sorted(await session.scalars(query.limit(limit))))


async def tag_names(session: AsyncSession, repository: Repository, *, limit: int = 100) -> tuple[TagName, ...]:
    """The tags of a repository that are watched or have a history, watched ones first, by name; none if not known."""
    has_history = exists().where(Series.tag_id == Tag.id, Series.latest_build_id.is_not(None))
    query = (
        select(Tag.name, Tag.watched)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .where(RepositoryRow.host == repository.registry, RepositoryRow.path == repository.path)
        .where(or_(Tag.watched, has_history))
        .order_by(Tag.watched.desc(), bytewise(session, Tag.__table__.c.name))
    )
    return tuple(TagName(*row) for row in await session.execute(query.limit(limit)))
