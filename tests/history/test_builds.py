"""Builds and manifests."""

from datetime import datetime

import pytest

from app.db import Database
from app.history.builds import BuildFilter, build_detail, builds_of_manifest, builds_page, manifest_detail
from app.history.errors import UnknownBuild, UnknownImage, UnknownManifest
from app.history.page import Key, PageKeyInvalid
from app.registry.reference import Repository
from tests.history.seed import DAY, HOSTILE_STEP, MB, add_series, add_tag, digest_of

DEBIAN = Repository.parse("debian")
SLIM = BuildFilter(DEBIAN, "bookworm-slim")


async def test_builds_come_newest_first_in_joining_pages(seeded: Database) -> None:
    """Pages by key show each build of the tag once, newest first."""
    seen: list[int] = []
    after: Key | None = None
    async with seeded.reading() as session:
        whole = await builds_page(session, SLIM, limit=1000)
        while True:
            page = await builds_page(session, SLIM, limit=7, after=after)
            seen += [row.id for row in page.items]
            if (after := page.after) is None:
                break
    assert seen == [row.id for row in whole.items]
    assert len(seen) == len(set(seen)) > 100
    moments = [row.first_seen_at for row in whole.items]
    assert moments == sorted(moments, reverse=True)


async def test_a_build_knows_the_value_before_it(database: Database, now: datetime) -> None:
    """The difference skips builds without bytes; the first one has none."""
    async with database.writing() as session:
        tag = await add_tag(session, "debian:12", now - 9 * DAY)
        changes = [(now - 9 * DAY, 10 * MB), (now - 6 * DAY, None), (now - 3 * DAY, 13 * MB)]
        await add_series(session, tag, "linux/amd64", changes)
    async with database.reading() as session:
        page = await builds_page(session, BuildFilter(DEBIAN), limit=10)
    assert [(row.compressed_bytes, row.difference_bytes) for row in page.items] == [
        (13 * MB, 3 * MB),
        (None, None),
        (10 * MB, None),
    ]


@pytest.mark.parametrize(
    ("wanted", "images"),
    [
        (BuildFilter(), 9),
        (BuildFilter(DEBIAN), 1),
        (BuildFilter(platforms=["linux/s390x"]), 1),
        (BuildFilter(DEBIAN, platforms=["linux/mips"]), 0),
    ],
)
async def test_filters(seeded: Database, wanted: BuildFilter, images: int) -> None:
    """All builds, or those of an image, or of a platform."""
    async with seeded.reading() as session:
        page = await builds_page(session, wanted, limit=10_000)
    assert len({row.image for row in page.items}) == images - (wanted == BuildFilter())  # debian has two tags


async def test_a_build_in_full(seeded: Database) -> None:
    """Layers in order with bytes that add up, steps as written, the tag's digest and the neighbours."""
    async with seeded.reading() as session:
        newest, before = (await builds_page(session, BuildFilter(DEBIAN, "bookworm", ["linux/amd64"]), limit=2)).items
        found = await build_detail(session, newest.id)
        earlier = await build_detail(session, before.id)
    assert found.build == newest
    assert found.tag_digest not in {None, found.manifest.digest}
    assert (found.previous_id, found.next_id, earlier.next_id) == (before.id, None, newest.id)
    assert [layer.position for layer in found.manifest.layers] == [0, 1]
    assert sum(layer.compressed_bytes for layer in found.manifest.layers) == found.build.compressed_bytes
    assert sum(layer.share for layer in found.manifest.layers) == pytest.approx(1)
    assert found.manifest.layers[1].step == HOSTILE_STEP


async def test_a_pending_manifest_has_no_layers_yet(seeded: Database) -> None:
    """What is not measured is None, and nothing divides by it."""
    async with seeded.reading() as session:
        found = await manifest_detail(session, digest_of("manifest pending"))
        (build,) = await builds_of_manifest(session, found.digest)
    assert (found.compressed_bytes, found.layers) == (None, ())
    assert (build.image, build.compressed_bytes) == ("alpine", None)


@pytest.mark.parametrize("after", [(), ("yesterday", 1), ("2020-01-01", 1), ("2020-01-01T00:00:00Z", "1"), (1, 1)])
async def test_foreign_key_is_refused(seeded: Database, after: Key) -> None:
    """Only an aware time and a number are the key of a build."""
    async with seeded.reading() as session:
        with pytest.raises(PageKeyInvalid):
            await builds_page(session, BuildFilter(), limit=1, after=after)


async def test_keys_reach_from_end_to_end(seeded: Database) -> None:
    """No moment and no number that a key may hold is too great for a database."""
    async with seeded.reading() as session:
        first = await builds_page(session, SLIM, limit=1, after=("9999-12-31T23:59:59.999999+00:00", 2**63 - 1))
        last = await builds_page(session, SLIM, limit=1, after=("0001-01-01T00:00:00+00:00", -(2**63)))
        newest = await builds_page(session, SLIM, limit=1)
    assert (first.items, last.items) == (newest.items, ())


async def test_unknown_things_are_errors(seeded: Database) -> None:
    """Each kind of thing that is not there has its own error."""
    async with seeded.reading() as session:
        with pytest.raises(UnknownBuild):
            await build_detail(session, 10**9)
        with pytest.raises(UnknownManifest):
            await manifest_detail(session, digest_of("nothing"))
        with pytest.raises(UnknownImage):
            await builds_page(session, BuildFilter(Repository.parse("nothing")), limit=1)
