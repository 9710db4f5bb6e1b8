"""Run migrations on the connection that app/schema.py hands over."""

from alembic import context

from app.models import Base

config = context.config


def run() -> None:
    """Migrate inside the caller's transaction; SQLite needs tables rebuilt for most ALTERs, hence batch mode."""
    connection = config.attributes["connection"]
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
    context.run_migrations()


run()
