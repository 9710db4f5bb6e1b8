"""`/image`: one tag's history, and its files."""

import csv
import io
import json
from datetime import timedelta

import httpx
import pytest

from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.web.security import CONTENT_SECURITY_POLICY
from tests.conftest import NOW
from tests.history.seed import add_series, add_tag
from tests.web.charts.drawing import elements, parsed
from tests.web.pages.reading import fetch

SLIM = "/image?image=debian&tag=bookworm-slim"
DRAWING = "/chart.svg?image=debian&tag=bookworm-slim"


async def test_headline_chart_table_and_builds(client: httpx.AsyncClient) -> None:
    """The page answers the four questions: how much, since when, how it came, which builds."""
    page = await fetch(client, SLIM)
    assert page.one("h1").text == "debian:bookworm-slim"
    assert "grew +12.0 MB" in page.one("dl", cls="facts").text
    assert len(page.all("path", cls="line")) == 3
    assert [box.attributes["value"] for box in page.all("input", type="checkbox")] == [
        "linux/amd64",
        "linux/arm64",
        "linux/arm/v7",
    ]
    assert page.one("details").one("table").all("tr")
    assert len(page.all("a", rel="next")) == 1


async def test_every_spelling_is_the_same_page(client: httpx.AsyncClient) -> None:
    """alpine, library/alpine, docker.io/library/alpine and alpine:3.20 name one tag."""
    for query in ("image=library/alpine&tag=3.20", "image=docker.io/library/alpine&tag=3.20", "image=alpine:3.20"):
        assert (await fetch(client, f"/image?{query}")).one("h1").text == "alpine:3.20"


async def test_the_chart_data_are_change_points(client: httpx.AsyncClient) -> None:
    """The figure carries one JSON document whose lines add up to today's sizes."""
    page = await fetch(client, SLIM)
    data = json.loads(page.one("script", type="application/json").text)
    first = data["lines"][0]
    assert first["label"] == "linux/amd64"
    assert sum(first["bytes"]) > 40_000_000
    assert sum(first["t"]) <= data["end"]


async def test_platforms_can_be_left_out(client: httpx.AsyncClient) -> None:
    """The form works without JavaScript: unticked lines are not drawn and not listed."""
    page = await fetch(client, f"{SLIM}&platform=linux/arm64")
    assert [one.attributes["data-line"] for one in page.all("path", cls="line")] == ["1"]
    assert [box.attributes["value"] for box in page.all("input", checked="")] == ["linux/arm64"]
    assert "linux/amd64" not in page.all("table")[-2].text


async def test_builds_are_paged(client: httpx.AsyncClient) -> None:
    """Older builds are a plain link away, and there is a way back."""
    first = await fetch(client, SLIM)
    older = await fetch(client, first.one("a", rel="next").attributes["href"].partition("#")[0])
    links = {link.attributes["href"] for link in first.all("a") if link.attributes["href"].startswith("/build")}
    more = {link.attributes["href"] for link in older.all("a") if link.attributes["href"].startswith("/build")}
    assert links
    assert more
    assert not links & more
    assert any(link.text == "Newest builds" for link in older.all("a"))


async def test_pending_gone_failing_and_new_tags_say_so(client: httpx.AsyncClient) -> None:
    """Each state of a tag has its words, and what is known stays."""
    pending = await fetch(client, "/image?image=alpine&tag=3.20")
    assert "size pending" in pending.one("main").text
    assert "no longer has this tag" in (await fetch(client, "/image?image=ghcr.io/owner/tool&tag=v1")).text
    failing = await fetch(client, "/image?image=grafana/grafana&tag=latest")
    assert "503 <b>busy</b>" in failing.one("div", cls="bad").text
    assert "Not looked at yet" in (await fetch(client, "/image?image=busybox")).text


async def test_a_dropped_platform_ends_in_a_gap(client: httpx.AsyncClient) -> None:
    """ubuntu's arm64 was dropped 30 days ago: its line stops, it has no newest dot, the legend says it."""
    page = await fetch(client, "/image?image=ubuntu&tag=24.04&range=all")
    assert [dot.attributes["data-line"] for dot in page.all("circle")] == ["0"]
    assert [label.text for label in page.one("fieldset").all("label")] == ["linux/amd64", "linux/arm64 dropped"]


async def test_an_unknown_tag_suggests_a_known_one(client: httpx.AsyncClient) -> None:
    """A typing error ends on a page with the right name."""
    page = await fetch(client, "/image?image=debian&tag=bokworm", status=404)
    assert "debian:bookworm" in page.one("main").text


