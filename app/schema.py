"""The database's schema version: bring it up to this program's, or say why that cannot be."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from app.db import DatabaseUnusable, begin_sqlite, ensure_folder, parse_url, prepare_sqlite, why_unusable
from app.resources import resource_dir

_ADVISORY_LOCK = 0x7461726577  # "tarew": one migration at a time on a PostgreSQL database


def migration_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for our migrations, run on this connection."""
    config = Config()
    config.set_main_option("script_location", str(resource_dir("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """The revision that this program needs."""
    head = ScriptDirectory.from_config(migration_config()).get_current_head()
    assert head is not None  # noqa: S101 - the initial migration is part of the program
    return head


def upgrade(database_url: str, revision: str = "head") -> tuple[str | None, str]:
    """Migrate up; (revision before, revision after). DatabaseUnusable says why it cannot be done."""
    with migrating(database_url) as connection:
        before = current_revision(connection)
        _refuse_newer(before)
        command.upgrade(migration_config(connection), revision)
        return before, current_revision(connection) or "base"


def downgrade(database_url: str, revision: str) -> None:
    """Migrate down to a revision ("base", "-1", an id). Loses what newer tables hold."""
    with migrating(database_url) as connection:
        command.downgrade(migration_config(connection), revision)


def require_current(database_url: str) -> None:
    """DatabaseUnusable unless the schema is exactly this program's."""
    with _connected(database_url) as connection:
        found = current_revision(connection)
    _refuse_newer(found)
    if found != head_revision():
        raise DatabaseUnusable("the database has not been migrated to this version: run `tarewatch migrate`")


def current_revision(connection: Connection) -> str | None:
    """The schema's revision; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(found: str | None) -> None:
    if found is None:
        return
    try:
        ScriptDirectory.from_config(migration_config()).get_revision(found)
    except CommandError:
        raise DatabaseUnusable(
            f"the database (schema {found}) is newer than this program: run the newer version, or restore a backup"
        ) from None


@contextmanager
def _connected(database_url: str) -> Iterator[Connection]:
    url = parse_url(database_url, driver="sync")
    ensure_folder(url)
    sqlite = url.drivername == "sqlite"
    engine = create_engine(url, connect_args={"timeout": 3} if sqlite else {"connect_timeout": 10})
    if sqlite:
        event.listen(engine, "connect", prepare_sqlite)
        event.listen(engine, "begin", begin_sqlite)
    try:
        with engine.execution_options(tarewatch_write=True).connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise DatabaseUnusable(why_unusable(error)) from None
    finally:
        engine.dispose()


@contextmanager
def migrating(database_url: str) -> Iterator[Connection]:
    """A connection in one transaction, alone: SQLite holds its write lock, PostgreSQL an advisory lock."""
    with _connected(database_url) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = '5s'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        yield connection
