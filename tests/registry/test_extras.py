"""What registries offer beyond the distribution-spec: asked with the same guards as everything else."""

import httpx
import pytest

from app.registry.client import Limits
from app.registry.errors import AnswerInvalid, BodyTooLarge, NotFound, ProtocolError, Unauthorized
from tests.registry.fakes import REPOSITORY, answers, client_of

BASE = "https://registry.example"


async def test_below_the_repository() -> None:
    """Asked with a token like a manifest; the next page is told by its query, of which only that counts."""
    challenge = {"www-authenticate": 'Bearer realm="https://auth.example/token",service="x"'}

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return httpx.Response(200, json={"token": "secret"})
        if request.headers.get("authorization") != "Bearer secret":
            return httpx.Response(401, headers=challenge)
        return httpx.Response(200, json={"tags": []}, headers={"link": '</elsewhere?n=2&last=b>; rel="next"'})

    async with client_of(handler) as (client, tap):
        page = await client.get_json(REPOSITORY, "_oci/tag-history/3.22", what="a history", query={"n": "2"})
    assert (page.document, page.next_query) == ({"tags": []}, {"n": "2", "last": "b"})
    assert str(tap.requests[-1].url) == f"{BASE}/v2/team/app/_oci/tag-history/3.22?n=2"


async def test_elsewhere_on_the_registry() -> None:
    """A path of its own origin is asked openly: no ping, no token, no Authorization."""
    async with client_of(lambda _: httpx.Response(200, json={"tags": []})) as (client, tap):
        page = await client.get_json(REPOSITORY, "/api/v1/repository/team/app/tag/", what="tags", query={"page": "1"})
    assert [str(request.url) for request in tap.requests] == [f"{BASE}/api/v1/repository/team/app/tag/?page=1"]
    assert tap.requests[0].headers.get("authorization") is None
    assert page.next_query is None


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(404), NotFound),
        (httpx.Response(401), Unauthorized),
        (httpx.Response(200, content=b"[]"), AnswerInvalid),
        (httpx.Response(200, content=b"<html>"), AnswerInvalid),
        (httpx.Response(200, content=b" " * 2_000), BodyTooLarge),
    ],
    ids=["404", "401", "list", "web page", "too large"],
)
@pytest.mark.parametrize("place", ["tags/list", "/api/v1/x"])
async def test_refused_or_unusable(response: httpx.Response, kind: type[Exception], place: str) -> None:
    """A typed error, below the repository and elsewhere."""
    again = httpx.Response(response.status_code, content=response.content)
    async with client_of(lambda r: httpx.Response(200) if r.url.path == "/v2/" else again) as (client, _):
        with pytest.raises(kind):
            await client.get_json(REPOSITORY, place, what="an extra", most_bytes=1_000)


@pytest.mark.parametrize(
    "place", ["", "/", "../x", "a/../b", "a//b", "//evil.example/x", "a?b=c", "a b", "a%2fb", "a#b"]
)
async def test_places_that_are_none(place: str) -> None:
    """Nothing is asked for a path that leads out of where it should stay."""
    async with client_of(answers()) as (client, tap):
        with pytest.raises(ProtocolError):
            await client.get_json(REPOSITORY, place, what="an extra")
    assert tap.requests == []


async def test_usual_cap() -> None:
    """Without a cap of its own a page's counts."""
    big = httpx.Response(200, content=b'{"a":"' + b"x" * 600 + b'"}')
    handler = answers(big)
    async with client_of(handler, limits=Limits(page_bytes=500)) as (client, _):
        with pytest.raises(BodyTooLarge):
            await client.get_json(REPOSITORY, "tags/list", what="an extra")
