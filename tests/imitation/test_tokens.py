"""Bearer and Basic as Docker Hub, GitHub, Quay and Google ask for them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.imitation.options import DISTRIBUTION, GCR, GHCR, HUB, QUAY
from app.imitation.serve import SettableClock
from tests.imitation.conftest import MANIFEST, Start

DEBIAN = "repository:library/debian:pull"


async def test_hub_challenges_repositories_with_their_scope(start: Start) -> None:
    """Hub's challenge names realm, service and the repository's scope; that of the ping has no scope."""
    served = await start(HUB)
    realm = f"{str(served.http.base_url).rstrip('/')}/token"
    refused, ping = await served.http.head(MANIFEST), await served.http.get("/v2/")
    assert refused.status_code == ping.status_code == 401
    common = f'Bearer realm="{realm}",service="registry.docker.io"'
    assert refused.headers["www-authenticate"] == f'{common},scope="{DEBIAN}"'
    assert ping.headers["www-authenticate"] == common


async def test_hub_token_opens_its_repository_only(start: Start, clock: SettableClock) -> None:
    """A token is good for its scope for 300 s, then it is invalid."""
    served = await start(HUB)
    told = (await served.http.get("/token", params={"scope": DEBIAN})).json()
    assert told["token"] == told["access_token"]
    assert (told["expires_in"], told["issued_at"]) == (300, "2026-09-01T12:00:00Z")
    headers = {"authorization": f"Bearer {told['token']}"}
    assert (await served.http.head(MANIFEST, headers=headers)).status_code == 200
    clock.now += timedelta(seconds=300)
    expired = await served.http.head(MANIFEST, headers=headers)
    assert (expired.status_code, 'error="invalid_token"' in expired.headers["www-authenticate"]) == (401, True)


@pytest.mark.parametrize("repository", ["library/missing", "secret/app"])
async def test_hub_grants_nothing_for_missing_and_private(start: Start, repository: str) -> None:
    """The token comes all the same; the manifest is then refused with insufficient_scope."""
    served = await start(replace(HUB, private=frozenset({"secret/app"})))
    answer = await served.http.head(f"/v2/{repository}/manifests/x", headers=await served.token(repository))
    assert answer.status_code == 401
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_accounts_read_private_repositories(start: Start) -> None:
    """Basic credentials at the token endpoint open what is private; wrong ones are refused."""
    options = replace(HUB, private=frozenset({"library/debian"}), accounts={"me": "pat"})
    served = await start(options)
    wrong = await served.http.get("/token", params={"scope": DEBIAN}, auth=("me", "guess"))
    right = await served.http.get("/token", params={"scope": DEBIAN}, auth=("me", "pat"))
    headers = {"authorization": f"Bearer {right.json()['token']}"}
    assert wrong.status_code == 401
    assert (await served.http.head(MANIFEST, headers=headers)).status_code == 200
    assert served.registry.authorizations[-1] == headers["authorization"]


async def test_one_token_for_several_scopes(start: Start) -> None:
    """`scope` may be repeated, or hold several with spaces between."""
    served = await start(HUB)
    for scopes in ([DEBIAN, "repository:library/x:pull"], [f"repository:library/x:pull {DEBIAN}"]):
        told = (await served.http.get("/token", params={"scope": scopes})).json()
        headers = {"authorization": f"Bearer {told['token']}"}
        assert (await served.http.head(MANIFEST, headers=headers)).status_code == 200


async def test_ghcr_ping_has_a_placeholder_scope(start: Start) -> None:
    """GitHub's ping names a scope that is nobody's; its tokens are bound to no repository and leave out expires_in."""
    served = await start(GHCR)
    assert 'scope="repository:user/image:pull"' in (await served.http.get("/v2/")).headers["www-authenticate"]
    told = (await served.http.get("/token", params={"scope": DEBIAN})).json()
    assert set(told) == {"token"}
    refused = await served.http.get("/token", params={"scope": "repository:no/body:pull"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")


async def test_quay_needs_no_token_for_public_repositories(start: Start) -> None:
    """Quay answers anybody about public repositories and challenges for the others."""
    served = await start(QUAY)
    assert (await served.http.head(MANIFEST)).status_code == 200
    assert "www-authenticate" in (await served.http.head("/v2/no/body/manifests/x")).headers


async def test_google_tells_the_challenge_on_ping_only(start: Start) -> None:
    """A repository request is refused without WWW-Authenticate; the ping has it."""
    served = await start(GCR)
    assert "www-authenticate" not in (await served.http.head(MANIFEST)).headers
    assert "www-authenticate" in (await served.http.get("/v2/")).headers
    assert (await served.http.head(MANIFEST, headers=await served.token())).status_code == 200


async def test_basic_registry(start: Start) -> None:
    """A registry behind htpasswd challenges with Basic and a realm that is no URL."""
    served = await start(replace(DISTRIBUTION, challenge="basic", accounts={"me": "pw"}))
    refused = await served.http.head(MANIFEST)
    assert refused.headers["www-authenticate"] == 'Basic realm="Registry Realm"'
    assert (await served.http.head(MANIFEST, auth=("me", "pw"))).status_code == 200
    assert (await served.http.head(MANIFEST, auth=("me", "no"))).status_code == 401


async def test_token_endpoint_may_be_elsewhere(start: Start) -> None:
    """Hub's tokens come from another host: the realm follows `token_origin`."""
    served = await start(HUB)
    served.registry.gate.token_origin = "https://auth.example.com"
    assert 'realm="https://auth.example.com/token"' in (await served.http.get("/v2/")).headers["www-authenticate"]
