"""The table of images, and the value now."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from app.db import Database
from app.history.errors import UnknownImage
from app.history.latest import IMAGE_SORTS, ImageFilter, ImageRow, ImageSort, image_rows, latest_all, latest_of
from app.history.page import Key, PageKeyInvalid
from app.models import PendingDetail, TagEvent, TagEventKind
from app.registry.reference import Repository
from tests.history.seed import DAY, MB, add_series, add_tag, digest_of, seed_many


async def _rows(database: Database, now: datetime, **wanted: object) -> dict[str, ImageRow]:
    async with database.reading() as session:
        page = await image_rows(session, ImageFilter(**wanted), now=now, limit=100)  # type: ignore[arg-type]  # test data
    return {f"{row.image}:{row.tag}": row for row in page.items}


async def test_a_row_per_tag_with_values_of_the_step_function(database: Database, now: datetime) -> None:
    """The value a month and a year ago is that of the last build at or before then."""
    async with database.writing() as session:
        tag = await add_tag(session, "debian:bookworm-slim", now - 400 * DAY)
        changes = [(now - 400 * DAY, 20 * MB), (now - 31 * DAY, 25 * MB), (now - 5 * DAY, 30 * MB)]
        await add_series(session, tag, "linux/arm64", [(now - 400 * DAY, MB)])
        await add_series(session, tag, "linux/amd64", changes)
    (row,) = (await _rows(database, now)).values()
    assert (row.image, row.tag, row.platform, row.platforms) == ("debian", "bookworm-slim", "linux/amd64", 2)
    assert (row.compressed_bytes, row.pending, row.changed_at) == (30 * MB, False, now - 5 * DAY)
    assert row.change_30d is not None
    assert row.change_30d.difference_bytes == 5 * MB
    assert row.change_1y is not None
    assert row.change_1y.ratio == 0.5
    assert row.points == ((now - 365 * DAY, 20 * MB), (now - 31 * DAY, 25 * MB), (now - 5 * DAY, 30 * MB))


async def test_young_tags_have_no_change_to_show(database: Database, now: datetime) -> None:
    """Without a value a month ago there is no 30-day change: nothing is guessed."""
    async with database.writing() as session:
        tag = await add_tag(session, "debian:bookworm", now - 3 * DAY)
        await add_series(session, tag, "linux/amd64", [(now - 3 * DAY, MB), (now - DAY, 2 * MB)])
    row = (await _rows(database, now))["debian:bookworm"]
    assert row.change_30d is None
    assert row.change_1y is None


async def test_unmeasured_build_is_pending_and_keeps_the_last_value(seeded: Database, now: datetime) -> None:
    """A change whose bytes are not known yet is said to be pending, beside the last known value."""
    row = (await _rows(seeded, now))["alpine:3.20"]
    assert row.pending
    assert row.compressed_bytes is not None
    assert row.changed_at == now - timedelta(hours=1)


async def test_unread_document_makes_the_tag_pending(database: Database, now: datetime) -> None:
    """A tag whose new index was seen but not read yet is pending, though its last build is measured."""
    async with database.writing() as session:
        tag = await add_tag(session, "debian:12", now - DAY)
        await add_series(session, tag, "linux/amd64", [(now - DAY, MB)])
        event = TagEvent(tag_id=tag.id, at=now, kind=TagEventKind.MOVED, digest=digest_of("unread"))
        session.add(event)
        await session.flush()
        waiting = {"kind": "tag", "priority": 0, "reason": "quota", "created_at": now, "next_try_at": now}
        ids = {"repository_id": tag.repository_id, "tag_event_id": event.id, "digest": event.digest}
        session.add(PendingDetail(**ids, **waiting))
    (row,) = (await _rows(database, now)).values()
    assert (row.pending, row.compressed_bytes) == (True, MB)


async def test_tag_never_looked_at_is_listed_without_value(seeded: Database, now: datetime) -> None:
    """A new tag is shown at once, as new."""
    row = (await _rows(seeded, now))["busybox:latest"]
    assert (row.status, row.platform, row.compressed_bytes, row.platforms, row.points) == ("new", None, None, 0, ())


async def test_platform_filter_lists_only_tags_that_have_it(seeded: Database, now: datetime) -> None:
    """A platform shows the tags that offer it, with that platform's values."""
    rows = await _rows(seeded, now, platform="linux/arm/v7")
    assert list(rows) == ["debian:bookworm-slim"]
    assert rows["debian:bookworm-slim"].platform == "linux/arm/v7"


