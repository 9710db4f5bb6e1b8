"""Docker Hub's web API refuses, lies or is silent: polling goes on by the registry alone."""

import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import Database
from app.history.health import status
from app.imitation import faults
from app.imitation.documents import image, index
from app.imitation.faults import Fault
from app.imitation.hub import endless_pages, shut_out
from app.imitation.serve import serve
from app.models import Host, Tag
from app.registry.client import Limits
from app.registry.hub import HUB_API, open_hub
from app.registry.politeness import Politeness
from tests.polling.conftest import HUB_HOST, Stage, debian, make_stage
from tests.polling.hub import UNLIMITED, asked, fill
from tests.registry.fakes import NoJitter


async def _host(stage: Stage) -> Host:
    async with stage.database.reading() as session:
        return await session.get_one(Host, HUB_API)


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (shut_out(404), "api-blocked"),
        (shut_out(403), "api-blocked"),
        (shut_out(200), "api-blocked"),
        (faults.status(503), "server-error"),
        (faults.json_body("{"), "answer-invalid"),
        (faults.json_body('{"results": 3}'), "answer-invalid"),
        (faults.json_body("[" * 5000), "answer-invalid"),
        (faults.huge_body(5_000_000), "body-too-large"),
        (faults.reset(), "unreachable-network"),
    ],
    ids=["404", "403", "200", "503", "half", "no-list", "deep", "huge", "reset"],
)
async def test_unusable(web: Stage, behaviour: faults.Behaviour, code: str) -> None:
    """Whatever the API does, every tag is looked at by HEAD; it has its own line on the status page."""
    await fill(web, 20)
    web.hub.faults.append(Fault("GET", ".", behaviour))
    report = await web.poll()
    assert (report.looked, report.unchanged, report.failed) == (20, 20, 0)
    assert asked(web)["head"] == 20
    assert (await _host(web)).error_code == code
    async with web.database.reading() as session:
        hosts = {host.name: host for host in (await status(session, web.clock.now)).hosts}
    assert hosts[HUB_HOST].state == "ok"
    assert hosts[HUB_API].cause_code == code


async def test_blocked_for_an_hour_and_back(web: Stage) -> None:
    """A block is not knocked at: one request, then none for an hour, then the API serves again."""
    await fill(web, 20)
    web.hub.faults.append(Fault("GET", ".", shut_out()))
    await web.poll()
    assert asked(web) == {"head": 20, "web": 1}
    assert (await _host(web)).paused_until == web.clock.now + timedelta(hours=1)
    async with web.database.writing() as session:
        for tag in await session.scalars(select(Tag)):
            tag.next_check_at = web.clock.now
    await web.poll(hours=0.5)
    assert asked(web) == {"head": 20}
    web.hub.faults.clear()
    await web.poll()
    assert set(asked(web)) == {"web"}
    assert ((await _host(web)).error_code, (await _host(web)).paused_until) == (None, None)


async def test_block_in_the_form_of_404(web: Stage) -> None:
    """Repositories that exist, and that the API denies one after the other: it is left alone."""
    names = [f"r{n}" for n in range(8)]
    await web.watch(*(f"{name}:latest" for name in names))
    for name in names:
        web.push("latest", debian(1_000_000), f"library/{name}")
    web.hub.faults.append(Fault("GET", ".", shut_out(web_page=False)))
    report = await web.poll()
    assert (report.gone, report.failed, len(report.changes)) == (0, 0, 24)
    assert (await _host(web)).paused_until == web.clock.now + timedelta(hours=1)


