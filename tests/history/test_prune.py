"""Pruning: old layers go, sizes and everything of the present stay, and nobody who works beside it is hurt."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.history.builds import manifest_detail
from app.history.claims import PastManifest, claim
from app.history.intern import intern_manifests, measure
from app.history.observations import LayerFound, Measured
from app.history.prune import Pruned, prunable, prune
from app.models import Build, BuildStep, Layer, Manifest, ManifestLayer, Origin, Series, Tag
from tests.history.seed import DAY, OCI_LAYER, OCI_MANIFEST, add_tag, digest_of
from tests.postgres import opened

Layers = Sequence[tuple[str, str | None]]


def manifest(name: str, layers: Layers) -> Measured:
    """A manifest of layers of 10 bytes, each a digest's name and the text of its step."""
    found = tuple(LayerFound(digest_of(layer), OCI_LAYER, 10, None, step) for layer, step in layers)
    return Measured(digest_of(name), OCI_MANIFEST, digest_of(f"config {name}"), None, found)


async def write(session: AsyncSession, name: str, layers: Layers, at: datetime) -> int:
    """Write a manifest down as a worker does; its id."""
    measured = manifest(name, layers)
    ids = await intern_manifests(session, [measured.digest])
    await measure(session, [measured], ids, at)
    return ids[measured.digest]


async def run(session: AsyncSession, series: Series, manifest_id: int, at: datetime) -> None:
    """From this time on the series runs on this manifest."""
    build = Build(series_id=series.id, manifest_id=manifest_id, first_seen_at=at, origin=Origin.POLL)
    session.add(build)
    await session.flush()
    series.latest_build_id = build.id


async def add_series(session: AsyncSession, tag: Tag, platform: str, at: datetime) -> Series:
    series = Series(tag_id=tag.id, platform=platform, first_seen_at=at)
    session.add(series)
    await session.flush()
    return series


OLD: Layers = [("shared", "ADD base"), ("old only", "RUN old"), ("old only", "RUN old")]
NEW: Layers = [("shared", "ADD base"), ("new only", "RUN new")]


async def two_builds(session: AsyncSession, now: datetime) -> tuple[int, int]:
    """One series that went from OLD to NEW a hundred days ago; the ids of the manifests."""
    tag = await add_tag(session, "debian:12", now - 200 * DAY)
    series = await add_series(session, tag, "linux/amd64", now - 200 * DAY)
    ids = await write(session, "old", OLD, now), await write(session, "new", NEW, now)
    for manifest_id, days in zip(ids, (200, 100), strict=True):
        await run(session, series, manifest_id, now - days * DAY)
    return ids


async def rows(database: Database) -> tuple[int, ...]:
    """How many places of layers, layers and build steps there are."""
    async with database.reading() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table)) for table in (ManifestLayer, Layer, BuildStep)
        ]
    return tuple(count or 0 for count in counts)


async def test_old_layers_go_and_sizes_stay(database: Database, now: datetime) -> None:
    """As announced; what others share stays; the second time there is nothing to do."""
    async with database.writing() as session:
        await two_builds(session, now)
    async with database.reading() as session:
        announced = await prunable(session, now - 90 * DAY)
        assert await prunable(session, now - 100 * DAY) == Pruned()
    told: list[Pruned] = []
    done = await prune(database, now - 90 * DAY, now, told.append)
    assert done == announced == Pruned(manifests=1, manifest_layers=3, layers=1, build_steps=1)
    assert told[0] == Pruned(manifests=1, manifest_layers=3)
    assert await rows(database) == (2, 2, 2)
    async with database.reading() as session:
        old = await manifest_detail(session, digest_of("old"))
        new = await manifest_detail(session, digest_of("new"))
        assert await session.scalar(select(func.count()).select_from(Build)) == 2
    assert (old.compressed_bytes, old.layer_count, old.layers, old.layers_pruned_at) == (30, 3, (), now)
    assert (new.compressed_bytes, len(new.layers), new.layers_pruned_at) == (20, 2, None)
    assert await prune(database, now - 90 * DAY, now) == Pruned()


async def test_what_runs_somewhere_stays(database: Database, now: datetime) -> None:
    """Another series may run on an old manifest still, or until lately; a manifest may have no build yet."""
    async with database.writing() as session:
        old, new = await two_builds(session, now)
        tag = await add_tag(session, "debian:bookworm", now - 150 * DAY)
        still = await add_series(session, tag, "linux/amd64", now - 150 * DAY)
        await run(session, still, old, now - 150 * DAY)
        await write(session, "no build", [("lonely", None)], now)
    assert await prune(database, now, now) == Pruned()
    async with database.writing() as session:
        await run(session, await session.get_one(Series, still.id), new, now - 10 * DAY)
    assert await prune(database, now - 11 * DAY, now) == Pruned()
    assert (await prune(database, now - 9 * DAY, now)).manifests == 1
    assert await rows(database) == (3, 3, 2)


async def test_many_manifests_go_in_batches(sqlite_database: Database, now: datetime) -> None:
    """More than fit into one transaction, all but the last build; each transaction is told of."""
    count = 450
    every = [manifest(f"m{number}", [(f"l{number}", f"RUN {number}")]) for number in range(count)]
    async with sqlite_database.writing() as session:
        tag = await add_tag(session, "debian:12", now - 500 * DAY)
        series = await add_series(session, tag, "linux/amd64", now - 500 * DAY)
        ids = await intern_manifests(session, [one.digest for one in every])
        await measure(session, every, ids, now)
        session.add_all(
            Build(series_id=series.id, manifest_id=ids[one.digest], first_seen_at=at, origin=Origin.POLL)
            for one, at in zip(every, (now - (500 - number) * DAY for number in range(count)), strict=True)
        )
    told: list[int] = []
    done = await prune(sqlite_database, now, now, lambda so_far: told.append(so_far.manifests))
    assert done == Pruned(count - 1, count - 1, count - 1, count - 1)
    assert told == sorted(told)
    assert len(told) > 2
    assert await rows(sqlite_database) == (1, 1, 1)


