"""What is asked for is fetched once, written down chunk by chunk, and said on its row; trouble is tried again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from app.backfill.claim import due_hosts
from app.backfill.run import FACTS_PER_CHUNK, backfill_host
from app.backfill.told import Wanted
from app.history.past import PastBuild
from app.models import Backfill, Build
from app.registry.errors import HostPaused, NotFound, RateLimited, ServerError
from app.registry.reference import Repository
from app.watchlist import request_backfills
from tests.backfill.conftest import AMD, DEBIAN, Play, five_months, past
from tests.conftest import NOW
from tests.polling.conftest import HUB_HOST, debian

ALPINE = Repository(HUB_HOST, "library/alpine")
QUAY = Repository("quay.io", "prometheus/busybox")


async def _builds(play: Play) -> int:
    async with play.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(Build)) or 0


async def test_a_new_watch_gets_its_past(play: Play) -> None:
    """Builds with the sources' dates, origins and names; the row says how many there were."""
    [report] = await play.run()
    assert (report.found, report.new, report.known, report.error_code) == (5, 5, 0, None)
    told = await play.told()
    assert [size for _, size, _, _ in told] == [28_000_000 + n for n in range(5)]
    assert told[0] == (NOW - timedelta(days=180), 28_000_000, "sibling", "bookworm-slim-20260305")
    row = await play.row()
    assert (row.found, row.added, row.failures, row.lease_owner) == (5, 5, 0, None)
    assert row.done_at == play.stage.clock.now


async def test_polling_has_a_head_start(play: Play) -> None:
    """Today's size comes before yesterday's: nothing is due in the first seconds."""
    assert await play.run(minutes=0.1) == []
    async with play.database.reading() as session:
        assert await due_hosts(session, play.stage.clock.now, automatic=True) == []
    assert len(await play.run(minutes=1)) == 1


async def test_what_is_done_is_not_done_again(play: Play) -> None:
    """A later run has nothing to do; one that a person asks for changes nothing that is known."""
    await play.run()
    before = await play.told()
    assert await play.run(minutes=600) == []
    async with play.database.writing() as session:
        await request_backfills(session, [(await play.row()).tag_id], "page", play.stage.clock.now)
    [report] = await play.run()
    assert (report.found, report.new, report.known) == (5, 0, 5)
    assert await play.told() == before
    row = await play.row()
    assert (row.found, row.added, row.reason) == (5, 0, "page")


