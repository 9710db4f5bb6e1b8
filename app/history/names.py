"""Names to choose from: the platforms that watched tags offer, the tags of a repository."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.values import bytewise
from app.models import Repository as RepositoryRow
from app.models import Series, Tag
from app.registry.reference import Repository


async def platform_names(session: AsyncSession, *, limit: int = 100) -> tuple[str, ...]:
    """Every platform that a watched tag offers, by name."""
    offered = select(Series.platform).join(Tag, Tag.id == Series.tag_id)
    query = offered.where(Tag.watched, Series.dropped_at.is_(None)).distinct()
    return tuple(sorted(await session.scalars(query.limit(limit))))


async def watched_tag_names(session: AsyncSession, repository: Repository, *, limit: int = 100) -> tuple[str, ...]:
    """The watched tags of a repository, by name; none for a repository that is not known."""
    query = (
        select(Tag.name)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .where(RepositoryRow.host == repository.registry, RepositoryRow.path == repository.path, Tag.watched)
        .order_by(bytewise(session, Tag.__table__.c.name))
    )
    return tuple(await session.scalars(query.limit(limit)))
