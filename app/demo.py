"""`tarewatch demo`: the same pipeline over the imitation registry, two simulated years polled in seconds."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import update

from app.history.schedule import Schedule
from app.imitation.demo import DemoWorld, build_demo_world
from app.imitation.hub import HUB_API
from app.imitation.serve import ServedProcess, start_process
from app.models import Tag
from app.polling.expand import expand_due
from app.polling.poll import poll_host
from app.polling.round import Polling, utc_now
from app.registry.access import RegistryAccess
from app.watchlist import WatchSpec, add_watch

JUST_AFTER = timedelta(seconds=1)


@dataclass(slots=True)
class Clock:
    """The time as the demo's polling sees it."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Demo:
    """A made-up world whose registries are being served, and when anything changes in it."""

    world: DemoWorld
    served: ServedProcess
    ends: datetime

    @property
    def registries(self) -> dict[str, RegistryAccess]:
        """How to reach the imitations in place of the real registries."""
        return {host: RegistryAccess(endpoint=self.served.urls[host]) for host in self.world.worlds}

    @property
    def hub_api_url(self) -> str:
        """Where the imitation of Docker Hub's web API is."""
        return self.served.urls[HUB_API]

    @property
    def steps(self) -> list[datetime]:
        """The moments to poll at: just after each change, and the present."""
        return [at + JUST_AFTER for at in self.world.change_times() if at + JUST_AFTER < self.ends] + [self.ends]


@contextmanager
def serving_demo(seed: int = 1) -> Iterator[Demo]:
    """Serve the made-up registries on loopback, in a process of their own, while the block runs."""
    ends = utc_now().replace(microsecond=0)
    with start_process(["--now", ends.isoformat(), "--seed", str(seed)]) as served:
        yield Demo(build_demo_world(ends, seed), served, ends)


async def live_through(demo: Demo, polling: Polling, progress: Callable[[int, int], None]) -> None:
    """Poll at every moment at which something changed, by the registries' clock, as if two years had passed."""
    clock = Clock(demo.steps[0])
    polling = replace(polling, clock=clock, schedule=Schedule(jitter=0))
    await _watch(demo, polling)
    for done, moment in enumerate(demo.steps, start=1):
        clock.now = moment
        await asyncio.to_thread(demo.served.set_clock, moment)
        await expand_due(polling)
        await _make_all_due(polling)
        await asyncio.gather(*(poll_host(polling, host) for host in demo.registries))
        progress(done, len(demo.steps))


async def _watch(demo: Demo, polling: Polling) -> None:
    async with polling.database.writing() as session:
        for pattern, interval in demo.world.watches:
            spec = replace(WatchSpec.parse(pattern), interval=interval)
            await add_watch(session, spec, origin="demo", now=polling.clock())


async def _make_all_due(polling: Polling) -> None:
    async with polling.database.writing() as session:
        await session.execute(update(Tag).values(next_check_at=polling.clock()))
