"""Tag lists, and blobs, each registry in its own way."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.imitation.documents import image, stored_layer
from app.imitation.options import DISTRIBUTION, ECR, GCR, GHCR, HUB, QUAY, Options
from app.imitation.world import World
from tests.imitation.conftest import NOW, Served, Start

TAGS = "/v2/many/tags/tags/list"


@pytest.fixture
def world() -> World:
    """250 tags pushed in the reverse order of their names."""
    world = World()
    same = image("linux/amd64", [(1, "x"), stored_layer(b"0123456789", "ADD")])
    for number in range(250):
        world.push("many/tags", f"t{249 - number:03}", same, at=NOW - timedelta(days=300 - number))
    return world


async def pages(served: Served, query: str = "") -> list[list[str]]:
    """Follow Link until there is none."""
    headers = await served.token("many/tags")
    found, path = [], TAGS + query
    while path:
        answer = await served.http.get(path, headers=headers)
        found.append(answer.json()["tags"])
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    return found


@pytest.mark.parametrize(
    ("options", "query", "lengths"),
    [
        (DISTRIBUTION, "", [250]),
        (DISTRIBUTION, "?n=100", [100, 100, 50]),
        (DISTRIBUTION, "?n=125", [125, 125]),
        (DISTRIBUTION, "?n=0", [0]),
        (HUB, "", [100, 100, 50]),
        (GHCR, "?n=1000", [250]),
        (QUAY, "?n=1000", [100, 100, 50]),
        (GCR, "?n=10", [250]),
    ],
)
async def test_page_lengths(start: Start, options: Options, query: str, lengths: list[int]) -> None:
    """n is honoured, capped or ignored; the Link is relative, and absent from the last page."""
    found = await pages(await start(options), query)
    assert [len(page) for page in found] == lengths
    names = [name for page in found for name in page]
    assert len(set(names)) == len(names)


async def test_order(start: Start) -> None:
    """Names are in lexical order, at GitHub in the order of their first push."""
    assert (await pages(await start()))[0][:2] == ["t000", "t001"]
    assert (await pages(await start(GHCR)))[0][:2] == ["t249", "t248"]


async def test_last_starts_after_a_name(start: Start) -> None:
    """`last` is exclusive."""
    served = await start()
    assert (await served.http.get(f"{TAGS}?n=1&last=t009")).json()["tags"] == ["t010"]


async def test_ecr_refuses_large_pages(start: Start) -> None:
    """n above 1000 is 405 at ECR."""
    served = await start(ECR)
    headers = await served.token("many/tags")
    assert (await served.http.get(f"{TAGS}?n=1001", headers=headers)).status_code == 405
    assert (await served.http.get(f"{TAGS}?n=1000", headers=headers)).status_code == 200


async def test_google_adds_a_map_of_manifests(start: Start) -> None:
    """gcr.io tells what is behind the tags, by digest."""
    served = await start(GCR)
    told = (await served.http.get(TAGS, headers=await served.token("many/tags"))).json()
    ((_, entry),) = told["manifest"].items()
    assert len(entry["tag"]) == 250


async def test_blobs_redirect_to_storage_that_refuses_our_token(start: Start, world: World) -> None:
    """Blobs are 307 to a presigned address, which answers 400 to a request with Authorization; ranges work there."""
    served = await start(replace(HUB, pull_limit=None))
    digest = stored_layer(b"0123456789", "ADD").digest
    headers = await served.token("many/tags")
    moved = await served.http.get(f"/v2/many/tags/blobs/{digest}", headers=headers)
    assert moved.status_code == 307
    storage = moved.headers["location"]
    assert (await served.http.get(storage, headers=headers)).status_code == 400
    part = await served.http.get(storage, headers={"range": "bytes=8-9"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"89", "bytes 8-9/10")
