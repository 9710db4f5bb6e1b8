"""The application as a whole, on both databases."""

import httpx
from fastapi import FastAPI

from app.db import Database, open_database
from app.main import create_app
from app.settings import Settings
from tests.conftest import NOW
from tests.history.seed import seed_history

READS = (
    "/api/v1/images?sort=change_1y&order=desc&limit=3",
    "/api/v1/images?search=DEBIAN",
    "/api/v1/tags?image=debian&limit=1",
    "/api/v1/series?image=debian&tag=bookworm-slim",
    "/api/v1/builds?image=debian&limit=3",
    "/api/v1/builds/1",
    "/api/v1/watches",
    "/api/v1/status",
    "/metrics",
)


async def test_both_databases_answer_alike(database: Database, settings: Settings) -> None:
    """Every read works on SQLite and PostgreSQL, and so does the page that its `next` names."""
    async with database.writing() as session:
        await seed_history(session, NOW)
    app = create_app(settings, database, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        for path in READS:
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            following = answer.json().get("next") if path != "/metrics" else None
            if following:
                assert (await client.get(following)).json()["items"]


async def test_lifespan_starts_and_stops(app: FastAPI, seeded: Database) -> None:
    """The watcher of the revision ends with the application, without a word."""
    async with app.router.lifespan_context(app):
        assert app.state.database is seeded


def test_making_it_touches_nothing(settings: Settings) -> None:
    """A database that does not exist is no trouble before the first request."""
    app = create_app(settings, open_database("postgresql://nobody@nowhere.invalid/nothing"))
    assert app.openapi()["info"]["title"] == "Tarewatch"
