"""What polling costs a registry, counted at the registry."""

import pytest

from app.imitation.documents import image, index
from tests.polling.conftest import Stage, debian


@pytest.mark.slow
async def test_five_hundred_unchanged_tags(lite: Stage) -> None:
    """500 tags in 25 repositories cost 500 HEADs and one token per repository, once nothing changes; no pull."""
    for n in range(500):
        lite.push(f"v{n}", debian(1000 + n, ("linux/amd64",), attestations=False), f"library/r{n % 25}")
    await lite.watch(*(f"r{n}:v*" for n in range(25)))
    await lite.expand()
    tokens = lite.registry.counts()["token"]
    first = await lite.poll()
    assert (first.looked, first.failed, len(first.changes)) == (500, 0, 500)
    counted = lite.registry.counts()
    assert tokens + counted.pop("token", 0) == 25, "those that listing the tags needed serve the HEADs too"
    assert counted == {
        "head": 500,
        "manifest_get": 1000,
        "blob_get": 500,
    }
    pulls = lite.registry.pulls
    second = await lite.poll()
    assert (second.looked, second.unchanged) == (500, 500)
    assert lite.registry.counts().get("head") == 500
    assert lite.registry.counts().get("token", 0) <= 25
    assert set(lite.registry.counts()) <= {"head", "token"}
    assert lite.registry.pulls == pulls


async def test_a_changed_tag(lite: Stage) -> None:
    """A changed tag of four platforms costs one HEAD, one GET of the index, and two per platform that is new."""
    platforms = ("linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le")
    await lite.watch("debian:bookworm-slim")
    lite.push("bookworm-slim", debian(28_000_000, platforms))
    await lite.poll()
    lite.push("bookworm-slim", debian(29_000_000, platforms))
    await lite.poll()
    assert lite.registry.counts() == {"head": 1, "manifest_get": 1 + 4, "blob_get": 4}


async def test_a_changed_tag_with_one_new_platform(lite: Stage) -> None:
    """Platform manifests that we know are not fetched again."""
    await lite.watch("debian:bookworm-slim")
    same = [image(p, [(28_000_000, "ADD")]) for p in ("linux/amd64", "linux/s390x")]
    lite.push("bookworm-slim", index([*same, image("linux/arm64", [(27_000_000, "ADD")])]))
    await lite.poll()
    lite.push("bookworm-slim", index([*same, image("linux/arm64", [(27_100_000, "ADD")])]))
    await lite.poll()
    assert lite.registry.counts() == {"head": 1, "manifest_get": 2, "blob_get": 1}


async def test_nothing_due_asks_nothing(lite: Stage) -> None:
    """Before its interval is over a tag is left alone."""
    await lite.watch("debian:bookworm-slim")
    lite.push("bookworm-slim", debian(28_000_000))
    await lite.poll()
    report = await lite.poll(hours=5.9)
    assert (report.looked, lite.registry.requests) == (0, [])


async def test_only_wanted_platforms_are_fetched(lite: Stage) -> None:
    """A watch on two of three platforms pulls two manifests."""
    await lite.watch("debian:bookworm-slim", platforms=["linux/amd64", "linux/arm64"])
    lite.push("bookworm-slim", debian(28_000_000))
    await lite.poll()
    assert lite.registry.counts()["manifest_get"] == 1 + 2
