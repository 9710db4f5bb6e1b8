"""Histories to read: small hand-made ones, and two realistic years of several images."""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import (
    Build,
    BuildStep,
    Host,
    Layer,
    Manifest,
    ManifestLayer,
    Origin,
    PendingDetail,
    Repository,
    Revision,
    Series,
    Tag,
    TagEvent,
    TagEventKind,
    TagStatus,
    Watch,
    Worker,
)
from app.registry import reference

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
HOSTILE_STEP = """RUN echo "<script>alert('step')</script>" && echo '</script><!--' & {{ 7*7 }} \u202e\u0000""".replace(
    "\0", ""
)
HOSTILE_TAG = "__proto__"
DAY = timedelta(days=1)
MB = 10**6

Changes = Sequence[tuple[datetime, int | None]]


def digest_of(text: str) -> str:
    """A well-formed digest that is the same for the same text."""
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


async def add_tag(session: AsyncSession, image: str, at: datetime, **columns: object) -> Tag:
    """A tag ("debian:bookworm"), first seen at this time, and its watch unless `watched` is False."""
    found = reference.Reference.parse(image)
    where = {"host": found.repository.registry, "path": found.repository.path}
    repository = await session.scalar(select(Repository).filter_by(**where))
    if repository is None:
        repository = Repository(**where)
        session.add(repository)
        await session.flush()
    values = {"status": TagStatus.OK, "checked_at": at, "changed_at": at, "next_check_at": at + DAY} | columns
    tag = Tag(repository_id=repository.id, name=found.tag, first_seen_at=at, digest=digest_of(image), **values)
    session.add(tag)
    if columns.get("watched", True):
        session.add(Watch(repository_id=repository.id, tag_pattern=found.tag, origin="default", created_at=at))
    await session.flush()
    return tag


async def add_series(session: AsyncSession, tag: Tag, platform: str, changes: Changes, *, layers: int = 3) -> Series:
    """A series whose builds came into force at these times with these bytes (None: not measured yet)."""
    series = Series(tag_id=tag.id, platform=platform, first_seen_at=changes[0][0])
    events = [
        TagEvent(
            tag_id=tag.id,
            at=at,
            kind=TagEventKind.MOVED if number else TagEventKind.SEEN,
            digest=digest_of(f"index {tag.id} {at}"),
        )
        for number, (at, _) in enumerate(changes)
    ]
    session.add_all([series, *events])
    labelled = [(f"{tag.id} {platform} {number}", at, amount) for number, (at, amount) in enumerate(changes)]
    manifests = await add_manifests(session, labelled, layers=layers)
    builds = [
        Build(series_id=series.id, manifest_id=manifest.id, first_seen_at=at, origin=Origin.POLL, tag_event_id=event.id)
        for (at, _), manifest, event in zip(changes, manifests, events, strict=True)
    ]
    session.add_all(builds)
    await session.flush()
    series.latest_build_id = builds[-1].id
    await session.flush()
    return series


async def add_manifests(
    session: AsyncSession, labelled: Sequence[tuple[str, datetime, int | None]], *, layers: int
) -> list[Manifest]:
    """Platform manifests of (label, time, compressed bytes) in so many layers; None bytes leave one unmeasured."""
    manifests = [_manifest(label, at, amount, layers) for label, at, amount in labelled]
    parts = [
        (manifest, position, part, Layer(digest=digest_of(f"layer {manifest.digest} {position}")))
        for manifest in manifests
        if manifest.compressed_bytes is not None
        for position, part in enumerate(_parts(manifest.compressed_bytes, layers))
    ]
    session.add_all([*manifests, *(layer for *_, layer in parts)])
    steps = [await _step(session, position) for position in range(layers)]
    await session.flush()
    session.add_all(
        ManifestLayer(
            manifest_id=manifest.id,
            position=position,
            layer_id=layer.id,
            compressed_bytes=part,
            media_type=OCI_LAYER,
            build_step_id=steps[position],
        )
        for manifest, position, part, layer in parts
    )
    await session.flush()
    return manifests


def _manifest(label: str, at: datetime, amount: int | None, layers: int) -> Manifest:
    manifest = Manifest(digest=digest_of(f"manifest {label}"), media_type=OCI_MANIFEST)
    if amount is not None:
        manifest.config_digest = digest_of(f"config {label}")
        manifest.created_at = manifest.fetched_at = at
        manifest.compressed_bytes, manifest.layer_count = amount, layers
    return manifest


