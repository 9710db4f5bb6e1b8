"""What others tell of a tag's past, on its page and in the API."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.db import Database
from app.main import create_app
from app.settings import Settings
from tests.conftest import NOW
from tests.history.seed import DAY
from tests.history.seed_past import seed_past
from tests.web.charts.drawing import elements, parsed
from tests.web.pages.reading import Element, fetch

PYTHON, REDIS = "image=python&tag=3.12-slim", "image=redis&tag=3.2"


@pytest.fixture
async def client(settings: Settings, sqlite_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An installation with `seed_past` in it."""
    async with sqlite_database.writing() as session:
        await seed_past(session, NOW)
    transport = httpx.ASGITransport(create_app(settings, sqlite_database, clock=lambda: NOW))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


def rows(page: Element) -> list[Element]:
    """The rows of the table of builds."""
    (table,) = [one for one in page.all("table") if one.one("caption").text.startswith("Builds of")]
    return table.all("tbody")[0].all("tr")


async def test_the_chart_tells_ours_from_others(client: httpx.AsyncClient) -> None:
    """Two parts per line, a mark where watching began and one where the tag moved on, and the same in words."""
    page = await fetch(client, f"/image?{PYTHON}&range=3y")
    classes = [path.attributes["class"] for path in page.all("path", cls="line")]
    assert sorted(classes) == ["line s1", "line s1 told", "line s2", "line s2 told"]
    assert [text.text for text in page.all("text", cls="full")] == ["bookworm → trixie", "watched since 12 Aug 2026"]
    words = page.one("p", cls="told-of").text
    assert "seen by Tarewatch since 12 Aug 2026" in words
    assert "Release lines: bookworm, from 14 Nov 2025 trixie" in words
    assert "bookworm → trixie" in page.one("details").text


async def test_every_move_is_marked(client: httpx.AsyncClient) -> None:
    """Five in eleven years; in the chart as a file, too."""
    page = await fetch(client, "/image?image=debian&tag=stable&range=all")
    assert [path.attributes["class"] for path in page.all("path", cls="line")] == ["line s1 told", "line s1"]
    assert len(page.all("g", cls="note-switch")) == 5
    drawing = parsed((await client.get(f"/chart.svg?{PYTHON}&range=3y")).text)
    assert "bookworm → trixie" in [text.text for text in elements(drawing, "text")]


async def test_builds_say_where_they_are_known_from(client: httpx.AsyncClient) -> None:
    """Whose date, which source, which release line; on the build's own page, too."""
    page = await fetch(client, f"/image?{PYTHON}&platform=linux/amd64")
    first, third = rows(page)[0], rows(page)[2]
    assert "first seen" in first.text
    assert "seen by Tarewatch" in first.text
    assert "push date" in third.text
    assert "trixie" in third.text
    assert "from the tag 3.12.10-slim-trixie-51" in third.text
    build = await fetch(client, third.one("a").attributes["href"])
    assert "from the tag 3.12.10-slim-trixie-51" in build.one("dl", cls="facts").text
    assert "Release line: trixie" in build.one("p", cls="lead").text
    assert "Its layers are not known" in build.text
    imported = await fetch(client, f"/image?{REDIS}")
    assert "imported from repo-info 09a10190dfd5" in rows(imported)[0].text
    assert "its source's date" in rows(imported)[0].text


async def test_an_import_alone_ends_where_it_ends(client: httpx.AsyncClient) -> None:
    """Nobody watches it: the page says so, claims nothing of today, and its changes are those before its end."""
    page = await fetch(client, f"/image?{REDIS}")
    note = page.one("div", cls="note").text
    assert "Nobody watches this tag" in note
    assert "10 Jul 2017" in note
    assert "Not looked at yet" not in page.text
    facts = page.one("dl", cls="facts").text
    assert "linux/amd64, last known" in facts
    assert "30 days before ▲ grew" in facts
    assert "checked" not in facts
    assert "Tarewatch never looked at this tag" in page.one("p", cls="told-of").text
    assert page.all("g", cls="note-observed") == []


async def test_builds_in_the_api(client: httpx.AsyncClient) -> None:
    """Origin, source, dates and release line as members."""
    items = (await client.get(f"/api/v1/builds?{PYTHON}&platform=linux/amd64&limit=1000")).json()["items"]
    told = [one for one in items if one["origin"] == "sibling"]
    assert (len(items), len(told)) == (54, 52)
    assert {one["at"] == one["pushed_at"] for one in told} == {True}
    assert (told[0]["source"], told[0]["release_line"]) == ("3.12.10-slim-trixie-51", "trixie")
    assert {one["release_line"] for one in told} == {"bookworm", "trixie"}
    assert (items[0]["origin"], items[0]["source"], items[0]["known_since"]) == ("poll", None, None)
    document = (await client.get(f"/api/v1/builds/{told[0]['id']}")).json()
    assert document["build"] == told[0]
    manifest = (await client.get(f"/api/v1/manifests/{told[0]['digest']}")).json()
    assert manifest["builds"] == [told[0]]
    assert manifest["manifest"]["layers_pruned_at"] is None


async def test_series_say_since_when_we_look(client: httpx.AsyncClient) -> None:
    """Null where we never did."""
    seen = (await client.get(f"/api/v1/series?{PYTHON}")).json()["observed_since"]
    assert seen == int((NOW - 20 * DAY).timestamp())
    assert (await client.get(f"/api/v1/series?{REDIS}")).json()["observed_since"] is None
