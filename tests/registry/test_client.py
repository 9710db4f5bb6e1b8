"""The client's questions: what they ask, what they make of the answers."""

import hashlib

import httpx
import pytest

from app.registry.access import RegistryAccess
from app.registry.client import Head, Limits
from app.registry.errors import (
    BodyTooLarge,
    Denied,
    DigestMismatch,
    HostPaused,
    ManifestInvalid,
    NotAnImage,
    NotFound,
    PaginationEndless,
    ProtocolError,
    RateLimited,
    RegistryError,
    SchemaUnsupported,
    ServerError,
    TooManyRedirects,
    UnsafeAddress,
    UnsafeRedirect,
)
from app.registry.manifest import ACCEPT, Descriptor, ImageManifest, Index, MediaType, parse_document
from app.registry.reference import Repository
from tests.registry import documents as doc
from tests.registry.fakes import REPOSITORY, answers, client_of

MANIFEST = doc.encode(doc.manifest(100, 23))
MANIFEST_HEADERS = {"Content-Type": MediaType.OCI_MANIFEST, "Docker-Content-Digest": doc.digest_of(MANIFEST)}
SECRET_URL = "https://cdn.example/blob?X-Signature=hunter2"


def found(body: bytes = MANIFEST, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(200, content=body, headers=given or MANIFEST_HEADERS)


def config_descriptor(body: bytes) -> Descriptor:
    return Descriptor(MediaType.OCI_CONFIG, doc.digest_of(body), len(body))


async def test_head_asks_for_all_four_types() -> None:
    """Missing one, a registry may answer with another document's digest."""
    async with client_of(answers(httpx.Response(200, headers=MANIFEST_HEADERS))) as (client, tap):
        assert await client.head(REPOSITORY, "latest") == Head(doc.digest_of(MANIFEST), MediaType.OCI_MANIFEST)
    request = tap.requests[-1]
    assert (request.method, request.headers["accept"]) == ("HEAD", ACCEPT)
    assert ACCEPT.count(",") == 3
    assert request.headers["user-agent"] == "tarewatch/test"
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "head",
    [
        httpx.Response(405),
        httpx.Response(200, headers={"Content-Type": MediaType.OCI_MANIFEST}),
        httpx.Response(200, headers=MANIFEST_HEADERS | {"Docker-Content-Digest": "sha256:short"}),
        httpx.Response(200, headers={"Docker-Content-Digest": doc.digest_of(b"other")}),
        httpx.Response(200, headers={"Docker-Content-Digest": doc.digest_of(b"o"), "Content-Type": "text/html"}),
    ],
    ids=["405", "no digest", "bad digest", "no type", "other type"],
)
async def test_head_falls_back_to_get(head: httpx.Response) -> None:
    """A digest that cannot be relied on is never taken for a change."""
    async with client_of(answers(head, found())) as (client, tap):
        assert (await client.head(REPOSITORY, "latest")).digest == doc.digest_of(MANIFEST)
    assert [request.method for request in tap.requests] == ["GET", "HEAD", "GET"]


async def test_head_of_a_schema_1_image_says_so() -> None:
    """The GET classifies what the HEAD could not."""
    schema1 = doc.encode({"schemaVersion": 1, "fsLayers": []})
    head = httpx.Response(200, headers=MANIFEST_HEADERS | {"Content-Type": MediaType.DOCKER_SCHEMA1_SIGNED})
    async with client_of(answers(head, found(schema1, content_type=MediaType.DOCKER_SCHEMA1_SIGNED))) as (client, _):
        with pytest.raises(SchemaUnsupported) as refusal:
            await client.head(REPOSITORY, "latest")
    assert refusal.value.registry == "registry.example"


async def test_manifests_and_configs() -> None:
    """An image's size, platform and steps."""
    config = doc.encode(doc.config(history=[{"created_by": "A"}, {"created_by": "B"}]))
    async with client_of(answers(found(), found(config))) as (client, tap):
        image = await client.get_manifest(REPOSITORY, "latest")
        assert isinstance(image, ImageManifest)
        assert image.compressed_bytes == 123
        details = await client.get_config(REPOSITORY, config_descriptor(config))
    assert (str(details.platform), details.steps_for(2)) == ("linux/amd64", ("A", "B"))
    assert tap.requests[-1].url.path == f"/v2/team/app/blobs/{doc.digest_of(config)}"


