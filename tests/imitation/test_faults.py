"""Faults do over a real connection what their names say; plain httpx is the witness."""

import asyncio
import gzip
from datetime import UTC, datetime

import httpx
import pytest

from app.imitation import faults
from app.imitation.faults import Behaviour, Fault
from app.imitation.options import HUB
from tests.imitation.conftest import MANIFEST, NOW, Served, Start

TAGS = "/v2/library/debian/tags/list"


async def spoiled(start: Start, behaviour: Behaviour, times: int | None = None) -> Served:
    """A registry whose every answer is spoiled, or whose first `times` answers are."""
    served = await start()
    served.registry.faults.append(Fault("*", "/v2/", behaviour, times))
    return served


@pytest.mark.parametrize(
    ("behaviour", "trouble"),
    [
        (faults.truncated(), httpx.RemoteProtocolError),
        (faults.wrong_length(+5), httpx.ReadTimeout),
        (faults.raw(b"SSH-2.0-OpenSSH\r\n"), httpx.RemoteProtocolError),
        (faults.reset(), httpx.ReadError),
        (faults.hang(), httpx.ReadTimeout),
        (faults.drip(0.2), httpx.ReadTimeout),
    ],
    ids=["truncated", "too-short", "not-http", "reset", "hang", "drip"],
)
async def test_broken_bodies_and_silence(start: Start, behaviour: Behaviour, trouble: type[httpx.HTTPError]) -> None:
    """What a client sees of a connection that breaks, stalls or speaks another protocol."""
    served = await spoiled(start, behaviour)
    with pytest.raises(trouble):
        await served.http.get(MANIFEST, timeout=0.1)


async def test_short_length_hides_the_rest(start: Start) -> None:
    """A Content-Length too short shows the client a shorter body."""
    served = await spoiled(start, faults.wrong_length(-5))
    full = served.registry.world.resolve("library/debian", "bookworm-slim", NOW)
    assert full is not None
    assert (await served.http.get(MANIFEST)).content == full.body[:-5]


async def test_drip_is_complete_in_the_end(start: Start) -> None:
    """Every byte comes, none of them late enough for a read timeout."""
    served = await start()
    served.registry.faults.append(Fault("GET", "^/v2/$", faults.drip(0.05)))
    assert (await served.http.get("/v2/", timeout=1)).json() == {}


@pytest.mark.parametrize("declared", [True, False])
async def test_huge_body(start: Start, declared: bool) -> None:
    """A gigabyte begins to come; with a length or without; the server stops when the client has gone."""
    served = await spoiled(start, faults.huge_body(10**9, declared=declared))
    async with served.http.stream("GET", MANIFEST) as answer:
        assert ("content-length" in answer.headers) is declared
        assert len(await anext(answer.aiter_raw())) > 0


async def test_gzip_bomb(start: Start) -> None:
    """Few bytes on the wire, many after decoding."""
    served = await spoiled(start, faults.gzip_bomb(1_000_000))
    async with served.http.stream("GET", MANIFEST) as answer:
        wire = b"".join([part async for part in answer.aiter_raw()])
    assert len(wire) < 2_000
    assert len(gzip.decompress(wire)) == 1_000_000


async def test_altered_answers(start: Start) -> None:
    """Headers are dropped or lie, bytes change under the old digest."""
    served = await start()
    told = served.registry.faults
    told.append(Fault("HEAD", "manifests", faults.without_headers("Docker-Content-Digest"), times=1))
    told.append(Fault("HEAD", "manifests", faults.with_header("docker-content-digest", "sha256:lie"), times=1))
    told.append(Fault("GET", "manifests", faults.other_bytes(lambda body: body + b" "), times=1))
    first, second, third = [await served.http.head(MANIFEST) for _ in range(3)]
    assert "docker-content-digest" not in first.headers
    assert second.headers["docker-content-digest"] == "sha256:lie"
    assert third.headers["docker-content-digest"] in third.headers["etag"]
    changed, true = [await served.http.get(MANIFEST) for _ in range(2)]
    assert changed.content == true.content + b" "
    assert changed.headers["docker-content-digest"] == true.headers["docker-content-digest"]


