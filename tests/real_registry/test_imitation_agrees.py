"""The imitation answers as CNCF distribution does: the same requests to both, the same statuses, headers and bodies."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from app.imitation import media
from app.imitation.documents import Document, docker_list, index
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import serve
from app.imitation.world import World
from tests.real_registry.conftest import PLATFORMS, attested, docker_image, gzip_image
from tests.real_registry.running import RealRegistry

pytestmark = [pytest.mark.real_registry, pytest.mark.xdist_group("real_registry")]

NOW = datetime(2026, 9, 1, tzinfo=UTC)
TOLD = ("content-type", "content-length", "docker-content-digest", "docker-distribution-api-version", "etag", "allow")


def documents() -> dict[str, Document]:
    return {
        "index": attested([gzip_image(platform) for platform in PLATFORMS[:2]]),
        "list": docker_list([docker_image(platform) for platform in PLATFORMS[:2]]),
        "single": gzip_image("linux/amd64"),
        "docker": docker_image("linux/amd64"),
        "nested": index([index([gzip_image("linux/amd64")])]),
    }


@pytest.fixture(scope="module")
def real(real_registry: RealRegistry) -> RealRegistry:
    for tag, document in documents().items():
        real_registry.put(f"same/image:{tag}", document)
    return real_registry


@pytest.fixture
async def imitation() -> AsyncIterator[httpx.AsyncClient]:
    world = World()
    for tag, document in documents().items():
        world.push("same/image", tag, document, at=NOW)
    async with (
        serve(ImitationRegistry(world, lambda: NOW)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        yield http


async def both(
    real: RealRegistry, imitation: httpx.AsyncClient, method: str, path: str, accept: str
) -> tuple[httpx.Response, httpx.Response]:
    headers = {"accept": accept}
    return real.http.request(method, path, headers=headers), await imitation.request(method, path, headers=headers)


FOUR, LISTS = ", ".join(media.FOUR), f"{media.OCI_INDEX};q=0, {media.DOCKER_LIST};q=0.1"
SHOWN = [
    *((tag, FOUR) for tag in ("index", "list", "single", "docker", "nested")),
    *((tag, LISTS) for tag in ("index", "list", "single", "nested")),
    *((tag, media.OCI_MANIFEST) for tag in ("index", "single", "nested")),
    *((tag, media.DOCKER_MANIFEST) for tag in ("index", "list", "single", "docker", "nested")),
]
"""Tag and Accept, without the pairs that distribution 2.8 answers in schema 1, as 3.0 no longer does."""


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize(("tag", "accept"), SHOWN)
async def test_manifests(real: RealRegistry, imitation: httpx.AsyncClient, method: str, tag: str, accept: str) -> None:
    """Every kind of document under every kind of Accept, by tag."""
    told, ours = await both(real, imitation, method, f"/v2/same/image/manifests/{tag}", accept)
    assert ours.status_code == told.status_code
    if told.status_code == 200:
        assert {k: ours.headers.get(k) for k in TOLD} == {k: told.headers.get(k) for k in TOLD}
        assert ours.content == told.content
    elif method == "GET":
        assert ours.json()["errors"][0]["code"] == told.json()["errors"][0]["code"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/",
        "/v2/same/image/manifests/missing",
        f"/v2/same/image/manifests/sha256:{'0' * 64}",
        "/v2/nobody/manifests/latest",
        f"/v2/same/image/blobs/sha256:{'0' * 64}",
        "/v2/nobody/tags/list",
        "/v2/same/image/tags/list",
        "/v2/UPPER/tags/list",
        "/v2/same/image/manifests/bad@tag",
        "/elsewhere",
    ],
)
async def test_everything_else(real: RealRegistry, imitation: httpx.AsyncClient, path: str) -> None:
    """Ping, tag list and every refusal: status, type, and the body as JSON where it is."""
    told, ours = await both(real, imitation, "GET", path, ", ".join(media.FOUR))
    assert (ours.status_code, ours.headers["content-type"]) == (told.status_code, told.headers["content-type"])
    assert parsed(ours) == parsed(told)


def parsed(answer: httpx.Response) -> object:
    if not answer.headers["content-type"].startswith("application/json"):
        return answer.text
    told = answer.json()
    return {**told, "tags": sorted(told["tags"])} if "tags" in told else told


async def test_not_modified(real: RealRegistry, imitation: httpx.AsyncClient) -> None:
    """If-None-Match is honoured alike."""
    path = "/v2/same/image/manifests/index"
    headers = {"if-none-match": real.http.head(path).headers["etag"]}
    told, ours = real.http.get(path, headers=headers), await imitation.get(path, headers=headers)
    assert ours.status_code == told.status_code == 304
