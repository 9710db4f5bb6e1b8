"""The past: builds that others tell of, backfills, and where watches were found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds since 1970
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply. Columns that may be empty are added in place on both databases: no table is rewritten."""
    op.add_column("builds", sa.Column("known_since", UTC_TIME, nullable=True))
    op.add_column("builds", sa.Column("source", sa.String(length=255), nullable=True))
    op.add_column("manifests", sa.Column("layers_pruned_at", UTC_TIME, nullable=True))
    op.create_index(
        "ix_manifest_layers_build_step_id",
        "manifest_layers",
        ["build_step_id"],
        sqlite_where=sa.text("build_step_id IS NOT NULL"),
        postgresql_where=sa.text("build_step_id IS NOT NULL"),
    )
    op.create_table(
        "backfills",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("tag_id", BIG_ID, nullable=False),
        sa.Column("requested_at", UTC_TIME, nullable=False),
        sa.Column("reason", sa.String(length=8), nullable=False),
        sa.Column("next_try_at", UTC_TIME, nullable=False),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", UTC_TIME, nullable=True),
        sa.Column("done_at", UTC_TIME, nullable=True),
        sa.Column("found", sa.Integer(), nullable=True),
        sa.Column("added", sa.Integer(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["tag_id"], ["tags.id"], name=op.f("fk_backfills_tag_id_tags")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
        sa.UniqueConstraint("tag_id", name=op.f("uq_backfills_tag_id")),
    )
    op.create_index("ix_backfills_due", "backfills", ["done_at", "next_try_at"])
    op.create_table(
        "watch_sources",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("watch_id", BIG_ID, nullable=False),
        sa.Column("root", sa.String(length=1000), nullable=False),
        sa.Column("location", sa.String(length=1000), nullable=False),
        sa.Column("found_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["watch_id"], ["watches.id"], name=op.f("fk_watch_sources_watch_id_watches")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch_sources")),
    )
    op.create_index("ix_watch_sources_watch_id", "watch_sources", ["watch_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("watch_sources")
    op.drop_table("backfills")
    op.drop_index("ix_manifest_layers_build_step_id", "manifest_layers")
    op.drop_column("manifests", "layers_pruned_at")
    op.drop_column("builds", "source")
    op.drop_column("builds", "known_since")
