"""SQL expressions that several queries share: names of images, times and values of builds.

The value of a series at a time is that of the last *measured* build at or before it: a step function.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, collate, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.models import Build, Manifest, PendingDetail, Series, Tag, TagEvent
from app.models import Repository as RepositoryRow
from app.registry.reference import HUB, Repository

_OFFICIAL = "library/"


@lru_cache(maxsize=4096)
def image_name(host: str, path: str) -> str:
    """The repository as people write it: "debian"."""
    return Repository(host, path).familiar


def image_text() -> ColumnElement[str]:
    """`image_name` in SQL, of the joined repository; for searching and sorting."""
    on_hub = RepositoryRow.host == HUB
    return case(
        (and_(on_hub, RepositoryRow.path.startswith(_OFFICIAL)), func.substr(RepositoryRow.path, len(_OFFICIAL) + 1)),
        (on_hub, RepositoryRow.path),
        else_=RepositoryRow.host + "/" + RepositoryRow.path,
    )


def bytewise(session: AsyncSession, text: ColumnElement[str]) -> ColumnElement[str]:
    """The text compared byte by byte, so that both databases sort "3.19" and "3.2" alike."""
    return collate(text, "C" if session.get_bind().dialect.name == "postgresql" else "BINARY")


def build_at(build: type[Build] = Build) -> ColumnElement[datetime]:
    """When a build came into force: the registry's word, else another source's, else when we first saw it."""
    return func.coalesce(build.pushed_at, build.known_since, build.first_seen_at, type_=Build.first_seen_at.type)


def measured_at(series_id: Any, moment: datetime | None = None) -> ScalarSelect[int | None]:
    """Compressed bytes of the series' last measured build, at or before `moment` if given; NULL if there is none."""
    build, manifest = aliased(Build), aliased(Manifest)
    query = (
        select(manifest.compressed_bytes)
        .join(build, build.manifest_id == manifest.id)
        .where(build.series_id == series_id, manifest.compressed_bytes.is_not(None))
    )
    if moment is not None:
        query = query.where(build_at(build) <= moment)
    return query.order_by(build.first_seen_at.desc(), build.id.desc()).limit(1).correlate(Series).scalar_subquery()


def current_bytes() -> ColumnElement[int | None]:
    """The series' value now; needs `Series` and, outer-joined, its latest build's `Manifest` in the query."""
    return func.coalesce(Manifest.compressed_bytes, measured_at(Series.id))


def waits_for_details() -> ColumnElement[bool]:
    """Whether a changed document of the joined `Tag` has not been looked into yet."""
    event = aliased(TagEvent)
    return exists(
        select(PendingDetail.id)
        .join(event, event.id == PendingDetail.tag_event_id)
        .where(event.tag_id == Tag.id, PendingDetail.kind == "tag")
        .correlate(Tag)
    )
