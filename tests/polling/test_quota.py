"""Where counted pulls are scarce: the change is recorded at once, the sizes when they can be afforded."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import Database
from app.models import Build, Host, Manifest, PendingDetail, Series
from app.polling.hosts import restore_hosts
from app.registry.politeness import Politeness
from tests.polling.conftest import HUB_HOST, PLATFORMS, ROOMY, Stage, debian, make_stage
from tests.registry.fakes import NoJitter


@pytest.fixture
async def poor(database: Database) -> AsyncIterator[Stage]:
    """A Hub that allows ten pulls in six hours, of which two are to be left alone."""
    async with AsyncExitStack() as stack:
        made = await make_stage(stack, database, {HUB_HOST: replace(ROOMY, pull_limit=10)})
        made.polling = replace(made.polling, pull_reserve=2)
        yield made


async def _waiting(stage: Stage) -> list[tuple[str, str | None, str]]:
    query = select(PendingDetail.kind, PendingDetail.platform, PendingDetail.reason).order_by(PendingDetail.id)
    async with stage.database.reading() as session:
        return list(await session.execute(query))


async def test_details_wait_and_follow(poor: Stage) -> None:
    """Sizes that the quota does not cover wait, and are filled in later, dated from when the change was seen."""
    await poor.watch(*(f"debian:v{n}" for n in range(4)))
    for n in range(4):
        poor.push(f"v{n}", debian(20_000_000 + n * 1_000_000))
    report = await poor.poll()
    seen_at = poor.clock.now
    await poor.read_details()
    assert report.failed == 0
    assert poor.registry.pulls == 8, "ten less the reserve of two"
    for n in range(4):
        assert (await poor.tag(f"v{n}")).status == "ok"
    assert {reason for _, _, reason in await _waiting(poor)} == {"quota"}

    for _ in range(3):  # windows pass
        poor.clock.now += timedelta(hours=7)
        await poor.read_details()
    assert await _waiting(poor) == []
    for n in range(4):
        for k, platform in enumerate(PLATFORMS):
            assert await poor.builds(f"v{n}", platform) == [(seen_at, 20_000_000 + n * 1_000_000 + k * 1000)]


async def test_important_platforms_first(poor: Stage) -> None:
    """linux/amd64 and linux/arm64 are fetched before the others."""
    platforms = ("linux/riscv64", "linux/s390x", "linux/arm64", "linux/ppc64le", "linux/amd64", "linux/386")
    await poor.watch("debian:a", "debian:b")
    poor.push("a", debian(20_000_000, platforms))
    poor.push("b", debian(21_000_000, platforms))
    await poor.poll()
    await poor.read_details()
    waiting = {platform for kind, platform, _ in await _waiting(poor) if kind == "manifest"}
    assert "linux/amd64" not in waiting
    assert "linux/arm64" not in waiting
    assert waiting


async def test_change_detection_survives_exhaustion(poor: Stage) -> None:
    """With no pull left, HEADs go on: a further change is recorded, and each run is dated when it was seen."""
    await poor.watch("debian:a")
    poor.push("a", debian(20_000_000, ("linux/amd64",)))
    await poor.poll()
    first = poor.clock.now
    poor.registry.counted = type(poor.registry.counted)(replace(ROOMY, pull_limit=0, window_seconds=10**6))
    poor.push("a", debian(22_000_000, ("linux/amd64",)))
    await poor.poll()
    await poor.poll()
    second = poor.clock.now
    poor.push("a", debian(25_000_000, ("linux/amd64",)))
    await poor.poll()
    third = poor.clock.now
    assert [kind for kind, _ in await poor.events("a")] == ["seen", "moved", "moved"]
    assert await poor.builds("a") == [(first, 20_000_000)]
    poor.registry.counted = type(poor.registry.counted)(ROOMY)
    poor.clock.now += timedelta(days=12)
    await poor.read_details()
    assert [size for _, size in await poor.builds("a")] == [20_000_000, 22_000_000, 25_000_000]
    assert [at for at, _ in await poor.builds("a")] == [first, second - timedelta(hours=7), third]


async def test_a_return_while_details_wait(poor: Stage) -> None:
    """A was read, B and A again wait for pulls: three runs afterwards, in their order, the newest the last."""
    old, new, last = (debian(size, ("linux/amd64",)) for size in (20_000_000, 22_000_000, 25_000_000))
    await poor.watch("debian:a")
    poor.push("a", old)
    await poor.poll()
    poor.registry.counted = type(poor.registry.counted)(replace(ROOMY, pull_limit=0, window_seconds=10**6))
    await poor.poll()
    for document in (new, old, last):
        poor.push("a", document)
        await poor.poll()
    poor.registry.counted = type(poor.registry.counted)(ROOMY)
    poor.clock.now += timedelta(days=12)
    for _ in range(3):
        await poor.read_details()
        poor.clock.now += timedelta(minutes=15)
    assert [size for _, size in await poor.builds("a")] == [20_000_000, 22_000_000, 20_000_000, 25_000_000]
    async with poor.database.reading() as session:
        pointed = select(Build.manifest_id).join(Series, Series.latest_build_id == Build.id)
        newest = select(Manifest.compressed_bytes).where(Manifest.id.in_(pointed))
        assert await session.scalar(newest) == 25_000_000


async def test_quota_is_kept_for_the_pages_and_the_next_start(poor: Stage) -> None:
    """What the registry said of pulls is stored, and taken up again by a new process."""
    await poor.watch("debian:a")
    poor.push("a", debian(20_000_000))
    await poor.poll()
    async with poor.database.reading() as session:
        host = await session.get_one(Host, HUB_HOST)
    assert (host.quota_limit, host.quota_remaining, host.quota_window_seconds) == (10, 6, 21_600)
    politeness = Politeness(clock=poor.clock, rng=NoJitter())
    await restore_hosts(poor.database, politeness)
    quota = politeness.state(HUB_HOST).quota
    assert quota is not None
    assert (quota.limit, quota.remaining) == (10, 6)
