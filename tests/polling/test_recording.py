"""What a poll finds, and what the database says afterwards."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from sqlalchemy import func, select, update

from app.db import Database
from app.history.observations import Moved, Target
from app.history.record import record
from app.imitation.documents import artifact, image, index, schema1
from app.models import Build, BuildStep, Layer, Manifest, ManifestLayer, Series, Tag, TagEvent, TagStatus
from app.polling.claim import claim_tags
from app.polling.look import look_into, looking_at
from app.polling.poll import poll_host
from app.registry.reference import Repository
from tests.polling.conftest import HUB_HOST, PLATFORMS, Stage, debian, make_stage


async def _rows(stage: Stage) -> dict[str, int]:
    async with stage.database.reading() as session:
        tables = (TagEvent, Series, Build, Manifest, Layer, ManifestLayer, BuildStep)
        return {t.__tablename__: (await session.scalar(select(func.count()).select_from(t))) or 0 for t in tables}


async def test_first_sight(stage: Stage) -> None:
    """Every platform gets its exact bytes, layers and steps; attestations are no platforms."""
    await stage.watch("debian:bookworm-slim")
    pushed = stage.push("bookworm-slim", debian(28_000_000))
    report = await stage.poll()
    assert (report.looked, report.failed, len(report.changes)) == (1, 0, 3)
    for number, platform in enumerate(PLATFORMS):
        assert await stage.builds(platform=platform) == [(stage.clock.now, 28_000_000 + 1000 * number)]
    assert await stage.events() == [("seen", None)]
    tag = await stage.tag()
    assert (tag.status, tag.digest, tag.media_type) == (TagStatus.OK, pushed.digest, pushed.media_type)
    async with stage.database.reading() as session:
        steps = (await session.scalars(select(BuildStep.text))).all()
    assert steps == ["ADD rootfs.tar.xz / # buildkit"]
    assert (await _rows(stage))["series"] == 3


async def test_unchanged_adds_no_row(stage: Stage) -> None:
    """A second look at the same digest writes nothing but the tag's own row."""
    await stage.watch("debian:bookworm-slim")
    stage.push("bookworm-slim", debian(28_000_000))
    await stage.poll()
    before = await _rows(stage)
    report = await stage.poll()
    assert (report.unchanged, report.changes) == (1, [])
    assert await _rows(stage) == before
    assert (await stage.tag()).checked_at == stage.clock.now


async def test_only_the_platform_that_changed(stage: Stage) -> None:
    """Of a new index only the platforms with a new manifest digest get a build."""
    await stage.watch("debian:bookworm-slim")
    same = image("linux/amd64", [(28_000_000, "ADD")])
    stage.push("bookworm-slim", index([same, image("linux/arm64", [(27_000_000, "ADD")])]))
    await stage.poll()
    stage.push("bookworm-slim", index([same, image("linux/arm64", [(27_500_000, "ADD")])]))
    report = await stage.poll()
    [(_, change)] = report.changes
    assert (change.platform, change.old_bytes, change.new_bytes) == ("linux/arm64", 27_000_000, 27_500_000)
    assert len(await stage.builds(platform="linux/amd64")) == 1
    assert [size for _, size in await stage.builds(platform="linux/arm64")] == [27_000_000, 27_500_000]


async def test_reassembled_index(stage: Stage) -> None:
    """An index digest that changes while its platforms do not is an event of the tag, and no build."""
    await stage.watch("debian:bookworm-slim")
    images = [image(p, [(28_000_000, "ADD")]) for p in PLATFORMS]
    stage.push("bookworm-slim", index(images))
    await stage.poll()
    stage.push("bookworm-slim", index(images, annotations={"again": "yes"}))
    report = await stage.poll()
    assert report.changes == []
    assert await stage.events() == [("seen", None), ("moved", None)]
    assert len(await stage.builds()) == 1


async def test_return_to_an_old_digest(stage: Stage) -> None:
    """A-B-A is three runs, and the second A is not fetched again."""
    await stage.watch("debian:bookworm-slim")
    old, new = debian(28_000_000), debian(30_000_000)
    for document in (old, new, old):
        stage.push("bookworm-slim", document)
        await stage.poll()
    assert [size for _, size in await stage.builds()] == [28_000_000, 30_000_000, 28_000_000]
    assert stage.registry.counts() == {"head": 1, "manifest_get": 1}
    assert (await _rows(stage))["manifests"] == 6


async def test_two_aliases_of_one_digest(stage: Stage) -> None:
    """Two tags that name one digest share manifests and layers, and keep a history each."""
    await stage.watch("debian:bookworm-slim", "debian:12-slim")
    document = debian(28_000_000)
    stage.push("bookworm-slim", document)
    stage.push("12-slim", document)
    await stage.poll()
    rows = await _rows(stage)
    assert (rows["series"], rows["builds"], rows["manifests"], rows["layers"]) == (6, 6, 3, 3)


async def test_vanished_and_returned(stage: Stage) -> None:
    """A tag that is gone is recorded once, keeps its history, and its return is recorded."""
    await stage.watch("debian:bookworm-slim")
    document = stage.push("bookworm-slim", debian(28_000_000))
    await stage.poll()
    stage.world.remove("library/debian", "bookworm-slim", at=stage.clock.now)
    for _ in range(3):
        await stage.poll(hours=30)
    assert (await stage.tag()).status == TagStatus.GONE
    stage.push("bookworm-slim", document)
    await stage.poll(hours=30)
    assert await stage.events() == [("seen", None), ("gone", None), ("returned", None)]
    assert (await stage.tag()).status == TagStatus.OK
    assert len(await stage.builds()) == 1


