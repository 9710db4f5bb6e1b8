"""`/`: the table of watched images."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from app.db import Database
from app.main import create_app
from app.models import Backfill
from app.settings import Settings
from app.watchlist import request_backfills
from tests.conftest import NOW
from tests.history.seed import seed_many
from tests.web.pages.reading import Element, fetch


def names(page: Element) -> list[str]:
    """The images of the table, in order."""
    return [row.all("a")[0].text for row in page.all("th", scope="row")]


async def test_a_row_says_what_it_weighs_and_how_it_changed(client: httpx.AsyncClient) -> None:
    """debian:bookworm-slim stepped by 12 MB ten days ago: number, sign, arrow and words, and a sparkline."""
    page = await fetch(client, "/?search=bookworm-slim")
    row = page.all("tbody")[0].one("tr")
    cells = [cell.text for cell in row.all("td")]
    assert names(page) == ["debian:bookworm-slim"]
    assert cells[0].startswith("40.")
    assert cells[2].startswith("▲ grew +12.0 MB")
    assert "%" in cells[2]
    assert row.one("svg", cls="spark").attributes["aria-hidden"] == "true"


async def test_the_unit_stays_in_the_address(client: httpx.AsyncClient) -> None:
    """MiB is a link away, changes the numbers, and is carried to other pages."""
    page = await fetch(client, "/?unit=MiB&search=bookworm-slim")
    assert "MiB" in page.all("tbody")[0].text
    assert "unit=MiB" in page.all("th", scope="row")[0].one("a").attributes["href"]
    assert page.one("input", name="unit").attributes["value"] == "MiB"


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("sort=bytes&order=desc", "grafana/grafana:latest"),
        ("sort=change_30d&order=desc", "debian:bookworm-slim"),
        ("sort=changed&order=desc", "alpine:3.20"),
        ("sort=image&order=desc", "ubuntu:24.04"),
    ],
)
async def test_every_column_sorts(client: httpx.AsyncClient, query: str, first: str) -> None:
    """Sorting is a plain link, and the sorted column says so to assistive technology."""
    page = await fetch(client, f"/?{query}")
    assert names(page)[0] == first
    sorted_columns = [one for one in page.all("th", scope="col") if "aria-sort" in one.attributes]
    assert [one.attributes["aria-sort"] for one in sorted_columns] == ["descending"]


async def test_a_platform_can_be_chosen(client: httpx.AsyncClient) -> None:
    """The choice lists what is offered; a row is of the chosen platform."""
    page = await fetch(client, "/?platform=linux/s390x")
    assert names(page) == ["alpine:3.20"]
    assert "linux/s390x" in [option.text for option in page.one("select", name="platform").all("option")]


async def test_pending_failing_and_gone_are_said_in_words(client: httpx.AsyncClient) -> None:
    """Nobody has to guess from a colour or a missing number."""
    page = await fetch(client, "/")
    rows = {row.all("a")[0].text: row.text for row in page.all("tbody")[0].all("tr")}
    assert "size pending" in rows["alpine:3.20"]
    assert "failing" in rows["grafana/grafana:latest"]
    assert "gone" in rows["ghcr.io/owner/tool:v1"]
    assert "first look due" in rows["busybox:latest"]


async def test_an_unreachable_registry_is_named(client: httpx.AsyncClient) -> None:
    """Which host, why, when again, and how to see the product without a network."""
    page = await fetch(client, "/")
    banner = page.one("div", cls="bad")
    assert "quay.io" in banner.text
    assert "quay.io: no such host name" in banner.text
    assert banner.all("time")
    assert "make demo" in banner.text


async def test_the_demo_says_so_on_the_page(settings: Settings, seeded: Database) -> None:
    """Made-up data is never mistaken for real."""
    app = create_app(settings.model_copy(update={"demo": True}), seeded, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        for address in ("/", "/status", "/about", "/image?image=alpine&tag=3.20", "/login"):
            assert "made up" in (await fetch(client, address)).one("aside", cls="demo").text
        assert "make demo" not in (await fetch(client, "/")).text


async def test_nothing_found_leads_back(client: httpx.AsyncClient) -> None:
    """The search is repeated as text, whatever it was."""
    page = await fetch(client, "/?search=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert(1)</script>" in page.one("div", cls="empty").text
    assert all("alert" not in script.text for script in page.all("script"))


async def test_an_empty_installation_says_what_to_do(settings: Settings, sqlite_database: Database) -> None:
    """No watches yet: where to add one, by page and by command."""
    app: FastAPI = create_app(settings, sqlite_database, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        page = await fetch(client, "/")
        assert "tarewatch watch add" in page.one("main").text
        assert page.all("table") == []
        assert "No worker" in (await fetch(client, "/status")).text


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    """A mangled link is a page that says so, not a crash."""
    page = await fetch(client, "/?after=WyJpbWFnZXM", status=400)
    assert "cursor" in page.one("h1").text


async def test_a_long_table_is_paged(settings: Settings, sqlite_database: Database) -> None:
    """150 tags: a hundred, then the rest, none twice, and a way back; sorted and searched pages alike."""
    async with sqlite_database.writing() as session:
        await seed_many(session, NOW, tags=150, builds=2)
    app = create_app(settings, sqlite_database, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        for address in ("/", "/?sort=bytes&order=desc", "/?search=load&sort=changed"):
            first = await fetch(client, address)
            second = await fetch(client, first.one("a", rel="next").attributes["href"])
            assert (len(names(first)), len(names(second))) == (100, 50)
            assert not set(names(first)) & set(names(second))
            assert any(link.text == "First page" for link in second.all("a"))
            assert second.all("a", rel="next") == []


async def test_past_sizes_on_their_way_are_announced(client: httpx.AsyncClient, seeded: Database) -> None:
    """Whoever sees a short history on the first evening is told that more is being fetched; then no longer."""
    assert "Past sizes" not in (await fetch(client, "/")).text
    async with seeded.writing() as session:
        await request_backfills(session, [1, 2], "watch", NOW)
    notes = (await fetch(client, "/?unit=MiB")).all("div", role="status")
    assert any("Past sizes are on their way: those of 2 tags will be fetched." in note.text for note in notes)
    async with seeded.writing() as session:
        await session.execute(update(Backfill).where(Backfill.id == 1).values(lease_until=NOW + timedelta(minutes=1)))
    notes = (await fetch(client, "/?unit=MB")).all("div", role="status")
    assert any("those of 1 tag are being fetched, 1 more waits." in note.text for note in notes)


async def test_the_rows_can_be_taken_along(client: httpx.AsyncClient) -> None:
    """The same rows as JSON, the builds as files: the filters go with them."""
    page = await fetch(client, "/?search=debian&platform=linux/arm/v7&sort=bytes")
    links = {link.text: link.attributes["href"] for link in page.all("a")}
    rows = (await client.get(links["JSON"])).json()["items"]
    assert [row["platform"] for row in rows] == ["linux/arm/v7"]
    lines = (await client.get(links["CSV"])).text.splitlines()
    assert len(lines) > 10
    assert all(",linux/arm/v7," in line for line in lines[1:])