async def test_private_repository_is_asked_once(sqlite_database: Database) -> None:
    """The API denies what only an account may see; it is asked again after hours, and serves the others meanwhile."""
    async with AsyncExitStack() as stack:
        private = replace(UNLIMITED, private=frozenset({"library/secret"}))
        made = await make_stage(stack, sqlite_database, hub=private)
        for name in ("secret", "open"):
            await fill(made, 10, name)
        assert (await made.poll(hours=7)).failed == 0
        async with made.database.writing() as session:
            for tag in await session.scalars(select(Tag)):
                tag.next_check_at = made.clock.now
        report = await made.poll(hours=1)
        assert (report.unchanged, report.failed) == (20, 0)
        assert asked(made) == {"head": 10, "web": 1}
        for _ in range(2):
            await made.poll(hours=7)
            assert asked(made) == {"head": 10, "web": 2}


async def test_429_names_a_time(web: Stage) -> None:
    """X-Retry-After as a unix time pauses the API until then, an hour at most; the registry is asked meanwhile."""
    await fill(web, 20)
    later = web.clock.now + timedelta(hours=7, minutes=10)
    refusal = faults.status(429, b'{"detail": "Rate limit exceeded"}', [(b"x-retry-after", b"%d" % later.timestamp())])
    web.hub.faults.append(Fault("GET", ".", refusal, times=1))
    report = await web.poll()
    assert (report.unchanged, asked(web)) == (20, {"head": 20, "web": 1})
    assert (await _host(web)).paused_until == later


async def test_silence_costs_one_wait(web: Stage) -> None:
    """An API that accepts requests and says nothing is waited for once, not once per repository."""
    names = [f"r{n}" for n in range(12)]
    await web.watch(*(f"{name}:latest" for name in names))
    for name in names:
        web.push("latest", debian(1_000_000, ("linux/amd64",)), f"library/{name}")
    web.hub.faults.append(Fault("GET", ".", faults.hang()))
    politeness = Politeness(clock=web.clock, rng=NoJitter())
    async with serve(web.hub) as url:
        api = open_hub(url, user_agent="test", politeness=politeness, limits=Limits(seconds=0.4))
        async with api as hub:
            web.polling = replace(web.polling, hub=hub)
            began = time.monotonic()
            report = await web.poll()
            assert time.monotonic() - began < 5
    assert (report.failed, len(report.changes)) == (0, 12)
    assert len(web.hub.requests) <= 2
    assert (await _host(web)).error_code == "deadline"


async def test_slowness_has_an_end(web: Stage) -> None:
    """An API whose every answer comes just in time, one after the other, holds up a round for so long and no longer."""
    names = [f"r{n}" for n in range(50)]
    await web.watch(*(f"{name}:latest" for name in names))
    for name in names:
        web.push("latest", debian(1_000_000, ("linux/amd64",)), f"library/{name}")
    web.hub.faults.append(Fault("GET", ".", faults.late(0.2)))
    politeness = Politeness(clock=web.clock, rng=NoJitter())
    async with serve(web.hub) as url, open_hub(url, user_agent="test", politeness=politeness) as hub:
        hub.patience = 1.0
        web.polling = replace(web.polling, hub=hub)
        report = await web.poll()
    assert (report.failed, len(report.changes)) == (0, 50)
    assert len(web.hub.requests) < 30
    assert politeness.state(HUB_API).paused_until == web.clock.now + timedelta(hours=1)


async def test_endless_pages(web: Stage) -> None:
    """Pages without end are given up, and their word with them."""
    await fill(web, 60)
    web.hub.faults.append(Fault("GET", ".", endless_pages()))
    report = await web.poll()
    assert (report.unchanged, report.failed) == (60, 0)
    assert asked(web)["web"] <= 20
    assert asked(web)["head"] == 60


async def test_two_documents_of_one_digest(web: Stage) -> None:
    """Aliases share a manifest: it is written once, and each tag has its build."""
    await web.watch(*(f"debian:v{n}" for n in range(6)))
    shared = index([image("linux/amd64", [(3_000_000, "ADD")])])
    for n in range(6):
        web.push(f"v{n}", shared)
    await web.poll()
    for n in range(6):
        assert [amount for _, amount in await web.builds(f"v{n}")] == [3_000_000]
    await web.read_details()
    assert web.registry.pulls == 1
