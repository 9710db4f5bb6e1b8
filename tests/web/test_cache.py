"""Answers kept in front of the application: what is kept, for whom, for how long."""

import asyncio
import gzip

import httpx
import pytest
from fastapi import FastAPI, Response

from app.db import Database
from app.web.answers import finish
from app.web.cache import AnswerCache
from app.web.revision import watching
from app.web.security import CONTENT_SECURITY_POLICY
from tests.history.seed import bump_revision
from tests.web.conftest import BEARER

SERIES = "/api/v1/series?image=debian&tag=bookworm-slim"
KEY = ("http", b"host", b"", "/")
COUNTED = "/counted"


@pytest.fixture
def calls(app: FastAPI) -> list[str]:
    """A route that counts how often it is really asked."""
    calls: list[str] = []

    @app.get(COUNTED)
    async def counted() -> dict[str, str]:
        calls.append("asked")
        return {"text": "x" * 2000}

    return calls


async def test_second_answer_is_kept_one(client: httpx.AsyncClient, calls: list[str]) -> None:
    """The same question is worked out once; HEAD, gzip and plain, 304 are all served from it."""
    first = await client.get(COUNTED)
    plain = await client.get(COUNTED, headers={"accept-encoding": "identity"})
    head = await client.head(COUNTED)
    unchanged = await client.get(COUNTED, headers={"if-none-match": first.headers["etag"]})
    assert len(calls) == 1
    assert first.json() == plain.json()
    assert (head.content, head.headers["etag"]) == (b"", first.headers["etag"])
    assert int(head.headers["content-length"]) > 0
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"]


