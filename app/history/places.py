"""The places where past builds belong: repositories, tags and series by their names, made where they are new."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import insert_or_pass
from app.history.intern import CHUNK
from app.models import Repository as RepositoryRow
from app.models import Series, Tag, TagStatus, covers
from app.registry.reference import Repository

TagKey = tuple[Repository, str]
TagRow = tuple[int, bool, list[str] | None]  # its id, whether it is watched, wanted platforms
SeriesKey = tuple[int, str]  # tag id, platform


class Placed(Protocol):
    """What belongs to one series from some time on."""

    @property
    def repository(self) -> Repository:
        """With the registry."""

    @property
    def tag(self) -> str:
        """Its name."""

    @property
    def platform(self) -> str:
        """Its key, "linux/amd64"."""

    @property
    def at(self) -> datetime:
        """Aware, UTC."""


async def ensure_tags(session: AsyncSession, wanted: Collection[TagKey], now: datetime) -> dict[TagKey, TagRow]:
    """Id, whether it is watched, and wanted platforms of every tag, made where it is new: then nobody watches it.

    Watched ones are locked until the transaction ends, since they may be polled at the same time.
    """
    ids = await _repository_ids(session, {repository for repository, _ in wanted})
    keys = sorted((ids[repository], name) for repository, name in wanted)
    found = await _tags_of(session, keys)
    missing = [_new_tag(key, now) for key in keys if key not in found]
    if missing:
        await session.execute(insert_or_pass(session, Tag), missing)
        found |= await _tags_of(session, [(row["repository_id"], row["name"]) for row in missing])
    return {(repository, name): found[ids[repository], name] for repository, name in wanted}


async def lock_watched(session: AsyncSession, wanted: Collection[TagKey]) -> None:
    """Lock those of the tags that are watched, until the transaction ends."""
    ids = await _known_repositories(session, {repository for repository, _ in wanted})
    await _tags_of(session, sorted((ids[repository], name) for repository, name in wanted if repository in ids))


async def _repository_ids(session: AsyncSession, wanted: set[Repository]) -> dict[Repository, int]:
    found = await _known_repositories(session, wanted)
    missing = sorted(wanted - set(found), key=str)
    if missing:
        rows = [{"host": repository.registry, "path": repository.path} for repository in missing]
        await session.execute(insert_or_pass(session, RepositoryRow), rows)
        found |= await _known_repositories(session, missing)
    return found


async def _known_repositories(session: AsyncSession, wanted: Iterable[Repository]) -> dict[Repository, int]:
    paths, found = sorted({repository.path for repository in wanted}), dict[Repository, int]()
    query = select(RepositoryRow.host, RepositoryRow.path, RepositoryRow.id)
    for start in range(0, len(paths), CHUNK):
        for host, path, row_id in await session.execute(
            query.where(RepositoryRow.path.in_(paths[start : start + CHUNK]))
        ):
            found[Repository(host, path)] = row_id
    return found


async def _tags_of(session: AsyncSession, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], TagRow]:
    """Those of the (repository id, name) pairs that exist, the watched ones locked."""
    found: dict[tuple[int, str], TagRow] = {}
    for start in range(0, len(keys), CHUNK):
        chunk = set(keys[start : start + CHUNK])
        here = Tag.repository_id.in_({key[0] for key in chunk}) & Tag.name.in_({key[1] for key in chunk})
        query = select(Tag.repository_id, Tag.name, Tag.id, Tag.watched, Tag.platforms).where(here)
        rows = (await session.execute(query)).all()
        watched = [row.id for row in rows if row.watched and (row.repository_id, row.name) in chunk]
        if watched:
            await session.execute(select(Tag.id).where(Tag.id.in_(watched)).order_by(Tag.id).with_for_update())
        for repository_id, name, tag_id, is_watched, platforms in rows:
            if (repository_id, name) in chunk:
                found[repository_id, name] = (tag_id, is_watched, platforms)
    return found


def _new_tag(key: tuple[int, str], now: datetime) -> dict[str, Any]:
    """A tag that nobody watches: it has a past, and is not looked at."""
    return {
        "repository_id": key[0],
        "name": key[1],
        "first_seen_at": now,
        "next_check_at": now,
        "watched": False,
        "status": TagStatus.NEW,
    }


async def ensure_series(
    session: AsyncSession,
    facts: Iterable[Placed],
    tags: Mapping[TagKey, TagRow],
) -> dict[SeriesKey, int]:
    """The id of every series, made where it is new."""
    first: dict[SeriesKey, dict[str, Any]] = {}
    for one in facts:
        tag_id, watched, platforms = tags[one.repository, one.tag]
        wanted = not watched or covers(platforms, one.platform)
        row = {"tag_id": tag_id, "platform": one.platform, "first_seen_at": one.at, "watched": wanted}
        known = first.setdefault((tag_id, one.platform), row)
        known["first_seen_at"] = min(known["first_seen_at"], one.at)
    found = await _series_of(session, {tag_id for tag_id, _ in first})
    missing = [row for key, row in first.items() if key not in found]
    if missing:
        await session.execute(insert(Series), missing)
        found |= await _series_of(session, {row["tag_id"] for row in missing})
    return {key: found[key] for key in first}


async def _series_of(session: AsyncSession, tag_ids: Iterable[int]) -> dict[SeriesKey, int]:
    wanted, found = sorted(tag_ids), dict[SeriesKey, int]()
    for start in range(0, len(wanted), CHUNK):
        query = select(Series.tag_id, Series.platform, Series.id)
        rows = await session.execute(query.where(Series.tag_id.in_(wanted[start : start + CHUNK])))
        found.update(((tag_id, platform), series_id) for tag_id, platform, series_id in rows)
    return found
