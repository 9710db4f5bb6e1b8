"""Docker Hub's pull limit and abuse limit."""

from dataclasses import replace
from datetime import timedelta

from app.imitation.options import HUB
from app.imitation.serve import SettableClock
from tests.imitation.conftest import MANIFEST, Start

LIMITED = replace(HUB, pull_limit=2, accounts={"me": "pat"}, redirect_blobs=False)


async def test_only_manifest_gets_count(start: Start) -> None:
    """HEAD, tokens, tag lists and configs are free; each manifest GET counts 1, by digest as well."""
    served = await start(LIMITED)
    headers = await served.token()
    index = (await served.http.get(MANIFEST, headers=headers)).json()
    digest = index["manifests"][0]["digest"]
    manifest = await served.http.get(f"/v2/library/debian/manifests/{digest}", headers=headers)
    config = manifest.json()["config"]["digest"]
    await served.http.get(f"/v2/library/debian/blobs/{config}", headers=headers)
    await served.http.get("/v2/library/debian/tags/list", headers=headers)
    head = await served.http.head(MANIFEST, headers=headers)
    assert head.headers["ratelimit-limit"] == "2;w=21600"
    assert head.headers["ratelimit-remaining"] == "0;w=21600"
    assert head.headers["docker-ratelimit-source"] == "127.0.0.1"
    assert served.registry.pulls == 2
    assert served.registry.counts() == {"token": 1, "manifest_get": 2, "blob_get": 1, "tags_list": 1, "head": 1}


async def test_exhausted_limit_refuses_get_and_not_head(start: Start, clock: SettableClock) -> None:
    """429 TOOMANYREQUESTS with the link, no Retry-After; HEAD goes on; the window opens again after 6 h."""
    served = await start(LIMITED)
    statuses = []
    for _ in range(3):
        answer = await served.http.get(MANIFEST, headers=await served.token())
        statuses.append(answer.status_code)
    assert statuses == [200, 200, 429]
    assert answer.json()["errors"][0]["code"] == "TOOMANYREQUESTS"
    assert "/increase-rate-limit" in answer.text
    assert "retry-after" not in answer.headers
    assert (await served.http.head(MANIFEST, headers=await served.token())).status_code == 200
    clock.now += timedelta(hours=6)
    assert (await served.http.get(MANIFEST, headers=await served.token())).status_code == 200


async def test_accounts_have_a_limit_of_their_own(start: Start) -> None:
    """A signed-in client is counted by account and not by address."""
    served = await start(LIMITED)
    query = {"scope": "repository:library/debian:pull"}
    told = (await served.http.get("/token", params=query, auth=("me", "pat"))).json()
    head = await served.http.head(MANIFEST, headers={"authorization": f"Bearer {told['token']}"})
    assert head.headers["ratelimit-limit"] == "200;w=21600"
    assert head.headers["docker-ratelimit-source"] == "me"


async def test_no_limit_no_headers(start: Start) -> None:
    """Paid accounts and sponsored images see no RateLimit headers."""
    served = await start(replace(HUB, pull_limit=None))
    head = await served.http.head(MANIFEST, headers=await served.token())
    assert not [name for name in head.headers if "ratelimit" in name]


async def test_abuse_limit_counts_everything(start: Start, clock: SettableClock) -> None:
    """Too many requests of any kind in a minute are 429 without the link that marks the pull limit."""
    served = await start(replace(HUB, requests_per_minute=1))
    headers = await served.token()
    refused = await served.http.head(MANIFEST, headers=headers)
    body = (await served.http.get("/v2/")).text
    assert refused.status_code == 429
    assert body == "Too Many Requests"
    clock.now += timedelta(minutes=1)
    assert (await served.http.head(MANIFEST, headers=headers)).status_code == 200
