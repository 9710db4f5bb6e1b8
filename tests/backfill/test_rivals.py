"""Crashes, shutdowns, several workers: nothing is lost or stands twice, nobody works on another's repository."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from app.backfill.claim import Claim, claim_repository
from app.backfill.run import Backfilling, backfill_host
from app.backfill.told import Wanted
from app.history.past import PastBuild
from app.models import Backfill, Build, Manifest, Series, bump_revision
from app.polling.claim import release, renew
from app.polling.round import LEASE, Held, utc_now
from app.registry.reference import Repository
from app.watchlist import request_backfills
from app.worker import working
from tests.backfill.conftest import Play, Sources, five_months, past
from tests.conftest import NOW
from tests.polling.conftest import HUB_HOST, debian, make_stage
from tests.postgres import opened, somebody_waits

MONTHS = 12


class Killed(BaseException):
    """The process is gone: nothing of ours runs after it."""


def _year() -> list[PastBuild]:
    return [past("bookworm-slim", MONTHS - n, 28_000_000 + n) for n in range(MONTHS)]


async def _claim(play: Play, owner: str, only: Sequence[int] | None = None) -> Claim | None:
    async with play.database.writing() as session:
        now = play.stage.clock.now
        return await claim_repository(session, HUB_HOST, owner, now, only=only, automatic=True)


@pytest.mark.parametrize("chunks", [0, 1, 2, 3])
async def test_killed_at_every_step(play: Play, chunks: int) -> None:
    """Killed after any number of stored chunks, the next worker leaves exactly what one undisturbed run would have."""
    stored = 0
    play.sources.facts, play.sources.per_chunk = _year(), 4

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        nonlocal stored
        async for facts in play.sources(repository, rows):
            if stored == chunks:
                raise Killed
            stored += 1
            yield facts * (5_000 // len(facts))  # so that each is written at once

    with suppress(Killed):
        await play.run(story=story)
    row = await play.row()
    assert row.done_at is None or chunks == 3
    play.stage.clock.now += LEASE
    await play.run()
    assert [size for _, size, _, _ in await play.told()] == [28_000_000 + n for n in range(MONTHS)]
    row = await play.row()
    assert (row.added, row.lease_owner, row.done_at is not None) == (MONTHS, None, True)
    async with play.database.reading() as session:
        for table, count in {Series: 1, Build: MONTHS, Manifest: MONTHS, Backfill: 1}.items():
            assert await session.scalar(select(func.count()).select_from(table)) == count, table.__tablename__


async def test_a_repository_has_one_worker(play: Play) -> None:
    """While one tag of a repository is under way nobody gets another one of it; the next repository is free."""
    await play.stage.watch("alpine:3.22")
    play.stage.clock.now += timedelta(minutes=1)
    first = await _claim(play, "one")
    await play.stage.watch("debian:trixie-slim", "alpine:3.21")
    play.stage.clock.now += timedelta(minutes=1)
    second = await _claim(play, "two")
    assert first is not None
    assert second is not None
    assert {first.repository.path, second.repository.path} == {"library/debian", "library/alpine"}
    assert await _claim(play, "three") is None
    play.stage.clock.now += LEASE
    assert await _claim(play, "three") is not None


@pytest.mark.parametrize("together", range(3))
async def test_two_workers_at_once(play: Play, together: int) -> None:
    """Whatever the order, each repository is asked about once, and each build written once."""
    await play.stage.watch("alpine:3.22", "fedora:42")
    play.stage.clock.now += timedelta(minutes=1)
    polling = play.stage.polling
    workers = [Backfilling(replace(polling, owner=f"w{n}", held=Held()), play.sources) for n in range(2)]
    await asyncio.gather(*(backfill_host(worker, HUB_HOST) for worker in workers))
    await play.run(minutes=0)  # what a lost race left over
    assert sorted(path for path, _ in play.sources.asked) == ["library/alpine", "library/debian", "library/fedora"]
    assert len(await play.told()) == 5


@pytest.mark.postgres
async def test_asked_for_again_while_it_is_written(fresh_postgres_url: str) -> None:
    """Who asks for a past changes its row, then the revision; so does who adds to it, or both would wait for ever."""
    claimed, asked = asyncio.Event(), asyncio.Event()

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        claimed.set()
        await asked.wait()
        yield five_months()

    async with opened(fresh_postgres_url) as database, AsyncExitStack() as stack:
        play = Play(await make_stage(stack, database), Sources())
        await play.stage.watch("debian:bookworm-slim")
        running = asyncio.create_task(play.run(story=story))
        await asyncio.wait_for(claimed.wait(), 10)
        tag_id = (await play.row()).tag_id
        async with database.writing() as session:
            await request_backfills(session, [tag_id], "watch", NOW + timedelta(minutes=1), again=True)
            asked.set()
            await somebody_waits(database)
            await bump_revision(session)
        reports = await asyncio.wait_for(running, 10)
    assert [(report.error_code, report.new) for report in reports][:1] == [(None, 5)]


async def test_who_lost_the_lease_writes_nothing_more(play: Play) -> None:
    """A worker that stalled past its lease leaves the row to who has it now."""

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        async with play.database.writing() as session:
            await session.execute(text("UPDATE backfills SET lease_owner = 'other'"))
        yield five_months()

    [report] = await play.run(story=story)
    row = await play.row()
    assert (report.error_code, report.new) == ("lease-lost", 0)
    assert (row.lease_owner, row.done_at, row.added) == ("other", None, None)
    assert await play.told() == []


async def test_a_long_run_keeps_its_lease(lite: Play) -> None:
    """The heartbeat renews what is under way, and nothing once it is done."""
    polling = lite.stage.polling

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        for fact in five_months():
            lite.stage.clock.now += LEASE / 2
            async with lite.database.writing() as session:
                await renew(session, polling.owner, lite.stage.clock.now, polling.held)
            yield [fact]

    [report] = await lite.run(story=story)
    assert (report.new, report.error_code) == (5, None)
    assert polling.held.backfills == set()


async def test_shutdown_gives_back(lite: Play) -> None:
    """What is cancelled is due as before, for whoever comes next."""

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        await asyncio.Event().wait()
        yield []

    under_way = asyncio.create_task(lite.run(story=story))
    await _until(lambda: bool(lite.stage.polling.held.backfills))
    under_way.cancel()
    with suppress(asyncio.CancelledError):
        await under_way
    async with lite.database.writing() as session:
        await release(session, lite.stage.polling.owner)
    row = await lite.row()
    assert (row.lease_owner, row.lease_until, row.failures) == (None, None, 0)
    assert len(await lite.run()) == 1


async def test_what_cannot_be_written_is_said(lite: Play) -> None:
    """A fault of ours while writing is on the row, and tried again."""
    async with lite.database.writing() as session:
        await session.execute(
            text("CREATE TRIGGER boom BEFORE INSERT ON builds BEGIN SELECT RAISE(ABORT, 'boom'); END")
        )
    [report] = await lite.run()
    assert (report.error_code, report.new) == ("internal-error", 0)
    async with lite.database.writing() as session:
        await session.execute(text("DROP TRIGGER boom"))
    [report] = await lite.run(minutes=2)
    assert report.new == 5


async def test_the_worker_backfills_by_itself(lite: Play) -> None:
    """A running worker polls first, fetches the past soon after, and holds nothing once stopped."""
    lite.stage.clock.now = utc_now() - timedelta(seconds=10)
    await lite.stage.watch("alpine:3.22")
    lite.stage.push("3.22", debian(3_800_000), "library/alpine")
    polling = replace(lite.stage.polling, clock=utc_now)
    order: list[str] = []

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        if repository.path == "library/alpine":
            order.append((await lite.stage.tag("3.22")).status)
        yield five_months()

    async with working(polling, Backfilling(polling, story)):
        async with asyncio.timeout(20):
            while (await lite.row("3.22")).done_at is None:  # noqa: ASYNC110 - a row, written by the worker
                await asyncio.sleep(0.1)
    assert order == ["ok"]
    async with lite.database.reading() as session:
        assert (await session.scalars(select(Backfill.id).where(Backfill.lease_owner.is_not(None)))).all() == []


async def test_the_worker_does_not_wait_for_a_long_past(lite: Play) -> None:
    """Told to stop, it gives a backfill back at once: what is missing comes after the next start."""
    lite.stage.clock.now = utc_now()
    polling = replace(lite.stage.polling, clock=utc_now)

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        await asyncio.Event().wait()
        yield []

    async with asyncio.timeout(10):
        async with working(polling, Backfilling(polling, story), grace_seconds=60):
            await _until(lambda: bool(polling.held.backfills))
    row = await lite.row()
    assert (row.lease_owner, row.done_at, row.failures) == (None, None, 0)


async def test_asking_twice_asks_once(lite: Play) -> None:
    """A row that is open stays; one that is under way is left to its worker, and not run again after it."""
    lite.stage.clock.now += timedelta(minutes=1)
    assert await _claim(lite, "other") is not None
    before = await lite.row()
    for reason in ("watch", "page", "api"):
        async with lite.database.writing() as session:
            await request_backfills(session, [before.tag_id], reason, NOW + timedelta(hours=1))
    after = await lite.row()
    assert (after.requested_at, after.reason, after.lease_owner) == (before.requested_at, "watch", "other")


async def test_a_person_does_not_wait_for_our_back_off(lite: Play) -> None:
    """Asking for what fails makes it due at once; how often it failed is remembered."""
    lite.sources.trouble["library/debian"] = RuntimeError()
    await lite.run()
    row = await lite.row()
    async with lite.database.writing() as session:
        await request_backfills(session, [row.tag_id], "page", lite.stage.clock.now)
    row = await lite.row()
    assert (row.next_try_at, row.failures) == (lite.stage.clock.now, 1)


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - a set, filled by a task under way
            await asyncio.sleep(0.01)
