"""What the reading routes answer."""

from datetime import timedelta

import httpx
import pytest

from tests.conftest import NOW
from tests.history.seed import DAY, HOSTILE_STEP, HOSTILE_TAG, digest_of


async def _whole_list(client: httpx.AsyncClient, path: str) -> list[dict[str, object]]:
    """All items of a list, by following `next`, which must be the same in the Link header."""
    items: list[dict[str, object]] = []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        items += document["items"]
        path = document["next"] or ""
        assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
    return items


async def test_images(client: httpx.AsyncClient) -> None:
    """A row per watched tag, with bytes as integers and changes as both."""
    document = (await client.get("/api/v1/images?search=bookworm-slim")).json()
    (row,) = document["items"]
    assert document["total"] == 1
    assert (row["image"], row["tag"], row["platform"], row["platforms"]) == (
        "debian",
        "bookworm-slim",
        "linux/amd64",
        3,
    )
    change = row["change_30d"]
    assert change["difference_bytes"] == change["after_bytes"] - change["before_bytes"] > 11_000_000
    assert change["ratio"] == pytest.approx(change["difference_bytes"] / change["before_bytes"])


@pytest.mark.parametrize("sort", ["image", "bytes", "change_30d", "change_1y", "changed"])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_images_page_in_every_order(client: httpx.AsyncClient, sort: str, order: str) -> None:
    """Following `next` gives the same rows as one big page."""
    whole = (await client.get(f"/api/v1/images?sort={sort}&order={order}&limit=1000")).json()["items"]
    paged = await _whole_list(client, f"/api/v1/images?sort={sort}&order={order}&limit=3")
    assert paged == whole
    assert len(whole) == 10


async def test_cursor_of_another_order_is_refused(client: httpx.AsyncClient) -> None:
    """A cursor means a place in one order only."""
    following = (await client.get("/api/v1/images?sort=bytes&limit=1")).json()["next"]
    answer = await client.get(following.replace("sort=bytes", "sort=changed"))
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor-invalid")


async def test_tags_of_an_image(client: httpx.AsyncClient) -> None:
    """Tags by name, each with every platform's value now."""
    tags = await _whole_list(client, "/api/v1/tags?image=docker.io/library/debian&limit=1")
    assert [tag["tag"] for tag in tags] == ["bookworm", "bookworm-slim"]
    platforms = tags[1]["platforms"]
    assert isinstance(platforms, list)
    assert [one["platform"] for one in platforms] == ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    assert all(one["compressed_bytes"] and one["build_id"] for one in platforms)


@pytest.mark.parametrize(
    "reference",
    [
        "image=debian&tag=bookworm-slim",
        "image=debian:bookworm-slim",
        "image=library/debian&tag=bookworm-slim",
        "image=docker.io/library/debian:bookworm-slim",
        "image=index.docker.io/debian&tag=bookworm-slim",
        "image=debian:bookworm-slim&tag=bookworm-slim",
    ],
)
async def test_every_familiar_spelling_means_the_same(client: httpx.AsyncClient, reference: str) -> None:
    """However an image is spelled, its history is the same."""
    document = (await client.get(f"/api/v1/series?{reference}&platform=linux/arm64/v8")).json()
    assert (document["image"], document["tag"]) == ("debian", "bookworm-slim")
    assert [one["platform"] for one in document["series"]] == ["linux/arm64"]


async def test_series_is_columnar(client: httpx.AsyncClient) -> None:
    """Change points only, as columns of equal length, rising in time, each point a build that exists."""
    document = (await client.get("/api/v1/series?image=debian&tag=bookworm-slim")).json()
    assert (document["metric"], document["unit"]) == ("compressed_bytes", "bytes")
    for series in document["series"]:
        assert len(series["t"]) == len(series["bytes"]) == len(series["build"]) > 20
        assert series["t"] == sorted(set(series["t"]))
    last = document["series"][0]
    build = (await client.get(f"/api/v1/builds/{last['build'][-1]}")).json()["build"]
    assert build["compressed_bytes"] == last["bytes"][-1]


