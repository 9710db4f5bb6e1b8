"""Docker Hub's web API in polling: fewer requests and no pulls, and the registry wherever the API cannot be trusted."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.db import Database
from app.history.health import status
from app.imitation import faults
from app.imitation.documents import image, index
from app.imitation.faults import Fault
from app.imitation.hub import changed_page, endless_pages, shut_out
from app.imitation.hub_entries import HubOptions
from app.models import Build, Host, Manifest, PendingDetail, Tag
from app.registry.hub import HUB_API
from tests.polling.conftest import HUB_HOST, PLATFORMS, ROOMY, Stage, debian, make_stage

UNLIMITED = HubOptions(per_minute=None)
Entry = dict[str, Any]


@pytest.fixture
async def web(sqlite_database: Database) -> AsyncIterator[Stage]:
    """The Hub with its web API, neither with limits."""
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, sqlite_database, hub=UNLIMITED)


async def fill(stage: Stage, number: int, repository: str = "debian") -> None:
    """`number` watched tags, pushed a minute after each other, and seen."""
    await stage.watch(f"{repository}:v*")
    for n in range(number):
        at = stage.clock.now + timedelta(minutes=n)
        document = debian(1_000_000 + n, attestations=False)
        stage.world.push(f"library/{repository}", f"v{n:03}", document, at=at)
    stage.clock.now += timedelta(minutes=number)
    await stage.expand()
    await stage.poll(hours=1)


def asked(stage: Stage) -> dict[str, int]:
    """Requests since the last poll began: of the web API, and of the registry by kind, tokens and pings left out."""
    kinds = Counter(stage.registry.counts()) + Counter({"web": len(stage.hub.requests)})
    return {kind: number for kind, number in kinds.items() if kind not in {"token", "ping"}}


def break_page(stage: Stage, name: str, **fields: object) -> None:
    """From now on the web API says this of a tag on its pages."""

    def change(document: Entry) -> None:
        for entry in document.get("results", [document]):
            if entry["name"] == name:
                entry.update(fields)

    stage.hub.faults.append(Fault("GET", "/tags", changed_page(change)))


async def pending(stage: Stage) -> set[tuple[str, int]]:
    async with stage.database.reading() as session:
        rows = await session.execute(select(PendingDetail.reason, PendingDetail.priority))
        return {(reason, priority) for reason, priority in rows}


async def pushed(stage: Stage) -> set[datetime | None]:
    async with stage.database.reading() as session:
        return set(await session.scalars(select(Build.pushed_at)))


# What it saves


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


async def test_layers_follow_from_the_registry(web: Stage) -> None:
    """The manifests behind the sizes are read when there is time; then they are known like any other."""
    await web.watch("debian:bookworm-slim")
    web.push("bookworm-slim", debian(28_000_000))
    await web.poll()
    before = await web.builds()
    assert await web.read_details() == len(PLATFORMS)
    assert await web.builds() == before
    assert await pending(web) == set()
    async with web.database.reading() as session:
        rows = await session.execute(select(Manifest.compressed_bytes, Manifest.layer_count, Manifest.fetched_at))
        assert {(size, layers, read is not None) for size, layers, read in rows} == {
            (28_000_000 + 1000 * n, 1, True) for n in range(len(PLATFORMS))
        }


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


# What it does not believe


async def test_gone_only_by_the_registry(web: Stage) -> None:
    """A tag that is on no page any more is asked for by HEAD, within a day, and then it is gone."""
    await fill(web, 20)
    web.world.remove("library/debian", "v003", at=web.clock.now)
    for _ in range(4):
        await web.poll()
    assert (await web.tag("v003")).status == "gone"
    assert {row[0] for row in await web.events("v003")} == {"seen", "gone"}


async def test_missing_from_the_pages_is_not_gone(web: Stage) -> None:
    """Tags that the API hides, and the registry has, stay as they are."""
    await fill(web, 20)

    def hide(document: Entry) -> None:
        document["results"] = [one for one in document["results"] if one["name"] > "v005"]

    web.hub.faults.append(Fault("GET", "/tags", changed_page(hide)))
    for _ in range(4):
        report = await web.poll()
        assert (report.unchanged, report.gone, report.failed) == (20, 0, 0)


async def test_null_digest_is_asked_for(web: Stage) -> None:
    """Where the API leaves out the digest, a HEAD tells."""
    await fill(web, 20)
    break_page(web, "v004", digest=None)
    await web.poll()
    assert asked(web)["head"] == 1
    assert (await web.tag("v004")).checked_at == web.clock.now


@pytest.mark.parametrize(
    "images",
    [
        [],
        None,
        [{"os": "linux", "architecture": "amd64", "digest": f"sha256:{'1' * 64}", "size": 0}],
        [{"os": "linux", "architecture": "amd64", "digest": None, "size": 5}],
        [{"os": "windows", "architecture": "amd64", "digest": f"sha256:{'1' * 64}", "size": 5}],
    ],
)
async def test_incomplete_sizes_come_from_the_registry(web: Stage, images: object) -> None:
    """A platform without digest or bytes, or none at all: the manifests are pulled."""
    await web.watch(*(f"debian:v{n}" for n in range(6)))
    for n in range(6):
        web.push(f"v{n}", debian(1_000_000 + n, ("linux/amd64",)))
    break_page(web, "v1", images=images)
    await web.poll()
    assert [amount for _, amount in await web.builds("v1")] == [1_000_001]
    assert web.registry.pulls == 2


async def test_a_platform_less_is_for_the_registry_to_say(web: Stage) -> None:
    """A platform that the API does not list is dropped only if the index does not list it either."""
    await fill(web, 10)
    web.push("v001", debian(7_000_000, attestations=False))
    break_page(
        web, "v001", images=[{"os": "linux", "architecture": "amd64", "digest": f"sha256:{'1' * 64}", "size": 5}]
    )
    await web.poll()
    assert {row[0] for row in await web.events("v001")} == {"seen", "moved"}
    assert [amount for _, amount in await web.builds("v001")] == [1_000_001, 7_000_000]

    web.hub.faults.clear()
    web.push("v001", debian(7_100_000, ("linux/amd64", "linux/arm64"), attestations=False))
    await web.poll()
    assert "platform_dropped" in {row[0] for row in await web.events("v001")}


async def test_an_older_word_is_not_believed(web: Stage) -> None:
    """The API still tells the digest before last: what the registry said since stands, and no build goes back."""
    await fill(web, 10)
    old = (await web.tag("v002")).digest
    web.push("v002", debian(9_000_000, attestations=False))
    await web.poll()
    stale = (web.clock.now - timedelta(days=2)).isoformat()
    break_page(web, "v002", digest=old, tag_last_pushed=stale)
    await web.poll()
    assert [amount for _, amount in await web.builds("v002")] == [1_000_002, 9_000_000]
    assert asked(web)["head"] == 1


async def test_push_times_that_cannot_be(web: Stage) -> None:
    """In the future, or before the look that found something else: not recorded."""
    await web.watch(*(f"debian:v{n}" for n in range(6)))
    for n in range(6):
        web.push(f"v{n}", debian(1_000_000 + n))
    future = (web.clock.now + timedelta(days=400)).isoformat()
    for n in range(6):
        break_page(web, f"v{n}", tag_last_pushed=future, last_updated=future)
    web.hub.faults = [replace(web.hub.faults[0], behaviour=changed_page(lambda page: _date(page, future)))]
    await web.poll()
    assert await pushed(web) == {None}


def _date(page: Entry, moment: str) -> None:
    for entry in page["results"]:
        entry.update(tag_last_pushed=moment, last_updated=moment)


async def test_registry_corrects_the_bytes(web: Stage) -> None:
    """Where the manifest, once read, says other bytes than the API did, the manifest counts."""
    await web.watch("debian:bookworm-slim", platforms=["linux/amd64"])
    web.push("bookworm-slim", debian(28_000_000))
    web.hub.faults.append(Fault("GET", "/tags", changed_page(lambda tag: tag["images"][0].update(size=1))))
    await web.poll()
    assert [amount for _, amount in await web.builds()] == [1]
    await web.read_details()
    assert [amount for _, amount in await web.builds()] == [28_000_000]


async def test_pages_out_of_order_prove_nothing(web: Stage) -> None:
    """If the newest are not first, a tag that is on none of the pages read may have moved: HEAD."""
    await fill(web, 150)
    web.push("v000", debian(8_000_000, attestations=False))

    def reverse(document: Entry) -> None:
        document["results"] = document["results"][::-1]

    web.hub.faults.append(Fault("GET", "/tags", changed_page(reverse)))
    for _ in range(4):
        await web.poll()
    assert [amount for _, amount in await web.builds("v000")] == [1_000_000, 8_000_000]


# Where it cannot be used


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


async def test_429_names_a_time(web: Stage) -> None:
    """X-Retry-After as a unix time pauses the API until then, an hour at most; the registry is asked meanwhile."""
    await fill(web, 20)
    later = web.clock.now + timedelta(hours=7, minutes=10)
    refusal = faults.status(429, b'{"detail": "Rate limit exceeded"}', [(b"x-retry-after", b"%d" % later.timestamp())])
    web.hub.faults.append(Fault("GET", ".", refusal, times=1))
    report = await web.poll()
    assert (report.unchanged, asked(web)) == (20, {"head": 20, "web": 1})
    assert (await _host(web)).paused_until == later


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
