"""The demo's two years: what happens in them, and that they can be polled quickly."""

import itertools
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest

from app.imitation import media
from app.imitation.demo import DemoWorld, build_demo_world
from app.imitation.documents import Document
from app.imitation.serve import SettableClock, serve
from tests.imitation.conftest import ACCEPT, NOW

Sizes = list[tuple[datetime, int]]


@pytest.fixture(scope="module")
def demo() -> DemoWorld:
    return build_demo_world(NOW, seed=1)


def platforms(document: Document) -> dict[str, Document]:
    """The index's images by `os/architecture[/variant]`, attestations left out."""
    return {
        "/".join(child.platform[key] for key in ("os", "architecture", "variant") if key in child.platform): child
        for child in document.children
        if child.platform and child.platform["os"] != "unknown"
    }


def builds(demo: DemoWorld, host: str, repository: str, tag: str) -> Iterator[tuple[datetime, Document]]:
    contents = demo.worlds[host].repositories[repository]
    line = contents.tags[tag]
    for at, digest in zip(line.times, line.digests, strict=True):
        if digest:
            yield at, contents.documents[digest]


def sizes(demo: DemoWorld, host: str, repository: str, tag: str) -> Sizes:
    """linux/amd64: when, and the sum of its layers."""
    return [
        (at, sum(layer["size"] for layer in json.loads(platforms(document)["linux/amd64"].body)["layers"]))
        for at, document in builds(demo, host, repository, tag)
    ]


def changes(found: Sizes) -> list[float]:
    return [after / before - 1 for (_, before), (_, after) in itertools.pairwise(found)]


def test_same_arguments_give_the_same_world(demo: DemoWorld) -> None:
    """Digests and times depend on `now` and the seed alone."""
    again, other = build_demo_world(NOW, seed=1), build_demo_world(NOW, seed=2)
    facts = [{host: sorted(world.changes(), key=str) for host, world in d.worlds.items()} for d in (demo, again, other)]
    assert facts[0] == facts[1] != facts[2]


def test_world_is_built_quickly() -> None:
    """Building takes little of the demo's start."""
    began = time.process_time()
    build_demo_world(NOW, seed=3)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize("seed", range(5))
def test_polling_it_all_stays_within_the_budget(seed: int) -> None:
    """About ten seconds of a client's processor: at most 1,500 HEADs and 3,500 GETs."""
    cost = build_demo_world(NOW, seed).estimate()
    assert 1_000 < cost.heads <= 1_500
    assert 1_500 < cost.gets <= 3_500


def test_two_years_end_now(demo: DemoWorld) -> None:
    """The first change is two years ago, the last within two weeks of now, none later."""
    times = demo.change_times()
    assert times == sorted(set(times))
    assert times[0] == NOW - timedelta(days=730)
    assert NOW - timedelta(days=14) < times[-1] <= NOW


def test_most_rebuilds_change_little(demo: DemoWorld) -> None:
    """Routine rebuilds stay within 0.3 %, and the tag is rebuilt every few weeks."""
    found = changes(sizes(demo, "docker.io", "library/ubuntu", "24.04"))
    assert len(found) > 20
    assert sum(abs(change) < 0.003 for change in found) >= len(found) - 1
    assert max(found) > 0.04


def test_spike_recovers_in_days(demo: DemoWorld) -> None:
    """node gains a third and loses it again four days later."""
    found = sizes(demo, "docker.io", "library/node", "22-alpine")
    (spike,) = (n for n, change in enumerate(changes(found)) if change > 0.25)
    assert changes(found)[spike + 1] < -0.2
    assert found[spike + 2][0] - found[spike + 1][0] <= timedelta(days=5)


def test_zstd_makes_it_smaller(demo: DemoWorld) -> None:
    """toolbox turns from gzip to zstd, and a quarter of its bytes is gone."""
    kinds = []
    for _, document in builds(demo, "ghcr.io", "example/toolbox", "latest"):
        kinds.append(json.loads(platforms(document)["linux/amd64"].body)["layers"][0]["mediaType"])
    turn = kinds.index(media.OCI_ZSTD)
    assert set(kinds[:turn]) == {media.OCI_GZIP}
    change = changes(sizes(demo, "ghcr.io", "example/toolbox", "latest"))[turn - 1]
    assert -0.29 < change < -0.25


