"""Docker Hub's web API in polling: fewer requests, and no pulls."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from app.db import Database
from app.models import Manifest
from app.polling.details import BATCH, read_details
from app.polling.poll import poll_host
from app.polling.round import Held
from tests.polling.conftest import HUB_HOST, PLATFORMS, ROOMY, Stage, debian, make_stage
from tests.polling.hub import UNLIMITED, asked, fill, pending, pushed


@pytest.mark.slow
async def test_three_hundred_unchanged_tags(web: Stage) -> None:
    """One to three requests in place of 300, and no pull, poll after poll through days."""
    await fill(web, 300)
    pulls = web.registry.pulls
    for _ in range(8):
        report = await web.poll()
        assert (report.looked, report.unchanged, report.failed) == (300, 300, 0)
        assert set(asked(web)) == {"web"}
        assert asked(web)["web"] <= 3
    assert web.registry.pulls == pulls == 0


async def test_first_fill_of_thirty_images(web: Stage) -> None:
    """Thirty images seen for the first time cost a request each; sizes of every platform are known without a pull."""
    names = [f"r{n}" for n in range(30)]
    await web.watch(*(f"{name}:latest" for name in names))
    pushed_at = web.clock.now
    for n, name in enumerate(names):
        web.push("latest", debian(20_000_000 + n), f"library/{name}")
    report = await web.poll()
    assert (report.looked, len(report.changes), report.failed) == (30, 90, 0)
    assert {change.new_bytes for _, change in report.changes} >= {20_000_000, 20_000_029, 20_001_000}
    assert asked(web) == {"web": 30}
    assert web.registry.pulls == 0
    assert await pushed(web) == {pushed_at}
    assert await pending(web) == {("layers", 3)}


async def test_layers_follow_from_the_registry(both: Stage) -> None:
    """The manifests behind the sizes are read when there is time; then they are known like any other."""
    await both.watch("debian:bookworm-slim")
    both.push("bookworm-slim", debian(28_000_000))
    await both.poll()
    before = await both.builds()
    assert await both.read_details() == len(PLATFORMS)
    assert await both.builds() == before
    assert await pending(both) == set()
    async with both.database.reading() as session:
        rows = await session.execute(select(Manifest.compressed_bytes, Manifest.layer_count, Manifest.fetched_at))
        assert {(size, layers, read is not None) for size, layers, read in rows} == {
            (28_000_000 + 1000 * n, 1, True) for n in range(len(PLATFORMS))
        }


async def test_who_stops_does_not_wait_for_all_layers(web: Stage) -> None:
    """A long queue is left after the batch that is under way; the rest is due as before."""
    await web.watch(*(f"r{n}:latest" for n in range(9)))
    for n in range(9):
        web.push("latest", debian(20_000_000 + n), f"library/r{n}")
    await web.poll()
    batches = iter([True, False])
    assert await read_details(web.polling, HUB_HOST, lambda: next(batches)) == BATCH < 9 * len(PLATFORMS)
    assert await web.read_details() == 9 * len(PLATFORMS) - BATCH


async def test_scarce_pulls_are_not_spent_on_layers(sqlite_database: Database) -> None:
    """While less than half of the pulls is left, layers of known sizes wait."""
    async with AsyncExitStack() as stack:
        made = await make_stage(stack, sqlite_database, {HUB_HOST: replace(ROOMY, pull_limit=10)}, hub=UNLIMITED)
        made.polling = replace(made.polling, pull_reserve=2)
        await made.watch(*(f"debian:v{n}" for n in range(4)))
        for n in range(4):
            made.push(f"v{n}", debian(1_000_000 + n))
        await made.poll()
        for _ in range(3):
            await made.read_details()
        assert made.registry.pulls == 5
        assert await pending(made) == {("layers", 3)}


async def test_a_move_among_many(web: Stage) -> None:
    """One page tells of the moved tag and of the 299 others; when it was pushed is known."""
    await fill(web, 300)
    before = await web.tag("v007")
    web.clock.now += timedelta(hours=2)
    pushed_at = web.clock.now
    web.push("v007", debian(5_000_000, attestations=False))
    report = await web.poll(hours=5)
    assert (report.looked, report.unchanged, len(report.changes)) == (300, 299, 3)
    assert set(asked(web)) == {"web"}
    assert [amount for _, amount in await web.builds("v007")] == [1_000_007, 5_000_000]
    assert max(filter(None, await pushed(web))) == pushed_at
    assert before.digest != (await web.tag("v007")).digest


async def test_a_single_move_costs_no_pull(web: Stage) -> None:
    """One due tag is asked for by HEAD; its new sizes come from the web API."""
    await web.watch("debian:bookworm-slim")
    web.push("bookworm-slim", debian(28_000_000))
    await web.poll()
    web.push("bookworm-slim", debian(29_000_000))
    await web.poll()
    assert asked(web) == {"head": 1, "web": 1}
    assert [amount for _, amount in await web.builds()] == [28_000_000, 29_000_000]


async def test_switched_off(web: Stage) -> None:
    """Without the API everything is asked of the registry."""
    web.polling = replace(web.polling, hub=None)
    await fill(web, 20)
    await web.poll()
    assert asked(web) == {"head": 20}


async def test_other_registries_are_not_its_business(sqlite_database: Database) -> None:
    """The API is asked about docker.io only."""
    async with AsyncExitStack() as stack:
        options = {HUB_HOST: ROOMY, "ghcr.io": ROOMY}
        made = await make_stage(stack, sqlite_database, options, hub=UNLIMITED)
        await made.watch(*(f"ghcr.io/a/b:v{n}" for n in range(9)))
        for n in range(9):
            made.registries["ghcr.io"].world.push("a/b", f"v{n}", debian(1_000 + n), at=made.clock.now)
        report = await made.poll(host="ghcr.io")
        assert (report.looked, report.failed, made.hub.requests) == (9, 0, [])


async def test_no_credentials_and_our_name(web: Stage) -> None:
    """The API is told who asks, and no secret."""
    await fill(web, 5)
    assert set(web.hub.authorizations) == {""}
    assert web.hub.agents == {"test"}


async def test_two_workers(both: Stage) -> None:
    """Two that poll at the same moment record everything once."""
    await both.watch(*(f"debian:v{n}" for n in range(12)))
    for n in range(12):
        both.push(f"v{n}", debian(1_000_000 + n))
    both.clock.now += timedelta(hours=7)
    other = replace(both.polling, owner="other", held=Held())
    reports = await asyncio.gather(*(poll_host(one, HUB_HOST) for one in (both.polling, other)))
    assert sum(report.looked for report in reports) == 12
    for n in range(12):
        assert [amount for _, amount in await both.builds(f"v{n}")] == [1_000_000 + n]
