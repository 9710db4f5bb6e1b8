"""Made-up histories, as a database may hold them, for sending them out and back in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Build, BuildStep, Layer, Manifest, ManifestLayer, Origin, Repository, Series, Tag
from tests.exchange.files import digest

LAYERS = 4  # there are so many blobs; each has one size and one diff id
FIRST = datetime(2014, 3, 1, tzinfo=UTC)
_TEXTS = st.text("=+-@'abc ;,\"é", max_size=8) | st.none()
_PUSHES = (Origin.SIBLING, Origin.HUB, Origin.HISTORY)


@dataclass(frozen=True, slots=True)
class Content:
    """A manifest: `layers` are numbers of blobs; `measured` False: only its digest is known."""

    layers: tuple[int, ...]
    media_type: str | None
    measured: bool
    dated: bool


@dataclass(frozen=True, slots=True)
class Run:
    """A build: minutes after the one before, the number of its manifest."""

    minutes: int
    manifest: int
    origin: Origin
    source: str | None
    known_before: int  # minutes


@dataclass(frozen=True, slots=True)
class History:
    """Manifests, and by (image, tag, platform) what ran when."""

    contents: Sequence[Content]
    series: dict[tuple[str, str, str], list[Run]]


_CONTENTS = st.builds(
    Content,
    st.lists(st.integers(0, LAYERS - 1), max_size=4).map(tuple),
    st.sampled_from([None, "application/vnd.oci.image.manifest.v1+json", "=cmd()", "'=x"]),
    st.booleans(),
    st.booleans(),
)
_RUNS = st.builds(
    Run,
    st.integers(0, 3).map(lambda n: n * 7_000),
    st.integers(0, 4),
    st.sampled_from(Origin),
    _TEXTS.map(lambda text: text or None),
    st.integers(0, 2),
)
_KEYS = st.tuples(
    st.sampled_from(["library/debian", "grafana/grafana", "library/a"]),
    st.sampled_from(["3.2", "3.19", "latest", "_"]),
    st.sampled_from(["linux/amd64", "linux/arm/v7", "windows/amd64/10.0.17763.1+win32k"]),
)
histories = st.builds(
    History,
    st.lists(_CONTENTS, min_size=5, max_size=5),
    st.dictionaries(_KEYS, st.lists(_RUNS, min_size=1, max_size=6), max_size=4),
)


async def store(session: AsyncSession, history: History) -> None:
    """Write it down as polling and backfills would have, in any order of ids but those of one series."""
    manifests = await _store_contents(session, history.contents)
    repositories: dict[str, Repository] = {}
    tags: dict[tuple[str, str], Tag] = {}
    for (path, name, platform), runs in history.series.items():
        if path not in repositories:
            repositories[path] = Repository(host="docker.io", path=path)
            session.add(repositories[path])
            await session.flush()
        if (path, name) not in tags:
            tags[path, name] = Tag(
                repository_id=repositories[path].id, name=name, first_seen_at=FIRST, next_check_at=FIRST, watched=False
            )
            session.add(tags[path, name])
            await session.flush()
        series = Series(tag_id=tags[path, name].id, platform=platform, first_seen_at=FIRST)
        session.add(series)
        await session.flush()
        for build in _builds(series, runs, manifests):
            session.add(build)
            await session.flush()
            series.latest_build_id = build.id
    await session.flush()


def _builds(series: Series, runs: Sequence[Run], manifests: Sequence[Manifest]) -> list[Build]:
    """What no writer of ours would write down is left out: the same twice in a row or at one time, or pushed twice."""
    builds: list[Build] = []
    at = FIRST
    for run in runs:
        at += timedelta(minutes=run.minutes, microseconds=run.minutes % 11)
        manifest_id, push = manifests[run.manifest].id, run.origin in _PUSHES
        before = [build for build in builds if build.first_seen_at < at]
        earlier = builds if push else [*before[-1:], *builds[len(before) :]]
        if any(build.manifest_id == manifest_id for build in earlier):
            continue
        since = at - timedelta(minutes=run.known_before) if run.known_before and not push else None
        builds.append(
            Build(
                series_id=series.id,
                manifest_id=manifest_id,
                first_seen_at=at,
                pushed_at=at if push else None,
                known_since=since,
                origin=run.origin,
                source=run.source,
            )
        )
    return builds


async def _store_contents(session: AsyncSession, contents: Sequence[Content]) -> list[Manifest]:
    blobs = [Layer(digest=digest(f"layer {n}"), diff_id=digest(f"diff {n}") if n % 2 else None) for n in range(LAYERS)]
    step = BuildStep(sha256=digest("RUN x\n\x1b").removeprefix("sha256:"), text="RUN x\n\x1b")
    manifests = [_manifest(number, content) for number, content in enumerate(contents)]
    session.add_all([*blobs, step, *manifests])
    await session.flush()
    for manifest, content in zip(manifests, contents, strict=True):
        for position, blob in enumerate(content.layers if content.measured else ()):
            session.add(
                ManifestLayer(
                    manifest_id=manifest.id,
                    position=position,
                    layer_id=blobs[blob].id,
                    compressed_bytes=blob + 1,
                    media_type="",
                    build_step_id=step.id if position % 2 else None,
                )
            )
    await session.flush()
    return manifests


def _manifest(number: int, content: Content) -> Manifest:
    manifest = Manifest(digest=digest(f"manifest {number}"), media_type=content.media_type)
    if content.measured:
        manifest.compressed_bytes = sum(blob + 1 for blob in content.layers)
        manifest.layer_count = len(content.layers)
        manifest.config_digest = digest(f"config {number}")
    if content.dated:
        manifest.created_at = datetime(1970, 1, 1, microsecond=number, tzinfo=UTC)
    return manifest
