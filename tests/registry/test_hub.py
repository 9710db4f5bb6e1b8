"""Docker Hub's web API: what is taken from its answers, and how it is treated."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imitation.hub import HUB_API as IMITATED
from app.registry.errors import (
    AnswerInvalid,
    ApiBlocked,
    HostPaused,
    NotFound,
    PaginationEndless,
    ProtocolError,
    RateLimited,
    RegistryError,
    UnsafeAddress,
)
from app.registry.hub import HUB_API, HubApi, HubPage, open_hub
from app.registry.hub_tags import parse_page, parse_tag
from app.registry.pace import Pace
from app.registry.politeness import Politeness
from app.registry.reference import Repository
from tests.registry.fakes import Handler, NoJitter, Wiretap

DEBIAN = Repository("docker.io", "library/debian")
DIGEST = f"sha256:{'a' * 64}"
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
IMAGE = {"os": "linux", "architecture": "amd64", "digest": DIGEST, "size": 28_000_000}


def tag(**fields: Any) -> dict[str, Any]:
    """A tag's entry, with these fields replaced."""
    return {"name": "bookworm", "digest": DIGEST, "images": [IMAGE], "last_updated": "2026-09-01T10:00:00Z", **fields}


def page(*entries: object, **fields: Any) -> bytes:
    return json.dumps({"count": len(entries), "next": None, "results": entries, **fields}).encode()


@asynccontextmanager
async def hub_of(handler: Handler, **options: Any) -> AsyncIterator[tuple[HubApi, Wiretap]]:
    """The API, every request of which goes to handler; its clock stands still."""
    tap = Wiretap(handler)
    politeness = Politeness(clock=lambda: NOW, rng=NoJitter())
    settings: dict[str, Any] = {"user_agent": "tarewatch/test", "politeness": politeness, **options}
    async with open_hub("https://hub.example", transport=httpx.MockTransport(tap), **settings) as hub:
        yield hub, tap


async def read(hub: HubApi, **options: Any) -> list[HubPage]:
    async with aclosing(hub.tags(DEBIAN, **{"most_pages": 5, **options})) as pages:
        return [one async for one in pages]


def always(body: bytes, status: int = 200, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(status, content=body, headers={"content-type": "application/json", **named})


# What is taken


def test_one_name() -> None:
    """The imitation and the client mean the same host."""
    assert IMITATED == HUB_API


def test_recorded_page() -> None:
    """As the real API answers, with null variants and attestations."""
    images = [
        IMAGE | {"variant": None, "os_version": None, "os_features": "", "last_pushed": "2026-09-01T07:00:00.5Z"},
        IMAGE | {"architecture": "arm64", "variant": "v8", "size": 27_000_000},
        IMAGE | {"architecture": "arm", "variant": "v7", "digest": None, "size": 0},
        IMAGE | {"architecture": "unknown", "os": "unknown"},
    ]
    media_type = "application/vnd.oci.image.index.v1+json"
    entry = tag(images=images, tag_last_pushed="2026-09-01T11:14:00.123456Z", media_type=media_type)
    found = parse_page(page(entry, next="https://hub.docker.com/v2/x?page=2"))
    assert (found.count, found.last, found.dropped) == (1, False, 0)
    (told,) = found.tags
    assert (told.name, told.digest, told.media_type) == ("bookworm", DIGEST, media_type)
    assert told.pushed_at == datetime(2026, 9, 1, 11, 14, 0, 123456, tzinfo=UTC)
    assert [(one.platform, one.digest, one.compressed_bytes) for one in told.images] == [
        ("linux/amd64", DIGEST, 28_000_000),
        ("linux/arm64", DIGEST, 27_000_000),
        ("linux/arm/v7", None, None),
    ]
    assert told.images[0].pushed_at == datetime(2026, 9, 1, 7, 0, 0, 500000, tzinfo=UTC)


@pytest.mark.parametrize("size", [-1, 0, 2**60, 1.5, "5", True, None, [5]], ids=str)
def test_impossible_bytes_are_unknown(size: object) -> None:
    """Zero too: no image weighs nothing."""
    assert (
        parse_tag(json.dumps(tag(images=[IMAGE | {"size": size}])).encode(), "bookworm").images[0]
        == (parse_tag(json.dumps(tag(images=[{**IMAGE, "size": None}])).encode(), "bookworm").images[0])
    )


@pytest.mark.parametrize("digest", ["", "sha256:abc", "sha256:" + "A" * 64, 5, None, "md5:" + "a" * 64])
def test_impossible_digests_are_unknown(digest: object) -> None:
    """A digest is one by the image-spec, or none."""
    assert parse_tag(json.dumps(tag(digest=digest)).encode(), "bookworm").digest is None


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "yesterday", "9999-99-99", 5, None, "2026-09-01T10:00:00+99:00"]
)
def test_impossible_times_are_unknown(moment: object) -> None:
    """The zero time of Go stands for never."""
    found = parse_tag(json.dumps(tag(tag_last_pushed=moment, last_updated=moment)).encode(), "bookworm")
    assert (found.pushed_at, found.updated_at) == (None, None)


