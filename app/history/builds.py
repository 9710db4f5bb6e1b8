"""Builds and the manifests they ran on: lists newest first, and each one in full."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, ScalarSelect, Select, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.history.errors import UnknownBuild, UnknownManifest
from app.history.lookup import find_repository, find_tag
from app.history.page import Key, Page, moment_and_id
from app.history.values import build_at, image_name
from app.models import Build, BuildStep, Layer, Manifest, ManifestLayer, Series, Tag, TagEvent
from app.models import Repository as RepositoryRow
from app.registry.reference import Repository

_SHOWN_USES = 100


@dataclass(frozen=True, slots=True)
class BuildRow:
    """A build of one tag on one platform. `at` is when it came into force; bytes are None while not measured.

    `previous_bytes` is the value before it: of the last measured build of the same series, None for the first.
    `origin` and `source` say where it is known from, `base_step` is the text of the step that made its first layer.
    """

    id: int
    image: str
    tag: str
    platform: str
    at: datetime
    first_seen_at: datetime
    pushed_at: datetime | None
    known_since: datetime | None
    origin: str
    source: str | None
    base_step: str | None
    digest: str
    compressed_bytes: int | None
    layer_count: int | None
    previous_bytes: int | None

    @property
    def difference_bytes(self) -> int | None:
        """Growth over the value before; None where either is unknown."""
        if self.compressed_bytes is None or self.previous_bytes is None:
            return None
        return self.compressed_bytes - self.previous_bytes


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer in its place, 0 being the base; `share` is its part of the manifest's bytes, 0 to 1."""

    position: int
    digest: str
    media_type: str
    compressed_bytes: int
    step: str | None
    share: float


@dataclass(frozen=True, slots=True)
class ManifestDetail:
    """A platform manifest: immutable, shared by every build that ran on it; None where not measured yet."""

    digest: str
    media_type: str | None
    config_digest: str | None
    created_at: datetime | None
    fetched_at: datetime | None
    compressed_bytes: int | None
    layer_count: int | None
    layers_pruned_at: datetime | None
    layers: tuple[LayerRow, ...]


@dataclass(frozen=True, slots=True)
class BuildDetail:
    """A build in full. `tag_digest`: what the tag named then (an index, or the manifest itself); None if not known."""

    build: BuildRow
    tag_digest: str | None
    manifest: ManifestDetail
    previous_id: int | None
    next_id: int | None


@dataclass(frozen=True, slots=True)
class BuildFilter:
    """Which builds: all, or those of a repository, of one of its tags, on some platforms."""

    repository: Repository | None = None
    tag: str | None = None
    platforms: Collection[str] | None = None


async def builds_page(
    session: AsyncSession, wanted: BuildFilter, *, limit: int, after: Key | None = None
) -> Page[BuildRow]:
    """Builds, last seen first; UnknownImage when the repository or tag is not known."""
    query = _builds().order_by(Build.first_seen_at.desc(), Build.id.desc()).limit(limit + 1)
    query = await _narrowed(session, query, wanted)
    if after is not None:
        query = query.where(tuple_(Build.first_seen_at, Build.id) < tuple_(*_after_values(after)))
    rows = [_build_row(row) for row in await session.execute(query)]
    shown = tuple(rows[:limit])
    more = bool(shown) and len(rows) > limit
    return Page(shown, (shown[-1].first_seen_at.isoformat(), shown[-1].id) if more else None)


async def build_detail(session: AsyncSession, build_id: int) -> BuildDetail:
    """Everything about one build; UnknownBuild."""
    row = (await session.execute(_builds().where(Build.id == build_id))).one_or_none()
    if row is None:
        raise UnknownBuild(build_id)
    tag_digest = await session.scalar(
        select(TagEvent.digest).join(Build, Build.tag_event_id == TagEvent.id).where(Build.id == build_id)
    )
    place = tuple_(literal(row.first_seen_at, Build.first_seen_at.type), literal(build_id))
    mine, here = Build.series_id == row.series_id, tuple_(Build.first_seen_at, Build.id)
    newest, oldest = (Build.first_seen_at.desc(), Build.id.desc()), (Build.first_seen_at, Build.id)
    return BuildDetail(
        build=_build_row(row),
        tag_digest=tag_digest,
        manifest=await manifest_detail(session, row.digest),
        previous_id=await session.scalar(select(Build.id).where(mine, here < place).order_by(*newest).limit(1)),
        next_id=await session.scalar(select(Build.id).where(mine, here > place).order_by(*oldest).limit(1)),
    )