async def test_sha512_digests() -> None:
    """Asked for by sha512, a document is checked by it."""
    digest = f"sha512:{hashlib.sha512(MANIFEST).hexdigest()}"
    async with client_of(answers(found(content_type=MediaType.OCI_MANIFEST), found(b"{}"))) as (client, _):
        assert (await client.get_manifest(REPOSITORY, digest)).digest == digest
        with pytest.raises(DigestMismatch):
            await client.get_manifest(REPOSITORY, digest)


async def test_lying_digests() -> None:
    """By tag the header must fit the bytes, by digest the bytes must fit what was asked for; HEAD's too."""
    other = doc.digest_of(b"other")
    lie = MANIFEST_HEADERS | {"Docker-Content-Digest": other}
    async with client_of(
        answers(httpx.Response(200, content=MANIFEST, headers=lie), found(), httpx.Response(200, headers=lie))
    ) as (client, _):
        with pytest.raises(DigestMismatch):
            await client.get_manifest(REPOSITORY, "latest")
        with pytest.raises(DigestMismatch):
            await client.get_manifest(REPOSITORY, other)
        with pytest.raises(DigestMismatch):
            await client.head(REPOSITORY, doc.digest_of(MANIFEST))


async def test_a_config_must_be_the_promised_bytes() -> None:
    """And no larger than we read."""
    async with client_of(answers(found(b"{}"))) as (client, tap):
        with pytest.raises(DigestMismatch):
            await client.get_config(REPOSITORY, config_descriptor(b"other"))
        with pytest.raises(BodyTooLarge):
            await client.get_config(REPOSITORY, Descriptor(MediaType.OCI_CONFIG, doc.digest_of(b""), 2**40))
    assert len(tap.requests) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (httpx.Response(403), Denied, "denied"),
        (httpx.Response(404), NotFound, "manifest-not-found"),
        (httpx.Response(404, json={"errors": [{"code": "NAME_UNKNOWN"}]}), NotFound, "repository-not-found"),
        (httpx.Response(410), NotFound, "manifest-not-found"),
        (httpx.Response(418), ProtocolError, "protocol-error"),
        (httpx.Response(304), ProtocolError, "protocol-error"),
        (httpx.Response(429), RateLimited, "rate-limited"),
        (found(b"{}", content_type=MediaType.OCI_MANIFEST), ManifestInvalid, "manifest-invalid"),
        (found(doc.encode(doc.manifest()), content_type=MediaType.OCI_MANIFEST), NotAnImage, "not-an-image"),
        (found(content_encoding="br"), ProtocolError, "protocol-error"),
    ],
)
async def test_refusals(answer: httpx.Response, kind: type[RegistryError], code: str) -> None:
    """Each answer becomes its typed error, which names the registry."""
    async with client_of(answers(answer)) as (client, _):
        with pytest.raises(kind) as refusal:
            await client.get_manifest(REPOSITORY, "latest")
    assert (refusal.value.code, refusal.value.registry) == (code, "registry.example")


async def test_passing_troubles_are_retried_and_lasting_ones_reported() -> None:
    """Three tries, then a typed error."""
    trouble = [httpx.Response(status) for status in (503, 408, 500)]
    async with client_of(answers(trouble[0], trouble[1], found(), *trouble)) as (client, tap):
        await client.get_manifest(REPOSITORY, "latest")
        with pytest.raises(ServerError) as refusal:
            await client.get_manifest(REPOSITORY, "latest")
    assert refusal.value.retryable
    assert len(tap.requests) == 1 + 3 + 3


async def test_ghcrs_sporadic_429_is_waited_out() -> None:
    """Its body says how short."""
    sporadic = httpx.Response(429, text="too many requests, retry-after: 331\u00b5s, allowed: 44000/minute")
    async with client_of(answers(sporadic, found())) as (client, _):
        await client.get_manifest(REPOSITORY, "latest")
        assert client.host_state("registry.example").paused_until is None


async def test_a_used_up_pull_quota_stops_pulls_but_not_heads() -> None:
    """At that host alone, and without a request being made."""
    limit = {"errors": [{"code": "TOOMANYREQUESTS", "message": "see https://www.docker.com/increase-rate-limit"}]}
    quota = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"}
    head = httpx.Response(200, headers=MANIFEST_HEADERS | quota)
    async with client_of(answers(httpx.Response(429, json=limit, headers=quota), head, found())) as (client, tap):
        with pytest.raises(RateLimited) as refusal:
            await client.get_manifest(REPOSITORY, "latest")
        assert refusal.value.pull_limit
        assert refusal.value.retry_after == 21600
        made = len(tap.requests)
        with pytest.raises(HostPaused):
            await client.get_manifest(REPOSITORY, "latest")
        assert len(tap.requests) == made
        await client.head(REPOSITORY, "latest")
        state = client.host_state("registry.example")
        assert state.pause_reason == "pull-limit"
        assert state.quota is not None
        assert (state.quota.limit, state.quota.remaining) == (100, 0)
        await client.get_manifest(Repository("other.example", "a"), "latest")