def test_last_updated_stands_in() -> None:
    """Old tags have no push time of their own."""
    found = parse_tag(json.dumps(tag(tag_last_pushed=None)).encode(), "bookworm")
    assert found.pushed_at == datetime(2026, 9, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "entry", [None, 5, [], {}, {"name": None}, {"name": "../x"}, {"name": "x" * 129}, {"name": ""}], ids=str
)
def test_entries_that_are_no_tags(entry: object) -> None:
    """They are dropped and counted; their neighbours stay."""
    found = parse_page(page(entry, tag()))
    assert ([one.name for one in found.tags], found.dropped) == (["bookworm"], 1)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b'{"results": {}}', b'{"results": [', b"\xff", b'{"a":1,"a":2}']
)
def test_no_page_at_all(body: bytes) -> None:
    """A typed error, never a crash."""
    with pytest.raises(AnswerInvalid):
        parse_page(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ["name", "digest", "media_type", "images", "last_updated", "tag_last_pushed"]
IMAGE_FIELDS = ["os", "architecture", "variant", "os_version", "os_features", "digest", "size", "last_pushed"]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.dictionaries(st.sampled_from(IMAGE_FIELDS), JSON))
def test_any_field_may_be_anything(fields: dict[str, Any], image: dict[str, Any]) -> None:
    """Whatever a field holds, the page is read, and what is taken from it is possible."""
    found = parse_page(page(tag(images=[IMAGE | image]) | fields))
    for one in found.tags:
        assert all(image.compressed_bytes is None or image.compressed_bytes > 0 for image in one.images)


async def test_another_tag_than_asked_for() -> None:
    """An answer about another tag is not taken."""
    async with hub_of(always(json.dumps(tag()).encode())) as (hub, _):
        with pytest.raises(AnswerInvalid) as refused:
            await hub.tag(DEBIAN, "trixie")
    assert refused.value.registry == HUB_API


# How it is asked


async def test_pages_are_ours() -> None:
    """Wherever `next` points to, the next page is asked of the same address; newest first, a hundred at a time."""
    bodies = [page(tag(), next="http://evil.example/steal"), page(tag(name="trixie"))]
    async with hub_of(lambda request: httpx.Response(200, content=bodies[int(request.url.params["page"]) - 1])) as (
        hub,
        tap,
    ):
        assert [one.tags[0].name for one in await read(hub, name="slim")] == ["bookworm", "trixie"]
    base = "https://hub.example/v2/namespaces/library/repositories/debian/tags"
    assert [str(request.url) for request in tap.requests] == [
        f"{base}?page_size=100&ordering=last_updated&name=slim&page={number}" for number in (1, 2)
    ]
    assert {request.headers.get("authorization") for request in tap.requests} == {None}
    assert {request.headers["user-agent"] for request in tap.requests} == {"tarewatch/test"}


async def test_pages_without_end() -> None:
    """At most as many as asked for; an empty page with a successor is a circle."""
    async with hub_of(always(page(tag(), next="x"))) as (hub, tap):
        await read(hub, most_pages=3)
    assert len(tap.requests) == 3
    async with hub_of(always(page(next="x"))) as (hub, _):
        with pytest.raises(PaginationEndless):
            await read(hub)


@pytest.mark.parametrize("repository", ["ghcr.io/a/b", "docker.io/a/b/c"])
async def test_repositories_of_others(repository: str) -> None:
    """Only what lies on Docker Hub is asked for there."""
    async with hub_of(always(page())) as (hub, tap):
        with pytest.raises(ProtocolError):
            await hub.tag(Repository.parse(repository), "x")
    assert tap.requests == []