def _parts(amount: int, count: int) -> list[int]:
    small = amount // (count * 3)
    return [amount - small * (count - 1)] + [small] * (count - 1)


async def _step(session: AsyncSession, position: int) -> int | None:
    text = ["#(nop) ADD file:rootfs.tar.xz in /", HOSTILE_STEP, None][position % 3]
    if text is None:
        return None
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    step = await session.scalar(select(BuildStep).where(BuildStep.sha256 == sha256))
    if step is None:
        step = BuildStep(sha256=sha256, text=text)
        session.add(step)
        await session.flush()
    return step.id


async def bump_revision(session: AsyncSession) -> None:
    """What every writer does: the number grows."""
    await session.execute(update(Revision).values(number=Revision.number + 1))


@dataclass(frozen=True, slots=True)
class _Life:
    image: str
    start_bytes: int
    growth_per_build: int
    every: timedelta
    platforms: tuple[str, ...]


_COMMON = ("linux/amd64", "linux/arm64")
_LIVES = (
    _Life("debian:bookworm-slim", 28 * MB, 4_000, 14 * DAY, (*_COMMON, "linux/arm/v7")),
    _Life("debian:bookworm", 48 * MB, 9_000, 14 * DAY, _COMMON),
    _Life("alpine:3.20", 3_600_000, 1_500, 40 * DAY, (*_COMMON, "linux/s390x")),
    _Life("ubuntu:24.04", 29 * MB, 20_000, 21 * DAY, _COMMON),
    _Life("python:3.13-slim", 41 * MB, -30_000, 9 * DAY, _COMMON),
    _Life("grafana/grafana:latest", 190 * MB, 700_000, 12 * DAY, _COMMON),
    _Life("ghcr.io/owner/tool:v1", 9 * MB, 0, 90 * DAY, ("linux/amd64",)),
    _Life(f"quay.io/hostile/name:{HOSTILE_TAG}", 5 * MB, 1_000, 30 * DAY, ("linux/arm64",)),
    _Life("mcr.microsoft.com/windows/nanoserver:ltsc2022", 121 * MB, 50_000, 30 * DAY, ("windows/amd64/10.0.20348.1",)),
)


async def seed_history(session: AsyncSession, now: datetime, *, seed: int = 1) -> None:
    """Nine tags over two years, and everything that can be wrong: gone, failing, new, pending, paused, truncated.

    debian:bookworm-slim ends with a step of +12 MB ten days ago; ubuntu:24.04's arm64 was dropped; alpine:3.20 is
    pending; grafana/grafana:latest is failing; ghcr.io/owner/tool:v1 is gone; busybox:latest was never looked at.
    """
    rng = random.Random(seed)
    tags = {life.image: await _live(session, life, now, rng) for life in _LIVES}
    await add_tag(session, "busybox:latest", now, status=TagStatus.NEW, checked_at=None, changed_at=None)
    await _ails(session, tags, now)
    await _waits(session, tags["alpine:3.20"], now)
    await _operations(session, now)
    await bump_revision(session)


async def _live(session: AsyncSession, life: _Life, now: datetime, rng: random.Random) -> Tag:
    born = now - 730 * DAY
    tag = await add_tag(session, life.image, born, checked_at=now - timedelta(hours=1), next_check_at=now + DAY / 4)
    for index, platform in enumerate(life.platforms):
        start = born + index * 5 * DAY
        await add_series(session, tag, platform, list(_growth(life, start, now, rng)), layers=2 + index)
    return tag


def _growth(life: _Life, start: datetime, now: datetime, rng: random.Random) -> Iterable[tuple[datetime, int]]:
    amount, at = life.start_bytes, start
    while at < now - 11 * DAY:
        yield at, amount
        at += life.every * rng.uniform(0.6, 1.4)
        amount += life.growth_per_build + rng.randint(-3_000, 3_000)
    if life.image == "debian:bookworm-slim":
        yield now - 10 * DAY, amount + 12 * MB