@pytest.mark.parametrize(
    ("location", "authorized"),
    [
        (SECRET_URL, False),
        ("/signed?x=1", False),
        ("/v2/other/blobs/x", True),
        ("https://registry.example:444/v2/x", False),
    ],
)
async def test_redirects_are_followed_without_authorization(location: str, authorized: bool) -> None:
    """To a CDN's signed address, wherever it is; the token stays with the registry's API."""
    config = doc.encode(doc.config())

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(401, headers={"WWW-Authenticate": 'Bearer realm="/token"'})
        if request.url.path == "/token":
            return httpx.Response(200, json={"token": "T"})
        if request.url.path.startswith("/v2/team/app/"):
            return httpx.Response(307, headers={"Location": location})
        return httpx.Response(200, content=config)

    async with client_of(handler) as (client, tap):
        await client.get_config(REPOSITORY, config_descriptor(config))
    *_, first, second = tap.requests
    assert first.headers["authorization"] == "Bearer T"
    assert ("authorization" in second.headers) is authorized


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("http://cdn.example/x", UnsafeRedirect),
        ("file:///etc/passwd", UnsafeRedirect),
        ("https://u:p@cdn.example/x", UnsafeRedirect),
        ("https://[::zz]/", ProtocolError),
        ("https://xn--a/", ProtocolError),
        ("https://127.0.0.1/x", UnsafeAddress),
        ("https://[::ffff:192.168.0.1]/x", UnsafeAddress),
        ("https://169.254.169.254/latest/meta-data/", UnsafeAddress),
        ("https://[64:ff9b::a9fe:a9fe]/x", UnsafeAddress),
        ("/v2/team/app/manifests/latest", TooManyRedirects),
    ],
)
async def test_redirects_that_are_not_followed(location: str, kind: type[RegistryError]) -> None:
    """Downgrades, addresses inside and loops."""
    async with client_of(answers(httpx.Response(307, headers={"Location": location}))) as (client, tap):
        with pytest.raises(kind):
            await client.get_manifest(REPOSITORY, "latest")
    assert len(tap.requests) == 2


async def test_a_registry_with_an_impossible_name() -> None:
    """It passes for a reference, so it fails as registries do."""
    async with client_of(answers(found())) as (client, _):
        with pytest.raises(ProtocolError, match="impossible address") as refusal:
            await client.get_manifest(Repository.parse("xn--a.example/a"), "latest")
    assert refusal.value.registry == "xn--a.example"


async def test_five_hops_at_most() -> None:
    """Then it is enough."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        return httpx.Response(307, headers={"Location": f"https://cdn.example/{request.url.path.count('x')}x"})

    async with client_of(handler) as (client, _):
        with pytest.raises(TooManyRedirects):
            await client.get_manifest(REPOSITORY, "latest")

    def longer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v2/":
            return httpx.Response(200)
        return httpx.Response(307, headers={"Location": f"https://cdn.example{request.url.path}x"})

    async with client_of(longer) as (client, tap):
        with pytest.raises(TooManyRedirects):
            await client.get_manifest(REPOSITORY, "latest")
    assert len(tap.requests) == 1 + 6


async def test_trouble_at_a_cdn_does_not_pause_the_registry() -> None:
    """It is another host."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "cdn.example":
            return httpx.Response(429, headers={"Retry-After": "100"})
        return httpx.Response(200 if request.url.path == "/v2/" else 307, headers={"Location": SECRET_URL})

    async with client_of(handler) as (client, _):
        with pytest.raises(RateLimited) as refusal:
            await client.get_config(REPOSITORY, config_descriptor(b""))
        assert client.host_state("registry.example").paused_until is None
        assert client.host_state("@cdn.example").paused_until is not None
    assert "hunter2" not in str(refusal.value)
    assert (refusal.value.registry, "@" in str(refusal.value)) == ("@cdn.example", False)


