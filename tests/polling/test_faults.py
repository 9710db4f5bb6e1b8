"""Sick tags, repositories and registries: each shows its cause, none delays or loses the others."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import Database
from app.imitation import faults, media
from app.imitation.documents import Document, encode, sha256
from app.imitation.documents import document as make
from app.imitation.faults import Behaviour, Fault
from app.models import Host, PendingDetail, Tag, TagStatus
from app.polling.claim import claim_tags, due_hosts, release, renew
from app.polling.poll import poll_host
from app.polling.round import Held
from app.registry.access import RegistryAccess
from app.registry.client import Limits, open_client
from app.registry.politeness import Politeness
from tests.conftest import NOW
from tests.polling.conftest import HUB_HOST, ROOMY, Stage, debian, make_stage
from tests.registry.fakes import NoJitter

NOWHERE = "sha256:" + "0" * 64
_HUGE = 64 * 1024 * 1024

HOSTILE: dict[str, tuple[str, str, Callable[[], Behaviour]]] = {
    "other bytes": ("GET", "digest-mismatch", lambda: faults.other_bytes(lambda body: body + b" ")),
    "gigantic": ("GET", "body-too-large", lambda: faults.huge_body(_HUGE)),
    "truncated": ("GET", "body-truncated", faults.truncated),
    "drip": ("GET", "deadline", lambda: faults.drip(0.05)),
    "hang": ("HEAD", "deadline", faults.hang),
    "redirect loop": ("HEAD", "too-many-redirects", faults.redirect_loop),
    "redirect to a private address": ("HEAD", "unsafe-address", lambda: faults.redirect("http://10.0.0.1/x")),
    "redirect to the metadata service": ("HEAD", "unsafe-address", lambda: faults.redirect("http://169.254.169.254/")),
    "lying digest": ("HEAD", "manifest-not-found", lambda: faults.with_header("docker-content-digest", NOWHERE)),
    "503": ("HEAD", "server-error", lambda: faults.status(503)),
    "reset": ("HEAD", "unreachable-network", faults.reset),
}  # fmt: skip


@pytest.mark.parametrize("evil", HOSTILE)
async def test_a_hostile_answer_stays_with_its_tag(sqlite_database: Database, evil: str) -> None:
    """One tag's hostile answer becomes that tag's typed error; the tag beside it is recorded in the same round."""
    method, code, behaviour = HOSTILE[evil]
    async with AsyncExitStack() as stack:
        stage = await make_stage(stack, sqlite_database, {HUB_HOST: ROOMY}, limits=Limits(seconds=1.0))
        await stage.watch("debian:sick", "debian:well", "alpine:well")
        sick = stage.push("sick", debian(28_000_000))
        stage.push("well", debian(29_000_000))
        stage.push("well", debian(5_000_000), "library/alpine")
        where = r"debian/manifests/sick" if method == "HEAD" else sick.digest
        stage.registry.faults.append(Fault(method, where, behaviour()))
        report = await stage.poll()
        assert (report.looked, report.failed) == (3, 1)
        tag = await stage.tag("sick")
        assert (tag.status, tag.error_code) == (TagStatus.FAILING, code)
        assert tag.error_message
        assert tag.next_check_at > stage.clock.now
        async with stage.database.reading() as session:
            well = (await session.scalars(select(Tag.status).where(Tag.name == "well"))).all()
        assert well == ["ok", "ok"]


@pytest.mark.parametrize(
    "body", [b'{"schemaVersion": 2, "manifests": [', b'{"schemaVersion": 2, "\xff": 1}', b"[" * 9999]
)
async def test_malformed_documents(lite: Stage, body: bytes) -> None:
    """A document that is no JSON, honestly digested, is a typed error on its tag."""
    await lite.watch("debian:bookworm-slim")
    lite.push("bookworm-slim", Document(media.OCI_INDEX, body, sha256(body)))
    report = await lite.poll()
    assert report.failed == 1
    assert (await lite.tag()).error_code == "manifest-invalid"


@pytest.mark.parametrize("size", [-1, 2**53 + 2, 1.5, "12", True])
async def test_lying_sizes_are_refused(lite: Stage, size: object) -> None:
    """A layer size that is no sane number of bytes is an error, never a size."""
    await lite.watch("debian:bookworm-slim")
    document = lite.push("bookworm-slim", debian(28_000_000, ("linux/amd64",)))
    body = json.loads(document.children[0].body)
    body["layers"][0]["size"] = size
    lite.push("bookworm-slim", make(document.children[0].media_type, encode(body)))
    await lite.poll()
    assert (await lite.tag()).error_code == "manifest-invalid"
    assert await lite.builds() == []


async def test_half_an_index(stage: Stage) -> None:
    """Where one platform's manifest cannot be read, the others are recorded, and it follows later."""
    await stage.watch("debian:bookworm-slim")
    document = stage.push("bookworm-slim", debian(28_000_000))
    broken = Fault("GET", document.children[1].digest, faults.status(500))
    stage.registry.faults.append(broken)
    report = await stage.poll()
    seen_at = stage.clock.now
    assert report.failed == 0
    assert await stage.builds() == [(seen_at, 28_000_000)]
    assert await stage.builds(platform="linux/arm64") == [(seen_at, None)]
    async with stage.database.reading() as session:
        [waiting] = await session.scalars(select(PendingDetail))
    assert (waiting.reason, waiting.error_code, waiting.platform) == ("error", "server-error", "linux/arm64")
    stage.registry.faults.clear()
    stage.clock.now += timedelta(hours=1)
    assert await stage.read_details() == 1
    assert await stage.builds(platform="linux/arm64") == [(seen_at, 28_001_000)]