async def _ails(session: AsyncSession, tags: dict[str, Tag], now: datetime) -> None:
    failing, gone = tags["grafana/grafana:latest"], tags["ghcr.io/owner/tool:v1"]
    failing.status, failing.failures, failing.failing_since = TagStatus.FAILING, 3, now - DAY
    failing.error_code, failing.error_message = "server-error", "registry-1.docker.io answered 503 <b>busy</b>"
    gone.status, gone.error_code = TagStatus.GONE, "not-found"
    gone.error_message = "manifest unknown"
    session.add(TagEvent(tag_id=gone.id, at=now - 3 * DAY, kind=TagEventKind.GONE))
    series = await session.scalars(
        select(Series).where(Series.tag_id == tags["ubuntu:24.04"].id, Series.platform == "linux/arm64")
    )
    series.one().dropped_at = now - 30 * DAY
    await session.flush()


async def _waits(session: AsyncSession, tag: Tag, now: datetime) -> None:
    """The tag moved an hour ago on linux/amd64; its bytes wait for quota."""
    at = now - timedelta(hours=1)
    event = TagEvent(tag_id=tag.id, at=at, kind=TagEventKind.MOVED, digest=digest_of("pending index"))
    (manifest,) = await add_manifests(session, [("pending", at, None)], layers=0)
    found = await session.scalars(select(Series).where(Series.tag_id == tag.id, Series.platform == "linux/amd64"))
    series = found.one()
    session.add(event)
    await session.flush()
    build = Build(
        series_id=series.id, manifest_id=manifest.id, first_seen_at=at, origin=Origin.POLL, tag_event_id=event.id
    )
    waiting = PendingDetail(
        repository_id=tag.repository_id,
        kind="manifest",
        digest=manifest.digest,
        tag_event_id=event.id,
        platform="linux/amd64",
        priority=0,
        reason="quota",
        created_at=at,
        next_try_at=now + timedelta(hours=5),
    )
    session.add_all([build, waiting])
    await session.flush()
    series.latest_build_id = build.id


async def _operations(session: AsyncSession, now: datetime) -> None:
    hub = Host(name="docker.io", ok_at=now - timedelta(minutes=5), quota_limit=100, quota_remaining=7)
    hub.quota_window_seconds, hub.quota_seen_at = 21_600, now - timedelta(minutes=5)
    sick = Host(name="quay.io", failures=4, failing_since=now - DAY, error_code="dns")
    sick.error_message = "quay.io: no such host name"
    paused = Host(name="ghcr.io", paused_until=now + timedelta(hours=1), pause_reason="429: pull limit reached")
    worker = Worker(id="worker-1", version="0.1.0", started_at=now - DAY, beat_at=now - timedelta(seconds=10))
    session.add_all([hub, sick, paused, worker])
    watch = (await session.scalars(select(Watch).order_by(Watch.id).limit(1))).one()
    watch.truncated, watch.matched_tags = True, 500
    await session.flush()


async def seed_many(session: AsyncSession, now: datetime, *, tags: int, builds: int = 50) -> None:
    """Many alike tags of one platform, in a few statements: for lists and speed; the newest build is at `now`."""
    for number in range(1, tags // 20 + 2):
        session.add(Repository(id=number, host="docker.io", path=f"load/image{number:04}"))
    await session.flush()
    for number in range(1, tags + 1):
        name = f"v{number}"
        tag = Tag(id=number, repository_id=number // 20 + 1, name=name, first_seen_at=now, status=TagStatus.OK)
        tag.checked_at = tag.next_check_at = now
        session.add(tag)
    await session.flush()
    latest = {number: number * builds for number in range(1, tags + 1)}
    session.add_all(
        Series(id=n, tag_id=n, platform="linux/amd64", first_seen_at=now - 730 * DAY, latest_build_id=latest[n])
        for n in latest
    )
    await session.flush()
    count = tags * builds
    session.add_all(
        Manifest(id=n, digest=digest_of(f"many {n}"), media_type=OCI_MANIFEST, compressed_bytes=30 * MB + n % 97 * 1000)
        for n in range(1, count + 1)
    )
    await session.flush()
    session.add_all(
        Build(
            id=n,
            series_id=(n - 1) // builds + 1,
            manifest_id=n,
            first_seen_at=now - (builds - 1 - (n - 1) % builds) * (730 * DAY / builds),
            origin=Origin.POLL,
        )
        for n in range(1, count + 1)
    )
    await session.flush()
    await bump_revision(session)
