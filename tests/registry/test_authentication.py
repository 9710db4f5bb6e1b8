"""From challenge to token to answer: how often what is asked, and who gets to see secrets."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable

import httpx
import pytest

from app.registry.access import Credentials, RegistryAccess
from app.registry.client import open_client
from app.registry.errors import ProtocolError, RegistryError, Unauthorized, UnsafeAddress, UnsafeRedirect
from app.registry.manifest import MediaType
from app.registry.reference import Repository
from tests.registry import documents as doc
from tests.registry.fakes import REPOSITORY, Wiretap, client_of

REALM = "https://auth.example/token"
FOUND = {"Docker-Content-Digest": doc.digest_of(b"x"), "Content-Type": MediaType.OCI_INDEX}
SECRET = "hunter2-secret"
ME = RegistryAccess(username="me", password=SECRET)


def challenge(realm: str = REALM, scope: str = "", scheme: str = "Bearer") -> httpx.Response:
    """A 401 with a challenge."""
    value = f'{scheme} realm="{realm}",service="registry.example"' + (f',scope="{scope}"' if scope else "")
    return httpx.Response(401, headers={"WWW-Authenticate": value})


def token_of(request: httpx.Request) -> httpx.Response:
    """A token that tells its scope."""
    return httpx.Response(200, json={"token": "T:" + request.url.params.get("scope", "?"), "expires_in": 300})


class Hub:
    """A registry that wants a token of the right scope, like Docker's."""

    def __init__(self, ping: Callable[[], httpx.Response] = challenge, request_scope: str = "") -> None:
        self.ping = ping
        self.request_scope = request_scope

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return token_of(request)
        if request.url.path == "/v2/":
            return self.ping()
        path = request.url.path.removeprefix("/v2/").partition("/manifests/")[0]
        scope = self.request_scope or f"repository:{path}:pull"
        if request.headers.get("authorization") == f"Bearer T:{scope}":
            return httpx.Response(200, headers=FOUND)
        return challenge(scope=scope)


async def test_an_unchanged_poll_costs_one_head_per_tag() -> None:
    """Plus one ping per host and one token per repository, however many requests run at once."""
    repositories = [Repository("registry.example", f"team/app{number}") for number in range(3)]
    async with client_of(Hub()) as (client, tap):
        for _ in range(2):
            await asyncio.gather(*(client.head(r, f"t{n}") for r in repositories for n in range(20)))
        log = tap.log()
    assert log.count("GET https://registry.example/v2/") == 1
    assert log.count(f"GET {REALM}") == 3
    assert len([line for line in log if line.startswith("HEAD")]) == 2 * 3 * 20
    assert len(log) == 1 + 3 + 120


async def test_the_scope_of_a_ping_is_never_used() -> None:
    """GHCR's is a placeholder."""
    async with client_of(Hub(lambda: challenge(scope="repository:user/image:pull"))) as (client, tap):
        await client.head(REPOSITORY, "latest")
        scopes = [r.url.params.get_list("scope") for r in tap.requests if r.url.host == "auth.example"]
    assert scopes == [["repository:team/app:pull"]]


async def test_the_scope_of_a_request_is_followed() -> None:
    """A proxying registry may know the repository by another name; pull is all we ever ask for."""
    async with client_of(Hub(request_scope="repository:proxy/team/app:pull")) as (client, tap):
        await client.head(REPOSITORY, "a")
        assert len(tap.requests) == 5  # ping, token, HEAD 401, token, HEAD
        await client.head(REPOSITORY, "b")
        assert len(tap.requests) == 6, "the scope is remembered"


