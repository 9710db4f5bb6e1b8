"""Builds that others tell of, written down on both databases: beside what was observed, never over it."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.history.claims import claim
from app.history.merge import Fact, Fate, Timeline
from app.history.observations import LayerFound, Measured, Moved, PlatformFound, Target
from app.history.past import Added, PastBuild, PastManifest, add_past
from app.history.record import record
from app.history.schedule import Schedule
from app.history.series import series_of
from app.models import Build, Layer, Manifest, ManifestLayer, Origin, Series, Tag, TagEvent
from app.registry.reference import Reference
from tests.history.seed import OCI_LAYER, OCI_MANIFEST, add_tag, digest_of
from tests.postgres import opened, somebody_waits

DAY = timedelta(days=1)
SLIM = Reference.parse("debian:bookworm-slim")


def told(name: str, at: datetime, amount: int | None = 1000, **known: object) -> PastBuild:
    """A fact about debian:bookworm-slim on linux/amd64, with a manifest of this name."""
    values = {"origin": Origin.IMPORT, "tag": "bookworm-slim", "platform": "linux/amd64"} | known
    layers = values.pop("layers", ())
    if values["origin"] == Origin.SIBLING:
        values.setdefault("pushed_at", at)
    manifest = PastManifest(digest_of(name), amount, None, layers)  # type: ignore[arg-type]  # a tuple of layers
    return PastBuild(repository=SLIM.repository, at=at, manifest=manifest, **values)  # type: ignore[arg-type]


def layer(name: str, amount: int, step: str | None = None) -> LayerFound:
    return LayerFound(digest_of(name), OCI_LAYER, amount, None, step)


async def add(database: Database, now: datetime, *facts: PastBuild) -> Added:
    async with database.writing() as session:
        return await add_past(session, facts, now)


async def history(database: Database) -> list[tuple[datetime, int | None]]:
    """What the chart of linux/amd64 shows."""
    async with database.reading() as session:
        found = await series_of(session, SLIM.repository, "bookworm-slim")
    return [(point.at, point.compressed_bytes) for one in found.series for point in one.points]


async def look(database: Database, at: datetime, name: str, content: Measured | None) -> None:
    """Poll the tag once, through the real recording."""
    async with database.writing() as session:
        tag = await session.scalar(select(Tag).where(Tag.name == "bookworm-slim"))
        if tag is None:
            tag = await add_tag(session, str(SLIM), at, status="new", checked_at=None, changed_at=None)
            tag.digest = None
        tag.lease_owner, tag.watched = "us", True
        await session.flush()
        found = PlatformFound("linux/amd64", digest_of(name), content)
        seen = Moved(Target.of(tag), digest_of(f"index of {name}"), OCI_MANIFEST, (found,))
        await record(session, [seen], at, Schedule(), "us")


def measured(name: str, *layers: LayerFound) -> Measured:
    return Measured(digest_of(name), OCI_MANIFEST, digest_of(f"config of {name}"), None, layers)


async def counts(database: Database) -> tuple[int, ...]:
    async with database.reading() as session:
        tables = (Build, Manifest, Series, Tag, Layer, ManifestLayer, TagEvent)
        return tuple([await session.scalar(select(func.count()).select_from(table)) or 0 for table in tables])


async def test_a_past_where_there_was_none(database: Database, now: datetime) -> None:
    """Repository, tag and series are made; nobody watches the tag; telling it again changes nothing."""
    facts = [told("a", now - 30 * DAY, 1000), told("b", now - 20 * DAY, 2000), told("c", now - 10 * DAY, 1500)]
    added = await add(database, now, *facts)
    assert (added.new, added.known, added.overlapping, added.refused) == (3, 0, 0, [])
    before = await counts(database)
    again = await add(database, now, *reversed(facts))
    assert (again.new, again.known) == (0, 3)
    assert await counts(database) == before
    assert await history(database) == [(now - 30 * DAY, 1000), (now - 20 * DAY, 2000), (now - 10 * DAY, 1500)]
    async with database.reading() as session:
        tag = (await session.scalars(select(Tag))).one()
        series = (await session.scalars(select(Series))).one()
        latest = (await session.scalars(select(Build).order_by(Build.first_seen_at.desc()))).first()
    assert (tag.watched, tag.status, latest.id if latest else None) == (False, "new", series.latest_build_id)


@pytest.mark.parametrize("poll_first", [True, False])
async def test_beside_what_was_observed(database: Database, now: datetime, poll_first: bool) -> None:
    """Siblings come before the build that we saw, which learns when it was pushed; whichever comes first."""
    siblings = [
        told("a", now - 60 * DAY, 1000, origin=Origin.SIBLING, source="bookworm-20260901-slim"),
        told("b", now - 30 * DAY, 1010, origin=Origin.SIBLING, source="bookworm-20261001-slim"),
        told("c", now - 3 * DAY, 1020, origin=Origin.SIBLING, source="bookworm-20261120-slim"),
    ]
    steps = [lambda: look(database, now, "c", measured("c", layer("c", 1020))), lambda: add(database, now, *siblings)]
    for step in steps if poll_first else reversed(steps):
        await step()
    await add(database, now, *siblings)
    assert await history(database) == [(now - 60 * DAY, 1000), (now - 30 * DAY, 1010), (now - 3 * DAY, 1020)]
    async with database.reading() as session:
        builds = (await session.scalars(select(Build).order_by(Build.first_seen_at))).all()
        events = [event.kind for event in await session.scalars(select(TagEvent))]
    assert [build.origin for build in builds] == ["sibling", "sibling", "poll" if poll_first else "sibling"]
    assert (builds[-1].first_seen_at, builds[-1].pushed_at) == (now if poll_first else now - 3 * DAY, now - 3 * DAY)
    assert events == ["seen"]


async def test_observed_builds_are_not_contradicted(database: Database, now: datetime) -> None:
    """What falls into the time that we watched is left out, and said to be."""
    await look(database, now - 10 * DAY, "a", measured("a", layer("a", 1000)))
    await look(database, now - 5 * DAY, "b", measured("b", layer("b", 1100)))
    before = await history(database)
    added = await add(database, now, told("x", now - 7 * DAY), told("y", now - DAY), told("b", now - 4 * DAY, 1100))
    assert (added.new, added.known, added.overlapping) == (0, 1, 2)
    assert await history(database) == before


async def test_a_platform_known_from_the_past_is_no_news(database: Database, now: datetime) -> None:
    """The first look at a tag with a past: no platform is "added" or "dropped" by it."""
    await add(database, now, told("a", now - 9 * DAY), told("p", now - 9 * DAY, platform="linux/ppc64le"))
    await look(database, now, "b", measured("b", layer("b", 1100)))
    async with database.reading() as session:
        events = [(event.kind, event.platform) for event in await session.scalars(select(TagEvent))]
        dropped = {one.platform: one.dropped_at for one in await session.scalars(select(Series))}
    assert events == [("seen", None)]
    assert dropped == {"linux/amd64": None, "linux/ppc64le": now}


async def test_other_bytes_for_a_known_digest(database: Database, now: datetime) -> None:
    """A digest names one document: whoever says other bytes is refused, with both figures."""
    await add(database, now, told("a", now - 9 * DAY, 1000))
    added = await add(database, now, told("a", now - 8 * DAY, 1001, tag="12-slim"), told("b", now - 7 * DAY, 5))
    assert [reason for _, reason in added.refused] == [f"{digest_of('a')} is recorded with 1000 bytes, not 1001"]
    assert added.new == 1


async def test_bytes_that_are_not_the_sum_of_the_layers(database: Database, now: datetime) -> None:
    """Nothing of such a fact is written: no build, and no manifest to mislead the next one."""
    wrong = told("a", now - 9 * DAY, 1000, layers=(layer("one", 600), layer("two", 399)))
    added = await add(database, now, wrong)
    assert [reason for _, reason in added.refused] == ["its bytes are not the sum of its layers"]
    assert (await counts(database))[:2] == (0, 0)


async def test_layers_are_shared_and_written_once(database: Database, now: datetime) -> None:
    """A later source may bring the layers that the first one lacked."""
    parts = (layer("base", 600, "ADD rootfs.tar /"), layer("top", 400))
    await add(database, now, told("a", now - 9 * DAY, 1000))
    await add(database, now, told("a", now - 9 * DAY, 1000, layers=parts))
    await add(database, now, told("a", now - 9 * DAY, 1000, layers=parts, tag="12-slim"))
    assert (await counts(database))[4:6] == (2, 2)


async def test_the_manifest_wins_over_hearsay(
    database: Database, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    """What was claimed of bytes and layers yields to what the registry's own document says, and that is logged."""
    await add(database, now, told("a", now - 9 * DAY, 1000, layers=(layer("base", 600), layer("false", 400))))
    await look(database, now, "a", measured("a", layer("base", 600), layer("top", 450)))
    async with database.reading() as session:
        manifest = (await session.scalars(select(Manifest))).one()
        listed = select(ManifestLayer.compressed_bytes).order_by(ManifestLayer.position)
        amounts = list(await session.scalars(listed))
    assert (manifest.compressed_bytes, manifest.layer_count, amounts) == (1050, 2, [600, 450])
    assert "has 1050 bytes, not the 1000 claimed before" in caplog.text
    added = await add(database, now, told("a", now - 9 * DAY, 1000, tag="12-slim"))
    assert [reason for _, reason in added.refused] == [f"{digest_of('a')} is recorded with 1050 bytes, not 1000"]