async def test_bad_parameters_are_pages_too(client: httpx.AsyncClient) -> None:
    """Not a reference, or a range that does not exist: said in words, never a crash."""
    assert "reference" in (await fetch(client, "/image?image=Debian&tag=x", status=400)).one("h1").text
    await fetch(client, f"{SLIM}&range=10y", status=422)
    await fetch(client, "/image", status=422)


async def test_the_chart_as_a_file(client: httpx.AsyncClient) -> None:
    """A well-formed SVG with the same lines, whose style is inside."""
    answer = await client.get(f"{DRAWING}&theme=dark")
    assert answer.headers["content-type"] == "image/svg+xml"
    root = parsed(answer.text)
    assert len([path for path in elements(root, "path") if "line" in path.get("class", "")]) == 3
    assert elements(root, "style")


async def test_the_chart_shows_when_opened(client: httpx.AsyncClient) -> None:
    """Opened in a browser it is shown with its style, kept answer or not; scripts stay forbidden, and nothing loads."""
    for address in (DRAWING, DRAWING, f"https://testserver{DRAWING}"):
        answer = await client.get(address)
        (policy,) = answer.headers.get_list("content-security-policy")
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
        assert "script" not in policy
        assert answer.headers["content-disposition"] == 'inline; filename="tarewatch.svg"'
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("address", [SLIM, "/image.csv?image=debian:bookworm-slim", "/chart.svg?image=no", "/"])
async def test_everything_else_stays_strict(client: httpx.AsyncClient, address: str) -> None:
    """Only the drawing has a policy of its own, not even its errors."""
    answer = await client.get(address)
    assert answer.headers.get_list("content-security-policy") == [CONTENT_SECURITY_POLICY]


async def test_every_link_of_the_page_leads_somewhere(client: httpx.AsyncClient) -> None:
    """Files, ranges, builds, other tags: each address that the page names has an answer."""
    page = await fetch(client, f"{SLIM}&unit=MiB&platform=linux/amd64&platform=linux/arm64")
    links = {link.attributes["href"].partition("#")[0] for link in page.all("a")} - {""}
    assert any(link.startswith("/api/v1/series?") for link in links)
    assert {link: (await client.get(link)).status_code for link in links - {"/admin?unit=MiB"}} == dict.fromkeys(
        links - {"/admin?unit=MiB"}, 200
    )


async def test_a_history_of_minutes_says_so(settings: Settings, sqlite_database: Database) -> None:
    """On the first day there is a dot instead of a line, and a sentence that explains it."""
    async with sqlite_database.writing() as session:
        tag = await add_tag(session, "debian:trixie", NOW)
        await add_series(session, tag, "linux/amd64", [(NOW, 28_000_000)])
    app = create_app(settings, sqlite_database, clock=lambda: NOW)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        page = await fetch(client, "/image?image=debian&tag=trixie")
    assert len(page.all("circle")) == 1
    assert "the line grows from here" in page.one("figcaption").text


async def test_the_history_as_csv(client: httpx.AsyncClient) -> None:
    """What is shown, with exact bytes; pending ones are empty, not zero. The old address leads to the export."""
    shown = "/image?image=alpine&tag=3.20&platform=linux/amd64&platform=linux/arm64"
    rows, older = await _exported(client, f"{shown}&range=6m"), await _exported(client, f"{shown}&range=all")
    pending = [row for row in rows if not row["compressed_bytes"]]
    assert {row["platform"] for row in rows} == {"linux/amd64", "linux/arm64"}
    assert len(pending) == 1
    assert all(int(row["compressed_bytes"]) > 3_000_000 for row in rows if row not in pending)
    assert len(older) > len(rows)
    assert min(row["first_seen_at"] for row in rows) < (NOW - timedelta(days=182)).isoformat()  # in force at the start
    moved = await client.get("/image.csv?image=library/alpine&tag=3.20")
    assert (moved.status_code, moved.headers["location"]) == (308, "/api/v1/export.csv?image=alpine&tag=3.20")


async def _exported(client: httpx.AsyncClient, page: str) -> list[dict[str, str]]:
    """The rows of the CSV that a page links to."""
    (link,) = [link.attributes["href"] for link in (await fetch(client, page)).all("a") if link.text == "CSV"]
    return list(csv.DictReader(io.StringIO((await client.get(link)).text)))