async def test_platforms_come_and_go(stage: Stage) -> None:
    """A platform that appears, is dropped, and comes back is recorded each time."""
    await stage.watch("debian:bookworm-slim")
    both = debian(28_000_000, ("linux/amd64", "linux/arm64"))
    for document in (debian(28_000_000, ("linux/amd64",)), both, debian(28_000_000, ("linux/amd64",)), both):
        stage.push("bookworm-slim", document)
        await stage.poll()
    platform = "linux/arm64"
    assert [event for event in await stage.events() if event[1]] == [
        ("platform_added", platform),
        ("platform_dropped", platform),
        ("platform_returned", platform),
    ]
    assert len(await stage.builds(platform=platform)) == 1


async def test_recording_twice_changes_nothing(stage: Stage) -> None:
    """The same observation recorded again, as after a crash or by a second worker, leaves every table as it was."""
    await stage.watch("debian:bookworm-slim")
    pushed = stage.push("bookworm-slim", debian(28_000_000))
    tag = await stage.tag()
    target = Target(tag.id, tag.name, None, tag.status, None, None)
    looking = looking_at(stage.polling, HUB_HOST)
    contents = await look_into(looking, Repository(HUB_HOST, "library/debian"), pushed.digest, target)
    seen = Moved(target, pushed.digest, pushed.media_type, contents)
    rows = []
    for _ in range(2):
        async with stage.database.writing() as session:
            await session.execute(update(Tag).values(next_check_at=stage.clock.now))
            await claim_tags(session, HUB_HOST, "test", stage.clock.now)
            await record(session, [seen], stage.clock.now, stage.polling.schedule, "test")
        rows.append(await _rows(stage))
    assert rows[0] == rows[1]
    assert rows[0]["builds"] == 3


async def test_single_manifest_takes_its_platform_from_the_config(lite: Stage) -> None:
    """A tag without an index is one series, named by the config's platform."""
    await lite.watch("debian:bookworm-slim")
    lite.push("bookworm-slim", image("linux/arm/v7", [(20_000_000, "ADD"), "CMD", (1_000, "RUN apt-get update")]))
    await lite.poll()
    assert await lite.builds(platform="linux/arm/v7") == [(lite.clock.now, 20_001_000)]


async def test_what_is_no_image_is_said_so(lite: Stage) -> None:
    """Schema 1 and artifacts leave a reason on the tag, and no size."""
    await lite.watch("debian:old", "debian:chart")
    lite.push("old", schema1("library/debian", "old"))
    lite.push("chart", artifact("application/vnd.cncf.helm.chart.v1+json"))
    report = await lite.poll()
    assert report.failed == 2
    assert (await lite.tag("old")).error_code == "schema-unsupported"
    assert (await lite.tag("chart")).error_code == "not-an-image"
    assert (await _rows(lite))["builds"] == 0


async def test_platform_filter_and_its_widening(lite: Stage) -> None:
    """A watch's platforms are all that is fetched; wanting more later fills them in, from when the tag moved."""
    await lite.watch("debian:bookworm-slim", platforms=["linux/amd64"])
    lite.push("bookworm-slim", debian(28_000_000))
    await lite.poll()
    seen_at = lite.clock.now
    assert (await _rows(lite))["series"] == 1
    await lite.watch("debian:bookworm-sli?")  # every platform
    await lite.expand()
    await lite.read_details()
    assert await lite.builds(platform="linux/s390x") == [(seen_at, 28_002_000)]
    assert len(await lite.builds()) == 1


async def test_a_tag_never_seen_is_a_failure_not_gone(lite: Stage) -> None:
    """A typo in a watch shows as an error that names it."""
    await lite.watch("debian:bookwurm")
    lite.push("bookworm-slim", debian(1))
    await lite.poll()
    tag = await lite.tag("bookwurm")
    assert (tag.status, tag.error_code) == (TagStatus.FAILING, "manifest-not-found")
    assert "bookwurm" in (tag.error_message or "")


async def test_unchanged_heals_a_failing_tag(lite: Stage) -> None:
    """After a failure, an answer clears the error."""
    await lite.watch("debian:bookworm-slim")
    lite.push("bookworm-slim", debian(28_000_000))
    await lite.poll()
    tag = await lite.tag()
    async with lite.database.writing() as session:
        row = await session.get_one(type(tag), tag.id)
        row.status, row.failures, row.error_code, row.error_message = TagStatus.FAILING, 3, "server-error", "503"
    await lite.poll()
    tag = await lite.tag()
    assert (tag.status, tag.failures, tag.error_code, tag.failing_since) == (TagStatus.OK, 0, None, None)


async def test_two_workers_share_the_work(database: Database) -> None:
    """Two workers that poll at once look at every tag exactly once between them."""
    async with AsyncExitStack() as stack:
        one = await make_stage(stack, database)
        for n in range(40):
            one.push(f"v{n}", debian(1000 + n, ("linux/amd64",)), f"library/r{n % 8}")
        await one.watch(*(f"r{n % 8}:v{n}" for n in range(40)))
        second = replace(one.polling, owner="other")
        reports = await asyncio.gather(poll_host(one.polling, HUB_HOST), poll_host(second, HUB_HOST))
        assert sum(report.looked for report in reports) == 40
        assert one.registry.counts()["head"] == 40
        assert (await _rows(one))["builds"] == 40