def test_platforms_come_and_go(demo: DemoWorld) -> None:
    """riscv64 appears in debian, s390x leaves runtime, attestations come along."""
    debian = [d for _, d in builds(demo, "docker.io", "library/debian", "trixie-slim")]
    runtime = [d for _, d in builds(demo, "quay.io", "example/runtime", "stable")]
    assert "linux/riscv64" in set(platforms(debian[-1])) - set(platforms(debian[0]))
    assert "linux/s390x" in set(platforms(runtime[0])) - set(platforms(runtime[-1]))
    assert len(debian[-1].children) == 2 * len(platforms(debian[-1]))
    assert {d.media_type for d in runtime} == {media.DOCKER_LIST, media.OCI_INDEX}


def test_tags_vanish_and_return(demo: DemoWorld) -> None:
    """One tag is gone for good, another for some weeks; an alias moves with its target."""
    world = demo.worlds["ghcr.io"]
    assert world.resolve("example/toolbox", "v1", NOW) is None
    edge = demo.worlds["quay.io"].repositories["example/runtime"].tags["edge"]
    assert edge.digests.count(None) == 1
    assert edge.digests[-1] is not None
    hub = demo.worlds["docker.io"]
    for age, target in ((600, "3.20"), (10, "3.22")):
        at = NOW - timedelta(days=age)
        assert hub.resolve("library/alpine", "latest", at) is hub.resolve("library/alpine", target, at)


def test_images_share_their_base(demo: DemoWorld) -> None:
    """python starts with the layers of debian, and names a build step for each layer."""
    hub = demo.worlds["docker.io"]
    base, built = (
        hub.resolve("library/" + name, tag, NOW) for name, tag in (("debian", "trixie-slim"), ("python", "3.13-slim"))
    )
    assert base
    assert built
    below, above = (json.loads(platforms(d)["linux/amd64"].body)["layers"] for d in (base, built))
    assert above[: len(below)] == below
    assert len(above) == len(below) + 3


async def test_registries_serve_it(demo: DemoWorld) -> None:
    """Over HTTP each host answers in its own manner; a token outlives a jump of the clock."""
    clock = SettableClock(NOW - timedelta(days=400))
    registry = demo.registries(clock)["docker.io"]
    path = "/v2/library/debian/manifests/bookworm-slim"
    async with serve(registry) as url, httpx.AsyncClient(base_url=url, headers=ACCEPT, trust_env=False) as http:
        query = {"scope": "repository:library/debian:pull"}
        told = (await http.get("/token", params=query)).json()
        headers = {"authorization": f"Bearer {told['token']}"}
        before = await http.head(path, headers=headers)
        clock.now = NOW
        after = await http.head(path, headers=headers)
    assert before.status_code == after.status_code == 200
    assert before.headers["docker-content-digest"] != after.headers["docker-content-digest"]


def test_watches_name_images_of_every_host(demo: DemoWorld) -> None:
    """Patterns on Hub are short, those of other hosts name the host; intervals are positive."""
    watched = {pattern for pattern, _ in demo.watches}
    assert {"alpine:3.2*", "debian:bookworm-slim", "ghcr.io/example/toolbox:v1"} <= watched
    assert all(interval > timedelta(0) for _, interval in demo.watches)


def test_an_unwatched_tag_has_a_past(demo: DemoWorld) -> None:
    """Each of its documents is still there under a dated sibling; it makes no moment of its own to poll at."""
    contents = demo.worlds["docker.io"].repositories["library/ubuntu"]
    moved = list(zip(contents.tags["22.04"].times, contents.tags["22.04"].digests, strict=True))
    assert [contents.tags[f"jammy-{at:%Y%m%d}"].digests[0] for at, _ in moved] == [digest for _, digest in moved]
    assert len(moved) > 12
    watched = {at for at, repository, tag, _ in _changes(demo) if (repository, tag) not in demo.unwatched}
    assert set(demo.change_times()) == watched


def _changes(demo: DemoWorld) -> Iterator[tuple[datetime, str, str, str | None]]:
    return (change for world in demo.worlds.values() for change in world.changes())