async def test_private_address_only_if_named() -> None:
    """The operator may name a loopback address; a redirect to one is refused."""
    away = always(b"", 302, location="http://127.0.0.1:9/")
    async with hub_of(away) as (hub, _):
        with pytest.raises(RegistryError) as refused:
            await hub.tag(DEBIAN, "bookworm")
    assert refused.value.code in {"unsafe-redirect", UnsafeAddress.code}
    politeness = Politeness()
    async with open_hub("http://127.0.0.1:9", user_agent="x", politeness=politeness) as hub:
        with pytest.raises(RegistryError) as unreachable:
            await hub.tag(DEBIAN, "bookworm")
    assert unreachable.value.code == "unreachable-refused"


# How it says no


@pytest.mark.parametrize("status", [200, 403, 404, 410], ids=str)
async def test_web_page_is_a_block(status: int) -> None:
    """A web page where JSON was asked for pauses the API for an hour, whatever its status."""
    async with hub_of(always(b"<html></html>", status, content_type="text/html")) as (hub, tap):
        with pytest.raises(ApiBlocked):
            await read(hub)
        with pytest.raises(HostPaused) as paused:
            await read(hub)
    assert len(tap.requests) == 1
    assert paused.value.until == NOW + timedelta(hours=1)


async def test_json_404_is_about_the_repository() -> None:
    """It may be private, or new: the others can be asked."""
    async with hub_of(always(b'{"message": "httperror 404: object not found"}', 404)) as (hub, tap):
        for _ in range(2):
            with pytest.raises(NotFound):
                await read(hub)
        assert len(tap.requests) == 2
        hub.contradicted(DEBIAN)
        with pytest.raises(NotFound):
            await read(hub)
    assert len(tap.requests) == 2, "it exists, and the API was wrong about it lately"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x_retry_after": str(int(NOW.timestamp()) + 90)}, 90),
        ({"retry_after": "120"}, 120),
        ({"x_retry_after": str(int(NOW.timestamp()) + 90_000)}, 3_600),
        ({}, 60),
        ({"x_retry_after": "-1", "ratelimit_limit": "100;w=60", "ratelimit_remaining": "0;w=60"}, 60),
    ],
    ids=["unix", "seconds", "too-long", "none", "pulls"],
)
async def test_429(headers: dict[str, str], seconds: int) -> None:
    """The time it names is kept, an hour at most; it never stands for the pull quota."""
    async with hub_of(always(b'{"detail": "Rate limit exceeded"}', 429, **headers)) as (hub, tap):
        with pytest.raises(RateLimited) as limited:
            await read(hub)
        with pytest.raises(HostPaused) as paused:
            await hub.tag(DEBIAN, "x")
    assert (len(tap.requests), limited.value.pull_limit) == (1, False)
    assert paused.value.until == NOW + timedelta(seconds=seconds)


# Its pace


class Watch:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


async def test_own_pace() -> None:
    """90 requests in a minute, then the next one waits for the first to be a minute old."""
    watch = Watch()
    pace = Pace(90, watch, watch.sleep)
    for _ in range(91):
        await pace.turn()
    assert watch.slept == [60]
    await pace.turn()
    assert len(watch.slept) == 1


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "slept"),
    [
        ("180", "179", 30, []),
        ("180", "90", 30, []),
        ("180", "89", 30, [30]),
        ("180", "0", 10_000, [90]),
        ("180", "-5", -10, []),
        ("180", "5", None, [60]),
        ("many", "0", 30, []),
        ("0", "0", 30, []),
    ],
)
async def test_half_is_left_to_others(limit: str, remaining: str, reset: int | None, slept: list[float]) -> None:
    """Below half of the limit that the headers state, it waits for their reset, 90 seconds at most."""
    watch = Watch()
    pace = Pace(None, watch, watch.sleep)
    headers = {"x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining}
    if reset is not None:
        headers["x-ratelimit-reset"] = str(int(NOW.timestamp()) + reset)
    pace.note(headers, NOW)
    await pace.turn()
    assert watch.slept == slept


async def test_headers_are_heeded() -> None:
    """The pace is the API's own: after an answer that leaves little, the next request waits."""
    watch = Watch()
    reset = str(int(NOW.timestamp()) + 20)
    handler: Callable[[httpx.Request], httpx.Response] = always(
        page(tag(), next="x"), x_ratelimit_limit="180", x_ratelimit_remaining="3", x_ratelimit_reset=reset
    )
    async with hub_of(handler, pace=Pace(None, watch, watch.sleep)) as (hub, _):
        await read(hub, most_pages=3)
    assert watch.slept == [20, 20]