async def test_a_size_is_filled_in(database: Database, now: datetime) -> None:
    """A manifest that was known by its digest alone gets its bytes from the next source."""
    await add(database, now, told("a", now - 9 * DAY, None))
    await add(database, now, told("a", now - 9 * DAY, 1000))
    assert await history(database) == [(now - 9 * DAY, 1000)]


async def test_our_own_export_comes_back(database: Database, now: datetime) -> None:
    """Builds that were observed elsewhere are taken over chunk by chunk, with their origin and dates."""
    chunks: list[Sequence[PastBuild]] = [
        [told("a", now - 9 * DAY, 1, origin=Origin.POLL), told("b", now - 8 * DAY, 2, origin=Origin.POLL)],
        [
            told("a", now - 7 * DAY, 1, origin=Origin.POLL),
            told("c", now - 5 * DAY, 3, origin=Origin.POLL, pushed_at=now - 6 * DAY),
        ],
    ]
    for chunk in chunks:
        assert (await add(database, now, *chunk)).new == 2
    async with database.reading() as session:
        builds = (await session.scalars(select(Build).order_by(Build.first_seen_at))).all()
    assert [(build.origin, build.first_seen_at, build.pushed_at) for build in builds] == [
        ("poll", now - 9 * DAY, None),
        ("poll", now - 8 * DAY, None),
        ("poll", now - 7 * DAY, None),
        ("poll", now - 5 * DAY, now - 6 * DAY),
    ]


