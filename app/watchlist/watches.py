"""Watches: add, list, pause, remove. What was recorded stays, whatever happens to the watch."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Repository, Watch, WatchSource, WatchTag, bump_revision
from app.registry import reference
from app.watchlist.coverage import cover, inherit, tags_of
from app.watchlist.spec import UnknownWatch, WatchExists, WatchSpec


@dataclass(frozen=True, slots=True)
class Source:
    """Where an import found a watch: "api/Dockerfile:3" inside of what was imported, `root`."""

    root: str
    location: str


@dataclass(frozen=True, slots=True)
class WatchInfo:
    """A watch as people see it. `truncated`: more tags match than the cap allows, `matched_tags` says how many."""

    id: int
    spec: WatchSpec
    paused: bool
    origin: str
    created_at: datetime
    tags: int  # covered now
    matched_tags: int | None
    truncated: bool
    expanded_at: datetime | None
    expand_error: str | None
    sources: tuple[Source, ...] = ()


async def add_watch(session: AsyncSession, spec: WatchSpec, *, origin: str, now: datetime) -> Watch:
    """A new watch, its first look due at once; WatchExists if the same repository and pattern are watched."""
    [watch] = await add_watches(session, [spec], origin=origin, now=now)
    return watch


async def add_watches(session: AsyncSession, specs: Iterable[WatchSpec], *, origin: str, now: datetime) -> list[Watch]:
    """Several new watches, or none: WatchExists names the first that there is already."""
    watches = [await _add(session, spec, origin, now) for spec in specs]
    await bump_revision(session)
    return watches


async def _add(session: AsyncSession, spec: WatchSpec, origin: str, now: datetime) -> Watch:
    repository = await ensure_repository(session, spec.repository)
    same = select(Watch.id).where(Watch.repository_id == repository.id, Watch.tag_pattern == spec.tag_pattern)
    if await session.scalar(same) is not None:
        raise WatchExists(f"{spec} is watched already")
    watch = Watch(
        repository_id=repository.id,
        tag_pattern=spec.tag_pattern,
        platforms=list(spec.platforms) if spec.platforms else None,
        interval_seconds=int(spec.interval.total_seconds()) if spec.interval else None,
        origin=origin,
        created_at=now,
        next_expand_at=now if spec.is_pattern else None,
    )
    try:
        async with session.begin_nested():
            session.add(watch)
    except IntegrityError:  # added by somebody else since we looked
        raise WatchExists(f"{spec} is watched already") from None
    if not spec.is_pattern:
        await cover(session, watch, [spec.tag_pattern], now)
    return watch


async def ensure_repository(session: AsyncSession, wanted: reference.Repository) -> Repository:
    """The row of a repository, made if it is new."""
    found = await session.scalar(
        select(Repository).where(Repository.host == wanted.registry, Repository.path == wanted.path)
    )
    if found is not None:
        return found
    row = Repository(host=wanted.registry, path=wanted.path)
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:  # made by somebody else since we looked
        return await ensure_repository(session, wanted)
    return row


async def remove_watch(session: AsyncSession, watch_id: int, now: datetime) -> WatchSpec:
    """Forget a watch and give back what it was; its tags' history stays. UnknownWatch if there is none."""
    return (await remove_watches(session, [watch_id], now))[0]


async def remove_watches(session: AsyncSession, watch_ids: Iterable[int], now: datetime) -> list[WatchSpec]:
    """Forget several watches, or none: UnknownWatch names the first that there is not."""
    removed = [await _remove(session, watch_id, now) for watch_id in dict.fromkeys(watch_ids)]
    await bump_revision(session)
    return removed


async def _remove(session: AsyncSession, watch_id: int, now: datetime) -> WatchSpec:
    watch, spec = await _find(session, watch_id)
    tags = await tags_of(session, watch_id)
    await session.execute(delete(WatchTag).where(WatchTag.watch_id == watch_id))
    await session.execute(delete(WatchSource).where(WatchSource.watch_id == watch_id))
    await session.delete(watch)
    await session.flush()
    await inherit(session, tags, now)
    return spec


async def set_paused(session: AsyncSession, watch_id: int, paused: bool, now: datetime) -> WatchSpec:
    """Pause or resume a watch; UnknownWatch if there is none. Doing it twice changes nothing."""
    return (await pause_watches(session, [watch_id], paused, now))[0]


