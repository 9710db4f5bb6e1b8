"""The worker: polls by itself, beats, and leaves nothing behind."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from sqlalchemy import select

from app.db import Database
from app.imitation import faults
from app.imitation.faults import Fault
from app.models import Tag, Worker
from app.polling.round import utc_now
from app.worker import Running, working
from tests.polling.conftest import HUB_HOST, ROOMY, Stage, debian, make_stage


async def _until(true: Callable[[], Awaitable[bool]], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not await true():  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(0.05)


def _live(stage: Stage) -> Stage:
    stage.polling = replace(stage.polling, clock=utc_now)
    stage.clock.now = utc_now()
    return stage


async def test_polls_by_itself_and_tidies_up(stage: Stage) -> None:
    """A started worker looks at due tags within seconds, expands patterns, beats; stopped, it holds nothing."""
    _live(stage)
    await stage.watch("debian:bookworm-slim", "alpine:3.*")
    stage.push("bookworm-slim", debian(28_000_000))
    stage.push("3.22", debian(3_800_000), "library/alpine")

    async def done() -> bool:
        return len(await stage.builds()) == 1 and len(await stage.builds("3.22")) == 1

    async with working(stage.polling):
        await _until(done)
        async with stage.database.reading() as session:
            assert [worker.id for worker in await session.scalars(select(Worker))] == ["test"]
    async with stage.database.reading() as session:
        assert (await session.scalars(select(Worker))).all() == []
        assert (await session.scalars(select(Tag.id).where(Tag.lease_owner.is_not(None)))).all() == []


async def test_shutdown_does_not_wait_for_a_hanging_registry(sqlite_database: Database) -> None:
    """Work that does not end is cancelled after the grace time, and its lease is given back."""
    async with AsyncExitStack() as stack:
        stage = _live(await make_stage(stack, sqlite_database, {HUB_HOST: ROOMY}))
        await stage.watch("debian:bookworm-slim")
        stage.push("bookworm-slim", debian(28_000_000))
        hanging = Fault("HEAD", "", faults.hang())
        stage.registry.faults.append(hanging)

        async def asked() -> bool:
            return hanging.met > 0

        async with asyncio.timeout(8):
            async with working(stage.polling, grace_seconds=0.2):
                await _until(asked)
        tag = await stage.tag()
        assert (tag.lease_owner, tag.status) == (None, "new")


async def test_a_name_runs_once_at_a_time() -> None:
    """A job that is still under way is not started again; one that failed is."""
    running, starts = Running(), []
    release = asyncio.Event()

    async def wait() -> None:
        starts.append("wait")
        await release.wait()

    async def fail() -> None:
        starts.append("fail")
        raise RuntimeError

    running.start("wait", wait)
    running.start("wait", wait)
    running.start("fail", fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.start("fail", fail)
    await asyncio.sleep(0)
    release.set()
    await running.finish(1)
    assert sorted(starts) == ["fail", "fail", "wait"]


async def test_long_work_is_ended_last() -> None:
    """What is cancelled amid a transaction is in nobody's way: all others have ended by then."""
    running, ended = Running(), []

    async def short() -> None:
        await asyncio.sleep(0.05)
        ended.append("short")

    async def long() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("long")

    running.start("long", long, long=True)
    running.start("short", short)
    await asyncio.sleep(0)
    await running.finish(60)
    assert ended == ["short", "long"]
    assert not running.goes_on()