async def test_a_crowd_costs_one_answer(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Requests for what is being made wait for it; one that cannot be kept is made for each."""
    calls: list[str] = []

    @app.get("/slow/{name}")
    async def slow(name: str) -> Response:
        calls.append(name)
        await asyncio.sleep(0.05)
        return Response(name, 404 if name == "missing" else 200)

    for name in ("kept", "missing"):
        answers = await asyncio.gather(*(client.get(f"/slow/{name}") for _ in range(5)))
        assert {answer.text for answer in answers} == {name}
    assert (calls.count("kept"), calls.count("missing")) == (1, 5)


async def test_variants_have_tags_of_their_own(client: httpx.AsyncClient) -> None:
    """A strong ETag names bytes: gzip and plain differ, both are known, both vary by Accept-Encoding."""
    packed = await client.get(SERIES)
    plain = await client.get(SERIES, headers={"accept-encoding": "gzip;q=0"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.json() == plain.json()


@pytest.mark.parametrize("given", ["W/{}", '"other", {}', '{},W/"other"', "*"])
async def test_if_none_match_in_all_its_forms(client: httpx.AsyncClient, given: str) -> None:
    """Weak tags, lists and the star match (RFC 9110, section 13.1.2)."""
    etag = (await client.get(SERIES)).headers["etag"]
    answer = await client.get(SERIES, headers={"if-none-match": given.format(etag)})
    assert answer.status_code == 304


async def test_other_tag_gets_the_whole(client: httpx.AsyncClient) -> None:
    """A copy of something else is not current."""
    assert (await client.get(SERIES, headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"if-none-match": "*"}])
async def test_kept_answers_have_all_headers(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """The second answer is as guarded as the first one."""
    await client.get(SERIES)
    answer = await client.get(SERIES, headers=headers)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-cache"
    if answer.status_code == 200:
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" not in answer.headers


async def test_https_asks_browsers_to_stay(app: FastAPI) -> None:
    """HSTS is said over https only, also when the http answer is kept."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport) as client:
        plain = await client.get(f"http://testserver{SERIES}")
        secure = await client.get(f"https://testserver{SERIES}")
    assert "strict-transport-security" not in plain.headers
    assert "strict-transport-security" in secure.headers


async def test_hosts_do_not_share_answers(client: httpx.AsyncClient, calls: list[str]) -> None:
    """A forged Host header cannot plant links in what others get."""
    await client.get(COUNTED, headers={"host": "evil.example"})
    await client.get(COUNTED)
    assert len(calls) == 2


@pytest.mark.parametrize("headers", [{"cookie": "tarewatch_session=x"}, BEARER])
async def test_known_askers_are_answered_afresh(
    client: httpx.AsyncClient, calls: list[str], headers: dict[str, str]
) -> None:
    """An answer for somebody who may be the admin is neither kept nor taken from what is kept."""
    await client.get(COUNTED, headers=headers)
    await client.get(COUNTED)
    await client.get(COUNTED, headers=headers)
    assert len(calls) == 3


async def test_no_store_is_not_kept(client: httpx.AsyncClient, app: FastAPI) -> None:
    """What says no-store is asked again each time."""
    await client.get("/healthz")
    await client.get("/readyz")
    assert app.state.cache._answers == {}


async def test_change_elsewhere_is_seen(app: FastAPI, client: httpx.AsyncClient, seeded: Database) -> None:
    """When another process moves the revision, the kept answers are let go."""
    async with watching(seeded, app.state.cache, every=0.01):
        await asyncio.sleep(0.05)
        await client.get(SERIES)
        generation = app.state.cache.generation
        async with seeded.writing() as session:
            await bump_revision(session)
        async with asyncio.timeout(5):
            while app.state.cache.generation == generation:  # noqa: ASYNC110 - the watcher tells nobody
                await asyncio.sleep(0.01)
        assert app.state.cache._answers == {}


async def test_own_write_is_seen_at_once(client: httpx.AsyncClient, calls: list[str]) -> None:
    """After a change through this process the next read is fresh."""
    await client.get(COUNTED)
    await client.delete("/api/v1/watches/1", headers=BEARER)
    await client.get(COUNTED)
    assert len(calls) == 2


async def test_refused_write_empties_nothing(client: httpx.AsyncClient, calls: list[str]) -> None:
    """A stranger cannot make us work by being refused."""
    await client.get(COUNTED)
    await client.delete("/api/v1/watches/1")
    await client.get(COUNTED)
    assert len(calls) == 1


async def test_bump_forgets(app: FastAPI, client: httpx.AsyncClient, calls: list[str]) -> None:
    """`app.state.bump()` empties the cache."""
    await client.get(COUNTED)
    app.state.bump()
    await client.get(COUNTED)
    assert len(calls) == 2


def test_answers_age() -> None:
    """A minute is the most that "30 days ago" may lag behind the clock."""
    seconds = [0.0]
    cache = AnswerCache(clock=lambda: seconds[0])
    cache.put(KEY, finish([], b"x"), cache.generation)
    seconds[0] = 59
    assert cache.get(KEY) is not None
    seconds[0] = 61
    assert cache.get(KEY) is None


def test_answers_overtaken_by_a_change_are_not_kept() -> None:
    """What was read before a change and finished after it is let go."""
    cache = AnswerCache()
    begun = cache.generation
    cache.clear()
    cache.put(KEY, finish([], b"old"), begun)
    assert cache.get(KEY) is None


def test_cache_is_bounded() -> None:
    """However many addresses are asked for, memory stays; the oldest goes first, a giant is not kept at all."""
    cache = AnswerCache(max_bytes=50_000)
    for number in range(100):
        cache.put((*KEY[:3], f"/{number}"), finish([], bytes(2000)), cache.generation)
    assert cache._held_bytes <= 50_000
    assert cache.get((*KEY[:3], "/99")) is not None
    assert cache.get((*KEY[:3], "/0")) is None
    cache.put(KEY, finish([], bytes(30_000)), cache.generation)
    assert cache.get(KEY) is None


def test_finished_answer_packs_text_only() -> None:
    """Small or already packed content has one variant."""
    text = finish([(b"content-type", b"text/html")], b"a" * 1000)
    image = finish([(b"content-type", b"image/png")], b"a" * 1000)
    small = finish([(b"content-type", b"text/html")], b"a" * 100)
    assert text.gzip_body is not None
    assert gzip.decompress(text.gzip_body["body"]) == b"a" * 1000
    assert image.gzip_body is None
    assert small.gzip_body is None
    assert small.messages(gzipped=True) == small.messages(gzipped=False)
