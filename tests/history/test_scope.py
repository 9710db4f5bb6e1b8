"""Histories that nobody watches can be found, and claim nothing about the time after them; on both databases."""

from datetime import datetime

import pytest

from app.db import Database
from app.history.latest import ImageFilter, ImageRow, image_rows
from app.history.listing import IMAGE_SORTS, ImageSort, Scope, ScopeCounts, default_scope, scope_counts
from tests.history.seed import DAY, MB, add_series, add_tag


async def _fill(database: Database, now: datetime) -> None:
    """One watched tag, one that was left three days ago, one whose history ended years ago, one without any."""
    async with database.writing() as session:
        changes = [(now - 400 * DAY, 5 * MB), (now - 10 * DAY, 6 * MB)]
        await add_series(session, await add_tag(session, "debian:13", now), "linux/amd64", changes)
        left = await add_tag(session, "debian:12", now, watched=False, checked_at=now - 3 * DAY)
        await add_series(session, left, "linux/amd64", changes)
        old = await add_tag(session, "debian:7", now, watched=False, checked_at=None)
        await add_series(session, old, "linux/386", [(now - 3000 * DAY, 3 * MB), (now - 2900 * DAY, 4 * MB)])
        await add_tag(session, "debian:1", now, watched=False, checked_at=None)


async def _rows(
    database: Database, now: datetime, scope: Scope, sort: ImageSort = "image", **options: object
) -> list[ImageRow]:
    wanted = ImageFilter(sort=sort, scope=scope, **options)  # type: ignore[arg-type]  # passed through
    async with database.reading() as session:
        page = await image_rows(session, wanted, now=now, limit=100)
    assert page.total == len(page.items)
    return list(page.items)


async def test_all_adds_what_has_a_history(database: Database, now: datetime) -> None:
    """The scope is asked for in words; a tag of which nothing is known is in neither."""
    await _fill(database, now)
    assert [(row.tag, row.watched) for row in await _rows(database, now, "watched")] == [("13", True)]
    found = [(row.tag, row.watched) for row in await _rows(database, now, "all")]
    assert found == [("12", False), ("13", True), ("7", False)]
    assert [row.tag for row in await _rows(database, now, "all", platform="linux/386")] == ["7"]
    assert [row.tag for row in await _rows(database, now, "all", search=":7")] == ["7"]


async def test_the_unwatched_claim_no_change_after_their_end(database: Database, now: datetime) -> None:
    """A history that ended years ago says nothing of this year: no change at all; a left one says a little."""
    await _fill(database, now)
    rows = {row.tag: row for row in await _rows(database, now, "all")}
    assert (rows["7"].compressed_bytes, rows["7"].change_30d, rows["7"].change_1y, rows["7"].points) == (
        4 * MB,
        None,
        None,
        (),
    )
    assert rows["12"].change_30d == rows["13"].change_30d
    assert rows["12"].change_30d is not None
    assert rows["12"].points == rows["13"].points


@pytest.mark.parametrize("sort", IMAGE_SORTS)
async def test_every_sort_holds_for_all(database: Database, now: datetime, sort: ImageSort) -> None:
    """Changes that are not known come last, in both directions, like any unknown value."""
    await _fill(database, now)
    up = [row.tag for row in await _rows(database, now, "all", sort)]
    down = [row.tag for row in await _rows(database, now, "all", sort, descending=True)]
    assert sorted(up) == sorted(down) == ["12", "13", "7"]
    if sort in {"change_30d", "change_1y"}:
        assert up[-1] == down[-1] == "7"


async def test_the_default_is_what_is_watched(database: Database, now: datetime) -> None:
    """With nothing watched it is all there is; with nothing at all it does not matter."""
    async with database.writing() as session:
        assert await scope_counts(session) == ScopeCounts(0, 0)
        old = await add_tag(session, "debian:7", now, watched=False)
        await add_series(session, old, "linux/386", [(now, MB)])
        assert await scope_counts(session) == ScopeCounts(0, 1)
        assert await default_scope(session) == (await scope_counts(session)).default == "all"
        await add_tag(session, "debian:13", now)
        assert await scope_counts(session) == ScopeCounts(1, 2)
        assert await default_scope(session) == (await scope_counts(session)).default == "watched"
