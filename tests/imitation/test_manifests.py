"""HEAD and GET of manifests as CNCF distribution answers them (registry/handlers/manifests.go)."""

import hashlib
from datetime import timedelta

import httpx
import pytest

from app.imitation import media
from app.imitation.documents import DOCKER, docker_list, image, index, schema1
from app.imitation.options import QUAY
from app.imitation.serve import SettableClock
from app.imitation.world import World
from tests.imitation.conftest import MANIFEST, NOW, Start


async def test_head_tells_digest_type_and_length_of_what_get_sends(start: Start) -> None:
    """HEAD has the headers of GET and no body; the digest is the sha256 of the bytes."""
    served = await start()
    head, got = await served.http.head(MANIFEST), await served.http.get(MANIFEST)
    digest = "sha256:" + hashlib.sha256(got.content).hexdigest()
    assert (head.status_code, head.content) == (200, b"")
    for answer in (head, got):
        assert answer.headers["docker-content-digest"] == digest
        assert answer.headers["content-type"] == media.OCI_INDEX
        assert answer.headers["content-length"] == str(len(got.content))
        assert answer.headers["etag"] == f'"{digest}"'


async def test_children_and_configs_are_read_by_digest(start: Start) -> None:
    """An index leads to real manifests and those to real configs, each with the digest and length it was told by."""
    served = await start()
    for child in (await served.http.get(MANIFEST)).json()["manifests"]:
        manifest = await served.http.get(f"/v2/library/debian/manifests/{child['digest']}")
        config = manifest.json()["config"]
        blob = await served.http.get(f"/v2/library/debian/blobs/{config['digest']}")
        for told, answer in ((child, manifest), (config, blob)):
            assert len(answer.content) == told["size"]
            assert "sha256:" + hashlib.sha256(answer.content).hexdigest() == told["digest"]


@pytest.mark.parametrize("accept", ["*/*", f"{media.DOCKER_LIST}, {media.OCI_MANIFEST}"])
async def test_index_is_unknown_to_who_does_not_accept_it(start: Start, accept: str) -> None:
    """Without its media type an OCI index is 404 MANIFEST_UNKNOWN; wildcards do not count."""
    served = await start()
    answer = await served.http.get(MANIFEST, headers={"accept": accept})
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"


async def test_weights_do_not_count(start: Start) -> None:
    """q=0 accepts all the same, and several Accept headers add up."""
    served = await start()
    answer = await served.http.get(
        MANIFEST, headers=httpx.Headers([("accept", "x/y"), ("accept", f"{media.OCI_INDEX};q=0")])
    )
    assert answer.status_code == 200


async def test_list_not_accepted_becomes_its_amd64_child(start: Start, world: World) -> None:
    """Without the list type a tag answers 200 with another document and that document's digest."""
    arm, amd = (image(name, [(10, "x")], form=DOCKER) for name in ("linux/arm64", "linux/amd64"))
    whole = world.push("library/debian", "old", docker_list([arm, amd]), at=NOW)
    served = await start()
    path = "/v2/library/debian/manifests/"
    answer = await served.http.head(path + "old", headers={"accept": media.DOCKER_MANIFEST})
    assert (answer.status_code, answer.headers["docker-content-digest"]) == (200, amd.digest)
    by_digest = await served.http.head(path + whole.digest, headers={"accept": media.DOCKER_MANIFEST})
    assert by_digest.headers["docker-content-digest"] == whole.digest


async def test_nothing_accepted_becomes_schema_1_at_quay(start: Start) -> None:
    """Quay converts to schema 1 instead of saying 404, and sends no ETag."""
    served = await start(QUAY)
    answer = await served.http.get(MANIFEST, headers={"accept": "*/*"})
    assert answer.headers["content-type"] == media.DOCKER_SCHEMA1
    assert answer.json()["schemaVersion"] == 1
    assert "etag" not in answer.headers


@pytest.mark.parametrize("form", ['"{}"', "{}"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_known_digest_is_not_modified(start: Start, method: str, form: str) -> None:
    """If-None-Match with the digest, quoted or bare, is 304 for GET and HEAD."""
    served = await start()
    digest = (await served.http.head(MANIFEST)).headers["docker-content-digest"]
    answer = await served.http.request(method, MANIFEST, headers={"if-none-match": form.format(digest)})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_tag_follows_the_clock(start: Start, world: World, clock: SettableClock) -> None:
    """A tag is unknown before its push, moves when pushed again, is gone when removed; digests stay."""
    path = "/v2/library/alpine/manifests/"
    first = world.push("library/alpine", "3", image("linux/amd64", [(1, "a")]), at=NOW + timedelta(days=1))
    second = world.push("library/alpine", "3", index([first]), at=NOW + timedelta(days=2))
    world.remove("library/alpine", "3", at=NOW + timedelta(days=3))
    served = await start()
    seen = []
    for day in range(4):
        clock.now = NOW + timedelta(days=day)
        seen.append((await served.http.head(path + "3")).headers.get("docker-content-digest"))
    assert seen == [None, first.digest, second.digest, None]
    assert (await served.http.head(path + first.digest)).status_code == 200


async def test_schema_1_is_served_as_it_is(start: Start, world: World) -> None:
    """A registry still holding schema 1 sends it whatever is accepted."""
    world.push("library/debian", "ancient", schema1("library/debian", "ancient"), at=NOW)
    served = await start()
    answer = await served.http.get("/v2/library/debian/manifests/ancient")
    assert answer.headers["content-type"] == media.DOCKER_SCHEMA1


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v2/library/nope/manifests/x", 404, "MANIFEST_UNKNOWN"),
        ("GET", "/v2/library/nope/tags/list", 404, "NAME_UNKNOWN"),
        ("GET", f"/v2/library/nope/blobs/sha256:{'0' * 64}", 404, "BLOB_UNKNOWN"),
        ("GET", "/v2/UPPER/tags/list", 404, None),
        ("GET", "/v2/library/debian/manifests/bad@tag", 404, None),
        ("DELETE", "/v2/library/debian/tags/list", 405, None),
        ("GET", "/v2/", 200, None),
    ],
)
async def test_errors_have_the_codes_of_the_specification(
    start: Start, method: str, path: str, status: int, code: str | None
) -> None:
    """Unknown things have an error code; paths outside the grammar and other methods are refused in plain text."""
    answer = await (await start()).http.request(method, path)
    assert answer.status_code == status
    assert (answer.json()["errors"][0]["code"] if "errors" in answer.text else None) == code
