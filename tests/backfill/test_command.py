"""`tarewatch backfill` as a person runs it, against an imitation of Docker Hub and of its web API."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from app.db import Database, open_database
from app.imitation import faults
from app.imitation.faults import Fault
from app.imitation.hub import ImitationHub
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import SettableClock, serve
from app.imitation.world import World
from app.models import Backfill, Build, Origin
from app.polling.round import utc_now
from app.watchlist import WatchSpec, add_watch
from tests.polling.conftest import HUB_HOST, ROOMY, debian

PLATFORMS = ("linux/amd64", "linux/arm64")
NOW = utc_now().replace(microsecond=0)  # the commands live in real time
MONTHS = 12


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


@dataclass
class Shell:
    """A folder with a database and the settings that lead to the imitations."""

    folder: Path
    settings: dict[str, str]
    database: Database
    hub: ImitationHub
    registry: ImitationRegistry

    async def start(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        """Begin `tarewatch ...`, as a user would."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.settings, **settings}
        command, pipe = (sys.executable, "-m", "app.cli", *words), asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)

    async def run(self, *words: str, **settings: str) -> Ran:
        """`tarewatch ...` to its end."""
        process = await self.start(*words, **settings)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def watch(self, *images: str) -> None:
        """Watch these."""
        async with self.database.writing() as session:
            for image in images:
                await add_watch(session, WatchSpec.parse(image), origin="cli", now=NOW)

    async def builds(self) -> int:
        """How many builds are recorded."""
        async with self.database.reading() as session:
            return await session.scalar(select(func.count()).select_from(Build)) or 0


def _world() -> World:
    """A year of bookworm-slim, a dated sibling each month, and the moving tag on the last one; a lonely tag beside."""
    world = World()
    for month in range(MONTHS):
        at = NOW - timedelta(days=30 * (MONTHS - month))
        document = debian(28_000_000 + month * 10_000, PLATFORMS)
        for tag in (f"bookworm-{at:%Y%m%d}-slim", "bookworm-slim"):
            world.push("library/debian", tag, document, at=at)
    world.push("example/tool", "v1", debian(5_000_000, PLATFORMS), at=NOW - timedelta(days=9))
    return world


@pytest.fixture
async def shell(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Shell]:
    """Nothing watched yet."""
    world, clock = _world(), SettableClock(NOW)
    registry, hub = ImitationRegistry(world, clock, ROOMY), ImitationHub(world, clock)
    database = open_database(sqlite_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        url = await stack.enter_async_context(serve(registry))
        path = tmp_path / "registries.toml"
        path.write_text(f'[registries."{HUB_HOST}"]\nendpoint = "{url}"\n')
        settings = {
            "TAREWATCH_DATABASE_URL": sqlite_url,
            "TAREWATCH_REGISTRIES": str(path),
            "TAREWATCH_DOCKER_CONFIG": str(tmp_path / "none.json"),
            "TAREWATCH_HUB_API_URL": await stack.enter_async_context(serve(hub)),
        }
        yield Shell(tmp_path, settings, database, hub, registry)


async def test_history_on_day_one(shell: Shell) -> None:
    """A year of exact sizes and dates, by a few requests and no pull; asked again, nothing is new."""
    await shell.watch("debian:bookworm-slim")
    ran = await shell.run("backfill", "--json")
    assert ran.code == 0, ran.err
    [tag] = ran.report["tags"]
    assert (tag["image"], tag["tag"], tag["error_code"]) == ("debian", "bookworm-slim", None)
    assert tag["new"] == await shell.builds() == MONTHS * len(PLATFORMS)
    assert "manifest_get" not in shell.registry.counts()
    assert len(shell.hub.requests) <= 4
    async with shell.database.reading() as session:
        oldest = (await session.scalars(select(Build).order_by(Build.first_seen_at))).first()
    assert oldest is not None
    assert (oldest.origin, oldest.first_seen_at) == (Origin.SIBLING, NOW - timedelta(days=30 * MONTHS))
    again = (await shell.run("backfill", "debian:bookworm-*", "--json", TAREWATCH_BACKFILL="off")).report
    assert (again["new"], again["tags"][0]["known"]) == (0, again["found"])
    assert await shell.builds() == MONTHS * len(PLATFORMS)


async def test_failure_is_exit_code_2(shell: Shell) -> None:
    """The cause and the next try are named; what others tell is in the table, and in the database."""
    await shell.watch("debian:bookworm-slim", "quay.example/x:y", "example/tool:v1")
    ran = await shell.run("backfill", TAREWATCH_REGISTRIES=str(_dead(shell)))
    assert ran.code == 2
    [complaint] = [line for line in ran.err.splitlines() if line.startswith("quay.example/x:y: ")]
    assert "next try" in complaint
    assert "debian:bookworm-slim" in ran.out
    assert "3 tags, " in ran.out
    assert await shell.builds() >= MONTHS * len(PLATFORMS)


def _dead(shell: Shell) -> Path:
    """A file of registries with one more, where nobody listens."""
    path = shell.folder / "with-dead.toml"
    known = Path(shell.settings["TAREWATCH_REGISTRIES"]).read_text()
    path.write_text(f'{known}[registries."quay.example"]\nendpoint = "http://127.0.0.1:1"\n')
    return path


async def test_what_is_not_watched(shell: Shell) -> None:
    """One clear line, and nothing asked for."""
    ran = await shell.run("backfill", "debian:sid")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "debian:sid is not watched" in ran.err


async def _begun(shell: Shell) -> asyncio.subprocess.Process:
    """A backfill that hangs on what it asks first."""
    shell.hub.faults.append(Fault("GET", "", faults.hang()))
    process = await shell.start("backfill", "--json")
    async with asyncio.timeout(30):
        while not shell.hub.requests:  # noqa: ASYNC110 - made by another process
            await asyncio.sleep(0.01)
    return process


async def test_interrupted(shell: Shell) -> None:
    """Ctrl+C: exit code 130, nothing held, due as before."""
    await shell.watch("debian:bookworm-slim")
    process = await _begun(shell)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err
    async with shell.database.reading() as session:
        row = (await session.scalars(select(Backfill))).one()
    assert (row.lease_owner, row.done_at, row.failures) == (None, None, 0)


async def test_killed(shell: Shell) -> None:
    """Kill -9: others are kept off until the lease ends, and are told so; after it the past is whole."""
    await shell.watch("debian:bookworm-slim")
    process = await _begun(shell)
    process.kill()
    await process.communicate()
    shell.hub.faults.clear()
    busy = await shell.run("backfill", "--json")
    assert (busy.report["left_out"], busy.report["tags"]) == (1, [])
    async with shell.database.writing() as session:  # three minutes later
        await session.execute(text("UPDATE backfills SET lease_until = NULL"))
    assert (await shell.run("backfill", "--json")).report["new"] == MONTHS * len(PLATFORMS)