async def test_chunk_by_chunk_as_if_all_were_known(database: Database, now: datetime) -> None:
    """Only the runs near a chunk's facts are loaded, and the outcome is that of the whole timeline."""
    chance = random.Random(7)
    known = Timeline([])
    for _ in range(12):
        told_now = [(chance.randrange(4), chance.randrange(40)) for _ in range(7)]
        chunk = [told(f"m{name}", now - (50 - day) * DAY, 1000 + name) for name, day in told_now]
        added = await add(database, now, *chunk)
        facts = [Fact(n, one.at, name) for n, (one, (name, _)) in enumerate(zip(chunk, told_now, strict=True))]
        fates = Counter(fate for _, fate in known.add(facts))
        assert (added.new, added.known, added.overlapping) == (
            fates[Fate.NEW],
            fates[Fate.KNOWN],
            fates[Fate.OVERLAPPING],
        )
    async with database.reading() as session:
        query = select(Build, Manifest).join(Manifest, Manifest.id == Build.manifest_id)
        rows = (await session.execute(query.order_by(Build.first_seen_at, Build.id))).all()
    recorded = [(row.Manifest.digest, row.Build.first_seen_at, row.Build.known_since) for row in rows]
    assert recorded == [(digest_of(f"m{run.manifest_id}"), run.first_seen_at, run.known_since) for run in known.runs]
    assert len(recorded) > 10


async def test_two_writers_at_once(database: Database, now: datetime) -> None:
    """Two imports of the same facts: each fact is written once, and neither fails."""
    facts = [told(f"m{n}", now - n * DAY, 1000 + n, tag=f"tag-{n % 7}") for n in range(1, 60)]
    results = await asyncio.gather(add(database, now, *facts), add(database, now, *reversed(facts)))
    assert sum(one.new for one in results) == 59
    assert sum(one.known for one in results) == 59
    assert (await counts(database))[0] == 59


@pytest.mark.postgres
async def test_a_poll_and_a_source_tell_of_one_manifest(fresh_postgres_url: str, now: datetime) -> None:
    """A poll that has begun to write down a digest, and a source that tells of the same one: neither waits in vain."""
    fact = told("b", now - 3 * DAY, 1000, origin=Origin.SIBLING)
    async with opened(fresh_postgres_url) as database:
        await look(database, now - 9 * DAY, "a", measured("a", layer("a", 900)))
        async with database.writing() as session:
            held = await session.scalar(select(Tag).with_for_update())
            assert held is not None
            telling = asyncio.create_task(add(database, now, fact))
            await somebody_waits(database)
            await claim(session, [fact.manifest])
        assert (await asyncio.wait_for(telling, 10)).overlapping == 1
