"""Importing watches from files: what is added, updated, kept and retired."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from app.db import Database
from app.models import Revision, WatchSource
from app.watchlist import WatchSpec, add_watch, list_watches, remove_watch
from app.watchlist.importing import Findings, Limits, find_images
from app.watchlist.sources import ImportPlan, import_watches, plan_import, retire_gone


async def imported(database: Database, now: datetime, *roots: Path) -> ImportPlan:
    """Import these paths in one go."""
    findings = [find_images(root) for root in roots]
    async with database.writing() as session:
        return await import_watches(session, findings, now)


async def watched(database: Database) -> dict[str, tuple[str, list[str]]]:
    """Origin and places of every watch."""
    async with database.reading() as session:
        watches = await list_watches(session)
    return {str(one.spec): (one.origin, [source.location for source in one.sources]) for one in watches}


def names(plan: ImportPlan) -> tuple[list[str], list[str], list[str]]:
    """New, watched and gone ones."""
    gone = [str(watch.spec) for watch in plan.gone]
    return [str(spec) for spec in plan.new], [str(spec) for spec in plan.watched], gone


async def revision(database: Database) -> int:
    async with database.reading() as session:
        return (await session.scalars(select(Revision.number))).one()


async def test_importing_twice_changes_nothing(database: Database, now: datetime, tmp_path: Path) -> None:
    """The first time adds with places; the second time finds everything as it was, and tells nobody."""
    (tmp_path / "Dockerfile").write_text("FROM a:1\nFROM b:2\nCOPY --from=a:1 / /\n")
    assert names(await imported(database, now, tmp_path)) == (["a:1", "b:2"], [], [])
    before = await watched(database), await revision(database)
    assert before[0] == {"a:1": ("import", ["Dockerfile:1", "Dockerfile:3"]), "b:2": ("import", ["Dockerfile:2"])}
    assert names(await imported(database, now + timedelta(days=1), tmp_path)) == ([], ["a:1", "b:2"], [])
    assert (await watched(database), await revision(database)) == before


async def test_what_moved_is_noted(database: Database, now: datetime, tmp_path: Path) -> None:
    """A line further down is another place; the watch is the same."""
    file = tmp_path / "Dockerfile"
    file.write_text("FROM a:1\n")
    await imported(database, now, tmp_path)
    file.write_text("# two\n# lines\nFROM a:1\n")
    await imported(database, now, tmp_path)
    assert await watched(database) == {"a:1": ("import", ["Dockerfile:3"])}


async def test_gone_is_offered_until_retired(database: Database, now: datetime, tmp_path: Path) -> None:
    """Removing it takes a word; it is offered each time, and back as soon as it is found again."""
    file = tmp_path / "Dockerfile"
    file.write_text("FROM a:1\nFROM b:2\n")
    await imported(database, now, tmp_path)
    file.write_text("FROM b:2\n")
    for _ in range(2):
        plan = await imported(database, now, tmp_path)
        assert names(plan)[2] == ["a:1"]
    findings = [find_images(tmp_path)]
    async with database.writing() as session:
        removed = await retire_gone(session, findings, [watch.id for watch in plan.gone], now)
        assert [str(spec) for spec in removed] == ["a:1"]
        assert (await session.scalars(select(WatchSource.location))).all() == ["Dockerfile:1"]
        assert await retire_gone(session, findings, [watch.id for watch in plan.gone], now) == []
    assert list(await watched(database)) == ["b:2"]


async def test_only_what_this_import_made_is_retired(database: Database, now: datetime, tmp_path: Path) -> None:
    """Added by hand, on the default list, or found elsewhere too: it stays."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "Dockerfile").write_text("FROM both:1\n")
    (here / "Dockerfile").write_text("FROM both:1\nFROM hand:1\nFROM standard:1\nFROM only:1\n")
    async with database.writing() as session:
        await add_watch(session, WatchSpec.parse("hand:1"), origin="cli", now=now)
        await add_watch(session, WatchSpec.parse("standard:1"), origin="default", now=now)
    await imported(database, now, here, there)
    assert (await watched(database))["hand:1"] == ("cli", ["Dockerfile:2"])
    (here / "Dockerfile").write_text("FROM scratch\n")
    assert names(await imported(database, now, here))[2] == ["only:1"]
    assert await watched(database) == {
        "both:1": ("import", ["Dockerfile:1"]),
        "hand:1": ("cli", []),
        "only:1": ("import", ["Dockerfile:4"]),
        "standard:1": ("default", []),
    }


async def test_what_moved_from_root_to_root_stays(sqlite_database: Database, now: datetime, tmp_path: Path) -> None:
    """Of several paths that are imported together, one may lose what another gains."""
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        root.mkdir()
    (roots[0] / "Dockerfile").write_text("FROM a:1\n")
    await imported(sqlite_database, now, *roots)
    (roots[0] / "Dockerfile").rename(roots[1] / "Dockerfile")
    assert names(await imported(sqlite_database, now, *roots)) == ([], ["a:1"], [])
    async with sqlite_database.reading() as session:
        assert (await session.scalars(select(WatchSource.root))).all() == [str(roots[1])]


async def test_nothing_is_concluded_from_what_was_not_read(
    sqlite_database: Database, now: datetime, tmp_path: Path
) -> None:
    """A file that could not be read, or a search that ended early, retires nothing and forgets no place."""
    (tmp_path / "Dockerfile").write_text("FROM a:1\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Dockerfile").write_text("FROM b:1\n")
    await imported(sqlite_database, now, tmp_path)
    before = await watched(sqlite_database)
    (tmp_path / "sub" / "Dockerfile").unlink()
    cut = find_images(tmp_path, Limits(entries=1))
    (tmp_path / "Dockerfile").write_bytes(b"\xff")
    unread = find_images(tmp_path)
    assert names(await _plan(sqlite_database, cut)) == ([], [], [])
    assert names(await _plan(sqlite_database, unread)) == ([], [], ["b:1"])
    async with sqlite_database.writing() as session:
        await import_watches(session, [cut], now)
        await import_watches(session, [unread], now)
    assert await watched(sqlite_database) == before


async def _plan(database: Database, findings: Findings) -> ImportPlan:
    async with database.reading() as session:
        return await plan_import(session, [findings])


async def test_new_watches_get_what_was_asked_for(sqlite_database: Database, now: datetime, tmp_path: Path) -> None:
    """Platforms and interval are for new watches; what is watched keeps its own."""
    (tmp_path / "Dockerfile").write_text("FROM a:1\nFROM b:1\n")
    async with sqlite_database.writing() as session:
        old = await add_watch(session, WatchSpec.parse("a:1", ["linux/s390x"]), origin="cli", now=now)
        asked = {"platforms": ("linux/amd64",), "interval": timedelta(hours=1)}
        await import_watches(session, [find_images(tmp_path)], now, **asked)  # type: ignore[arg-type]  # two kinds
        watches = {str(one.spec): one.spec for one in await list_watches(session)}
        assert (watches["b:1"].platforms, watches["b:1"].interval) == (("linux/amd64",), timedelta(hours=1))
        assert (watches["a:1"].platforms, watches["a:1"].interval) == (("linux/s390x",), None)
        await remove_watch(session, old.id, now)
        assert (await session.scalars(select(WatchSource.location))).all() == ["Dockerfile:2"]
