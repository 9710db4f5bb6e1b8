"""Watches over the API."""

import httpx
import pytest

from tests.web.conftest import BEARER

WATCHES = "/api/v1/watches"


async def test_add_pause_resume_remove(client: httpx.AsyncClient) -> None:
    """A watch's life: each answer shows it as it is now, each read sees it at once."""
    wanted = {"image": "alpine:3.2*", "platforms": ["linux/arm64/v8", "linux/amd64"], "interval": "6h"}
    added = await client.post(WATCHES, json=wanted, headers=BEARER)
    assert added.status_code == 201, added.text
    watch = added.json()
    assert (watch["image"], watch["tag_pattern"], watch["origin"]) == ("alpine", "3.2*", "api")
    assert (watch["platforms"], watch["interval_seconds"]) == (["linux/amd64", "linux/arm64"], 21_600)
    place = added.headers["location"]
    assert (await client.get(place)).json() == watch
    paused = await client.patch(place, json={"paused": True}, headers=BEARER)
    assert paused.json() == watch | {"paused": True}
    assert (await client.patch(place, json={"paused": False}, headers=BEARER)).json() == watch
    removed = await client.delete(place, headers=BEARER)
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await client.get(place)).status_code == 404
    assert watch["id"] not in [one["id"] for one in (await client.get(WATCHES)).json()["items"]]


async def test_added_watch_is_in_the_table_at_once(client: httpx.AsyncClient) -> None:
    """A plain tag is listed as new before anybody looked at it."""
    await client.get("/api/v1/images?search=fedora")
    await client.post(WATCHES, json={"image": "fedora:42"}, headers=BEARER)
    (row,) = (await client.get("/api/v1/images?search=fedora")).json()["items"]
    assert (row["tag"], row["status"], row["compressed_bytes"]) == ("42", "new", None)


async def test_same_watch_twice_is_a_conflict(client: httpx.AsyncClient) -> None:
    """Whatever the spelling, the second one is told that it exists."""
    assert (await client.post(WATCHES, json={"image": "fedora:42"}, headers=BEARER)).status_code == 201
    second = await client.post(WATCHES, json={"image": "docker.io/library/fedora:42"}, headers=BEARER)
    assert (second.status_code, second.json()["code"]) == (409, "watch-exists")


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"image": "Not An Image"}, "image"),
        ({"image": "alpine@sha256:abc"}, "image"),
        ({"image": "x" * 10_000}, "image"),
        ({"image": "alpine", "platforms": ["amd64"]}, "platforms"),
        ({"image": "alpine", "interval": "1s"}, "interval"),
        ({"image": "alpine", "interval": "often"}, "interval"),
        ({"image": "alpine\0"}, "image"),
        ({"image": "alpine", "colour": "red"}, "colour"),
        ({}, "image"),
        ([], "body"),
    ],
)
async def test_wrong_watches_name_the_field(client: httpx.AsyncClient, body: object, parameter: str) -> None:
    """Which field is wrong, and why; nothing is added."""
    answer = await client.post(WATCHES, json=body, headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter-invalid"), answer.text
    assert answer.json()["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize("content", [b"{", b"\xff", b""])
async def test_unreadable_body(client: httpx.AsyncClient, content: bytes) -> None:
    """What is no JSON is a problem document."""
    answer = await client.post(WATCHES, content=content, headers=BEARER | {"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_unknown_watch(client: httpx.AsyncClient, method: str) -> None:
    """Changing what is not there is 404."""
    answer = await client.request(method, f"{WATCHES}/99999", json={"paused": True}, headers=BEARER)
    assert (answer.status_code, answer.json()["code"]) == (404, "watch-unknown")
