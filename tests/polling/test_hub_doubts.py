"""What Docker Hub's web API says and polling does not believe: the registry decides."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.imitation.faults import Fault
from app.imitation.hub import changed_page
from tests.polling.conftest import Stage, debian
from tests.polling.hub import Entry, asked, break_page, fill, pushed


async def test_gone_only_by_the_registry(web: Stage) -> None:
    """A tag that is on no page any more is asked for by HEAD, within a day, and then it is gone."""
    await fill(web, 20)
    web.world.remove("library/debian", "v003", at=web.clock.now)
    for _ in range(4):
        await web.poll()
    assert (await web.tag("v003")).status == "gone"
    assert {row[0] for row in await web.events("v003")} == {"seen", "gone"}


async def test_missing_from_the_pages_is_not_gone(web: Stage) -> None:
    """Tags that the API hides, and the registry has, stay as they are."""
    await fill(web, 20)

    def hide(document: Entry) -> None:
        document["results"] = [one for one in document["results"] if one["name"] > "v005"]

    web.hub.faults.append(Fault("GET", "/tags", changed_page(hide)))
    for _ in range(4):
        report = await web.poll()
        assert (report.unchanged, report.gone, report.failed) == (20, 0, 0)


async def test_null_digest_is_asked_for(web: Stage) -> None:
    """Where the API leaves out the digest, a HEAD tells."""
    await fill(web, 20)
    break_page(web, "v004", digest=None)
    await web.poll()
    assert asked(web)["head"] == 1
    assert (await web.tag("v004")).checked_at == web.clock.now


@pytest.mark.parametrize(
    "images",
    [
        [],
        None,
        [{"os": "linux", "architecture": "amd64", "digest": f"sha256:{'1' * 64}", "size": 0}],
        [{"os": "linux", "architecture": "amd64", "digest": None, "size": 5}],
        [{"os": "windows", "architecture": "amd64", "digest": f"sha256:{'1' * 64}", "size": 5}],
    ],
)
async def test_incomplete_sizes_come_from_the_registry(web: Stage, images: object) -> None:
    """A platform without digest or bytes, or none at all: the manifests are pulled."""
    await web.watch(*(f"debian:v{n}" for n in range(6)))
    for n in range(6):
        web.push(f"v{n}", debian(1_000_000 + n, ("linux/amd64",)))
    break_page(web, "v1", images=images)
    await web.poll()
    assert [amount for _, amount in await web.builds("v1")] == [1_000_001]
    assert web.registry.pulls == 2
    assert asked(web) == {"web": 1, "head": 1, "manifest_get": 2, "blob_get": 1}


async def test_a_platform_less_is_for_the_registry_to_say(web: Stage) -> None:
    """A platform that the API does not list is dropped only if the index does not list it either."""
    await fill(web, 10)
    web.push("v001", debian(7_000_000, attestations=False))
    break_page(
        web, "v001", images=[{"os": "linux", "architecture": "amd64", "digest": f"sha256:{'1' * 64}", "size": 5}]
    )
    await web.poll()
    assert {row[0] for row in await web.events("v001")} == {"seen", "moved"}
    assert [amount for _, amount in await web.builds("v001")] == [1_000_001, 7_000_000]

    web.hub.faults.clear()
    web.push("v001", debian(7_100_000, ("linux/amd64", "linux/arm64"), attestations=False))
    await web.poll()
    assert "platform_dropped" in {row[0] for row in await web.events("v001")}


async def test_an_older_word_is_not_believed(web: Stage) -> None:
    """The API still tells the digest before last: what the registry said since stands, and no build goes back."""
    await fill(web, 10)
    old = (await web.tag("v002")).digest
    web.push("v002", debian(9_000_000, attestations=False))
    await web.poll()
    stale = (web.clock.now - timedelta(days=2)).isoformat()
    break_page(web, "v002", digest=old, tag_last_pushed=stale)
    await web.poll()
    assert [amount for _, amount in await web.builds("v002")] == [1_000_002, 9_000_000]
    assert asked(web)["head"] == 1


async def test_push_times_that_cannot_be(web: Stage) -> None:
    """In the future, or before the look that found something else: not recorded."""
    await web.watch(*(f"debian:v{n}" for n in range(6)))
    for n in range(6):
        web.push(f"v{n}", debian(1_000_000 + n))
    future = (web.clock.now + timedelta(days=400)).isoformat()
    for n in range(6):
        break_page(web, f"v{n}", tag_last_pushed=future, last_updated=future)
    web.hub.faults = [replace(web.hub.faults[0], behaviour=changed_page(lambda page: _date(page, future)))]
    await web.poll()
    assert await pushed(web) == {None}


def _date(page: Entry, moment: str) -> None:
    for entry in page["results"]:
        entry.update(tag_last_pushed=moment, last_updated=moment)


async def test_registry_corrects_the_bytes(web: Stage) -> None:
    """Where the manifest, once read, says other bytes than the API did, the manifest counts."""
    await web.watch("debian:bookworm-slim", platforms=["linux/amd64"])
    web.push("bookworm-slim", debian(28_000_000))
    web.hub.faults.append(Fault("GET", "/tags", changed_page(lambda tag: tag["images"][0].update(size=1))))
    await web.poll()
    assert [amount for _, amount in await web.builds()] == [1]
    await web.read_details()
    assert [amount for _, amount in await web.builds()] == [28_000_000]


async def test_pages_out_of_order_prove_nothing(web: Stage) -> None:
    """If the newest are not first, a tag that is on none of the pages read may have moved: HEAD."""
    await fill(web, 150)
    web.push("v000", debian(8_000_000, attestations=False))

    def reverse(document: Entry) -> None:
        document["results"] = document["results"][::-1]

    web.hub.faults.append(Fault("GET", "/tags", changed_page(reverse)))
    for _ in range(4):
        await web.poll()
    assert [amount for _, amount in await web.builds("v000")] == [1_000_000, 8_000_000]
