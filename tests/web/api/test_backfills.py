"""Past sizes over the API: asked for with the admin token, read by everybody."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update

from app.db import Database
from app.models import Backfill, Tag
from app.watchlist import request_backfills
from tests.conftest import NOW
from tests.web.conftest import BEARER

BACKFILLS = "/api/v1/backfills"
SLIM = {"image": "debian", "tag": "bookworm-slim"}


async def test_ask_and_read(client: httpx.AsyncClient) -> None:
    """Asked for, it waits; the list shows it at once, and so does the status."""
    asked = await client.post(BACKFILLS, json=SLIM, headers=BEARER)
    assert asked.status_code == 202, asked.text
    row = asked.json()
    assert (row["image"], row["tag"], row["state"], row["reason"]) == ("debian", "bookworm-slim", "waiting", "api")
    assert (await client.get(f"{BACKFILLS}?image=debian&tag=bookworm-slim")).json()["items"] == [row]
    status = (await client.get("/api/v1/status")).json()["backfills"]
    assert status == {"waiting": 1, "running": 0, "failing_count": 0, "failing": []}


async def test_asking_again_while_it_waits(client: httpx.AsyncClient) -> None:
    """There is one row for a tag, however it is spelled."""
    first = await client.post(BACKFILLS, json=SLIM, headers=BEARER)
    second = await client.post(BACKFILLS, json={"image": "docker.io/library/debian:bookworm-slim"}, headers=BEARER)
    assert second.json() == first.json()


async def test_done_and_failing(client: httpx.AsyncClient, seeded: Database) -> None:
    """Numbers of what is done, cause and next try of what fails; asking again begins anew."""
    await client.post(BACKFILLS, json=SLIM, headers=BEARER)
    await client.post(BACKFILLS, json={"image": "debian", "tag": "bookworm"}, headers=BEARER)
    async with seeded.writing() as session:
        done = {"done_at": NOW, "found": 352, "added": 344}
        ids = (await session.scalars(select(Backfill.id).order_by(Backfill.id))).all()
        await session.execute(update(Backfill).where(Backfill.id == ids[0]).values(**done))
        later = {"failures": 3, "error_code": "server-error", "next_try_at": NOW + timedelta(hours=1)}
        await session.execute(update(Backfill).where(Backfill.id == ids[1]).values(**later, error_message="502"))
    done_row, failing = (await client.get(f"{BACKFILLS}?image=debian")).json()["items"]
    assert (done_row["state"], done_row["found"], done_row["added"]) == ("done", 352, 344)
    assert (done_row["next_try_at"], failing["state"], failing["error_message"]) == (None, "failing", "502")
    assert (await client.get("/api/v1/status")).json()["backfills"]["failing"] == [failing]
    again = (await client.post(BACKFILLS, json=SLIM, headers=BEARER)).json()
    assert (again["state"], again["found"], again["added"]) == ("waiting", None, None)


async def test_pages(client: httpx.AsyncClient, seeded: Database) -> None:
    """The list in pages of two holds everything once."""
    async with seeded.writing() as session:
        ids = list(await session.scalars(select(Tag.id).where(Tag.watched)))
        await request_backfills(session, ids, "cli", NOW)
    address, seen = f"{BACKFILLS}?limit=2", []
    while address:
        page = (await client.get(address)).json()
        seen += [(one["image"], one["tag"]) for one in page["items"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == len(ids) > 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"image": "debian", "tag": "bookwrm"}, 404, "image-unknown"),
        ({"image": "nobody/nothing"}, 404, "image-unknown"),
        ({"image": "Debian"}, 400, "reference-invalid"),
        ({"tag": "bookworm"}, 422, "parameter-invalid"),
        ({"image": "debian", "colour": "red"}, 422, "parameter-invalid"),
    ],
)
async def test_what_cannot_be_asked_for(client: httpx.AsyncClient, body: object, status: int, code: str) -> None:
    """Names that nobody watches, and what is no name at all."""
    answer = await client.post(BACKFILLS, json=body, headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_tag_that_is_no_longer_watched(client: httpx.AsyncClient, seeded: Database) -> None:
    """Nobody would fetch it."""
    async with seeded.writing() as session:
        await session.execute(update(Tag).values(watched=False))
    answer = await client.post(BACKFILLS, json=SLIM, headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (404, "image-unknown")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong-token-entirely"}])
async def test_strangers_may_not_ask(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Without the token nothing is asked of any registry."""
    assert (await client.post(BACKFILLS, json=SLIM, headers=headers)).status_code == 401
    assert (await client.get(BACKFILLS)).json()["items"] == []
