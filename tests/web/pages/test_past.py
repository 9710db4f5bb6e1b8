"""Past sizes on pages: the admin's button, what became of it, and the status page."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update

from app.db import Database
from app.main import create_app
from app.models import Backfill, Tag
from app.settings import Settings
from app.watchlist.backfills import Reason, request_backfills
from tests.conftest import NOW
from tests.web.conftest import ADMIN_TOKEN
from tests.web.pages.reading import fetch, parse

IMAGE = "/image?image=debian&tag=bookworm-slim"


@pytest.fixture
async def csrf(client: httpx.AsyncClient) -> str:
    """A session, and the token that its forms carry."""
    await client.post("/login", data={"token": ADMIN_TOKEN})
    return (await fetch(client, "/admin")).all("input", name="csrf")[0].attributes["value"]


async def test_everybody_else_sees_no_button(client: httpx.AsyncClient) -> None:
    """Nor a heading, as long as nobody asked for the past."""
    page = await fetch(client, IMAGE)
    assert page.all("form", action="/admin/past") == []
    assert page.all("section", id="past") == []


async def test_the_button_asks(client: httpx.AsyncClient, csrf: str) -> None:
    """The form as it stands on the page, sent as a browser does: back on the page, which says that it is asked for."""
    form = (await fetch(client, IMAGE)).one("form", action="/admin/past")
    fields = {one.attributes["name"]: one.attributes["value"] for one in form.all("input")}
    assert fields == {"csrf": csrf, "image": "debian", "tag": "bookworm-slim"}
    answer = await client.post("/admin/past", data=fields, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{IMAGE}#past")
    assert "a worker fetches them soon" in (await fetch(client, IMAGE)).one("section", id="past").text
    client.cookies.clear()
    page = await fetch(client, IMAGE)
    assert "a worker fetches them soon" in page.one("section", id="past").text
    assert page.all("form", action="/admin/past") == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"done_at": NOW, "found": 352, "added": 344}, "told of 352 past builds, 344 of them new here"),
        ({"done_at": NOW, "found": 0, "added": 0}, "nobody tells what this tag was before"),
        ({"lease_until": NOW + timedelta(minutes=2), "added": 40}, "fetched just now; 40 builds so far"),
        ({"failures": 2, "error_message": "502 <b>Bad</b> Gateway"}, "502 <b>Bad</b> Gateway"),
        ({"error_message": "docker.io is paused"}, "docker.io is paused"),
    ],
)
async def test_what_became_of_it(
    client: httpx.AsyncClient, csrf: str, seeded: Database, values: dict[str, object], words: str
) -> None:
    """Done with its numbers, under way, failing with the cause, or waiting for a registry's pause to end."""
    await client.post("/admin/past", data={"csrf": csrf, "image": "debian", "tag": "bookworm-slim"})
    async with seeded.writing() as session:
        await session.execute(update(Backfill).values(**values))
    assert words in (await fetch(client, IMAGE)).one("section", id="past").text


@pytest.mark.parametrize(("reason", "words"), [("watch", "on request only"), ("cli", "a worker fetches them soon")])
async def test_nothing_is_promised_where_it_is_off(
    seeded: Database, settings: Settings, reason: Reason, words: str
) -> None:
    """What no worker fetches by itself is fetched on request only; where a person asked, it comes."""
    async with seeded.writing() as session:
        tag_id = await session.scalar(select(Tag.id).where(Tag.name == "bookworm-slim"))
        assert tag_id is not None
        await request_backfills(session, [tag_id], reason, NOW)
    app = create_app(settings.model_copy(update={"backfill": "off"}), seeded, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        assert words in (await fetch(client, IMAGE)).one("section", id="past").text


async def test_the_status_page_names_what_fails(client: httpx.AsyncClient, csrf: str, seeded: Database) -> None:
    """With its cause and a link; without anything open it says so."""
    assert "what can be had is here" in (await fetch(client, "/status")).text
    await client.post("/admin/past", data={"csrf": csrf, "image": "debian", "tag": "bookworm-slim"})
    async with seeded.writing() as session:
        await session.execute(update(Backfill).values(failures=2, error_message="502 Bad Gateway"))
    page = await fetch(client, "/status")
    row = page.one("div", **{"aria-label": "Past sizes that cannot be had"}).all("tr")[1]
    assert "502 Bad Gateway" in row.text
    assert row.one("a").attributes["href"] == IMAGE


@pytest.mark.parametrize("fields", [{}, {"csrf": "0" * 64}])
async def test_other_sites_cannot_ask(client: httpx.AsyncClient, csrf: str, fields: dict[str, str]) -> None:
    """Without the form's own token nothing is asked for, session or not."""
    answer = await client.post("/admin/past", data={"image": "debian", "tag": "bookworm-slim", **fields})
    assert answer.status_code == 403
    client.cookies.clear()
    answer = await client.post("/admin/past", data={"image": "debian", "tag": "bookworm-slim", "csrf": csrf})
    assert answer.status_code == 401
    assert (await client.get("/api/v1/backfills")).json()["items"] == []


async def test_a_tag_that_nobody_watches(client: httpx.AsyncClient, csrf: str) -> None:
    """A clear page, and nothing asked for."""
    fields = {"csrf": csrf, "image": "debian", "tag": "nonsense"}
    answer = await client.post("/admin/past", data=fields, headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "debian:nonsense is not watched here" in parse(answer.text).text