async def test_wider_scopes_are_cut_down() -> None:
    """A registry that asks for push gets a token for pull."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return token_of(request)
        ok = request.headers.get("authorization") == "Bearer T:repository:x/y:pull"
        return httpx.Response(200, headers=FOUND) if ok else challenge(scope="repository:x/y:pull,push,delete")

    async with client_of(handler) as (client, _):
        await client.head(REPOSITORY, "latest")


async def test_a_registry_that_lets_pings_in_but_not_requests() -> None:
    """The challenge of the request is followed, and remembered for the repository."""
    async with client_of(Hub(lambda: httpx.Response(200))) as (client, tap):
        await client.head(REPOSITORY, "a")
        await client.head(REPOSITORY, "b")
        assert [line.split()[0] for line in tap.log()] == ["GET", "HEAD", "GET", "HEAD", "HEAD"]


async def test_a_bare_401_asks_the_ping_again() -> None:
    """As gcr.io needs it."""
    pings = iter([httpx.Response(200), challenge()])

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return token_of(request)
        if request.url.path == "/v2/":
            return next(pings)
        return httpx.Response(200, headers=FOUND) if "authorization" in request.headers else httpx.Response(401)

    async with client_of(handler) as (client, _):
        await client.head(REPOSITORY, "latest")


async def test_a_registry_without_any_authentication() -> None:
    """One ping, then HEADs, and no Authorization anywhere."""
    async with client_of(lambda request: httpx.Response(200, headers=FOUND)) as (client, tap):
        await client.head(REPOSITORY, "a")
        await client.head(REPOSITORY, "b")
    assert len(tap.requests) == 3
    assert not any("authorization" in request.headers for request in tap.requests)


async def test_401_with_a_fresh_token_is_final() -> None:
    """The repository is missing or private; asking on would change nothing."""

    def handler(request: httpx.Request) -> httpx.Response:
        return token_of(request) if request.url.host == "auth.example" else challenge(scope="repository:team/app:pull")

    async with client_of(handler) as (client, tap):
        with pytest.raises(Unauthorized, match="missing, private"):
            await client.head(REPOSITORY, "latest")
        assert len(tap.requests) == 3


async def test_a_revoked_token_is_replaced_once() -> None:
    """A cached token that stops working is dropped; many requests that notice share the new one."""
    generation = 1

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return httpx.Response(200, json={"access_token": f"T{generation}"})
        fine = request.headers.get("authorization") == f"Bearer T{generation}"
        return httpx.Response(200, headers=FOUND) if fine else challenge(scope="repository:team/app:pull")

    async with client_of(handler) as (client, tap):
        await client.head(REPOSITORY, "latest")
        generation = 2
        await asyncio.gather(*(client.head(REPOSITORY, f"t{n}") for n in range(10)))
        assert tap.log().count(f"GET {REALM}") == 2


async def test_a_relative_realm() -> None:
    """It is relative to the registry."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/service/token":
            return token_of(request)
        fine = "authorization" in request.headers
        return httpx.Response(200, headers=FOUND) if fine else challenge("/service/token?account=x")

    async with client_of(handler) as (client, tap):
        await client.head(REPOSITORY, "latest")
        (request,) = [r for r in tap.requests if r.url.path == "/service/token"]
        assert dict(request.url.params) == {
            "account": "x",
            "service": "registry.example",
            "scope": "repository:team/app:pull",
        }


async def test_credentials_go_to_the_realm_and_tokens_to_the_registry() -> None:
    """Basic to the token service that the registry's own https origin named, Bearer to the registry, never crossed."""
    async with client_of(Hub(), registries={"registry.example": ME}) as (client, tap):
        await client.head(REPOSITORY, "latest")
    basic = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert tap.sent("/token") == [basic]
    assert tap.sent("/v2/") == [None]
    assert tap.sent("/latest") == ["Bearer T:repository:team/app:pull"]


async def test_an_identity_token_is_exchanged_by_post() -> None:
    """As Docker does for credentials of that kind."""

    async def lookup(registry: str) -> Credentials:
        assert registry == "registry.example"
        return Credentials("", "", SECRET)

    async with client_of(self_token(), credentials=lookup) as (client, tap):
        await client.head(REPOSITORY, "latest")
    (request,) = [r for r in tap.requests if r.url.host == "auth.example"]
    form = dict(httpx.QueryParams(request.content.decode()))
    assert (request.method, form["grant_type"], form["refresh_token"]) == ("POST", "refresh_token", SECRET)
    assert SECRET not in str(request.url)


def self_token() -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return httpx.Response(200, json={"access_token": "T"})
        return httpx.Response(200, headers=FOUND) if "authorization" in request.headers else challenge()

    return handler


async def test_basic() -> None:
    """Credentials go to the registry itself, on requests only."""

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=FOUND) if "authorization" in request.headers else challenge(scheme="Basic")

    async with client_of(handler, registries={"registry.example": ME}) as (client, tap):
        await client.head(REPOSITORY, "latest")
    assert tap.sent("/v2/") == [None]
    async with client_of(handler) as (client, tap):
        with pytest.raises(Unauthorized, match="none are configured"):
            await client.head(REPOSITORY, "latest")