async def manifest_detail(session: AsyncSession, digest: str) -> ManifestDetail:
    """A platform manifest by its digest; UnknownManifest. The digest of an index is no platform manifest."""
    row = await session.scalar(select(Manifest).where(Manifest.digest == digest))
    if row is None:
        raise UnknownManifest(digest)
    return ManifestDetail(
        digest=row.digest,
        media_type=row.media_type,
        config_digest=row.config_digest,
        created_at=row.created_at,
        fetched_at=row.fetched_at,
        compressed_bytes=row.compressed_bytes,
        layer_count=row.layer_count,
        layers_pruned_at=row.layers_pruned_at,
        layers=await _layers(session, row),
    )


async def builds_of_manifest(session: AsyncSession, digest: str) -> tuple[BuildRow, ...]:
    """Builds that ran on this manifest, last seen first; the newest 100."""
    query = _builds().where(Manifest.digest == digest).order_by(Build.first_seen_at.desc(), Build.id.desc())
    return tuple(_build_row(row) for row in await session.execute(query.limit(_SHOWN_USES)))


async def _narrowed(
    session: AsyncSession, query: Select[*tuple[Any, ...]], wanted: BuildFilter
) -> Select[*tuple[Any, ...]]:
    if wanted.repository is not None and wanted.tag is not None:
        query = query.where(Series.tag_id == (await find_tag(session, wanted.repository, wanted.tag)).id)
    elif wanted.repository is not None:
        query = query.where(Tag.repository_id == (await find_repository(session, wanted.repository)).id)
    if wanted.platforms is not None:
        query = query.where(Series.platform.in_(wanted.platforms))
    return query


def _after_values(after: Key) -> tuple[Any, Any]:
    moment, build_id = moment_and_id(after)
    return literal(moment, Build.first_seen_at.type), literal(build_id)


def _builds() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Build.id,
            Build.series_id,
            RepositoryRow.host,
            RepositoryRow.path,
            Tag.name,
            Series.platform,
            build_at().label("at"),
            Build.first_seen_at,
            Build.pushed_at,
            Build.known_since,
            Build.origin,
            Build.source,
            BuildStep.text.label("base_step"),
            Manifest.digest,
            Manifest.compressed_bytes,
            Manifest.layer_count,
            _value_before().label("previous_bytes"),
        )
        .join(Manifest, Manifest.id == Build.manifest_id)
        .join(Series, Series.id == Build.series_id)
        .join(Tag, Tag.id == Series.tag_id)
        .join(RepositoryRow, RepositoryRow.id == Tag.repository_id)
        .outerjoin(ManifestLayer, (ManifestLayer.manifest_id == Manifest.id) & (ManifestLayer.position == 0))
        .outerjoin(BuildStep, BuildStep.id == ManifestLayer.build_step_id)
    )


def _value_before() -> ScalarSelect[int | None]:
    """Bytes of the last measured build of the series that came before the selected one."""
    earlier, manifest = aliased(Build), aliased(Manifest)
    return (
        select(manifest.compressed_bytes)
        .join(earlier, earlier.manifest_id == manifest.id)
        .where(
            earlier.series_id == Build.series_id,
            tuple_(earlier.first_seen_at, earlier.id) < tuple_(Build.first_seen_at, Build.id),
            manifest.compressed_bytes.is_not(None),
        )
        .order_by(earlier.first_seen_at.desc(), earlier.id.desc())
        .limit(1)
        .correlate(Build)
        .scalar_subquery()
    )


def _build_row(row: Row[Any]) -> BuildRow:
    return BuildRow(
        id=row.id,
        image=image_name(row.host, row.path),
        tag=row.name,
        platform=row.platform,
        at=row.at,
        first_seen_at=row.first_seen_at,
        pushed_at=row.pushed_at,
        known_since=row.known_since,
        origin=row.origin,
        source=row.source,
        base_step=row.base_step,
        digest=row.digest,
        compressed_bytes=row.compressed_bytes,
        layer_count=row.layer_count,
        previous_bytes=row.previous_bytes,
    )


async def _layers(session: AsyncSession, manifest: Manifest) -> tuple[LayerRow, ...]:
    found = await session.execute(
        select(
            ManifestLayer.position,
            Layer.digest,
            ManifestLayer.media_type,
            ManifestLayer.compressed_bytes,
            BuildStep.text,
        )
        .join(Layer, Layer.id == ManifestLayer.layer_id)
        .outerjoin(BuildStep, BuildStep.id == ManifestLayer.build_step_id)
        .where(ManifestLayer.manifest_id == manifest.id)
        .order_by(ManifestLayer.position)
    )
    whole = manifest.compressed_bytes or 0
    return tuple(
        LayerRow(position, digest, media_type, amount, step, amount / whole if whole else 0.0)
        for position, digest, media_type, amount, step in found
    )
