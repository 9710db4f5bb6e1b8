"""Write down builds that happened before anybody here looked: one fact at a time, never over what was observed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.db import insert_many
from app.history.claims import Held, PastManifest, claim
from app.history.intern import CHUNK
from app.history.merge import Fact, Fate, Run, Timeline, observed_from
from app.history.places import SeriesKey, TagKey, TagRow, ensure_series, ensure_tags, lock_watched
from app.models import Build, Origin, Series, TagEvent, TagEventKind, bump_revision
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
    """What became of facts. `overlapping`: they fall into time that we observed ourselves; `refused`: and why.

    `layered` counts manifests whose layers became known, of whichever builds they are.
    """

    new: int = 0
    known: int = 0
    overlapping: int = 0
    layered: int = 0
    refused: list[tuple[PastBuild, str]] = field(default_factory=list)

    def count(self, fates: Iterable[Fate]) -> None:
        """Count what the facts of one series came to."""
        counted = Counter(fates)
        self.new += counted[Fate.NEW]
        self.known += counted[Fate.KNOWN]
        self.overlapping += counted[Fate.OVERLAPPING]


_TURN = 7_461_726_577  # any number that nothing else in this database locks


async def add_past(session: AsyncSession, facts: Sequence[PastBuild], now: datetime, *, bump: bool = True) -> Added:
    """Add builds that the facts tell of and that are not known; repeating it changes nothing. A few thousand at once.

    Repositories, tags (unwatched) and series are made where they are new. A fact is refused where its bytes contradict
    what is recorded of its digest. Without `bump` the caller bumps the revision, last in a transaction of many calls:
    all writers meet there, and would wait for its end.
    """
    added = Added()
    await _take_turns(session, facts)
    consistent = [one for one in facts if _is_consistent(one, added)]
    told, added.layered = await claim(session, [one.manifest for one in consistent])
    sound = [one for one in consistent if _agrees(one, told[one.manifest.digest], added)]
    tags = await ensure_tags(session, {(one.repository, one.tag) for one in sound}, now)
    series = await ensure_series(session, sound, tags)
    numbered = _facts(sound, told, tags, series)
    timelines = await _timelines(session, series, numbered)
    for series_id, mine in numbered.items():
        added.count(fate for _, fate in timelines[series_id].add(mine))
    changed = await _store(session, timelines, sound)
    if changed and bump:
        await bump_revision(session)
    return added


async def _take_turns(session: AsyncSession, facts: Sequence[PastBuild]) -> None:
    """One writer of the past at a time, until its transaction ends; SQLite has one writer anyway.

    Watched tags are locked before manifests, as polling does it, or the two would wait for each other.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(_TURN)))
        await lock_watched(session, {(one.repository, one.tag) for one in facts})


def _is_consistent(fact: PastBuild, added: Added) -> bool:
    amount, layers = fact.manifest.compressed_bytes, fact.manifest.layers
    if layers and amount != sum(layer.compressed_bytes for layer in layers):
        added.refused.append((fact, "its bytes are not the sum of its layers"))
        return False
    return True


def _agrees(fact: PastBuild, held: Held, added: Added) -> bool:
    """Whether the bytes are those that are recorded of the digest."""
    amount, recorded = fact.manifest.compressed_bytes, held.compressed_bytes
    if amount is not None and recorded is not None and amount != recorded:
        reason = f"{fact.manifest.digest} is recorded with {recorded} bytes, not {amount}"
        added.refused.append((fact, reason))
        return False
    return True