async def test_an_unreachable_registry(sqlite_database: Database) -> None:
    """A registry that is away is shown with cause and next try, and the other is polled as ever."""
    async with AsyncExitStack() as stack:
        stage = await make_stage(stack, sqlite_database, {HUB_HOST: ROOMY, "ghcr.io": ROOMY})
        away = {"ghcr.io": RegistryAccess(endpoint="http://127.0.0.1:9")}
        politeness = Politeness(clock=stage.clock, rng=NoJitter())
        client = await stack.enter_async_context(open_client(away, user_agent="test", politeness=politeness))
        await stage.watch("debian:bookworm-slim", *(f"ghcr.io/a/b:v{n}" for n in range(10)))
        stage.push("bookworm-slim", debian(28_000_000))
        gone = replace(stage.polling, client=client)
        await asyncio.gather(poll_host(gone, "ghcr.io"), poll_host(stage.polling, HUB_HOST))
        async with stage.database.reading() as session:
            host = await session.get_one(Host, "ghcr.io")
            assert await due_hosts(session, stage.clock.now) == []
        assert host.error_code == "unreachable-refused"
        assert host.failing_since == stage.clock.now
        assert host.paused_until is None, "the registry asked for nothing"
        assert host.retry_at is not None
        assert stage.clock.now < host.retry_at <= stage.clock.now + timedelta(minutes=5)
        assert (await stage.tag("v3")).status in (TagStatus.FAILING, TagStatus.NEW)
        assert (await stage.tag()).status == TagStatus.OK


async def test_abuse_limit_pauses_the_host(lite: Stage) -> None:
    """After a 429 without a word on pulls the host is left alone, and nothing is held against its tags."""
    await lite.watch(*(f"debian:v{n}" for n in range(30)))
    for n in range(30):
        lite.push(f"v{n}", debian(1000 + n))
    lite.registry.faults.append(Fault("HEAD", "", faults.come_back(429, "seconds", 600, NOW)))
    report = await lite.poll()
    assert report.deferred == 30
    assert lite.registry.counts()["head"] <= 8, "the slots that were under way, and no more"
    async with lite.database.reading() as session:
        host = await session.get_one(Host, HUB_HOST)
        assert set(await session.scalars(select(Tag.status))) == {"new"}
    assert host.paused_until == lite.clock.now + timedelta(seconds=600)
    lite.registry.faults.clear()
    lite.clock.now += timedelta(seconds=650)
    report = await poll_host(lite.polling, HUB_HOST)
    assert report.looked == 30
    assert report.failed == report.deferred == 0


async def test_sick_tags_are_asked_ever_more_rarely(lite: Stage) -> None:
    """Failures in a row double the wait, up to a day; success sets it back."""
    await lite.watch("debian:sick")
    lite.push("sick", debian(1))
    lite.registry.faults.append(Fault("HEAD", "", faults.status(404)))
    waits = []
    for _ in range(6):
        await lite.poll(hours=25)
        waits.append((await lite.tag("sick")).next_check_at - lite.clock.now)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=24)


async def test_lease_of_a_dead_worker_ends(stage: Stage) -> None:
    """What a crashed worker held is due again for others once its lease is over, and not before."""
    await stage.watch("debian:bookworm-slim")
    stage.push("bookworm-slim", debian(28_000_000))
    stage.clock.now += timedelta(minutes=1)
    async with stage.database.writing() as session:
        assert len(await claim_tags(session, HUB_HOST, "dead", stage.clock.now)) == 1
    stage.clock.now += timedelta(minutes=2)
    async with stage.database.writing() as session:
        await renew(session, "dead", stage.clock.now, Held(set(range(9))))
    assert (await poll_host(stage.polling, HUB_HOST)).looked == 0
    stage.clock.now += timedelta(minutes=4)
    assert (await poll_host(stage.polling, HUB_HOST)).looked == 1


async def test_release_gives_back(stage: Stage) -> None:
    """A worker that leaves gives back what it holds at once."""
    await stage.watch("debian:bookworm-slim")
    stage.push("bookworm-slim", debian(28_000_000))
    stage.clock.now += timedelta(minutes=1)
    async with stage.database.writing() as session:
        await claim_tags(session, HUB_HOST, "leaving", stage.clock.now)
        await release(session, "leaving")
    assert (await poll_host(stage.polling, HUB_HOST)).looked == 1


async def test_a_silent_repository_holds_nobody_up(sqlite_database: Database) -> None:
    """Of a repository that never answers only a few tags are waited for; the rest of the registry is polled."""
    async with AsyncExitStack() as stack:
        stage = await make_stage(stack, sqlite_database, {HUB_HOST: ROOMY}, limits=Limits(seconds=0.5))
        await stage.watch(*(f"silent:v{n}" for n in range(40)), *(f"debian:v{n}" for n in range(10)))
        for n in range(40):
            stage.push(f"v{n}", debian(1000), "library/silent")
            stage.push(f"v{n}", debian(1000))
        stage.registry.faults.append(Fault("HEAD", "library/silent", faults.hang()))
        report = await stage.poll()
        assert (report.looked, report.failed) == (50, 40)
        heads = [asked for asked in stage.registry.requests if asked.method == "HEAD" and "silent" in asked.path]
        assert len(heads) <= 10