async def test_series_without_tag_is_latest(client: httpx.AsyncClient) -> None:
    """As Docker reads a bare name."""
    assert (await client.get("/api/v1/series?image=grafana/grafana")).json()["tag"] == "latest"


async def test_series_window(client: httpx.AsyncClient) -> None:
    """`since` includes what was in force then; `until` ends it; a naive time is UTC."""
    since, until = (NOW - 100 * DAY).replace(tzinfo=None).isoformat(), (NOW - 50 * DAY).isoformat().replace("+", "%2B")
    path = f"/api/v1/series?image=debian&tag=bookworm&platform=linux/amd64&since={since}&until={until}"
    times = (await client.get(path)).json()["series"][0]["t"]
    assert times[0] <= (NOW - 100 * DAY).timestamp() < times[1]
    assert times[-1] <= (NOW - 50 * DAY).timestamp()


async def test_pending_is_null_not_zero(client: httpx.AsyncClient) -> None:
    """Bytes that are not known yet are null."""
    document = (await client.get("/api/v1/series?image=alpine&tag=3.20&platform=linux/amd64")).json()
    assert document["series"][0]["bytes"][-1] is None
    assert document["series"][0]["t"][-1] == int((NOW - timedelta(hours=1)).timestamp())


async def test_dropped_platforms_say_when(client: httpx.AsyncClient) -> None:
    """A platform that the tag no longer offers ends."""
    document = (await client.get("/api/v1/series?image=ubuntu&tag=24.04")).json()
    assert [one["dropped_at"] for one in document["series"]] == [None, int((NOW - 30 * DAY).timestamp())]


async def test_builds(client: httpx.AsyncClient) -> None:
    """Newest first, in joining pages, each with its growth."""
    builds = await _whole_list(client, "/api/v1/builds?image=debian&tag=bookworm-slim&platform=linux/amd64&limit=10")
    assert [one["at"] for one in builds] == sorted((str(one["at"]) for one in builds), reverse=True)
    assert isinstance(builds[0]["difference_bytes"], int)
    assert builds[0]["difference_bytes"] > 11_000_000
    assert builds[-1]["difference_bytes"] is None


async def test_build_in_full(client: httpx.AsyncClient) -> None:
    """Layers that add up, steps exactly as the image has them, both digests by name."""
    (newest,) = (await client.get("/api/v1/builds?image=debian&tag=bookworm&limit=1")).json()["items"]
    answer = await client.get(f"/api/v1/builds/{newest['id']}")
    document = answer.json()
    layers = document["manifest"]["layers"]
    assert sum(layer["compressed_bytes"] for layer in layers) == document["build"]["compressed_bytes"]
    assert layers[1]["step"] == HOSTILE_STEP
    assert answer.headers["content-type"] == "application/json"
    assert document["tag_digest"] != document["manifest"]["digest"] == document["build"]["digest"]


async def test_manifest_names_its_builds(client: httpx.AsyncClient) -> None:
    """What ran on a digest, and a digest that waits to be measured."""
    document = (await client.get(f"/api/v1/manifests/{digest_of('manifest pending')}")).json()
    assert document["manifest"]["compressed_bytes"] is None
    assert [one["image"] for one in document["builds"]] == ["alpine"]


async def test_status(client: httpx.AsyncClient) -> None:
    """Causes, next tries, what waits, and who polls."""
    document = (await client.get("/api/v1/status")).json()
    hosts = {host["name"]: host for host in document["hosts"]}
    assert hosts["quay.io"]["cause"] == "quay.io: no such host name"
    assert hosts["docker.io"]["quota"]["remaining"] == 7
    assert document["pending"] == [{"reason": "quota", "priority": 0, "count": 1}]
    assert document["lag_seconds"] == 0
    assert [worker["alive"] for worker in document["workers"]] == [True]


async def test_hostile_names_pass_unharmed(client: httpx.AsyncClient) -> None:
    """A tag that is a word of JavaScript is a tag like any other."""
    answer = await client.get(f"/api/v1/series?image=quay.io/hostile/name&tag={HOSTILE_TAG}")
    assert answer.json()["tag"] == HOSTILE_TAG
