"""From a challenge to an Authorization header: the I/O-free half (docs.docker.com registry auth, RFC 6750)."""

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx

from app.registry.access import Credentials, Endpoint
from app.registry.challenge import Challenge
from app.registry.errors import BadDocument, ProtocolError
from app.registry.strict_json import load_object
from app.registry.wire import Outgoing, check_target

TOKEN_BYTES = 64 * 1024
SHORTEST_LIFE_SECONDS = 60.0  # by the specification, also when a server says less
LONGEST_LIFE_SECONDS = 86400.0
_CLIENT_ID = "tarewatch"

_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)
_SCOPE = re.compile(r"[\x21-\x7e]{1,1024}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """What a token is good for."""

    registry: str
    realm: str
    service: str
    scope: str


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; times on the monotonic clock."""

    value: str = field(repr=False)
    fetched_at: float
    life_seconds: float

    def is_fresh(self, now: float) -> bool:
        """Whether it will do for a request made now, which takes a while to get there."""
        return now < self.fetched_at + self.life_seconds - min(15.0, self.life_seconds / 6)


def pull_scope(path: str) -> str:
    """The scope to ask for by default. A ping's scope is never used: GHCR's is a placeholder."""
    return f"repository:{path}:pull"


def scope_for(challenge: Challenge, path: str, *, of_request: bool) -> str:
    """The scope to ask for: the one that a request for this repository was challenged with, cut down to pull."""
    asked = " ".join(challenge.scope.split())
    if not of_request or not asked or not all(_SCOPE.fullmatch(entry) for entry in asked.split(" ")[:8]):
        return pull_scope(path)
    return " ".join(_pull_only(entry) for entry in asked.split(" ")[:8])


def _pull_only(entry: str) -> str:
    return f"{entry.rpartition(':')[0]}:pull" if entry.startswith("repository:") and entry.count(":") > 1 else entry


def token_key(endpoint: Endpoint, challenge: Challenge, scope: str) -> TokenKey:
    """What to ask whom; UnsafeRedirect or UnsafeAddress if the realm is a place not to go to."""
    try:
        realm = endpoint.url.join(challenge.realm)
    except (httpx.InvalidURL, ValueError):
        message = f"the token service that {endpoint.registry} names has no valid address"
        raise ProtocolError(message, registry=endpoint.registry) from None
    check_target(endpoint, realm, endpoint.url)
    return TokenKey(endpoint.registry, str(realm.copy_with(fragment=None)), challenge.service[:255], scope)


def token_request(endpoint: Endpoint, key: TokenKey, credentials: Credentials | None) -> Outgoing:
    """GET with Basic credentials or none; POST for an identity token. Redirects are not followed."""
    realm = httpx.URL(key.realm)
    asked = {"service": key.service} if key.service else {}
    if credentials is not None and credentials.identity_token:
        form = {**asked, "scope": key.scope, "client_id": _CLIENT_ID, "grant_type": "refresh_token"}
        form["refresh_token"] = credentials.identity_token
        return Outgoing(
            endpoint,
            "POST",
            realm,
            TOKEN_BYTES,
            {"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode(form).encode("ascii"),
            redirects=0,
        )
    params = httpx.QueryParams(realm.query.decode("ascii")).merge(asked)
    for scope in key.scope.split(" "):
        params = params.add("scope", scope)
    url = realm.copy_with(params=params)
    secrets = {} if credentials is None else {"Authorization": basic(credentials)}
    return Outgoing(endpoint, "GET", url, TOKEN_BYTES, secret_headers=secrets, redirects=0)


def basic(credentials: Credentials) -> str:
    """The Authorization header of Basic authentication."""
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def parse_token(body: bytes, registry: str, now: float) -> Token:
    """The token in a token service's answer; `expires_in` is 60 s where absent and never less."""
    try:
        document = load_object(body, "token")
    except BadDocument as problem:
        raise ProtocolError(f"the token service of {registry}: {problem.message}", registry=registry) from None
    value = document.get("token") or document.get("access_token")
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise ProtocolError(f"the token service of {registry} gave no token", registry=registry)
    life = document.get("expires_in")
    if not isinstance(life, int | float) or isinstance(life, bool):
        life = SHORTEST_LIFE_SECONDS
    return Token(value, now, min(max(life, SHORTEST_LIFE_SECONDS), LONGEST_LIFE_SECONDS))