async def test_the_hubs_credentials_never_reach_a_mirror() -> None:
    """Credentials are looked up by where requests go."""
    asked = []

    async def lookup(registry: str) -> None:
        asked.append(registry)

    mirror = {"docker.io": RegistryAccess(endpoint="https://mirror.example")}
    async with client_of(Hub(), registries=mirror, credentials=lookup) as (client, tap):
        await client.head(Repository.parse("alpine"), "latest")
    assert asked == ["mirror.example"]
    assert "HEAD https://mirror.example/v2/library/alpine/manifests/latest" in tap.log()


@pytest.mark.parametrize(
    ("realm", "refusal"),
    [
        ("http://auth.example/token", UnsafeRedirect),
        ("ftp://auth.example/token", UnsafeRedirect),
        ("https://user:pass@auth.example/token", UnsafeRedirect),
        ("https://127.0.0.1/token", UnsafeAddress),
        ("https://localhost/token", UnsafeAddress),
        ("https://[::ffff:10.0.0.1]/token", UnsafeAddress),
        ("https://169.254.169.254/latest/meta-data", UnsafeAddress),
        ("https://100.64.0.1/token", UnsafeAddress),
        ("https://[::zz]/token", ProtocolError),
        ("https://xn--a/token", UnsafeRedirect),
        ("//xn--a/token", UnsafeRedirect),
    ],
)
async def test_realms_that_are_not_gone_to(realm: str, refusal: type[RegistryError]) -> None:
    """Downgrades and addresses inside are refused before anything is sent there."""
    async with client_of(Hub(lambda: challenge(realm)), registries={"registry.example": ME}) as (client, tap):
        with pytest.raises(refusal) as caught:
            await client.head(REPOSITORY, "latest")
    assert len(tap.requests) == 1
    assert caught.value.registry == "registry.example"


@pytest.mark.parametrize("access", [RegistryAccess(allow_private=True), RegistryAccess(endpoint="https://10.0.0.1")])
async def test_realms_that_the_operator_allows(access: RegistryAccess) -> None:
    """By allow_private, or on the registry's own host."""

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            return token_of(request)
        return httpx.Response(200, headers=FOUND) if "authorization" in request.headers else realm

    realm = challenge("https://10.0.0.1:8443/token")
    async with client_of(handler, registries={"registry.example": access}) as (client, _):
        await client.head(REPOSITORY, "latest")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="no json"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"token": 1}),
        httpx.Response(200, json={"token": "a\r\nX: y"}),
        httpx.Response(200, json={"token": "x" * 70_000}),
        httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(401, json={"details": SECRET}),
        httpx.Response(403),
        httpx.Response(418),
        httpx.Response(500),
    ],
    ids=range(10),
)
async def test_broken_token_services(answer: httpx.Response) -> None:
    """Each ends as a typed error."""

    def handler(request: httpx.Request) -> httpx.Response:
        return answer if request.url.host == "auth.example" else challenge()

    async with client_of(handler, registries={"registry.example": ME}) as (client, tap):
        with pytest.raises(RegistryError) as caught:
            await client.head(REPOSITORY, "latest")
    assert SECRET not in str(caught.value)
    assert not any(request.url.host == "elsewhere.example" for request in tap.requests)


async def test_secrets_stay_out_of_errors_logs_and_reprs(caplog: pytest.LogCaptureFixture) -> None:
    """Also where a registry echoes them."""
    caplog.set_level(logging.DEBUG, logger="app")

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            return httpx.Response(200, json={"token": SECRET})
        if request.url.path == "/v2/":
            return challenge()
        body = {"errors": [{"code": "DENIED", "message": f"{request.headers['authorization']} is no good"}]}
        return httpx.Response(403, text=json.dumps(body))

    async with client_of(handler, registries={"registry.example": ME}) as (client, tap):
        assert isinstance(tap, Wiretap)
        with pytest.raises(RegistryError) as caught:
            await client.get_manifest(REPOSITORY, "latest")
    assert SECRET not in str(caught.value) + repr(caught.value) + caught.value.message + caplog.text


async def test_a_token_being_fetched_for_others_outlives_one_that_gives_up() -> None:
    """Cancelling the first of two waiting requests does not fail the second."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def handle(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.example":
            arrived.set()
            await go_on.wait()
        return Hub()(request)

    transport = httpx.MockTransport(handle)
    async with open_client({}, user_agent="x", transport=transport) as client:
        first = asyncio.create_task(client.head(REPOSITORY, "a"))
        await arrived.wait()
        second = asyncio.create_task(client.head(REPOSITORY, "b"))
        await asyncio.sleep(0)
        first.cancel()
        go_on.set()
        assert (await second).digest == FOUND["Docker-Content-Digest"]
