"""A database with two years in it: made once per kind, copied for each test."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from app.db import Database, open_database
from tests.conftest import NOW
from tests.history.seed import seed_history


@pytest.fixture(scope="session")
def seeded_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with `seed_history` in it."""
    path = tmp_path_factory.mktemp("seeded") / "seeded.db"
    shutil.copy(sqlite_template, path)
    asyncio.run(_fill(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def seeded_postgres(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """The name of a PostgreSQL database with `seed_history` in it."""
    with _copied(postgres_url, postgres_template) as name:
        asyncio.run(_fill(_named(postgres_url, name)))
        yield name


@pytest.fixture
def seeded_sqlite_url(seeded_file: Path, tmp_path: Path) -> str:
    """The URL of a fresh copy."""
    shutil.copy(seeded_file, tmp_path / "seeded.db")
    return f"sqlite:///{tmp_path}/seeded.db"


@pytest.fixture
def seeded_postgres_url(postgres_url: str, seeded_postgres: str) -> Iterator[str]:
    """The URL of a fresh copy."""
    with _copied(postgres_url, seeded_postgres) as name:
        yield _named(postgres_url, name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def seeded_url(request: pytest.FixtureRequest) -> str:
    """Each test with this runs twice: on SQLite and on PostgreSQL."""
    url: str = request.getfixturevalue(f"seeded_{request.param}_url")
    return url


@pytest.fixture
async def seeded(seeded_url: str) -> AsyncIterator[Database]:
    """`seed_history` on both kinds of database, fresh for each test."""
    opened = open_database(seeded_url)
    yield opened
    await opened.close()


async def _fill(url: str) -> None:
    database = open_database(url)
    async with database.writing() as session:
        await seed_history(session, NOW)
    await database.close()


@contextmanager
def _copied(url: str, template: str) -> Iterator[str]:
    """The name of a copy of a database of this server, dropped at the end."""
    name = f"seeded_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    try:
        yield name
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


def _named(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
