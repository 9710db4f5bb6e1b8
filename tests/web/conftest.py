"""The application on a database with two years in it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.db import Database, open_database
from app.main import create_app
from app.settings import Settings
from tests.conftest import NOW
from tests.history.seed import seed_history

ADMIN_TOKEN = "an-admin-token-for-tests"
BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
def settings() -> Settings:
    """Settings with an admin token; nothing is read from the environment's `.env`."""
    token, key = SecretStr(ADMIN_TOKEN), SecretStr("a-secret-key-for-tests")
    return Settings(_env_file=None, admin_token=token, secret_key=key)


@pytest.fixture(scope="session")
def seeded_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with `seed_history` in it, to copy."""
    path = tmp_path_factory.mktemp("seeded") / "seeded.db"
    shutil.copy(sqlite_template, path)
    asyncio.run(_fill(f"sqlite:///{path}"))
    return path


async def _fill(url: str) -> None:
    database = open_database(url)
    async with database.writing() as session:
        await seed_history(session, NOW)
    await database.close()


@pytest.fixture
async def seeded(seeded_template: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh copy of the seeded database."""
    path = tmp_path / "seeded.db"
    shutil.copy(seeded_template, path)
    database = open_database(f"sqlite:///{path}")
    yield database
    await database.close()


@pytest.fixture
def app(settings: Settings, seeded: Database) -> FastAPI:
    """The application; its clock stands still."""
    return create_app(settings, seeded, clock=lambda: NOW)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a server between; errors arrive as answers."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