async def test_a_host_named_like_a_registry_is_not_that_registry() -> None:
    """A registry that leads us to http://docker.io or https://ghcr.io and has us slowed down there pauses neither."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host != "10.0.0.1":
            return httpx.Response(429, headers={"Retry-After": "100"})
        location = f"{request.url.path.rpartition('/')[2].replace('.', '://', 1)}/x"
        return httpx.Response(200 if request.url.path == "/v2/" else 307, headers={"Location": location})

    registries = {"10.0.0.1": RegistryAccess(insecure=True)}
    async with client_of(handler, registries=registries) as (client, _):
        for tag in ("http.docker.io", "https.ghcr.io"):
            with pytest.raises(RateLimited):
                await client.get_manifest(Repository("10.0.0.1", "a"), tag)
        for registry in ("docker.io", "ghcr.io", "10.0.0.1"):
            assert client.host_state(registry).paused_until is None
        with pytest.raises(HostPaused, match=r"^docker\.io is paused"):
            await client.get_manifest(Repository("10.0.0.1", "a"), "http.docker.io")


async def test_a_mirror_keeps_the_path() -> None:
    """docker.io through a pull-through cache, over plain http by the operator's word."""
    registries = {"docker.io": RegistryAccess(endpoint="http://10.0.0.1:5001")}
    async with client_of(answers(found()), registries=registries) as (client, tap):
        await client.get_manifest(Repository.parse("alpine"), "3.22")
    assert tap.log()[-1] == "GET http://10.0.0.1:5001/v2/library/alpine/manifests/3.22"


def index_answer(*children: dict[str, object]) -> tuple[bytes, httpx.Response]:
    body = doc.encode(doc.index(*children))
    return body, httpx.Response(200, content=body, headers={"Content-Type": MediaType.OCI_INDEX})


def pointer(body: bytes) -> dict[str, object]:
    return {"mediaType": MediaType.OCI_INDEX, "digest": doc.digest_of(body), "size": len(body)}


async def test_nested_indexes_are_taken_apart() -> None:
    """In order, one GET each, the first of each platform wins."""
    inner, inner_answer = index_answer(doc.child(seed="inner"), doc.child("linux", "arm64"))
    _, outer_answer = index_answer(pointer(inner), doc.child(seed="outer"))
    async with client_of(answers(outer_answer, inner_answer)) as (client, _):
        outer = await client.get_manifest(REPOSITORY, "latest")
        assert isinstance(outer, Index)
        images = await client.images(REPOSITORY, outer)
    assert [str(image.platform) for image in images] == ["linux/amd64", "linux/arm64"]
    assert images[0].digest == doc.digest_of(b"inner")


async def test_indexes_that_nest_too_deeply_or_too_often() -> None:
    """A depth and a number of extra requests are all that a registry may ask for."""
    chain, bodies = doc.child(), {}
    for _ in range(5):
        body, answer = index_answer(chain)
        bodies[doc.digest_of(body)] = answer
        chain = pointer(body)
    wide = [index_answer(doc.child(seed=str(number))) for number in range(30)]
    bodies |= {doc.digest_of(body): answer for body, answer in wide}

    def handler(request: httpx.Request) -> httpx.Response:
        return bodies.get(request.url.path.rpartition("/")[2], httpx.Response(200))

    async with client_of(handler) as (client, tap):
        for children in ([chain], [pointer(body) for body, _ in wide]):
            top = doc.index(*children)
            index = Index(doc.digest_of(b"top"), MediaType.OCI_INDEX, _children(top))
            with pytest.raises(ManifestInvalid, match="nests"):
                await client.images(REPOSITORY, index)
    assert len(tap.requests) <= 1 + 3 + 20


async def test_an_index_of_too_many_images() -> None:
    """A hundred are taken, nested ones counted and attestations not; with one more none is looked at."""
    attestation = doc.child("unknown", "unknown", seed="attestation")
    half = [doc.child(f"os{number}") for number in range(50)]
    inner, inner_answer = index_answer(*(doc.child(f"os{number}") for number in range(50, 100)), attestation)
    async with client_of(answers(inner_answer, inner_answer)) as (client, _):
        for extra, fits in (([attestation], True), ([doc.child("plan9")], False)):
            top = doc.index(*half, pointer(inner), *extra)
            index = Index(doc.digest_of(b"top"), MediaType.OCI_INDEX, _children(top))
            if fits:
                assert len(await client.images(REPOSITORY, index)) == 100
                continue
            with pytest.raises(ManifestInvalid, match="more than 100 images") as refusal:
                await client.images(REPOSITORY, index)
            assert refusal.value.registry == "registry.example"


async def test_configs_and_pages_have_bounds() -> None:
    """2 MiB of a config, 4 MiB of a page of tags: parsing more would hold up everything else."""
    config, page_ = b" " * (2 * 1024**2 + 1), b" " * (4 * 1024**2 + 1)
    async with client_of(answers(httpx.Response(200, content=page_))) as (client, _):
        with pytest.raises(BodyTooLarge):
            await client.get_config(REPOSITORY, config_descriptor(config))
        with pytest.raises(BodyTooLarge):
            await client.list_tags(REPOSITORY, limit=10)