async def pause_watches(
    session: AsyncSession, watch_ids: Iterable[int], paused: bool, now: datetime
) -> list[WatchSpec]:
    """Pause or resume several watches, or none: UnknownWatch names the first that there is not."""
    specs = []
    for watch_id in dict.fromkeys(watch_ids):
        watch, spec = await _find(session, watch_id)
        watch.paused = paused
        await session.flush()
        await inherit(session, await tags_of(session, watch_id), now)
        specs.append(spec)
    await bump_revision(session)
    return specs


async def change_watch(
    session: AsyncSession, watch_id: int, wanted: WatchSpec, *, paused: bool, origin: str, now: datetime
) -> None:
    """Give a watch other platforms, another interval, and an owner; its image and pattern stay. UnknownWatch."""
    watch, _ = await _find(session, watch_id)
    watch.platforms = list(wanted.platforms) if wanted.platforms else None
    watch.interval_seconds = int(wanted.interval.total_seconds()) if wanted.interval else None
    watch.paused, watch.origin = paused, origin
    await session.flush()
    await inherit(session, await tags_of(session, watch_id), now)
    await bump_revision(session)


async def find_watch(session: AsyncSession, text: str) -> int:
    """The id of a watch named by its id or by its image and pattern; UnknownWatch, WatchInvalid."""
    if text.isascii() and text.isdigit():
        await _find(session, int(text))
        return int(text)
    spec = WatchSpec.parse(text)
    watch_id = await session.scalar(
        select(Watch.id)
        .join(Repository, Repository.id == Watch.repository_id)
        .where(Repository.host == spec.repository.registry, Repository.path == spec.repository.path)
        .where(Watch.tag_pattern == spec.tag_pattern)
    )
    if watch_id is None:
        raise UnknownWatch(f"{spec} is not watched; `tarewatch watch list` shows what is")
    return watch_id


async def list_watches(session: AsyncSession) -> tuple[WatchInfo, ...]:
    """Every watch, by name."""
    covered = select(WatchTag.watch_id, func.count().label("tags")).group_by(WatchTag.watch_id).subquery()
    rows = await session.execute(
        select(Watch, Repository, func.coalesce(covered.c.tags, 0))
        .join(Repository, Repository.id == Watch.repository_id)
        .outerjoin(covered, covered.c.watch_id == Watch.id)
        .order_by(Repository.host, Repository.path, Watch.tag_pattern)
    )
    sources = await _sources(session)
    return tuple(_info(watch, repository, tags, sources.get(watch.id, [])) for watch, repository, tags in rows)


async def _sources(session: AsyncSession) -> dict[int, list[Source]]:
    """Where imports found each watch."""
    found: defaultdict[int, list[Source]] = defaultdict(list)
    places = select(WatchSource.watch_id, WatchSource.root, WatchSource.location)
    for watch_id, root, location in await session.execute(places.order_by(WatchSource.root, WatchSource.location)):
        found[watch_id].append(Source(root, location))
    return found


async def _find(session: AsyncSession, watch_id: int) -> tuple[Watch, WatchSpec]:
    # Beyond 63 bits no database has an id, and SQLite's driver refuses to look.
    watch = await session.get(Watch, watch_id) if watch_id < 2**63 else None
    if watch is None:
        raise UnknownWatch(f"there is no watch {watch_id}")
    repository = await session.get_one(Repository, watch.repository_id)
    return watch, _spec(watch, repository)


def _spec(watch: Watch, repository: Repository) -> WatchSpec:
    return WatchSpec(
        reference.Repository(repository.host, repository.path),
        watch.tag_pattern,
        tuple(watch.platforms) if watch.platforms else None,
        timedelta(seconds=watch.interval_seconds) if watch.interval_seconds else None,
    )


def _info(watch: Watch, repository: Repository, tags: int, sources: list[Source]) -> WatchInfo:
    return WatchInfo(
        id=watch.id,
        spec=_spec(watch, repository),
        paused=watch.paused,
        origin=watch.origin,
        created_at=watch.created_at,
        tags=tags,
        matched_tags=watch.matched_tags,
        truncated=watch.truncated,
        expanded_at=watch.expanded_at,
        expand_error=watch.expand_error,
        sources=tuple(sources),
    )
