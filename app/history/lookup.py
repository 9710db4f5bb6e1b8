"""From a name to its row, or an error that says which names are close."""

from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.history.errors import UnknownImage
from app.history.values import image_name
from app.models import Repository as RepositoryRow
from app.models import Tag
from app.registry.reference import Repository

_SUGGESTIONS = 3


async def find_repository(session: AsyncSession, repository: Repository) -> RepositoryRow:
    """The repository's row; UnknownImage names repositories spelled alike."""
    row = await session.scalar(
        select(RepositoryRow).where(RepositoryRow.host == repository.registry, RepositoryRow.path == repository.path)
    )
    if row is not None:
        return row
    known = [
        image_name(host, path) for host, path in await session.execute(select(RepositoryRow.host, RepositoryRow.path))
    ]
    raise UnknownImage(repository.familiar, _close(repository.familiar, known))


async def find_tag(session: AsyncSession, repository: Repository, tag: str) -> Tag:
    """The tag's row; UnknownImage names tags of the same repository that are spelled alike."""
    row = await find_repository(session, repository)
    found = await session.scalar(select(Tag).where(Tag.repository_id == row.id, Tag.name == tag))
    if found is not None:
        return found
    names = (await session.scalars(select(Tag.name).where(Tag.repository_id == row.id).limit(2000))).all()
    close = tuple(f"{repository.familiar}:{name}" for name in _close(tag, names))
    raise UnknownImage(f"{repository.familiar}:{tag}", close)


def _close(wanted: str, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(get_close_matches(wanted, known, _SUGGESTIONS, cutoff=0.6))
