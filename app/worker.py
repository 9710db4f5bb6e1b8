"""The APScheduler table: what runs when. The stages themselves are in app/polling and app/backfill."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import delete, text, update

from app import __version__
from app.backfill.claim import due_hosts as hosts_with_backfills
from app.backfill.run import Backfilling, backfill_host
from app.history.prune import prune
from app.history.waiting import due_hosts as hosts_with_details
from app.models import Worker
from app.polling.claim import due_hosts, release, renew
from app.polling.details import read_details
from app.polling.expand import expand_due
from app.polling.poll import poll_host
from app.polling.round import Polling

log = logging.getLogger(__name__)
GRACE_SECONDS = 10.0  # how long work under way may take to finish at shutdown
_FORGOTTEN = timedelta(days=7)
_DEFAULTS = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}  # late is better than not at all


class Running:
    """Jobs under way by name: a name runs once at a time, so a slow registry holds up nobody but itself."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._long: set[asyncio.Task[None]] = set()
        self._closed = False

    def goes_on(self) -> bool:
        """Whether more may be begun."""
        return not self._closed

    def start(self, name: str, work: Callable[[], Awaitable[object]], *, long: bool = False) -> None:
        """Start the work unless it is under way; its error is logged and ends only itself.

        `long`: it may take an hour and goes on where it stopped, so nobody waits for its end.
        """
        if name not in self._tasks and not self._closed:
            task = asyncio.create_task(self._run(name, work), name=name)
            self._tasks[name] = task
            task.add_done_callback(lambda _: self._tasks.pop(name, None))
            if long:
                self._long.add(task)
                task.add_done_callback(self._long.discard)

    async def _run(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception:  # the job comes up again at its next tick
            log.exception("%s failed", name)

    async def finish(self, seconds: float) -> None:
        """Start nothing more, wait for what is under way and not long, then cancel the rest."""
        self._closed = True
        waited_for = set(self._tasks.values()) - self._long
        if waited_for:
            await asyncio.wait(waited_for, timeout=seconds)
        tasks = list(self._tasks.values())  # not before: what is cancelled may leave its connection in others' way
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def working(
    polling: Polling,
    backfilling: Backfilling | None = None,
    *,
    keep_details: timedelta | None = None,
    grace_seconds: float = GRACE_SECONDS,
) -> AsyncIterator[None]:
    """Poll, backfill if that is given, prune details if they are not kept for ever, while the block runs.

    At its end finish or release what is held.
    """
    running = Running()
    scheduler = _scheduler(polling, backfilling, keep_details, running)
    await _beat(polling)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
        await running.finish(grace_seconds)
        await _leave(polling)


def _scheduler(
    polling: Polling, backfilling: Backfilling | None, keep_details: timedelta | None, running: Running
) -> AsyncIOScheduler:
    """One line a job: when, what."""
    scheduler = AsyncIOScheduler(timezone="UTC", job_defaults=_DEFAULTS)
    jobs: list[tuple[float, Callable[[Polling, Running], Awaitable[None]]]] = [
        (2, _poll),
        (5, _expand),
        (15, _details),
        (15, _heartbeat),
        (6 * 3600, _tidy),
    ]
    if backfilling is not None:
        jobs.append((5, partial(_backfill, backfilling)))
    if keep_details is not None:
        jobs.append((24 * 3600, partial(_prune, keep_details)))
    now = polling.clock()
    for seconds, job in jobs:
        first = now + timedelta(seconds=0 if seconds < 60 else 60)
        scheduler.add_job(job, "interval", seconds=seconds, args=(polling, running), next_run_time=first)
    return scheduler


async def _poll(polling: Polling, running: Running) -> None:
    async with polling.database.reading() as session:
        hosts = await due_hosts(session, polling.clock())
    for host in hosts:
        running.start(f"poll {host}", partial(poll_host, polling, host))


async def _details(polling: Polling, running: Running) -> None:
    async with polling.database.reading() as session:
        hosts = await hosts_with_details(session, polling.clock())
    for host in hosts:
        running.start(f"details {host}", partial(read_details, polling, host, running.goes_on))


async def _backfill(backfilling: Backfilling, polling: Polling, running: Running) -> None:
    async with polling.database.reading() as session:
        hosts = await hosts_with_backfills(session, polling.clock(), automatic=backfilling.automatic)
    for host in hosts:
        running.start(f"backfill {host}", partial(backfill_host, backfilling, host), long=True)


async def _expand(polling: Polling, running: Running) -> None:
    running.start("expand", partial(expand_due, polling))


async def _heartbeat(polling: Polling, running: Running) -> None:
    running.start("heartbeat", partial(_beat, polling))


async def _beat(polling: Polling) -> None:
    now = polling.clock()
    async with polling.database.writing() as session:
        await renew(session, polling.owner, now, polling.held)
        beaten = await session.execute(
            update(Worker).where(Worker.id == polling.owner).values(beat_at=now).returning(Worker.id)
        )
        if beaten.first() is None:
            session.add(Worker(id=polling.owner, version=__version__, started_at=now, beat_at=now))
        await session.execute(delete(Worker).where(Worker.beat_at < now - _FORGOTTEN))


async def _tidy(polling: Polling, running: Running) -> None:
    if polling.database.engine.dialect.name == "sqlite":
        running.start("optimize", partial(_optimize, polling))


async def _prune(keep_details: timedelta, polling: Polling, running: Running) -> None:
    now = polling.clock()
    running.start("prune", partial(prune, polling.database, now - keep_details, now))


async def _optimize(polling: Polling) -> None:
    """Keep SQLite's planner informed: without fresh statistics the latest sizes of many series come 20 times slower."""
    async with polling.database.writing() as session:
        await session.execute(text("PRAGMA optimize = 0x10002"))


async def _leave(polling: Polling) -> None:
    with contextlib.suppress(Exception):  # the leases end by themselves; shutdown must not fail on a lost database
        async with polling.database.writing() as session:
            await release(session, polling.owner)
            await session.execute(delete(Worker).where(Worker.id == polling.owner))
