"""Docker Hub's web API as the imitation gives it: what clients of the real one were seen to rely on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx
import pytest

from app.imitation.documents import image
from app.imitation.hub import ImitationHub
from app.imitation.hub_entries import HUB_WEB, HubOptions
from app.imitation.serve import SettableClock, serve
from app.imitation.world import World
from tests.imitation.conftest import NOW

TAGS = "/v2/namespaces/library/repositories/debian/tags"
OLD_TAGS = "/v2/repositories/library/debian/tags"
StartHub = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def start_hub(world: World, clock: SettableClock) -> AsyncIterator[StartHub]:
    """Serve the web API with these options and give a client of it."""
    async with AsyncExitStack() as stack:

        async def start_one(options: HubOptions = HUB_WEB) -> httpx.AsyncClient:
            url = await stack.enter_async_context(serve(ImitationHub(world, clock, options)))
            return await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=5, trust_env=False))

        yield start_one


def push_many(world: World, number: int) -> None:
    """`number` further tags, each a minute older than the one before."""
    document = image("linux/amd64", [(1_000, "ADD")])
    for n in range(number):
        world.push("library/debian", f"v{n:03}", document, at=NOW - timedelta(minutes=n + 1))


async def test_tag_gives_bytes_per_platform(start_hub: StartHub, world: World) -> None:
    """Layers only, no attestations; `full_size` is the first platform's; both paths answer alike."""
    http = await start_hub()
    told = (await http.get(f"{TAGS}/bookworm-slim")).json()
    held = world.resolve("library/debian", "bookworm-slim", NOW)
    assert held is not None
    assert told == (await http.get(f"{OLD_TAGS}/bookworm-slim")).json()
    assert (told["digest"], told["full_size"]) == (held.digest, 28_000_000)
    assert [(one["os"], one["architecture"], one["size"]) for one in told["images"]] == [
        ("linux", "amd64", 28_000_000),
        ("linux", "arm64", 28_000_000),
    ]
    assert told["images"][0]["digest"] == held.children[0].digest
    assert told["images"][0]["last_pushed"] < told["tag_last_pushed"]


async def test_attestations_can_be_shown(start_hub: StartHub) -> None:
    """Whether the real one ever does is unknown: clients filter."""
    http = await start_hub(HubOptions(shows_attestations=True))
    told = (await http.get(f"{TAGS}/bookworm-slim")).json()
    assert [one["os"] for one in told["images"]] == ["linux", "linux", "unknown", "unknown"]


async def test_pages_are_cut_at_a_hundred(start_hub: StartHub, world: World) -> None:
    """Ten by default, a hundred at most; newest first; `next` and `previous` lead on and back."""
    push_many(world, 120)
    http = await start_hub()
    assert len((await http.get(TAGS)).json()["results"]) == 10
    first = (await http.get(TAGS, params={"page_size": 1000, "ordering": "last_updated"})).json()
    second = (await http.get(first["next"])).json()
    assert (first["count"], first["previous"], len(first["results"])) == (121, None, 100)
    assert (second["next"], len(second["results"])) == (None, 21)
    assert [one["name"] for one in first["results"][:2]] == ["bookworm-slim", "v000"]
    assert (await http.get(second["previous"])).json()["results"] == first["results"]
    assert (await http.get(TAGS, params={"page": 99})).status_code == 404


async def test_name_is_a_substring(start_hub: StartHub, world: World) -> None:
    """`name=` keeps the tags that contain the text."""
    push_many(world, 20)
    http = await start_hub()
    told = (await http.get(TAGS, params={"name": "01", "page_size": 50})).json()
    assert {one["name"] for one in told["results"]} == {"v001", *(f"v01{n}" for n in range(10))}


async def test_layers_of_a_tag(start_hub: StartHub) -> None:
    """The undocumented resource lists build steps; those without bytes have no digest."""
    http = await start_hub()
    told = (await http.get(f"{OLD_TAGS}/bookworm-slim/images")).json()
    assert [(layer["size"], layer["instruction"], "digest" in layer) for layer in told[0]["layers"]] == [
        (28_000_000, "ADD rootfs", True),
        (0, "CMD bash", False),
    ]


async def test_missing_and_private_look_alike(start_hub: StartHub) -> None:
    """No repository, no tag, or none of anybody's business: 404."""
    http = await start_hub(HubOptions(private=frozenset({"library/debian"})))
    answers = [await http.get(path) for path in (TAGS, TAGS.replace("debian", "nothing"), f"{TAGS}/x")]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert answers[0].json()["message"] == "httperror 404: object not found"


async def test_limit_per_minute(start_hub: StartHub, clock: SettableClock) -> None:
    """Headers count down; beyond the limit a 429 names a unix time, and after the minute all is well again."""
    http = await start_hub(HubOptions(per_minute=2))
    left = [(await http.get(TAGS)).headers["x-ratelimit-remaining"] for _ in range(2)]
    refused = await http.get(TAGS)
    assert (left, refused.status_code) == (["1", "0"], 429)
    assert refused.json() == {"detail": "Rate limit exceeded", "error": False}
    assert int(refused.headers["x-retry-after"]) == int(NOW.timestamp()) + 60
    clock.now += timedelta(minutes=1)
    assert (await http.get(TAGS)).status_code == 200


async def test_old_tags_have_gaps(start_hub: StartHub) -> None:
    """Null digests and push times of tags that are older than those fields; other gaps as asked for."""
    gaps = HubOptions(old_tags=frozenset({"bookworm-slim"}), null=frozenset({"images.digest", "-images.size"}))
    http = await start_hub(gaps)
    told = (await http.get(f"{TAGS}/bookworm-slim")).json()
    assert (told["digest"], told["tag_last_pushed"], told["images"][0]["digest"]) == (None, None, None)
    assert "size" not in told["images"][0]
    assert told["last_updated"] is not None


async def test_head_and_other_methods(start_hub: StartHub) -> None:
    """HEAD is answered like GET, nothing can be written."""
    http = await start_hub()
    assert [(await http.request(method, TAGS)).status_code for method in ("HEAD", "DELETE")] == [200, 405]
