"""A tag's past."""

from datetime import datetime, timedelta

import pytest

from app.db import Database
from app.history.errors import UnknownImage
from app.history.series import Window, series_of
from app.models import Build
from app.registry.reference import Repository
from tests.history.seed import DAY, MB, add_series, add_tag

UBUNTU = Repository.parse("ubuntu")
IMAGE = Repository.parse("debian")


async def test_history_has_every_platform_and_event(seeded: Database, now: datetime) -> None:
    """Platforms in order of appearance, points oldest first, dropped ones with their date."""
    async with seeded.reading() as session:
        found = await series_of(session, UBUNTU, "24.04")
    assert (found.image, found.full_name, found.tag) == ("ubuntu", "docker.io/library/ubuntu", "24.04")
    assert [one.platform for one in found.series] == ["linux/amd64", "linux/arm64"]
    assert found.series[1].dropped_at == now - 30 * DAY
    for one in found.series:
        assert [point.at for point in one.points] == sorted(point.at for point in one.points)
    assert found.events[0].kind == "seen"


async def test_window_starts_with_the_build_in_force(database: Database, now: datetime) -> None:
    """`since` keeps the last change before it, so that the value there is known; `until` cuts the rest."""
    async with database.writing() as session:
        tag = await add_tag(session, "debian:12", now - 50 * DAY)
        await add_series(session, tag, "linux/amd64", [(now - days * DAY, days * MB) for days in (50, 40, 30, 20, 10)])
    async with database.reading() as session:
        window = Window(since=now - 35 * DAY, until=now - 15 * DAY)
        found = await series_of(session, IMAGE, "12", window)
    assert [point.compressed_bytes for point in found.series[0].points] == [40 * MB, 30 * MB, 20 * MB]
    assert [event.at for event in found.events] == [now - 30 * DAY, now - 20 * DAY]


async def test_unmeasured_build_is_a_point_without_bytes(seeded: Database, now: datetime) -> None:
    """A pending build is a gap that says when it began, never zero."""
    async with seeded.reading() as session:
        found = await series_of(session, Repository.parse("alpine"), "3.20", Window(platforms=["linux/amd64"]))
    assert [one.platform for one in found.series] == ["linux/amd64"]
    assert found.series[0].points[-1].compressed_bytes is None
    assert found.series[0].points[-1].at == now - timedelta(hours=1)


async def test_push_dates_count_but_never_run_backwards(database: Database, now: datetime) -> None:
    """A point lies at the registry's push date, unless that is before the build that it replaced."""
    async with database.writing() as session:
        tag = await add_tag(session, "debian:12", now - 50 * DAY)
        series = await add_series(session, tag, "linux/amd64", [(now - 30 * DAY, MB), (now - 20 * DAY, 2 * MB)])
        first, second = [await session.get_one(Build, build_id) for build_id in (1, 2)]
        first.pushed_at, second.pushed_at = now - 40 * DAY, now - 45 * DAY
    async with database.reading() as session:
        found = await series_of(session, IMAGE, "12")
    assert series.latest_build_id == 2
    assert [point.at for point in found.series[0].points] == [now - 40 * DAY, now - 20 * DAY]


async def test_unknown_tag(seeded: Database) -> None:
    """A tag without history is an error, not an empty chart."""
    async with seeded.reading() as session:
        with pytest.raises(UnknownImage, match=r"ubuntu:26\.04 is not watched here"):
            await series_of(session, UBUNTU, "26.04")
