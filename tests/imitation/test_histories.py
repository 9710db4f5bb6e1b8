"""Histories of tags, as the registries that keep them were seen to answer."""

from datetime import timedelta

from app.imitation import media
from app.imitation.documents import image
from app.imitation.options import CHAINGUARD, DISTRIBUTION, GCR, QUAY, Options
from app.imitation.world import World
from tests.imitation.conftest import NOW, Start

QUAY_PATH = "/api/v1/repository/library/debian/tag/"
CHAINGUARD_PATH = "/v2/library/debian/_chainguard/history/latest"
OCI_PATH = "/v2/library/debian/_oci/tag-history/latest"


def push_days(world: World, number: int) -> list[str]:
    """latest moves every day until now; the digests, oldest first."""
    digests = []
    for n in range(number):
        made = image("linux/amd64", [(1_000 + n, "ADD")])
        digests.append(world.push("library/debian", "latest", made, at=NOW - timedelta(days=number - n)).digest)
    return digests


async def test_quay(start: Start, world: World) -> None:
    """Newest first, a hundred to a page at most, with ends; sizes of manifests only; no token for public ones."""
    digests = push_days(world, 150)
    served = await start(QUAY)
    query = {"specificTag": "latest", "onlyActiveTags": "false", "limit": "1000"}
    first = (await served.http.get(QUAY_PATH, params=query)).json()
    second = (await served.http.get(QUAY_PATH, params=query | {"page": "2"})).json()
    told = first["tags"] + second["tags"]
    assert (len(first["tags"]), first["has_additional"], second["has_additional"]) == (100, True, False)
    assert [one["manifest_digest"] for one in reversed(told)] == digests
    assert [one["size"] for one in told[-2:]] == [1_001, 1_000]
    assert told[1]["end_ts"] == told[0]["start_ts"]
    assert "end_ts" not in told[0]
    active = (await served.http.get(QUAY_PATH, params={"onlyActiveTags": "true"})).json()["tags"]
    assert {one["name"]: one["size"] for one in active} == {"latest": 1_149, "bookworm-slim": None}
    assert (await served.http.get("/api/v1/repository/no/such/tag/")).status_code == 404


async def test_chainguard(start: Start, world: World) -> None:
    """Oldest first, with a token; `start` and `end` bound it."""
    digests = push_days(world, 5)
    served = await start(CHAINGUARD)
    assert (await served.http.get(CHAINGUARD_PATH)).status_code == 401
    headers = await served.token()
    told = (await served.http.get(CHAINGUARD_PATH, headers=headers)).json()["history"]
    assert [one["digest"] for one in told] == digests
    assert told[0]["updateTimestamp"] == "2026-08-27T12:00:00.000Z"
    bounds = {"start": told[1]["updateTimestamp"], "end": told[2]["updateTimestamp"]}
    assert (await served.http.get(CHAINGUARD_PATH, headers=headers, params=bounds)).json()["history"] == told[1:3]


async def test_oci_draft(start: Start, world: World) -> None:
    """Newest first, deletions too; n=0 is empty; Link leads on; 404 only where it is not offered."""
    digests = push_days(world, 4)
    world.remove("library/debian", "latest", at=NOW)
    served = await start(Options(tag_history=3))
    first = await served.http.get(OCI_PATH)
    second = await served.http.get(first.links["next"]["url"])
    told = first.json()["manifests"] + second.json()["manifests"]
    events = [one["annotations"]["org.opencontainers.distribution.tag.event"] for one in told]
    assert [one["digest"] for one in reversed(told)] == [*digests, digests[-1]]
    assert events == ["deleted", *["created"] * 4]
    assert first.json()["mediaType"] == media.OCI_INDEX
    assert "next" not in second.links
    probe = await served.http.get(OCI_PATH, params={"n": "0"})
    assert (probe.status_code, probe.json()["manifests"], probe.links) == (200, [], {})
    assert (await served.http.get("/v2/no/such/_oci/tag-history/x")).json()["manifests"] == []
    assert (await (await start(DISTRIBUTION)).http.get(OCI_PATH)).status_code == 404


async def test_google(start: Start, world: World) -> None:
    """The map holds what lost its tags, too, and times as text."""
    digests = push_days(world, 3)
    served = await start(GCR)
    told = (await served.http.get("/v2/library/debian/tags/list", headers=await served.token())).json()
    assert [told["manifest"][digest]["tag"] for digest in digests] == [[], [], ["latest"]]
    uploaded = told["manifest"][digests[0]]["timeUploadedMs"]
    assert uploaded == str(int((NOW - timedelta(days=3)).timestamp() * 1000))
    assert told["manifest"][digests[0]]["timeCreatedMs"] == "0"
