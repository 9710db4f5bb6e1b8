"""Initial tables: what is watched, what was found, how the collecting is doing."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "build_steps",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build_steps")),
        sa.UniqueConstraint("sha256", name=op.f("uq_build_steps_sha256")),
    )
    op.create_table(
        "hosts",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("ok_at", UTC_TIME, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", UTC_TIME, nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("retry_at", UTC_TIME, nullable=True),
        sa.Column("paused_until", UTC_TIME, nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("pulls_paused_until", UTC_TIME, nullable=True),
        sa.Column("quota_limit", sa.Integer(), nullable=True),
        sa.Column("quota_remaining", sa.Integer(), nullable=True),
        sa.Column("quota_window_seconds", sa.Integer(), nullable=True),
        sa.Column("quota_seen_at", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hosts")),
    )
    op.create_table(
        "layers",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=False),
        sa.Column("diff_id", sa.String(length=160), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layers")),
        sa.UniqueConstraint("digest", name=op.f("uq_layers_digest")),
    )
    op.create_table(
        "manifests",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=True),
        sa.Column("config_digest", sa.String(length=160), nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=True),
        sa.Column("compressed_bytes", sa.BigInteger(), nullable=True),
        sa.Column("layer_count", sa.Integer(), nullable=True),
        sa.Column("fetched_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "compressed_bytes IS NULL OR compressed_bytes >= 0", name=op.f("ck_manifests_bytes_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manifests")),
        sa.UniqueConstraint("digest", name=op.f("uq_manifests_digest")),
    )
    op.create_table(
        "repositories",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repositories")),
        sa.UniqueConstraint("host", "path", name=op.f("uq_repositories_host_path")),
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("beat_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
    op.create_table(
        "manifest_layers",
        sa.Column("manifest_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("layer_id", BIG_ID, nullable=False),
        sa.Column("compressed_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("build_step_id", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["build_step_id"], ["build_steps.id"], name=op.f("fk_manifest_layers_build_step_id_build_steps")
        ),
        sa.ForeignKeyConstraint(["layer_id"], ["layers.id"], name=op.f("fk_manifest_layers_layer_id_layers")),
        sa.ForeignKeyConstraint(
            ["manifest_id"], ["manifests.id"], name=op.f("fk_manifest_layers_manifest_id_manifests")
        ),
        sa.PrimaryKeyConstraint("manifest_id", "position", name=op.f("pk_manifest_layers")),
    )
    op.create_index("ix_manifest_layers_layer_id", "manifest_layers", ["layer_id"])

    op.create_table(
        "tags",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("repository_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("first_seen_at", UTC_TIME, nullable=False),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("platforms", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("interval_seconds", sa.Integer(), nullable=True),
        sa.Column("on_default", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=True),
        sa.Column("media_type", sa.String(length=128), nullable=True),
        sa.Column("checked_at", UTC_TIME, nullable=True),
        sa.Column("changed_at", UTC_TIME, nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", UTC_TIME, nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("next_check_at", UTC_TIME, nullable=False),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_tags_repository_id_repositories")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("repository_id", "name", name=op.f("uq_tags_repository_id_name")),
    )
    op.create_index("ix_tags_due", "tags", ["watched", "next_check_at"])

    op.create_table(
        "watches",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("repository_id", BIG_ID, nullable=False),
        sa.Column("tag_pattern", sa.String(length=255), nullable=False),
        sa.Column("platforms", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("interval_seconds", sa.Integer(), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("next_expand_at", UTC_TIME, nullable=True),
        sa.Column("expanded_at", UTC_TIME, nullable=True),
        sa.Column("matched_tags", sa.Integer(), nullable=True),
        sa.Column("truncated", sa.Boolean(), nullable=False),
        sa.Column("expand_failures", sa.Integer(), nullable=False),
        sa.Column("expand_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_watches_repository_id_repositories")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watches")),
        sa.UniqueConstraint("repository_id", "tag_pattern", name=op.f("uq_watches_repository_id_tag_pattern")),
    )
    op.create_index("ix_watches_next_expand_at", "watches", ["next_expand_at"])

    op.create_table(
        "watch_tags",
        sa.Column("watch_id", BIG_ID, nullable=False),
        sa.Column("tag_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_watch_tags_tag_id_tags")),
        sa.ForeignKeyConstraint(["watch_id"], ["watches.id"], name=op.f("fk_watch_tags_watch_id_watches")),
        sa.PrimaryKeyConstraint("watch_id", "tag_id", name=op.f("pk_watch_tags")),
    )
    op.create_index("ix_watch_tags_tag_id", "watch_tags", ["tag_id"])
    op.create_table(
        "series",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("tag_id", BIG_ID, nullable=False),
        sa.Column("platform", sa.String(length=120), nullable=False),
        sa.Column("first_seen_at", UTC_TIME, nullable=False),
        sa.Column("dropped_at", UTC_TIME, nullable=True),
        sa.Column("watched", sa.Boolean(), nullable=False),
        sa.Column("latest_build_id", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_series_tag_id_tags")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("tag_id", "platform", name=op.f("uq_series_tag_id_platform")),
    )
    op.create_table(
        "tag_events",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("tag_id", BIG_ID, nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=True),
        sa.Column("platform", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_tag_events_tag_id_tags")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_events")),
    )
    op.create_index("ix_tag_events_tag_id", "tag_events", ["tag_id", "at"])

    op.create_table(
        "builds",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("series_id", BIG_ID, nullable=False),
        sa.Column("manifest_id", BIG_ID, nullable=False),
        sa.Column("first_seen_at", UTC_TIME, nullable=False),
        sa.Column("pushed_at", UTC_TIME, nullable=True),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("tag_event_id", BIG_ID, nullable=True),
        sa.ForeignKeyConstraint(["manifest_id"], ["manifests.id"], name=op.f("fk_builds_manifest_id_manifests")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_builds_series_id_series")),
        sa.ForeignKeyConstraint(["tag_event_id"], ["tag_events.id"], name=op.f("fk_builds_tag_event_id_tag_events")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_builds")),
        sa.UniqueConstraint(
            "series_id", "first_seen_at", "manifest_id", name=op.f("uq_builds_series_id_first_seen_at_manifest_id")
        ),
    )
    op.create_index("ix_builds_manifest_id", "builds", ["manifest_id"])
    op.create_index("ix_builds_first_seen_at", "builds", ["first_seen_at"])

    op.create_table(
        "pending_details",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("repository_id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=160), nullable=False),
        sa.Column("tag_event_id", BIG_ID, nullable=False),
        sa.Column("platform", sa.String(length=120), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("next_try_at", UTC_TIME, nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repositories.id"], name=op.f("fk_pending_details_repository_id_repositories")
        ),
        sa.ForeignKeyConstraint(
            ["tag_event_id"], ["tag_events.id"], name=op.f("fk_pending_details_tag_event_id_tag_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_details")),
        sa.UniqueConstraint(
            "repository_id", "digest", "tag_event_id", name=op.f("uq_pending_details_repository_id_digest_tag_event_id")
        ),
    )
    op.create_index("ix_pending_details_due", "pending_details", ["next_try_at", "priority"])
    op.create_index("ix_pending_details_digest", "pending_details", ["digest"])
    op.create_index("ix_pending_details_tag_event_id", "pending_details", ["tag_event_id"])

    op.execute("INSERT INTO revision (id, number) VALUES (1, 0)")


def downgrade() -> None:
    """Take back."""
    op.drop_table("pending_details")
    op.drop_table("builds")
    op.drop_table("tag_events")
    op.drop_table("series")
    op.drop_table("watch_tags")
    op.drop_table("watches")
    op.drop_table("tags")
    op.drop_table("manifest_layers")
    op.drop_table("workers")
    op.drop_table("revision")
    op.drop_table("repositories")
    op.drop_table("manifests")
    op.drop_table("layers")
    op.drop_table("hosts")
    op.drop_table("build_steps")
