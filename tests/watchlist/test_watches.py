"""Watches and the tags that follow from them."""

import asyncio
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.models import Revision, Tag, Watch
from app.watchlist import (
    UnknownWatch,
    WatchExists,
    WatchInvalid,
    WatchSpec,
    add_default_watches,
    add_watch,
    default_watches,
    find_watch,
    list_watches,
    parse_interval,
    remove_watch,
    set_paused,
)
from app.watchlist.coverage import cover, matching_tags


@pytest.mark.parametrize(
    ("field", "image", "platforms", "interval"),
    [
        ("image", "Debian", None, None),
        ("image", "", None, None),
        ("image", "debian@sha256:" + "0" * 64, None, None),
        ("image", "debian:a\nb", None, None),
        ("image", "debian:-", None, None),
        ("image", "debian:]", None, None),
        ("platforms", "debian", ["linux"], None),
        ("platforms", "debian", ["linux/<b>"], None),
        ("interval", "debian", None, "often"),
        ("interval", "debian", None, "1s"),
        ("interval", "debian", None, "999999d"),
    ],
)
def test_what_is_wrong_is_named(field: str, image: str, platforms: list[str] | None, interval: str | None) -> None:
    """A watch that cannot be parsed says which of its parts is at fault."""
    with pytest.raises(WatchInvalid) as caught:
        WatchSpec.parse(image, platforms, interval)
    assert caught.value.field == field


def test_platforms_are_normalised() -> None:
    """Familiar spellings of a platform mean one, named once."""
    spec = WatchSpec.parse("debian", ["linux/aarch64", "linux/arm64/v8", "Linux/AMD64"], "6h")
    assert spec.platforms == ("linux/amd64", "linux/arm64")
    assert spec.interval == timedelta(hours=6)
    assert str(spec) == "debian:latest"


@given(st.text(max_size=30))
def test_intervals_never_crash(text: str) -> None:
    """Any text is an interval in range, nothing, or refused."""
    try:
        interval = parse_interval(text)
    except WatchInvalid:
        return
    assert interval is None or timedelta(minutes=1) <= interval <= timedelta(days=90)


@given(st.lists(st.from_regex(r"[0-9a-z][0-9a-z.]{0,6}", fullmatch=True)), st.integers(1, 5))
def test_expansion_is_capped_and_honest(names: list[str], cap: int) -> None:
    """Never more tags than the cap, each one matching, and the true count beside them."""
    chosen, matched = matching_tags(names, "*", cap)
    assert len(chosen) == min(cap, matched)
    assert matched == len(set(names))
    assert set(chosen) <= set(names)


def test_newest_versions_win_and_signatures_are_no_images() -> None:
    """Beyond the cap the highest version numbers stay; sha256-... tags are passed over."""
    names = ["3.2", "3.9", "3.10", "3.22", "3.21.3", "edge", "sha256-" + "a" * 64 + ".sig", "sha256-" + "b" * 64]
    assert matching_tags(names, "3.*", 3) == (["3.22", "3.21.3", "3.10"], 5)
    assert matching_tags(names, "*", 99)[1] == 6


async def _tags(session: AsyncSession) -> dict[str, tuple[bool, list[str] | None, int | None]]:
    rows = await session.scalars(select(Tag))
    return {tag.name: (tag.watched, tag.platforms, tag.interval_seconds) for tag in rows}


async def test_a_tag_inherits_from_all_its_watches(database: Database, now: datetime) -> None:
    """Two watches on one tag: the union of platforms, the shorter interval; pausing and removing take theirs away."""
    async with database.writing() as session:
        exact = await add_watch(session, WatchSpec.parse("alpine:3.22", ["linux/amd64"], "1d"), origin="cli", now=now)
        glob = await add_watch(session, WatchSpec.parse("alpine:3.*", ["linux/arm64"], "2h"), origin="cli", now=now)
        await cover(session, glob, ["3.22", "3.21"], now)
        assert await _tags(session) == {
            "3.22": (True, ["linux/amd64", "linux/arm64"], 7200),
            "3.21": (True, ["linux/arm64"], 7200),
        }
        await set_paused(session, exact.id, True, now)
        assert (await _tags(session))["3.22"] == (True, ["linux/arm64"], 7200)
        await remove_watch(session, glob.id, now)
        assert {watched for watched, _, _ in (await _tags(session)).values()} == {False}
        await set_paused(session, exact.id, False, now)
        assert (await _tags(session))["3.22"] == (True, ["linux/amd64"], 86_400)


async def test_the_same_watch_twice(database: Database, now: datetime) -> None:
    """Every spelling of one image is one watch."""
    async with database.writing() as session:
        await add_watch(session, WatchSpec.parse("debian:12"), origin="cli", now=now)
        with pytest.raises(WatchExists, match="debian:12 is watched already"):
            await add_watch(session, WatchSpec.parse("docker.io/library/debian:12"), origin="cli", now=now)
        assert await find_watch(session, "index.docker.io/library/debian:12") == 1


@pytest.mark.parametrize("text", ["7", "99999999999999999999999", "alpine:3.22"])
async def test_unknown_watches(sqlite_database: Database, text: str) -> None:
    """A watch that is not there is said so."""
    async with sqlite_database.writing() as session:
        with pytest.raises(UnknownWatch):
            await find_watch(session, text)


async def test_default_watches_fill_an_empty_database_once(sqlite_database: Database, now: datetime) -> None:
    """About thirty well-known images over seven registries; removing them all does not bring them back."""
    async with sqlite_database.writing() as session:
        assert await add_default_watches(session, now) == len(default_watches())
        watches = await list_watches(session)
        assert 30 <= len(watches) <= 45
        assert {watch.spec.repository.registry for watch in watches} >= {
            "docker.io", "gcr.io", "ghcr.io", "quay.io", "mcr.microsoft.com", "public.ecr.aws",
            "registry.access.redhat.com",
        }  # fmt: skip
        for watch in watches:
            await remove_watch(session, watch.id, now)
        assert await add_default_watches(session, now) == 0


async def test_changes_are_announced(sqlite_database: Database, now: datetime) -> None:
    """Every change of the watch list moves the revision, so that pages show it."""
    numbers = []
    async with sqlite_database.writing() as session:
        watch = await add_watch(session, WatchSpec.parse("debian"), origin="cli", now=now)
        numbers.append(await session.scalar(select(Revision.number)))
        await set_paused(session, watch.id, True, now)
        numbers.append(await session.scalar(select(Revision.number)))
        await remove_watch(session, watch.id, now)
        numbers.append(await session.scalar(select(Revision.number)))
        assert (await session.scalars(select(Watch))).all() == []
    assert numbers == [1, 2, 3]


async def test_the_same_watch_at_the_same_moment(database: Database, now: datetime) -> None:
    """Of several people who add one watch at once, one succeeds and the others are told."""

    async def add() -> str:
        try:
            async with database.writing() as session:
                await add_watch(session, WatchSpec.parse("ghcr.io/a/b:c"), origin="api", now=now)
        except WatchExists:
            return "exists"
        return "added"

    assert sorted(await asyncio.gather(*(add() for _ in range(4)))) == ["added", "exists", "exists", "exists"]