def _children(document: dict[str, object]) -> tuple[Descriptor, ...]:
    parsed = parse_document(doc.encode(document), None)
    assert isinstance(parsed, Index)
    return parsed.manifests


def page(*names: object, link: str = "") -> httpx.Response:
    return httpx.Response(200, json={"name": "team/app", "tags": list(names)}, headers={"Link": link} if link else {})


async def test_tags_are_listed_page_by_page() -> None:
    """By the Link header: relative, absolute, odd, or of a proxy that forgets the repository."""
    pages = [
        page("a", "b", link='</v2/team/app/tags/list?last=b&n=1000>; rel="next"'),
        page("c", link="<https://internal.example/v2/tags/list?n=1000&last=c>;rel=next"),
        page("d", "a", link='<?next_page=xyz>; type="x"; rel="prev next"'),
        page("e", link='</v2/team/app/tags/list?last=e>; rel="prev"'),
    ]
    async with client_of(answers(*pages)) as (client, tap):
        tags = await client.list_tags(REPOSITORY, limit=100)
    assert (tags.names, tags.truncated) == (("a", "b", "c", "d", "e"), False)
    assert {request.url.host for request in tap.requests} == {"registry.example"}
    assert {request.url.path for request in tap.requests[1:]} == {"/v2/team/app/tags/list"}
    assert [str(request.url.params) for request in tap.requests[1:]] == [
        "n=1000",
        "last=b&n=1000",
        "n=1000&last=c",
        "next_page=xyz",
    ]


async def test_names_that_are_no_tags_are_dropped() -> None:
    """Nulls, digests, signatures and impossible names, counted."""
    signature = f"sha256-{'a' * 64}.sig"
    names = ["ok", None, 1, "", "a b", "-x", "\ud800", f"sha256:{'a' * 64}", signature, "x" * 129, {"a": 1}]
    body = doc.encode({"tags": names})
    async with client_of(answers(httpx.Response(200, content=body), httpx.Response(200, json={"tags": None}))) as (
        client,
        _,
    ):
        tags = await client.list_tags(REPOSITORY, limit=100)
        assert (tags.names, tags.dropped) == (("ok",), 10)
        assert (await client.list_tags(REPOSITORY, limit=100)).names == ()


async def test_the_limit_is_no_error() -> None:
    """There are more tags, and the list says so; pages that are not needed are not fetched."""
    pages = [page("a", "b", link='<?last=b>; rel="next"'), page("a", "b")]
    async with client_of(answers(*pages)) as (client, tap):
        tags = await client.list_tags(REPOSITORY, limit=2)
        assert (tags.names, tags.truncated) == (("a", "b"), True)
        assert len(tap.requests) == 2
        assert (await client.list_tags(REPOSITORY, limit=1)).truncated


async def test_endless_pagination() -> None:
    """The same page again, pages without anything new, or too many of them."""
    number = 0

    def same(request: httpx.Request) -> httpx.Response:
        return page("a", link='<?last=a>; rel="next"')

    def nothing_new(request: httpx.Request) -> httpx.Response:
        nonlocal number
        number += 1
        return page("a", link=f'<?last={number}>; rel="next"')

    def always_more(request: httpx.Request) -> httpx.Response:
        nonlocal number
        number += 1
        return page(f"t{number}", link=f'<?last={number}>; rel="next"')

    for handler in (same, nothing_new, always_more):
        async with client_of(handler, limits=Limits(pages=50)) as (client, tap):
            with pytest.raises(PaginationEndless):
                await client.list_tags(REPOSITORY, limit=10_000)
        assert len(tap.requests) <= 51


@pytest.mark.parametrize("body", [b"[]", b'{"tags": "x"}', b"<html>", b'{"tags": {}}'])
async def test_lists_that_are_none(body: bytes) -> None:
    """A typed error."""
    async with client_of(answers(httpx.Response(200, content=body))) as (client, _):
        with pytest.raises(ProtocolError):
            await client.list_tags(REPOSITORY, limit=10)


async def test_only_tags_and_digests_are_asked_for() -> None:
    """Nothing else becomes part of an address."""
    async with client_of(answers()) as (client, tap):
        with pytest.raises(ProtocolError):
            await client.head(REPOSITORY, "../../_catalog")
    assert tap.requests == []