async def test_tag_without_amd64_stands_with_what_it_has(seeded: Database, now: datetime) -> None:
    """Windows and arm-only tags have rows, too."""
    rows = await _rows(seeded, now)
    assert rows["quay.io/hostile/name:__proto__"].platform == "linux/arm64"
    assert rows["mcr.microsoft.com/windows/nanoserver:ltsc2022"].platform == "windows/amd64/10.0.20348.1"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("debian:bookworm-s", ["debian:bookworm-slim"]),
        ("DEBIAN", ["debian:bookworm", "debian:bookworm-slim"]),
        ("docker.io/library/alpine", ["alpine:3.20"]),
        ("%", []),
        ("_", ["quay.io/hostile/name:__proto__"]),
        ("no such thing", []),
    ],
)
async def test_search_is_a_plain_substring(seeded: Database, now: datetime, search: str, found: list[str]) -> None:
    """Search looks for the text itself in image:tag, in any case and familiar spelling."""
    assert sorted(await _rows(seeded, now, search=search)) == found


@pytest.mark.parametrize("sort", IMAGE_SORTS)
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_join_to_the_whole_list(seeded: Database, now: datetime, sort: ImageSort, descending: bool) -> None:
    """Paging by key in any order shows each row once, in the order of the unpaged list."""
    wanted = ImageFilter(sort=sort, descending=descending)
    seen: list[int] = []
    after: Key | None = None
    async with seeded.reading() as session:
        whole = await image_rows(session, wanted, now=now, limit=100)
        while True:
            page = await image_rows(session, wanted, now=now, limit=3, after=after)
            seen += [row.tag_id for row in page.items]
            if (after := page.after) is None:
                break
    assert whole.total == len(seen) == 10
    assert seen == [row.tag_id for row in whole.items]


async def test_sorts_put_the_greatest_first_and_the_unknown_last(seeded: Database, now: datetime) -> None:
    """Descending by bytes starts with the heaviest; tags without a value come last, either way."""
    heavy = list(await _rows(seeded, now, sort="bytes", descending=True))
    light = list(await _rows(seeded, now, sort="bytes"))
    assert (heavy[0], heavy[-1]) == ("grafana/grafana:latest", "busybox:latest")
    assert (light[0], light[-1]) == ("alpine:3.20", "busybox:latest")
    assert next(iter(await _rows(seeded, now, sort="change_30d", descending=True))) == "debian:bookworm-slim"


@pytest.mark.parametrize("after", [("a", "b"), (1, 2), (), ("x", 1, 2)])
async def test_foreign_key_is_refused(seeded: Database, now: datetime, after: Key) -> None:
    """A cursor of another list is an error, not a silent wrong page."""
    async with seeded.reading() as session:
        with pytest.raises(PageKeyInvalid):
            await image_rows(session, ImageFilter(), now=now, limit=3, after=after)


async def test_latest_of_a_tag_lists_its_platforms(seeded: Database, now: datetime) -> None:
    """Every platform with its value, dropped ones marked."""
    async with seeded.reading() as session:
        found = await latest_of(session, Repository.parse("ubuntu"), "24.04")
    assert [(one.platform, one.dropped_at) for one in found] == [
        ("linux/amd64", None),
        ("linux/arm64", now - 30 * DAY),
    ]
    assert all(one.compressed_bytes and one.digest and one.at for one in found)


async def test_unknown_names_come_with_close_ones(seeded: Database) -> None:
    """A typing error in image or tag is answered with what was probably meant."""
    async with seeded.reading() as session:
        with pytest.raises(UnknownImage) as image:
            await latest_of(session, Repository.parse("debain"), "bookworm")
        with pytest.raises(UnknownImage) as tag:
            await latest_of(session, Repository.parse("debian"), "bookwrm-slim")
    assert image.value.suggestions[0] == "debian"
    assert tag.value.suggestions[0] == "debian:bookworm-slim"


async def test_gauges_leave_out_dropped_and_never_measured(seeded: Database) -> None:
    """/metrics gets a value per offered series; a pending series keeps its last one."""
    async with seeded.reading() as session:
        found = {(one.image, one.platform) for one in await latest_all(session)}
    assert ("alpine", "linux/amd64") in found
    assert ("ubuntu", "linux/arm64") not in found
    assert not [image for image, _ in found if image == "busybox"]


async def test_two_hundred_tags_cost_what_two_do(sqlite_database: Database, now: datetime) -> None:
    """A page of many tags asks the database as often as one of few, also sorted by change."""
    async with sqlite_database.writing() as session:
        await seed_many(session, now, tags=200)
    asked: list[str] = []
    event.listen(sqlite_database.engine.sync_engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    costs = []
    for limit in (2, 200):
        async with sqlite_database.reading() as session:
            page = await image_rows(session, ImageFilter(sort="change_30d"), now=now, limit=limit)
        assert len(page.items) == limit
        assert all(row.change_1y for row in page.items)
        costs.append(len(asked))
        asked.clear()
    assert costs[0] == costs[1] > 0
