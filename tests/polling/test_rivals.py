"""Several workers, watches that change during a look, failures of our own: history stays true, no tag is forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from app.db import Database, open_database
from app.history.observations import Moved, Target, Unchanged
from app.history.record import record, record_unchanged
from app.history.schedule import Schedule
from app.imitation import faults
from app.imitation.faults import Fault
from app.models import Tag, Watch
from app.polling.claim import claim_tags, renew
from app.polling.hosts import Outcome, remember_host, restore_hosts
from app.polling.look import look_into, looking_at
from app.polling.poll import poll_host
from app.polling.round import Held
from app.registry.politeness import Politeness
from app.registry.reference import Repository
from app.watchlist import WatchSpec, add_default_watches, add_watches
from app.watchlist.coverage import cover
from tests.conftest import NOW
from tests.polling.conftest import HUB_HOST, Stage, debian
from tests.registry.fakes import NoJitter

AMD = ("linux/amd64",)
DEBIAN = Repository(HUB_HOST, "library/debian")
STEADY = Schedule(jitter=0)


async def _claim(stage: Stage, owner: str) -> Target:
    async with stage.database.writing() as session:
        [claim] = await claim_tags(session, HUB_HOST, owner, stage.clock.now)
    return claim.targets[0]


async def test_who_lost_the_lease_records_nothing(stage: Stage) -> None:
    """A worker that stalled past its lease neither moves the tag back nor frees the lease of who has it now."""
    await stage.watch("debian:a")
    old = stage.push("a", debian(20_000_000, AMD))
    stage.clock.now += timedelta(hours=7)
    stale = await _claim(stage, "stalled")
    contents = await look_into(looking_at(stage.polling, HUB_HOST), DEBIAN, old.digest, stale)
    new = stage.push("a", debian(21_000_000, AMD))
    await stage.poll(hours=0.1)
    stage.clock.now += timedelta(hours=7)
    await _claim(stage, "other")
    async with stage.database.writing() as session:
        look = Moved(stale, old.digest, old.media_type, contents)
        await record(session, [look], stage.clock.now, STEADY, "stalled")
        await record_unchanged(session, [[Unchanged(stale)]], stage.clock.now, STEADY, "stalled")
    tag = await stage.tag("a")
    assert (tag.digest, tag.lease_owner) == (new.digest, "other")
    assert [size for _, size in await stage.builds("a")] == [21_000_000]


async def test_what_cannot_be_recorded_comes_up_again(lite: Stage) -> None:
    """A fault of ours while recording is said on the tag and tried again; the repository beside it is recorded."""
    await lite.watch("debian:a", "alpine:b")
    lite.push("a", debian(20_000_000, AMD))
    lite.push("b", debian(3_000_000, AMD), "library/alpine")
    boom = "CREATE TRIGGER boom BEFORE INSERT ON manifest_layers WHEN new.compressed_bytes = 20000000 BEGIN SELECT "
    async with lite.database.writing() as session:
        await session.execute(text(boom + "RAISE(ABORT, 'boom'); END"))
    await lite.poll()
    tag = await lite.tag("a")
    assert (tag.status, tag.error_code, tag.lease_owner) == ("failing", "internal-error", None)
    assert len(await lite.builds("b")) == 1
    async with lite.database.writing() as session:
        await session.execute(text("DROP TRIGGER boom"))
    await lite.poll()
    assert [size for _, size in await lite.builds("a")] == [20_000_000]


async def test_a_lease_ends_with_its_work(stage: Stage) -> None:
    """The heartbeat renews what is being looked at, and nothing else that this owner once held."""
    await stage.watch("debian:a", "debian:b")
    stage.clock.now += timedelta(minutes=1)
    async with stage.database.writing() as session:
        [claim] = await claim_tags(session, HUB_HOST, "test", stage.clock.now)
    kept, lost = (target.tag_id for target in claim.targets)
    stage.clock.now += timedelta(minutes=2)
    async with stage.database.writing() as session:
        await renew(session, "test", stage.clock.now, Held({kept}))
    stage.clock.now += timedelta(minutes=2)
    async with stage.database.writing() as session:
        [claim] = await claim_tags(session, HUB_HOST, "next", stage.clock.now)
    assert [target.tag_id for target in claim.targets] == [lost]


@pytest.mark.slow
async def test_many_repositories_change_at_once(stage: Stage) -> None:
    """Hundreds of repositories that all moved are all recorded in one round: writers queue, none gives up."""
    for n in range(100):
        stage.push("v1", debian(1000 + n, AMD, attestations=False), f"library/r{n}")
    await stage.watch(*(f"r{n}:v1" for n in range(100)))
    report = await stage.poll()
    assert (report.looked, report.failed, len(report.changes)) == (100, 0, 100)


async def test_a_missing_document_is_no_missing_tag(lite: Stage) -> None:
    """HEAD answers and the document behind it is 404: the tag fails, it is not gone."""
    await lite.watch("debian:a")
    lite.push("a", debian(20_000_000))
    await lite.poll()
    new = lite.push("a", debian(21_000_000))
    lite.registry.faults.append(Fault("GET", new.digest, faults.status(404)))
    await lite.poll()
    assert [kind for kind, _ in await lite.events("a")] == ["seen"]
    assert (await lite.tag("a")).error_code == "manifest-not-found"


async def test_platforms_widened_during_a_look(lite: Stage) -> None:
    """All platforms are wanted while amd64 is being looked at: the others follow, and no event is invented."""
    await lite.watch("debian:a", platforms=["linux/amd64"])
    document = lite.push("a", debian(20_000_000))
    lite.clock.now += timedelta(hours=7)
    target = await _claim(lite, "test")
    contents = await look_into(looking_at(lite.polling, HUB_HOST), DEBIAN, document.digest, target)
    await lite.watch("debian:[a]")
    await lite.expand()
    async with lite.database.writing() as session:
        look = Moved(target, document.digest, document.media_type, contents)
        await record(session, [look], lite.clock.now, STEADY, "test")
    lite.clock.now += timedelta(minutes=5)
    await lite.read_details()
    assert len(await lite.builds("a", "linux/arm64")) == 1
    assert await lite.events("a") == [("seen", None)]


async def test_the_clock_steps_back(lite: Stage) -> None:
    """A return to the first digest, seen by a clock that was set back, is what the tag is on now."""
    await lite.watch("debian:a")
    old, new = debian(20_000_000, AMD), debian(22_000_000, AMD)
    for document, hours in ((old, 7.0), (new, 7.0), (old, -3.0)):
        lite.clock.now += timedelta(hours=hours)
        lite.push("a", document)
        async with lite.database.writing() as session:
            await session.execute(update(Tag).values(next_check_at=lite.clock.now))
        await lite.poll(hours=0)
    assert (await lite.tag("a")).digest == old.digest
    assert [size for _, size in await lite.builds("a")] == [20_000_000, 22_000_000, 20_000_000]


async def test_aliases_of_a_new_digest_cost_one_document(lite: Stage) -> None:
    """Five tags that move to one digest together cost five HEADs, one index and its three manifests."""
    names = ("1", "1.2", "1.2.3", "latest", "bookworm")
    await lite.watch(*(f"debian:{name}" for name in names))
    document = debian(1_000_000)
    for name in names:
        lite.push(name, document)
    await lite.poll()
    counted = lite.registry.counts()
    assert (counted["head"], counted["manifest_get"], counted["blob_get"]) == (5, 1 + 3, 3)


@pytest.fixture
async def rivals(fresh_postgres_url: str) -> AsyncIterator[Database]:
    """PostgreSQL, where writers really are at work at the same time."""
    database = open_database(fresh_postgres_url)
    yield database
    await database.close()


async def _watch(database: Database, *patterns: str, platforms: tuple[str, ...] = ()) -> None:
    async with database.writing() as session:
        specs = [WatchSpec.parse(pattern, platforms) for pattern in patterns]
        await add_watches(session, specs, origin="cli", now=NOW)


@pytest.mark.postgres
async def test_heartbeat_and_round_do_not_deadlock(rivals: Database) -> None:
    """A heartbeat passes over rows that are being written, so that neither waits for the other."""
    await _watch(rivals, *(f"r{n}:a" for n in range(4)))
    async with rivals.writing() as session:
        targets = [one for claim in await claim_tags(session, HUB_HOST, "w", NOW) for one in claim.targets]
    targets.sort(key=lambda target: target.tag_id)
    async with rivals.writing() as session:  # the newest version of row one lies behind the others
        await session.execute(update(Tag).where(Tag.id == targets[0].tag_id).values(failures=1))

    async def hold_the_third() -> None:
        async with rivals.writing() as session:
            await session.execute(update(Tag).where(Tag.id == targets[2].tag_id).values(failures=1))
            await asyncio.sleep(0.4)

    async def beat() -> None:
        await asyncio.sleep(0.1)
        async with rivals.writing() as session:
            await renew(session, "w", NOW, Held({target.tag_id for target in targets}))

    async def finish() -> None:
        await asyncio.sleep(0.2)
        async with rivals.writing() as session:
            await record_unchanged(session, [[Unchanged(target)] for target in targets], NOW, STEADY, "w")

    async with asyncio.timeout(10):
        await asyncio.gather(hold_the_third(), beat(), finish())


@pytest.mark.postgres
async def test_two_processes_start_on_an_empty_database(rivals: Database) -> None:
    """Web and worker, started together, make the default watch list once."""

    async def start() -> int:
        async with rivals.writing() as session:
            return await add_default_watches(session, NOW)

    assert min(await asyncio.gather(start(), start())) == 0


@pytest.mark.postgres
async def test_two_watches_come_to_cover_one_tag(rivals: Database) -> None:
    """Two patterns that are expanded at once onto a new tag give it the platforms of both."""
    await _watch(rivals, "alpine:[x]", platforms=("linux/amd64",))
    await _watch(rivals, "alpine:x*", platforms=("linux/arm64",))

    async def expand(pattern: str) -> None:
        async with rivals.writing() as session:
            watch = (await session.scalars(select(Watch).where(Watch.tag_pattern == pattern))).one()
            await cover(session, watch, ["x"], NOW)
            await asyncio.sleep(0.2)

    await asyncio.gather(expand("[x]"), expand("x*"))
    async with rivals.reading() as session:
        assert await session.scalar(select(Tag.platforms)) == ["linux/amd64", "linux/arm64"]


async def test_two_workers_meet_a_new_registry(stage: Stage) -> None:
    """Both write down how it did, and neither fails."""

    async def finish() -> None:
        async with stage.database.writing() as session:
            await remember_host(session, stage.polling, "registry.example", Outcome(answered=1))
            await asyncio.sleep(0.1)

    await asyncio.gather(finish(), finish())


async def test_narrowed_platforms_are_no_longer_fetched(lite: Stage) -> None:
    """A watch on fewer platforms leaves the history of the others and asks for nothing."""
    await lite.watch("debian:a")
    lite.push("a", debian(20_000_000))
    await lite.poll()
    async with lite.database.writing() as session:
        await session.execute(text("UPDATE watches SET platforms = '[\"linux/amd64\"]'"))
    await lite.watch("debian:[a]", platforms=["linux/amd64"])
    await lite.expand()
    assert await lite.read_details() == 0
    lite.push("a", debian(21_000_000))
    await lite.poll()
    assert lite.registry.counts()["manifest_get"] == 2
    assert [kind for kind, _ in await lite.events("a")] == ["seen", "moved"]


async def test_the_registrys_own_pause_outlives_us(lite: Stage) -> None:
    """After a 429 a new process keeps the pause that the registry asked for."""
    await lite.watch("debian:a")
    lite.push("a", debian(20_000_000))
    lite.registry.faults.append(Fault("HEAD", "", faults.come_back(429, "seconds", 3600, NOW)))
    await lite.poll()
    politeness = Politeness(clock=lite.clock, rng=NoJitter())
    await restore_hosts(lite.database, politeness)
    state = politeness.state(HUB_HOST)
    assert state.paused_until == lite.clock.now + timedelta(hours=1)
    lite.registry.forget_requests()
    await poll_host(lite.polling, HUB_HOST)
    assert lite.registry.requests == []
