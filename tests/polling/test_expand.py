"""Patterns become tags by listing the repository."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from app.imitation import faults
from app.imitation.faults import Fault
from app.models import Tag, Watch
from tests.polling.conftest import Stage, debian


async def _watch(stage: Stage) -> Watch:
    async with stage.database.reading() as session:
        return (await session.scalars(select(Watch))).one()


async def test_new_tags_are_picked_up(stage: Stage) -> None:
    """A pattern's tags are watched, and those that appear later follow within a day."""
    await stage.watch("alpine:3.2*")
    for name in ("3.19", "3.20", "3.21", "edge"):
        stage.push(name, debian(3_000_000), "library/alpine")
    assert await stage.expand() == 1
    assert await stage.expand() == 0
    stage.push("3.22", debian(3_000_000), "library/alpine")
    stage.clock.now += timedelta(hours=25)
    await stage.expand()
    async with stage.database.reading() as session:
        assert set(await session.scalars(select(Tag.name))) == {"3.20", "3.21", "3.22"}
    assert (await _watch(stage)).matched_tags == 3


async def test_the_cap_is_visible(lite: Stage) -> None:
    """Beyond the cap nothing is watched, and the watch says how many tags match."""
    lite.polling = replace(lite.polling, tags_per_watch=5)
    await lite.watch("alpine:*")
    for n in range(230):  # three pages on the Hub
        lite.push(f"3.{n}", debian(3_000_000), "library/alpine")
    await lite.expand()
    watch = await _watch(lite)
    assert (watch.matched_tags, watch.truncated) == (230, True)
    async with lite.database.reading() as session:
        assert set(await session.scalars(select(Tag.name))) == {f"3.{n}" for n in range(225, 230)}


async def test_a_failure_is_shown_and_mends(lite: Stage) -> None:
    """A listing that fails leaves its cause on the watch and is tried again."""
    await lite.watch("alpine:*")
    lite.push("3.22", debian(3_000_000), "library/alpine")
    lite.registry.faults.append(Fault("GET", "tags/list", faults.circular_tags()))
    await lite.expand()
    assert "tags" in ((await _watch(lite)).expand_error or "")
    lite.registry.faults.clear()
    lite.clock.now += timedelta(days=2)
    await lite.expand()
    assert (await _watch(lite)).expand_error is None
