"""Why every HEAD names all four media types: a registry as distribution is shows others another document."""

from datetime import UTC, datetime

import httpx
import pytest

from app.imitation.documents import DOCKER, Document, docker_list, image, index
from app.imitation.options import DISTRIBUTION, QUAY, Options
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import SettableClock, serve
from app.imitation.world import World
from app.registry.manifest import ACCEPT, MediaType
from app.registry.reference import Repository
from tests.registry.fakes import client_at

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
PATH = "library/debian"


def documents() -> dict[str, Document]:
    """A document of each of the four types, by tag."""
    docker = image("linux/amd64", [(10, "x")], form=DOCKER)
    oci = image("linux/amd64", [(20, "y")])
    return {"docker": docker, "docker-list": docker_list([docker]), "oci": oci, "oci-index": index([oci])}


@pytest.fixture(params=[DISTRIBUTION, QUAY], ids=["distribution", "quay"])
def registry(request: pytest.FixtureRequest) -> ImitationRegistry:
    options: Options = request.param
    world = World()
    for tag, document in documents().items():
        world.push(PATH, tag, document, at=NOW)
    return ImitationRegistry(world, SettableClock(NOW), options)


async def test_each_type_is_seen_as_it_is(registry: ImitationRegistry) -> None:
    """The digest of every tag is that of the document pushed, not that of what old clients are shown."""
    async with serve(registry) as url, client_at(httpx.URL(url).port or 0) as (client, other):
        repository = Repository(other.registry, PATH)
        for tag, document in documents().items():
            head = await client.head(repository, tag)
            assert (head.digest, head.media_type) == (document.digest, document.media_type)


async def test_with_one_type_less_the_digest_is_another(registry: ImitationRegistry) -> None:
    """This is no made-up danger: the answer is 200, and nothing in it tells that it is about another document."""
    fewer = ", ".join(kind for kind in ACCEPT.split(", ") if kind != MediaType.DOCKER_LIST)
    async with serve(registry) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        token = (await http.get("/token", params={"scope": f"repository:{PATH}:pull"})).json()["token"]
        headers = {"accept": fewer, "authorization": f"Bearer {token}"}
        answer = await http.head(f"/v2/{PATH}/manifests/docker-list", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["docker-content-digest"] != documents()["docker-list"].digest
