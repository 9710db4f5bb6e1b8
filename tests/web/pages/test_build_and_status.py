"""`/build`, `/status`, `/about`, `/api`: what each must say."""

import httpx
import orjson
from sqlalchemy import update

from app.db import Database
from app.models import Host
from tests.conftest import NOW
from tests.history.seed import HOSTILE_STEP
from tests.web.pages.reading import Element, fetch


async def newest_build(client: httpx.AsyncClient, image: str, tag: str) -> Element:
    """The page of a tag's newest build."""
    page = await fetch(client, f"/image?image={image}&tag={tag}")
    links = [link.attributes["href"] for link in page.one("main").all("a")]
    return await fetch(client, next(link for link in links if link.startswith("/build?")))


async def test_a_build_names_its_digests_and_layers(client: httpx.AsyncClient) -> None:
    """Index and platform digest are told apart; layers have bytes and shares that add up."""
    page = await newest_build(client, "debian", "bookworm-slim")
    pairs = page.one("dl", cls="pairs")
    terms = dict(zip((dt.text for dt in pairs.all("dt")), (dd.text for dd in pairs.all("dd")), strict=True))
    assert terms["Index digest"].startswith("sha256:")
    assert terms["Platform digest"].startswith("sha256:")
    assert terms["Index digest"][:71] != terms["Platform digest"][:71]
    shares = [float(rect.attributes["width"].rstrip("%")) for rect in page.all("rect")]
    assert abs(sum(shares) - 100) < 0.1


async def test_a_build_step_is_text(client: httpx.AsyncClient) -> None:
    """Markup, template braces and comment openers in a step are shown, not obeyed."""
    page = await newest_build(client, "debian", "bookworm-slim")
    assert " ".join(HOSTILE_STEP.split()) in [step.text for step in page.all("pre")]
    assert all("alert" not in script.text for script in page.all("script"))


async def test_builds_lead_to_their_neighbours(client: httpx.AsyncClient) -> None:
    """From the newest build back to the one before, and forward again."""
    newest = await newest_build(client, "debian", "bookworm-slim")
    assert newest.all("a", rel="next") == []
    before = await fetch(client, newest.one("a", rel="prev").attributes["href"])
    assert before.one("a", rel="next")


async def test_a_pending_build_says_so(client: httpx.AsyncClient) -> None:
    """No number is invented while the manifest waits."""
    assert "size pending" in (await newest_build(client, "alpine", "3.20")).one("dl", cls="facts").text


async def test_unknown_builds_are_404(client: httpx.AsyncClient) -> None:
    """A number without a build, and what is no number."""
    await fetch(client, "/build?id=999999", status=404)
    await fetch(client, "/build?id=9223372036854775808", status=422)


async def test_status_shows_hosts_queue_failures_and_workers(client: httpx.AsyncClient) -> None:
    """Each thing that can be wrong is there with its cause."""
    text = (await fetch(client, "/status")).one("main").text
    for said in (
        "quay.io: no such host name",
        "429: pull limit reached",
        "7 of 100 per 6 hours",
        "503 <b>busy</b>",
        "the registry's pull limit",
        "matches more tags than the cap allows",
        "worker-1",
    ):
        assert said in text


async def test_status_counts_registries_that_cannot_be_read(client: httpx.AsyncClient, seeded: Database) -> None:
    """Docker Hub's web API is none of them: without it the registry is asked."""
    async with seeded.writing() as session:
        session.add(Host(name="hub.docker.com", failures=1, failing_since=NOW, error_code="dns"))
    page = (await fetch(client, "/status")).one("main").text
    assert "1 registry cannot be read; the others go on." in page
    assert "hub.docker.com" in page
    async with seeded.writing() as session:
        await session.execute(update(Host).values(failing_since=NOW, failures=1, paused_until=None))
        session.add(Host(name="mcr.microsoft.com", failures=1, failing_since=NOW, error_code="dns"))
    page = (await fetch(client, "/status?unit=MiB")).one("main").text
    assert "4 registries cannot be read." in page


async def test_about_defines_the_size(client: httpx.AsyncClient) -> None:
    """The definition is one click away from every number."""
    assert "compressed_bytes" in (await fetch(client, "/about")).one("main").text
    home = await fetch(client, "/")
    assert "/about" in [link.attributes["href"] for link in home.one("footer").all("a")]


async def test_the_api_page_lists_every_call(client: httpx.AsyncClient) -> None:
    """What the OpenAPI document has is what the page shows, and the page links the document."""
    page = await fetch(client, "/api")
    document_link = next(link.attributes["href"] for link in page.one("main").all("a"))
    document = orjson.loads((await client.get(document_link)).content)
    calls = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "patch", "delete"}
    }
    assert {summary.one("code").text for summary in page.all("summary")} == calls
    assert calls
