"""The tables, one file per aggregate. Import them from here, so that the metadata is always whole."""

from app.models.base import Base, UtcTime
from app.models.catalogue import Repository, Tag, TagStatus, Watch, WatchSource, WatchTag, covers
from app.models.content import BuildStep, Layer, Manifest, ManifestLayer, PendingDetail
from app.models.history import Build, Origin, Series, TagEvent, TagEventKind
from app.models.operation import Backfill, Host, Revision, Worker, bump_revision

__all__ = [
    "Backfill",
    "Base",
    "Build",
    "BuildStep",
    "Host",
    "Layer",
    "Manifest",
    "ManifestLayer",
    "Origin",
    "PendingDetail",
    "Repository",
    "Revision",
    "Series",
    "Tag",
    "TagEvent",
    "TagEventKind",
    "TagStatus",
    "UtcTime",
    "Watch",
    "WatchSource",
    "WatchTag",
    "Worker",
    "bump_revision",
    "covers",
]
