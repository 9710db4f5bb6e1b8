"""`tarewatch migrate`: bring the database's schema up, as the first step of an upgrade."""

from app.cli.printing import console
from app.schema import upgrade
from app.settings import load_settings

err = console(stderr=True)


def migrate() -> None:
    """Bring the database's schema to this version."""
    settings = load_settings()
    before, after = upgrade(settings.database_url.get_secret_value())
    err.print(
        f"database schema: {after}, nothing to do"
        if before == after
        else f"database schema: {before or 'empty'} -> {after}"
    )
