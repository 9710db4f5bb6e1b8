"""What nobody watches but has a history: found on the page and in the API, and easily watched."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.web.charts.svg import SPARK_WIDTH
from tests.conftest import NOW
from tests.history.seed import DAY, MB, add_series, add_tag
from tests.web.conftest import ADMIN_TOKEN
from tests.web.pages.reading import Element, fetch


@pytest.fixture
async def imported(settings: Settings, sqlite_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """An installation that watches nothing, with one imported history."""
    async with sqlite_database.writing() as session:
        tag = await add_tag(session, "ubuntu:14.04", NOW, watched=False, checked_at=None, status="new")
        await add_series(session, tag, "linux/386", [(NOW - 3000 * DAY, 65 * MB), (NOW - 2900 * DAY, 66 * MB)])
    transport = httpx.ASGITransport(create_app(settings, sqlite_database, clock=lambda: NOW))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
async def mixed(client: httpx.AsyncClient, seeded: Database) -> httpx.AsyncClient:
    """The seeded history, and one imported tag beside it."""
    async with seeded.writing() as session:
        tag = await add_tag(session, "ubuntu:14.04", NOW, watched=False, checked_at=None, status="new")
        await add_series(session, tag, "linux/386", [(NOW - 3000 * DAY, 65 * MB)])
    return client


def names(page: Element) -> list[str]:
    """The images of the table, in order."""
    return [row.all("a")[0].text for row in page.all("th", scope="row")]


async def test_with_nothing_watched_all_is_shown(imported: httpx.AsyncClient) -> None:
    """The first evening after an import: the table is there, and says that nothing is added to it."""
    page = await fetch(imported, "/")
    assert names(page) == ["ubuntu:14.04"]
    assert "No image is watched" in page.one("div", cls="note").text
    assert page.one("span", cls="badge").text == "not watched"
    assert (await imported.get("/api/v1/images")).json()["items"][0]["watched"] is False
    assert (await imported.get("/api/v1/images?scope=watched")).json()["total"] == 0


async def test_an_unwatched_line_ends(mixed: httpx.AsyncClient, seeded: Database) -> None:
    """A build of half a year ago says nothing of today: the small line ends there, but not that of a watched tag."""
    async with seeded.writing() as session:
        for name, watched in (("ubuntu:16.04", False), ("ubuntu:18.04", True)):
            tag = await add_tag(session, name, NOW, watched=watched, checked_at=None, status="new")
            await add_series(session, tag, "linux/amd64", [(NOW - 182 * DAY, 44 * MB)])
    page = await fetch(mixed, "/?scope=all&search=ubuntu:1")
    assert "every known tag" in page.one("p", cls="lead").text
    lines = {row.one("th").all("a")[0].text: row.all("path") for row in page.one("tbody").all("tr")}
    ends = {name: sum(map(int, re.findall(r"[Mh](\d+)", one[0].attributes["d"]))) for name, one in lines.items() if one}
    assert SPARK_WIDTH / 2 < ends["ubuntu:16.04"] < 0.6 * SPARK_WIDTH
    assert ends["ubuntu:18.04"] == SPARK_WIDTH


async def test_a_link_shows_all(mixed: httpx.AsyncClient) -> None:
    """Watched tags first; a plain link shows the rest, and the form, its platforms and the next search keep to it."""
    page = await fetch(mixed, "/")
    assert "ubuntu:14.04" not in names(page)
    links = {link.text: link.attributes["href"] for link in page.one("span", role="group", **WHICH).all("a")}
    assert list(links) == ["watched (10)", "all known (11)"]
    found = await fetch(mixed, links["all known (11)"])
    assert "ubuntu:14.04" in names(found)
    assert found.one("input", name="scope").attributes["value"] == "all"
    assert "linux/386" in [option.text for option in found.one("select", name="platform").all("option")]
    assert "linux/386" not in [option.text for option in page.one("select", name="platform").all("option")]


async def test_a_search_that_finds_nothing_watched_leads_on(mixed: httpx.AsyncClient) -> None:
    """Whoever looks for an imported tag is told where it is."""
    page = await fetch(mixed, "/?search=ubuntu:14.04")
    link = next(link for link in page.one("div", cls="empty").all("a") if "all 11 known" in link.text)
    assert names(await fetch(mixed, link.attributes["href"])) == ["ubuntu:14.04"]


async def test_where_all_is_watched_nobody_is_asked(client: httpx.AsyncClient) -> None:
    """No choice between two equal things."""
    assert (await fetch(client, "/")).all("span", role="group", **WHICH) == []


async def test_the_api_has_the_same_scopes(mixed: httpx.AsyncClient) -> None:
    """`scope=all` adds the rest; other values are refused; metrics stay with what is watched."""
    assert (await mixed.get("/api/v1/images")).json()["total"] == 10
    rows = (await mixed.get("/api/v1/images?scope=all&limit=1000")).json()["items"]
    assert [row["tag"] for row in rows if not row["watched"]] == ["14.04"]
    assert (await mixed.get("/api/v1/images?scope=some")).status_code == 422
    metrics = (await mixed.get("/metrics")).text
    assert "14.04" not in metrics
    assert "tarewatch_series 16.0" in metrics


async def test_the_admin_watches_with_one_click(mixed: httpx.AsyncClient) -> None:
    """A button in the row, for the admin alone; afterwards the page that it was on, where the tag is watched."""
    assert (await fetch(mixed, "/?scope=all")).all("form", action="/admin/add") == []
    await mixed.post("/login", data={"token": ADMIN_TOKEN})
    answer = await mixed.get("/?scope=all&search=14.04")
    assert answer.headers["cache-control"] == "no-store"
    form = (await fetch(mixed, "/?scope=all&search=14.04")).one("form", action="/admin/add")
    fields = {box.attributes["name"]: box.attributes["value"] for box in form.all("input")}
    done = await mixed.post("/admin/add", data=fields)
    assert (done.status_code, done.headers["location"]) == (303, "/?scope=all&search=14.04")
    assert (await mixed.get("/api/v1/images?search=14.04")).json()["items"][0]["watched"] is True


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_the_way_back_stays_here(mixed: httpx.AsyncClient, back: str) -> None:
    """A forged form leads nowhere else."""
    await mixed.post("/login", data={"token": ADMIN_TOKEN})
    csrf = (await fetch(mixed, "/admin")).all("input", name="csrf")[0].attributes["value"]
    done = await mixed.post("/admin/add", data={"csrf": csrf, "image": "ubuntu:14.04", "back": back})
    assert done.headers["location"] == "/admin?done=add"


async def test_others_are_led_to_the_form(imported: httpx.AsyncClient) -> None:
    """The image page of an unwatched tag links to the watches, by way of the login, with its name typed in."""
    page = await fetch(imported, "/image?image=ubuntu&tag=14.04")
    link = next(link for link in page.all("a") if link.attributes["href"].startswith("/admin?image="))
    login = await imported.get(link.attributes["href"])
    fields = {"token": ADMIN_TOKEN, "next": httpx.URL(login.headers["location"]).params["next"]}
    target = (await imported.post("/login", data=fields)).headers["location"]
    assert (await fetch(imported, target)).one("input", name="image").attributes["value"] == "ubuntu:14.04"


WHICH = {"aria-label": "Which tags"}
