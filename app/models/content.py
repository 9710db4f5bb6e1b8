"""Content-addressed documents: one row per digest for ever, shared by every tag that names it."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, BigId, Digest, UtcTime


class Manifest(Base):
    """One platform's image manifest. Known by digest first, measured once (`fetched_at`), never changed after.

    `compressed_bytes` = sum of the layer descriptors' sizes; NULL while the details wait (see `PendingDetail`). Until
    the manifest itself is read, bytes and layers may be what another source claims: Hub's web API, an imported file.
    """

    __tablename__ = "manifests"
    __table_args__ = (CheckConstraint("compressed_bytes IS NULL OR compressed_bytes >= 0", name="bytes_not_negative"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    digest: Mapped[str] = mapped_column(Digest, unique=True)
    media_type: Mapped[str | None] = mapped_column(String(128))
    config_digest: Mapped[str | None] = mapped_column(Digest)
    created_at: Mapped[datetime | None] = mapped_column(UtcTime)  # the config's word: often not the push time
    compressed_bytes: Mapped[int | None] = mapped_column(BigInteger)
    layer_count: Mapped[int | None] = mapped_column()
    fetched_at: Mapped[datetime | None] = mapped_column(UtcTime)
    layers_pruned_at: Mapped[datetime | None] = mapped_column(UtcTime)  # its layers were given up to save room


class Layer(Base):
    """A layer blob by the digest of its compressed bytes."""

    __tablename__ = "layers"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    digest: Mapped[str] = mapped_column(Digest, unique=True)
    diff_id: Mapped[str | None] = mapped_column(Digest)  # of the unpacked tar, from the first config that named it


class BuildStep(Base):
    """The text of a build step (`created_by` of a config's history), kept once."""

    __tablename__ = "build_steps"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    text: Mapped[str] = mapped_column(Text)


class ManifestLayer(Base):
    """A layer's place in a manifest, with what this manifest's descriptor says of it."""

    __tablename__ = "manifest_layers"
    __table_args__ = (
        Index("ix_manifest_layers_layer_id", "layer_id"),
        # For pruning; partial, since layers that are known by hearsay have no step.
        Index(
            "ix_manifest_layers_build_step_id",
            "build_step_id",
            sqlite_where=text("build_step_id IS NOT NULL"),
            postgresql_where=text("build_step_id IS NOT NULL"),
        ),
    )

    manifest_id: Mapped[int] = mapped_column(ForeignKey("manifests.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # 0 is the base
    layer_id: Mapped[int] = mapped_column(ForeignKey("layers.id"))
    compressed_bytes: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(128))
    build_step_id: Mapped[int | None] = mapped_column(ForeignKey("build_steps.id"))


class PendingDetail(Base):
    """A document still to be fetched: the row is the queue, `priority` 0 goes first.

    `kind` "tag": the document that `tag_event_id` saw, not yet looked into. `kind` "manifest": one platform's manifest.
    """

    __tablename__ = "pending_details"
    __table_args__ = (
        UniqueConstraint("repository_id", "digest", "tag_event_id"),
        Index("ix_pending_details_due", "next_try_at", "priority"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    repository_id: Mapped[int] = mapped_column(ForeignKey("repositories.id"))
    kind: Mapped[str] = mapped_column(String(8))
    digest: Mapped[str] = mapped_column(Digest, index=True)
    tag_event_id: Mapped[int] = mapped_column(ForeignKey("tag_events.id"), index=True)
    platform: Mapped[str | None] = mapped_column(String(120))
    priority: Mapped[int] = mapped_column()
    # "quota": waits for pulls; "platforms": more of them are wanted now; "layers": the bytes are known by hearsay;
    # "error": could not be read; "lost": can never be read, and is not tried again
    reason: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    next_try_at: Mapped[datetime] = mapped_column(UtcTime)
    failures: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_message: Mapped[str | None] = mapped_column(Text)
    lease_owner: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
