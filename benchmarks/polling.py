"""Polling unchanged tags end to end, database included, against a bare httpx loop of HEADs.

Both ask the same imitation registry, in a process of its own, with the same number of requests under way at a time.
"""

import asyncio
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

import httpx
import uvloop
from sqlalchemy import insert, update

from app.db import Database, open_database
from app.history.schedule import Schedule
from app.imitation.documents import Document, image, index
from app.imitation.options import HUB
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import serve
from app.imitation.world import World
from app.models import Repository as RepositoryRow
from app.models import Tag
from app.polling.poll import poll_host
from app.polling.round import Polling, utc_now
from app.registry.access import RegistryAccess
from app.registry.client import open_client
from app.registry.manifest import ACCEPT
from app.schema import upgrade
from benchmarks.ratio import Ratio

TAGS, REPOSITORIES, CONCURRENCY, ROUNDS = 500, 25, 20, 5
MANY_TAGS, MEBIBYTE = 10_000, 1024 * 1024
BORN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Times:
    """Wall and CPU seconds of one pass over all tags."""

    wall: float
    cpu: float


def run() -> Iterator[Ratio]:
    """Time and CPU of ours by the bare loop's; then the memory that ten thousand tags take."""
    with _registry(TAGS) as url, tempfile.TemporaryDirectory() as folder:
        bare, ours = uvloop.run(_measure(url, f"sqlite:///{folder}/bench.db"))
        pairs = list(zip(ours, bare, strict=True))
        yield Ratio(f"{TAGS} unchanged tags, wall time by bare httpx", _median(o.wall / b.wall for o, b in pairs), 1.3)
        yield Ratio(f"{TAGS} unchanged tags, client CPU by bare httpx", _median(o.cpu / b.cpu for o, b in pairs), 1.3)
    with _registry(MANY_TAGS) as url:
        yield Ratio(f"peak memory of polling {MANY_TAGS} unchanged tags", _peak_of(_poll_many, url), 120, "MiB")


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


def _name(n: int) -> tuple[str, str]:
    return f"library/r{n % REPOSITORIES}", f"v{n}"


def _document() -> Document:
    return index([image("linux/amd64", [(28_000_000, "ADD rootfs.tar.xz /")])])


@contextmanager
def _registry(tags: int) -> Iterator[str]:
    """A Hub without pull limits, in another process; the URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, tags), daemon=True)
    process.start()
    try:
        yield str(ours.recv())
    finally:
        process.terminate()
        process.join(5)


def _serve(pipe: Connection, tags: int) -> None:
    world, document = World(), _document()
    for n in range(tags):
        world.push(*_name(n), document, at=BORN)
    registry = ImitationRegistry(world, utc_now, HUB)

    async def main() -> None:
        async with serve(registry) as url:
            pipe.send(url)
            await asyncio.sleep(600)

    uvloop.run(main())


async def _measure(url: str, database_url: str) -> tuple[list[Times], list[Times]]:
    """Several rounds of each, in turns, so that the machine's moods hit both."""
    async with _polling(url, database_url, TAGS) as polling, _bare_client(url) as bare:
        await _poll_all(polling)
        await _head_all(bare)
        bare_times, our_times = [], []
        for _ in range(ROUNDS):
            bare_times.append(await _timed(lambda: _head_all(bare)))
            await _make_due(polling.database)
            our_times.append(await _timed(lambda: _poll_all(polling)))
    return bare_times, our_times


async def _timed(work: Callable[[], Awaitable[object]]) -> Times:
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Times(time.perf_counter() - wall, time.process_time() - cpu)


@asynccontextmanager
async def _polling(url: str, database_url: str, tags: int) -> AsyncIterator[Polling]:
    upgrade(database_url)
    database = open_database(database_url)
    await _fill(database, tags)
    access = {"docker.io": RegistryAccess(endpoint=url, max_concurrency=CONCURRENCY)}
    async with open_client(access, user_agent="bench") as client:
        yield Polling(database, client, "bench", Schedule())
    await database.close()


async def _fill(database: Database, tags: int) -> None:
    """Tags that were recorded before: they name the digest that the registry still has."""
    digest = _document().digest
    async with database.writing() as session:
        await session.execute(
            insert(RepositoryRow),
            [{"id": n + 1, "host": "docker.io", "path": f"library/r{n}"} for n in range(REPOSITORIES)],
        )
        await session.execute(
            insert(Tag),
            [
                {
                    "repository_id": n % REPOSITORIES + 1, "name": _name(n)[1], "first_seen_at": BORN,
                    "next_check_at": BORN, "status": "ok", "digest": digest,
                }
                for n in range(tags)
            ],
        )  # fmt: skip


async def _make_due(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(update(Tag).values(next_check_at=utc_now() - timedelta(seconds=1)))


async def _poll_all(polling: Polling) -> None:
    report = await poll_host(polling, "docker.io")
    assert report.unchanged == report.looked > 0, report


@asynccontextmanager
async def _bare_client(url: str) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """httpx as it comes, a token for each repository fetched beforehand."""
    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    async with httpx.AsyncClient(base_url=url, limits=limits, headers={"accept": ACCEPT}) as client:
        tokens = {}
        for n in range(REPOSITORIES):
            path = _name(n)[0]
            answer = await client.get("/token", params={"service": HUB.service, "scope": f"repository:{path}:pull"})
            tokens[path] = f"Bearer {answer.json()['token']}"
        yield client, tokens


async def _head_all(bare: tuple[httpx.AsyncClient, dict[str, str]]) -> None:
    client, tokens = bare
    numbers = iter(range(TAGS))

    async def worker() -> None:
        for n in numbers:
            path, tag = _name(n)
            answer = await client.head(f"/v2/{path}/manifests/{tag}", headers={"authorization": tokens[path]})
            assert answer.status_code == 200

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


def _peak_of(work: Callable[[str], Awaitable[None]], url: str) -> float:
    """Peak resident memory, in MiB, of a fresh process that does the work."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_in_process, args=(theirs, work, url))
    process.start()
    peak = float(ours.recv())
    process.join(30)
    return peak


def _in_process(pipe: Connection, work: Callable[[str], Awaitable[None]], url: str) -> None:
    uvloop.run(work(url))  # type: ignore[arg-type]  # a coroutine function
    unit = 1 if sys.platform == "darwin" else 1024
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEBIBYTE)


async def _poll_many(url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with _polling(url, f"sqlite:///{folder}/bench.db", MANY_TAGS) as polling:
            await _poll_all(polling)


if __name__ == "__main__":
    for ratio in run():
        print(ratio)
