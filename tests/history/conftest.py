"""A database with two years in it."""

import pytest

from app.db import Database
from tests.conftest import NOW
from tests.history.seed import seed_history


@pytest.fixture
async def seeded(database: Database) -> Database:
    """`seed_history` on both kinds of database."""
    async with database.writing() as session:
        await seed_history(session, NOW)
    return database