async def test_refused_methods_and_redirects(start: Start) -> None:
    """405 on HEAD, and redirects that never arrive."""
    served = await start()
    served.registry.faults.append(Fault("HEAD", ".", faults.head_not_allowed()))
    served.registry.faults.append(Fault("GET", "manifests", faults.redirect_loop()))
    served.registry.faults.append(Fault("GET", "blobs", faults.redirect("http://169.254.169.254/latest")))
    assert (await served.http.head(MANIFEST)).status_code == 405
    with pytest.raises(httpx.TooManyRedirects):
        await served.http.get(MANIFEST, follow_redirects=True)
    assert (await served.http.get("/v2/x/blobs/y")).headers["location"] == "http://169.254.169.254/latest"


async def test_endless_and_circular_tags(start: Start) -> None:
    """There is always another page: new names for ever, or the same page again."""
    served = await start()
    served.registry.faults.append(Fault("GET", "debian/tags/list", faults.endless_tags(10)))
    served.registry.faults.append(Fault("GET", "circle/tags/list", faults.circular_tags()))
    first = await served.http.get(TAGS)
    second = await served.http.get(first.links["next"]["url"])
    assert (first.json()["tags"][0], second.json()["tags"][0]) == ("v0", "v10")
    assert "next" in second.links
    assert (await served.http.get("/v2/circle/tags/list")).links["next"]["url"] == "/v2/circle/tags/list"


@pytest.mark.parametrize(
    ("form", "header", "value"),
    [
        ("none", "retry-after", None),
        ("seconds", "retry-after", "90"),
        ("date", "retry-after", "Tue, 01 Sep 2026 12:01:30 GMT"),
        ("unix", "x-retry-after", str(int(datetime(2026, 9, 1, 12, 1, 30, tzinfo=UTC).timestamp()))),
        ("body", "retry-after", None),
    ],
)
async def test_forms_of_retry_after(start: Start, form: str, header: str, value: str | None) -> None:
    """Nothing, seconds, an HTTP date, Hub's unix time, or only words in the body (GitHub)."""
    answer = await (await spoiled(start, faults.come_back(429, form, 90, NOW))).http.get(MANIFEST)
    assert (answer.status_code, answer.headers.get(header)) == (429, value)
    assert ("retry-after: 90s" in answer.text) is (form == "body")


async def test_faults_wait_for_the_token_unless_told_otherwise(start: Start) -> None:
    """The challenge comes before the fault, so that a client gets as far as in reality."""
    served = await start(HUB)
    served.registry.faults.append(Fault("HEAD", "manifests", faults.status(503)))
    assert (await served.http.head(MANIFEST)).status_code == 401
    assert (await served.http.head(MANIFEST, headers=await served.token())).status_code == 503
    evil = Fault("*", "manifests", faults.token_realm("http://10.0.0.1/token"), before_auth=True)
    served.registry.faults.insert(0, evil)
    assert 'realm="http://10.0.0.1/token"' in (await served.http.head(MANIFEST)).headers["www-authenticate"]


async def test_faults_end_after_their_times(start: Start) -> None:
    """`times` limits a fault, and `met` counts it."""
    served = await spoiled(start, faults.json_body(b'{"tags": ["\xff"]}'), times=1)
    assert (await served.http.get(TAGS)).content == b'{"tags": ["\xff"]}'
    assert (await served.http.get(TAGS)).json()["tags"] == ["bookworm-slim"]
    assert served.registry.faults[0].met == 1


async def test_late_answers_come_side_by_side(start: Start) -> None:
    """Latency delays each answer, not the others."""
    served = await spoiled(start, faults.late(0.1))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(served.http.head(MANIFEST) for _ in range(8)))
    assert 0.1 <= loop.time() - began < 0.6


async def test_log_has_every_request(start: Start) -> None:
    """Method, path with query, and status; 0 where no answer was begun."""
    served = await start()
    await served.http.get(TAGS, params={"n": 5})
    served.registry.faults.append(Fault("GET", ".", faults.reset()))
    with pytest.raises(httpx.ReadError):
        await served.http.get("/v2/")
    assert served.registry.requests == [("GET", f"{TAGS}?n=5", 200), ("GET", "/v2/", 0)]
    served.registry.forget_requests()
    assert served.registry.counts() == {}