async def test_much_at_once_is_written_in_parts(lite: Play) -> None:
    """A publisher of thousands of platforms does not keep others from writing: each few thousand are a transaction."""
    lite.sources.facts, lite.sources.per_chunk = five_months() * (FACTS_PER_CHUNK // 2), 3 * FACTS_PER_CHUNK
    lite.stage.clock.now += timedelta(minutes=1)
    written: list[int] = []
    await backfill_host(lite.running(), HUB_HOST, progress=lambda _repository, done, new: written.append(new - done))
    assert written == [5, 0, 0, -1]
    assert (await lite.row()).found == 5 * (FACTS_PER_CHUNK // 2)


async def test_what_was_observed_stays(play: Play) -> None:
    """A poll's build keeps its moment and its origin, whatever the sources say of that time."""
    play.stage.push("bookworm-slim", debian(31_000_000))
    await play.stage.poll()
    seen = await play.told()
    play.sources.facts.append(past("bookworm-slim", -1, 40_000_000))  # a month from now, so after what we saw
    await play.run()
    assert [one for one in await play.told() if one[2] == "poll"] == seen
    assert (await play.told())[:5] == [
        (fact.at, fact.manifest.compressed_bytes, "sibling", fact.source) for fact in five_months()
    ]


async def test_one_gathering_for_all_tags_of_a_repository(lite: Play) -> None:
    """The siblings are listed once, however many tags wait; each gets what is its own."""
    await lite.stage.watch("debian:trixie-slim", "alpine:3.22")
    lite.sources.facts += five_months("trixie-slim")[:2] + five_months("3.22", ALPINE)[:1]
    reports = await lite.run()
    assert sorted(lite.sources.asked) == [
        ("library/alpine", ["3.22"]),
        ("library/debian", ["bookworm-slim", "trixie-slim"]),
    ]
    assert {report.tag: report.new for report in reports} == {"bookworm-slim": 5, "trixie-slim": 2, "3.22": 1}
    assert (await lite.row("trixie-slim")).found == 2


async def test_a_tag_without_a_past(lite: Play) -> None:
    """Sources that know nothing are no failure: the row is done, with nothing found."""
    lite.sources.facts.clear()
    [report] = await lite.run()
    row = await lite.row()
    assert (report.found, row.found, row.added, row.error_code) == (0, 0, 0, None)
    assert row.done_at is not None


async def test_wanted_platforms_are_told_to_the_sources(lite: Play) -> None:
    """Who watches one platform asks for one; who then watches all gets the past of the others."""
    await lite.stage.watch("alpine:3.22", platforms=[AMD])
    lite.stage.push("3.22", debian(3_000_000), "library/alpine")
    asked: list[tuple[str, ...] | None] = []

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        asked.extend(row.platforms for row in rows if repository == ALPINE)
        yield []

    await lite.run(story=story)
    await lite.stage.watch("alpine:3.2[2]")
    await lite.stage.expand()
    await lite.run(story=story)
    assert asked == [(AMD,), None]


async def test_more_wanted_while_under_way(lite: Play) -> None:
    """Platforms that are wanted while their tag is being fetched are fetched by a second run."""

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        async with lite.database.writing() as session:
            ids = [(await lite.row()).tag_id]
            await request_backfills(session, ids, "watch", lite.stage.clock.now, again=len(rounds) == 0)
        rounds.append(len(rows))
        yield five_months()

    rounds: list[int] = []
    await lite.run(story=story)
    assert rounds == [1, 1]
    assert (await lite.row()).done_at is not None


async def test_a_failure_is_told_and_tried_again(play: Play) -> None:
    """What came before it stays; the next try goes on, and the numbers of both are one."""
    play.sources.trouble["library/debian"] = ServerError("502 Bad Gateway", registry=HUB_HOST)
    [report] = await play.run()
    assert (report.found, report.new, report.failed, report.error_code) == (5, 5, True, "server-error")
    row = await play.row()
    assert (row.failures, row.error_message, row.lease_owner, row.done_at) == (1, "502 Bad Gateway", None, None)
    assert row.next_try_at == report.next_try_at == play.stage.clock.now + timedelta(minutes=1)
    assert await play.run(minutes=0.5) == []
    play.sources.trouble.clear()
    [report] = await play.run()
    row = await play.row()
    assert (report.new, report.known, row.added, row.failures, row.error_code) == (0, 5, 5, 0, None)


@pytest.mark.parametrize(
    ("error", "minutes"),
    [(ServerError("503"), [1, 2, 4]), (NotFound("no such repository", missing="repository"), [360, 720, 1440])],
)
async def test_later_and_later(lite: Play, error: Exception, minutes: list[int]) -> None:
    """What may mend itself is tried soon, what a retry cannot mend after hours; each time it takes longer."""
    lite.sources.trouble["library/debian"] = error
    for wait in minutes:
        [report] = await lite.run(minutes=2000)
        assert report.next_try_at == lite.stage.clock.now + timedelta(minutes=wait)


@pytest.mark.parametrize("registry", [HUB_HOST, "hub.docker.com"])
async def test_a_pause_is_no_failure(lite: Play, registry: str) -> None:
    """The registry's own time is kept, and nothing is counted against the tag."""
    until = lite.stage.clock.now + timedelta(hours=1)
    lite.sources.trouble["library/debian"] = HostPaused(
        registry, until=until, reason="rate-limited", now=lite.stage.clock.now + timedelta(minutes=1)
    )
    [report] = await lite.run()
    row = await lite.row()
    assert (row.next_try_at, row.failures, row.error_code) == (until, 0, "host-paused")
    assert (report.failed, report.error_code) == (False, "host-paused")


async def test_asked_to_slow_down(lite: Play) -> None:
    """A 429 is a pause that begins with us."""
    lite.sources.trouble["library/debian"] = RateLimited("429", pull_limit=False, retry_after=300)
    await lite.run()
    row = await lite.row()
    assert (row.next_try_at, row.failures) == (lite.stage.clock.now + timedelta(minutes=5), 0)


async def test_a_bug_in_one_repository_stops_no_other(lite: Play, caplog: pytest.LogCaptureFixture) -> None:
    """The fault is said on the row and in the log; the neighbour's past is fetched."""
    await lite.stage.watch("alpine:3.22")
    lite.sources.facts += five_months("3.22", ALPINE)
    lite.sources.trouble["library/debian"] = ZeroDivisionError()
    await lite.run()
    assert ((await lite.row()).error_code, (await lite.row("3.22")).added) == ("internal-error", 5)
    assert "library/debian" in caplog.text


async def test_a_hanging_repository_delays_no_other(lite: Play) -> None:
    """Nor does a hanging registry: its neighbours are done while it hangs."""
    await lite.stage.watch("alpine:3.22", "fedora:42", "quay.io/prometheus/busybox:latest")
    hangs = asyncio.Event()

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        if repository == DEBIAN:
            await hangs.wait()
        yield []

    lite.stage.clock.now += timedelta(minutes=1)
    async with asyncio.timeout(10):
        hanging = asyncio.create_task(backfill_host(lite.running(story), HUB_HOST))
        while (await lite.row("42")).done_at is None or (await lite.row("3.22")).done_at is None:  # noqa: ASYNC110 - rows
            await asyncio.sleep(0.01)
        assert len(await lite.run(story=story, host=QUAY.registry)) == 1
        hangs.set()
        assert len(await hanging) == 3


async def test_many_facts_are_written_as_they_come(lite: Play) -> None:
    """A long past is not held in memory: what is over a chunk is in the database while the rest is asked for."""
    seen = []

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        for n in range(3):
            seen.append(await _builds(lite))
            yield [past("bookworm-slim", 1 + n, 28_000_000)] * FACTS_PER_CHUNK

    await lite.run(story=story)
    assert seen == [0, 1, 2]


async def test_nothing_is_open_while_the_sources_are_asked(lite: Play) -> None:
    """SQLite has one writer: another one writes at once while a source takes its time."""

    async def story(repository: Repository, rows: Sequence[Wanted]) -> AsyncIterator[list[PastBuild]]:
        for fact in five_months():
            async with asyncio.timeout(1), lite.database.writing() as session:
                await session.execute(text("UPDATE revision SET number = number + 1"))
            yield [fact]

    [report] = await lite.run(story=story)
    assert report.new == 5


async def test_paused_watches_wait(lite: Play) -> None:
    """Nobody wants the past of a tag that nobody watches; it comes once it is watched again."""
    async with lite.database.writing() as session:
        await session.execute(text("UPDATE tags SET watched = false"))
    assert await lite.run() == []
    async with lite.database.writing() as session:
        await session.execute(text("UPDATE tags SET watched = true"))
    assert len(await lite.run()) == 1


async def test_off_leaves_what_people_ask_for(lite: Play) -> None:
    """Without automatic backfills the rows of new watches wait; one that a person asks for goes first and alone."""
    await lite.stage.watch("alpine:3.22")
    lite.stage.clock.now += timedelta(minutes=1)
    off = lite.running(automatic=False)
    async with lite.database.writing() as session:
        assert await due_hosts(session, lite.stage.clock.now, automatic=False) == []
    assert await backfill_host(off, HUB_HOST) == []
    async with lite.database.writing() as session:
        await request_backfills(session, [(await lite.row()).tag_id], "page", lite.stage.clock.now)
    assert [report.tag for report in await backfill_host(off, HUB_HOST)] == ["bookworm-slim"]
    assert [report.tag for report in await lite.run()] == ["3.22"]


async def test_people_go_first(lite: Play) -> None:
    """What somebody waits for in front of a page comes before what nobody asked for."""
    await lite.stage.watch(*(f"r{n}:x" for n in range(6)))
    async with lite.database.writing() as session:
        last = await session.scalar(select(func.max(Backfill.tag_id)))
        await request_backfills(session, [last or 0], "api", lite.stage.clock.now)
    await lite.run()
    assert lite.sources.asked[0][0] == "library/r5"
