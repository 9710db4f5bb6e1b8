"""Write down builds that happened before anybody here looked: one fact at a time, never over what was observed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.db import insert_or_pass
from app.history.claims import Held, PastManifest, claim
from app.history.intern import CHUNK
from app.history.merge import Fact, Run, Timeline, observed_from
from app.models import Build, Origin, Series, Tag, TagEvent, TagEventKind, TagStatus, bump_revision, covers
from app.models import Repository as RepositoryRow
from app.registry.reference import Repository

__all__ = ["Added", "PastBuild", "PastManifest", "add_past"]

_PUSHES = {Origin.SIBLING, Origin.HUB, Origin.HISTORY}


@dataclass(frozen=True, slots=True)
class PastBuild:
    """One fact: from `at` on, this series (tag x platform) ran on this manifest.

    `source` says where it is known from, `place` where it was read, for messages ("sizes.csv:17").
    """

    repository: Repository
    tag: str
    platform: str
    at: datetime
    manifest: PastManifest
    origin: str
    pushed_at: datetime | None = None
    known_since: datetime | None = None
    source: str | None = None
    place: str = ""


@dataclass(slots=True)
class Added:
    """What became of facts. `overlapping`: they fall into time that we observed ourselves; `refused`: and why."""

    new: int = 0
    known: int = 0
    overlapping: int = 0
    refused: list[tuple[PastBuild, str]] = field(default_factory=list)


_TagKey = tuple[Repository, str]
_TagRow = tuple[int, bool, list[str] | None]  # its id, whether it is watched, wanted platforms
_SeriesKey = tuple[int, str]  # tag id, platform


async def add_past(session: AsyncSession, facts: Sequence[PastBuild], now: datetime) -> Added:
    """Add builds that the facts tell of and that are not known; repeating it changes nothing. A few thousand at once.

    Repositories, tags (unwatched) and series are made where they are new. A fact is refused where its bytes contradict
    what is recorded of its digest.
    """
    added = Added()
    told = await claim(session, [one.manifest for one in facts])
    sound = [one for one in facts if _is_sound(one, told[one.manifest.digest], added)]
    tags = await _tags(session, sound, now)
    series = await _series(session, sound, tags)
    timelines = await _timelines(session, series)
    for series_id, mine in _facts(sound, told, tags, series).items():
        for _, fate in timelines[series_id].add(mine):
            setattr(added, fate, getattr(added, fate) + 1)
    changed = await _store(session, timelines, sound)
    if changed:
        await bump_revision(session)
    return added


def _is_sound(fact: PastBuild, held: Held, added: Added) -> bool:
    """Whether the bytes agree with themselves and with what is recorded of that digest."""
    manifest = fact.manifest
    amount, layers = manifest.compressed_bytes, manifest.layers
    if layers and amount is not None and amount != sum(layer.compressed_bytes for layer in layers):
        added.refused.append((fact, "its bytes are not the sum of its layers"))
        return False
    if amount is not None and held.compressed_bytes is not None and amount != held.compressed_bytes:
        reason = f"{manifest.digest} is recorded with {held.compressed_bytes} bytes, not {amount}"
        added.refused.append((fact, reason))
        return False
    return True


async def _tags(session: AsyncSession, facts: Sequence[PastBuild], now: datetime) -> dict[_TagKey, _TagRow]:
    """Id, whether it is watched, and wanted platforms of every tag, locked against polling until we are done."""
    wanted: defaultdict[Repository, set[str]] = defaultdict(set)
    for one in facts:
        wanted[one.repository].add(one.tag)
    found: dict[_TagKey, _TagRow] = {}
    for repository in sorted(wanted, key=str):
        repository_id = await _repository_id(session, repository)
        for name, row in (await _tags_of(session, repository_id, sorted(wanted[repository]), now)).items():
            found[repository, name] = row
    return found


async def _repository_id(session: AsyncSession, repository: Repository) -> int:
    here = (RepositoryRow.host == repository.registry) & (RepositoryRow.path == repository.path)
    found = await session.scalar(select(RepositoryRow.id).where(here))
    if found is None:
        row = {"host": repository.registry, "path": repository.path}
        await session.execute(insert_or_pass(session, RepositoryRow).values(row))
        found = (await session.scalars(select(RepositoryRow.id).where(here))).one()
    return found


async def _tags_of(
    session: AsyncSession, repository_id: int, names: Sequence[str], now: datetime
) -> dict[str, _TagRow]:
    found: dict[str, _TagRow] = {}
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        query = select(Tag.name, Tag.id, Tag.watched, Tag.platforms).where(
            Tag.repository_id == repository_id, Tag.name.in_(chunk)
        )
        known = set(await session.scalars(query.with_only_columns(Tag.name)))
        missing = [_new_tag(repository_id, name, now) for name in chunk if name not in known]
        if missing:
            await session.execute(insert_or_pass(session, Tag), missing)
        rows = await session.execute(query.order_by(Tag.id).with_for_update())
        found.update((name, (tag_id, watched, platforms)) for name, tag_id, watched, platforms in rows)
    return found


def _new_tag(repository_id: int, name: str, now: datetime) -> dict[str, Any]:
    """A tag that nobody watches: it has a past, and is not looked at."""
    return {
        "repository_id": repository_id,
        "name": name,
        "first_seen_at": now,
        "next_check_at": now,
        "watched": False,
        "status": TagStatus.NEW,
    }


async def _series(
    session: AsyncSession,
    facts: Sequence[PastBuild],
    tags: Mapping[_TagKey, _TagRow],
) -> dict[_SeriesKey, int]:
    """The id of every series, made where it is new."""
    first: dict[_SeriesKey, dict[str, Any]] = {}
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


async def _series_of(session: AsyncSession, tag_ids: Iterable[int]) -> dict[_SeriesKey, int]:
    wanted, found = sorted(tag_ids), dict[_SeriesKey, int]()
    for start in range(0, len(wanted), CHUNK):
        query = select(Series.tag_id, Series.platform, Series.id)
        rows = await session.execute(query.where(Series.tag_id.in_(wanted[start : start + CHUNK])))
        found.update(((tag_id, platform), series_id) for tag_id, platform, series_id in rows)
    return found


async def _timelines(session: AsyncSession, series: Mapping[_SeriesKey, int]) -> dict[int, Timeline]:
    """What is known of each series, by its id."""
    runs = await _runs(session, sorted(series.values()))
    answered = await _first_answers(session, sorted({tag_id for tag_id, _ in series}))
    return {
        series_id: Timeline(runs[series_id], observed_from(runs[series_id], answered.get(tag_id)))
        for (tag_id, _), series_id in series.items()
    }


async def _runs(session: AsyncSession, series_ids: Sequence[int]) -> defaultdict[int, list[Run]]:
    times = (Build.first_seen_at, Build.pushed_at, Build.known_since)
    query = select(Build.series_id, Build.id, Build.manifest_id, *times, Build.origin)
    query = query.order_by(Build.series_id, Build.first_seen_at, Build.id)
    runs: defaultdict[int, list[Run]] = defaultdict(list)
    for start in range(0, len(series_ids), CHUNK):
        for row in await session.execute(query.where(Build.series_id.in_(series_ids[start : start + CHUNK]))):
            series_id, build_id, manifest_id, seen_at, pushed_at, known_since, origin = row
            run = Run(build_id, manifest_id, seen_at, pushed_at, known_since, observed=origin == Origin.POLL)
            runs[series_id].append(run)
    return runs


async def _first_answers(session: AsyncSession, tag_ids: Sequence[int]) -> dict[int, datetime]:
    """When polling first saw each tag, for those that it did see."""
    first = func.min(TagEvent.at, type_=TagEvent.at.type)
    query = select(TagEvent.tag_id, first).where(TagEvent.kind == TagEventKind.SEEN).group_by(TagEvent.tag_id)
    found: dict[int, datetime] = {}
    for start in range(0, len(tag_ids), CHUNK):
        rows = await session.execute(query.where(TagEvent.tag_id.in_(tag_ids[start : start + CHUNK])))
        found.update(dict(rows.all()))
    return found


def _facts(
    facts: Sequence[PastBuild],
    told: Mapping[str, Held],
    tags: Mapping[_TagKey, _TagRow],
    series: Mapping[_SeriesKey, int],
) -> dict[int, list[Fact]]:
    """The facts of each series, by its id; numbered, so that a new run finds its fact again."""
    found: defaultdict[int, list[Fact]] = defaultdict(list)
    for number, one in enumerate(facts):
        manifest_id, push = told[one.manifest.digest].id, one.origin in _PUSHES
        fact = Fact(number, one.at, manifest_id, push, one.pushed_at, one.known_since)
        found[series[tags[one.repository, one.tag][0], one.platform]].append(fact)
    return found


async def _store(session: AsyncSession, timelines: Mapping[int, Timeline], facts: Sequence[PastBuild]) -> bool:
    """Write the new runs, in the order of their times, and what older ones learned; whether there was anything."""
    rows = [
        _build(series_id, run, facts[run.fact])
        for series_id, timeline in timelines.items()
        for run in timeline.runs
        if run.fact is not None
    ]
    learned = [run for timeline in timelines.values() for run in timeline.runs if run.changed]
    connection = await session.connection()
    if rows:
        await connection.execute(insert(Build), rows)
        await _point_to_latest(session, sorted({row["series_id"] for row in rows}))
    if learned:
        statement = update(Build).where(Build.id == bindparam("build_id"))
        known = [{"build_id": run.id, "pushed": run.pushed_at, "known": run.known_since} for run in learned]
        statement = statement.values(pushed_at=bindparam("pushed"), known_since=bindparam("known"))
        await connection.execute(statement, known)
    return bool(rows or learned)


def _build(series_id: int, run: Run, fact: PastBuild) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "manifest_id": run.manifest_id,
        "first_seen_at": run.first_seen_at,
        "pushed_at": run.pushed_at,
        "known_since": run.known_since,
        "origin": fact.origin,
        "source": fact.source[:255] if fact.source else None,
    }


async def _point_to_latest(session: AsyncSession, series_ids: Sequence[int]) -> None:
    build = aliased(Build)
    latest = (
        select(build.id)
        .where(build.series_id == Series.id)
        .order_by(build.first_seen_at.desc(), build.id.desc())
        .limit(1)
        .correlate(Series)
        .scalar_subquery()
    )
    for start in range(0, len(series_ids), CHUNK):
        chunk = series_ids[start : start + CHUNK]
        await session.execute(
            update(Series)
            .where(Series.id.in_(chunk))
            .values(latest_build_id=latest)
            .execution_options(synchronize_session=False)
        )