async def _timelines(
    session: AsyncSession, series: Mapping[SeriesKey, int], facts: Mapping[int, Sequence[Fact]]
) -> dict[int, Timeline]:
    """What is known of each series, by its id; of its runs no more than what bears on the facts."""
    answered = await _first_answers(session, sorted({tag_id for tag_id, _ in series}))
    answered_series = {series_id: answered.get(tag_id) for (tag_id, _), series_id in series.items()}
    runs = await _latest_runs(session, sorted(facts))
    among = {key: mine for key, mine in facts.items() if answered_series[key] or not _follow(runs[key], mine)}
    whole = [key for key, mine in among.items() if answered_series[key] or any(fact.push for fact in mine)]
    runs |= await _runs(session, sorted(whole), _RUNS)
    nearby = sorted(set(among) - set(whole))
    times = [fact.at for key in nearby for fact in among[key]]
    runs |= await _runs(session, nearby, _near(min(times), max(times))) if times else {}
    return {key: Timeline(runs[key], observed_from(runs[key], answered_series[key])) for key in facts}


def _follow(latest: Sequence[Run], facts: Sequence[Fact]) -> bool:
    """Whether the facts can be put in place without a look at older runs."""
    if not latest:
        return True
    return not any(fact.push or fact.at <= latest[0].first_seen_at for fact in facts)


_RunQuery = Select[int, int, int, datetime, datetime | None, datetime | None]
_RUNS: _RunQuery = select(
    Build.series_id, Build.id, Build.manifest_id, Build.first_seen_at, Build.pushed_at, Build.known_since
)


async def _latest_runs(session: AsyncSession, series_ids: Sequence[int]) -> dict[int, list[Run]]:
    return await _read_runs(session, _RUNS.join(Series, Series.latest_build_id == Build.id), Series.id, series_ids)


async def _runs(session: AsyncSession, series_ids: Sequence[int], query: _RunQuery) -> dict[int, list[Run]]:
    ordered = query.order_by(Build.series_id, Build.first_seen_at, Build.id)
    return await _read_runs(session, ordered, Build.series_id, series_ids)


def _near(first: datetime, last: datetime) -> _RunQuery:
    """The runs between two moments, those in force at the first and just before it, and those that follow the last."""
    at = Build.first_seen_at
    in_force = _edge(func.max, lambda run: run.first_seen_at <= first)
    before = _edge(func.max, lambda run: run.first_seen_at < in_force)
    after = _edge(func.min, lambda run: run.first_seen_at > last)
    return _RUNS.join(Series, Series.id == Build.series_id).where(
        at >= func.coalesce(before, in_force, literal(first, at.type)),
        at <= func.coalesce(after, literal(last, at.type)),
    )


def _edge(of: Callable[..., Any], chosen: Callable[[type[Build]], ColumnElement[bool]]) -> ScalarSelect[datetime]:
    run = aliased(Build)
    times = select(of(run.first_seen_at, type_=Build.first_seen_at.type))
    return times.where(run.series_id == Series.id, chosen(run)).correlate(Series).scalar_subquery()


async def _read_runs(
    session: AsyncSession, query: _RunQuery, key: InstrumentedAttribute[int], series_ids: Sequence[int]
) -> dict[int, list[Run]]:
    runs: dict[int, list[Run]] = {series_id: [] for series_id in series_ids}
    for start in range(0, len(series_ids), CHUNK):
        rows = await session.execute(query.where(key.in_(series_ids[start : start + CHUNK])))
        for series_id, build_id, manifest_id, first_seen_at, pushed_at, known_since in rows:
            runs[series_id].append(Run(build_id, manifest_id, first_seen_at, pushed_at, known_since))
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
    tags: Mapping[TagKey, TagRow],
    series: Mapping[SeriesKey, int],
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
    if rows:
        await insert_many(session, Build, rows)
        await _point_to_latest(session, sorted({row["series_id"] for row in rows}))
    if learned:
        statement = update(Build).where(Build.id == bindparam("build_id"))
        known = [{"build_id": run.id, "pushed": run.pushed_at, "known": run.known_since} for run in learned]
        statement = statement.values(pushed_at=bindparam("pushed"), known_since=bindparam("known"))
        await (await session.connection()).execute(statement, known)
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
