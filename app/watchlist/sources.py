"""Watches that come from files: each remembers where it was found, and what is found no more can be retired."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import WatchSource, bump_revision
from app.registry.reference import Repository
from app.watchlist.importing import Findings, file_of
from app.watchlist.spec import WatchSpec
from app.watchlist.watches import WatchInfo, add_watches, list_watches, remove_watches

ORIGIN = "import"
_CHUNK = 500  # bound parameters of one statement stay far below every limit

_Key = tuple[Repository, str]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import means for the watch list.

    `gone` were made by imports, were found under these roots only, and are not any more; somebody may retire them.
    """

    new: tuple[WatchSpec, ...]
    watched: tuple[WatchSpec, ...]
    gone: tuple[WatchInfo, ...]


async def plan_import(session: AsyncSession, findings: Sequence[Findings]) -> ImportPlan:
    """Compare what was found under some roots with what is watched; nothing is written."""
    watches = await list_watches(session)
    watched = {_key(watch.spec) for watch in watches}
    found = {_key(spec): spec for one in findings for spec in _specs(one)}
    return ImportPlan(
        tuple(spec for key, spec in found.items() if key not in watched),
        tuple(spec for key, spec in found.items() if key in watched),
        tuple(watch for watch in watches if _key(watch.spec) not in found and _is_gone(watch, findings)),
    )


async def import_watches(
    session: AsyncSession,
    findings: Sequence[Findings],
    now: datetime,
    *,
    platforms: tuple[str, ...] | None = None,
    interval: timedelta | None = None,
) -> ImportPlan:
    """Watch what was found and is not watched yet, with these platforms and interval, and note where all of it is.

    Importing the same roots again adds and updates; watches that are there already keep what they have.
    """
    plan = await plan_import(session, findings)
    wanted = [replace(spec, platforms=platforms, interval=interval) for spec in plan.new]
    if wanted:
        await add_watches(session, wanted, origin=ORIGIN, now=now)
    gone = {watch.id for watch in plan.gone}
    noted = [await _note_places(session, one, gone, now) for one in findings]
    if any(noted):
        await bump_revision(session)
    return plan


async def retire_gone(
    session: AsyncSession, findings: Sequence[Findings], watch_ids: Iterable[int], now: datetime
) -> list[WatchSpec]:
    """Remove those of these watches that are still gone; what they recorded stays."""
    gone = {watch.id for watch in (await plan_import(session, findings)).gone}
    chosen = [watch_id for watch_id in watch_ids if watch_id in gone]
    return await remove_watches(session, chosen, now) if chosen else []


def _key(spec: WatchSpec) -> _Key:
    return spec.repository, spec.tag_pattern


def _specs(findings: Findings) -> list[WatchSpec]:
    return [one.spec for one in findings.found if one.spec is not None]


def _is_gone(watch: WatchInfo, findings: Sequence[Findings]) -> bool:
    """Whether an import made it, all of its places are under these roots, and each was looked at this time."""
    roots = {one.root: one for one in findings}
    return (
        watch.origin == ORIGIN
        and bool(watch.sources)
        and all(source.root in roots for source in watch.sources)
        and all(_is_settled([source.location], roots[source.root]) for source in watch.sources)
    )


def _is_settled(locations: Iterable[str], findings: Findings) -> bool:
    """Whether all of these files were read this time, or are there no more: nothing is concluded from what was not."""
    skipped = {one.file for one in findings.skipped}
    return findings.complete and not any(_unread(PurePosixPath(file_of(one)), skipped) for one in locations)


def _unread(file: PurePosixPath, skipped: set[str]) -> bool:
    return str(file) in skipped or any(str(folder) in skipped for folder in file.parents)


def _places(findings: Findings) -> dict[_Key, set[str]]:
    """Where each image was found."""
    places: defaultdict[_Key, set[str]] = defaultdict(set)
    for one in findings.found:
        if one.spec is not None:
            places[_key(one.spec)].add(one.location)
    return places


async def _note_places(session: AsyncSession, findings: Findings, kept: set[int], now: datetime) -> bool:
    """Make the noted places under this root what was found; those of `kept` watches stay, to be offered again."""
    places, changed = _places(findings), False
    for watch in await list_watches(session):
        noted = {source.location for source in watch.sources if source.root == findings.root}
        found = places.get(_key(watch.spec), set())
        lost = {location for location in noted - found if _is_settled([location], findings)}
        if watch.id in kept or not (lost or found - noted):
            continue
        await _forget(session, watch.id, findings.root, sorted(lost))
        session.add_all(
            WatchSource(watch_id=watch.id, root=findings.root, location=location, found_at=now)
            for location in sorted(found - noted)
        )
        changed = True
    await session.flush()
    return changed


async def _forget(session: AsyncSession, watch_id: int, root: str, locations: Sequence[str]) -> None:
    here = (WatchSource.watch_id == watch_id) & (WatchSource.root == root)
    for start in range(0, len(locations), _CHUNK):
        chunk = locations[start : start + _CHUNK]
        await session.execute(delete(WatchSource).where(here, WatchSource.location.in_(chunk)))