async def test_interrupted_pruning_goes_on(sqlite_database: Database, now: datetime) -> None:
    """Stopped after the layers' places were given up: the next run takes the orphans."""
    async with sqlite_database.writing() as session:
        await two_builds(session, now)

    class Stopped(Exception):
        pass

    def stop(_: Pruned) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        await prune(sqlite_database, now, now, stop)
    assert await rows(sqlite_database) == (2, 3, 3)
    assert await prune(sqlite_database, now, now) == Pruned(layers=1, build_steps=1)
    assert await rows(sqlite_database) == (2, 2, 2)


@pytest.mark.postgres
async def test_a_layer_about_to_be_used_again_stays(fresh_postgres_url: str, now: datetime) -> None:
    """A worker has looked a layer up and not yet committed: pruning neither waits for it nor takes the layer away."""
    async with opened(fresh_postgres_url) as database:
        async with database.writing() as session:
            await two_builds(session, now)
        async with database.writing() as session:
            await write(session, "again", [("old only", "RUN old")], now)
            done = await asyncio.wait_for(prune(database, now, now), 10)
        assert done == Pruned(manifests=1, manifest_layers=3)
        assert await rows(database) == (3, 3, 3)
        async with database.reading() as session:
            assert len((await manifest_detail(session, digest_of("again"))).layers) == 1


async def test_layers_that_are_read_after_all(sqlite_database: Database, now: datetime) -> None:
    """A manifest that lost the layers that an import told of, and is read later, has not given up anything."""
    read = manifest("old", NEW)
    told = PastManifest(read.digest, read.compressed_bytes, layers=read.layers)
    async with sqlite_database.writing() as session:
        tag = await add_tag(session, "debian:12", now - 200 * DAY)
        series = await add_series(session, tag, "linux/amd64", now - 200 * DAY)
        await run(session, series, (await claim(session, [told])).held[read.digest].id, now - 200 * DAY)
        await run(session, series, await write(session, "new", OLD, now), now - 100 * DAY)
    assert (await prune(sqlite_database, now, now)).manifests == 1
    async with sqlite_database.writing() as session:
        await write(session, "old", NEW, now)
    async with sqlite_database.reading() as session:
        found = await manifest_detail(session, read.digest)
    assert (len(found.layers), found.layers_pruned_at) == (len(NEW), None)


@pytest.mark.postgres
async def test_a_build_that_is_being_written_keeps_its_manifest(fresh_postgres_url: str, now: datetime) -> None:
    """A tag returns to an old manifest while pruning runs: its layers stay."""
    async with opened(fresh_postgres_url) as database:
        async with database.writing() as session:
            old, _ = await two_builds(session, now)
        async with database.writing() as session:
            series = (await session.scalars(select(Series))).one()
            await run(session, series, old, now)
            assert await asyncio.wait_for(prune(database, now, now), 10) == Pruned()
        async with database.reading() as session:
            assert len((await manifest_detail(session, digest_of("old"))).layers) == 3


@pytest.mark.postgres
async def test_a_layer_that_is_being_removed_is_made_anew(fresh_postgres_url: str, now: datetime) -> None:
    """A worker that wants a layer just then waits for its removal, and adds it."""
    async with opened(fresh_postgres_url) as database:
        async with database.writing() as session:
            session.add(Layer(digest=digest_of("orphan")))
        async with database.writing() as pruning:
            layer = await pruning.scalar(select(Layer).with_for_update(skip_locked=True))
            assert layer is not None

            async def work() -> None:
                async with database.writing() as session:
                    await write(session, "again", [("orphan", None)], now)

            working = asyncio.create_task(work())
            await asyncio.sleep(0.3)
            assert not working.done()
            await pruning.delete(layer)
        await asyncio.wait_for(working, 10)
        assert await rows(database) == (1, 1, 0)


@pytest.mark.postgres
async def test_pruning_beside_busy_workers(fresh_postgres_url: str, now: datetime) -> None:
    """Three workers write manifests of a few layers over and over while two prune: no error, and everything fits."""
    async with opened(fresh_postgres_url) as database:
        async with database.writing() as session:
            await two_builds(session, now)

        async def work(worker: int) -> None:
            for number in range(6):
                async with database.writing() as session:
                    tag = await add_tag(session, f"load/w{worker}:{number}", now - 9 * DAY)
                    series = await add_series(session, tag, "linux/amd64", now - 9 * DAY)
                    for turn in range(3):
                        layers = [(f"layer {(number + turn) % 4}", f"RUN {(number + turn) % 4}")]
                        manifest_id = await write(session, f"{worker} {number} {turn}", layers, now)
                        await run(session, series, manifest_id, now - (9 - turn) * DAY)

        async def clean(working: asyncio.Future[list[None]]) -> None:
            while not working.done():
                await prune(database, now, now)

        working = asyncio.gather(*(work(worker) for worker in range(3)))
        await asyncio.wait_for(asyncio.gather(working, clean(working), clean(working)), 60)
        await prune(database, now, now)
        async with database.reading() as session:
            missing = select(func.count()).select_from(Manifest).where(Manifest.layers_pruned_at.is_(None))
            assert await session.scalar(missing) == 1 + 3 * 6
        assert (await rows(database))[0] == 2 + 3 * 6
