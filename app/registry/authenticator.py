"""The half of authentication that remembers: challenges per host, tokens per scope, one fetch for many requests."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.registry.access import CredentialLookup, Credentials, Endpoint
from app.registry.answers import refusal
from app.registry.auth import Token, TokenKey, basic, parse_token, scope_for, token_key, token_request
from app.registry.challenge import Challenge, choose, parse_challenges
from app.registry.errors import Unauthorized
from app.registry.politeness import Politeness
from app.registry.single_flight import SingleFlight
from app.registry.wire import Answer, Outgoing

MOST_TOKENS = 1_000
_PING_BYTES = 1024 * 1024  # some answer it with a whole web page

Ask = Callable[[Outgoing], Awaitable[Answer]]
"""One question with retries and a deadline of its own."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a request is sent with: nothing, Basic credentials or a token; and what it rests on."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    challenge: Challenge | None = None
    key: TokenKey | None = None
    token: Token | None = None


class Authenticator:
    """Gives each request its grant. A host is pinged once; a repository's token is fetched once per life."""

    def __init__(self, ask: Ask, politeness: Politeness, credentials: CredentialLookup | None) -> None:
        self._ask = ask
        self._politeness = politeness
        self._credentials = credentials
        self._hosts: dict[str, Challenge | None] = {}
        self._repositories: dict[tuple[str, str], Challenge] = {}
        self._tokens: dict[TokenKey, Token] = {}
        self._pings: SingleFlight[str, Challenge | None] = SingleFlight()
        self._fetches: SingleFlight[TokenKey, Token] = SingleFlight()

    def at_hand(self, endpoint: Endpoint, path: str) -> Grant | None:
        """The grant for a repository, if nobody has to be asked for it."""
        if endpoint.registry not in self._hosts:
            return None
        own = self._repositories.get((endpoint.registry, path))
        challenge = own or self._hosts[endpoint.registry]
        if challenge is None:
            return Grant()
        if challenge.scheme != "bearer":
            return None
        key = token_key(endpoint, challenge, scope_for(challenge, path, of_request=own is not None))
        token = self._tokens.get(key)
        return _bearer(challenge, key, token) if token and token.is_fresh(time.monotonic()) else None

    async def authorise(self, endpoint: Endpoint, path: str) -> Grant:
        """The grant for a repository, pinging the host and fetching a token if need be."""
        registry = endpoint.registry
        if registry not in self._hosts:
            await self._pings.run(registry, lambda: self._ping(endpoint))
        own = self._repositories.get((registry, path))
        challenge = own or self._hosts.get(registry)
        if challenge is None:
            return Grant()
        return await self._grant(endpoint, challenge, scope_for(challenge, path, of_request=own is not None))

    async def again(self, endpoint: Endpoint, path: str, used: Grant, asked_at: float, answer: Answer) -> Grant | None:
        """Another grant after a 401, following the answer's own challenge; None if there is nothing new to try."""
        offered = choose(parse_challenges(answer.headers.get_list("www-authenticate")))
        if offered is None and used.challenge is None:  # gcr.io: ask the ping what it wants
            offered = await self._pings.run(endpoint.registry, lambda: self._ping(endpoint))
        challenge = offered or used.challenge
        if challenge is None:
            return None
        scope = scope_for(challenge, path, of_request=True)
        fresh = used.token is None or used.token.fetched_at >= asked_at
        if used.challenge is not None and fresh and self._same(endpoint, challenge, scope, used):
            return None
        if used.key is not None and self._tokens.get(used.key) is used.token:
            del self._tokens[used.key]
        self._remember(endpoint, path, challenge, scope)
        return await self._grant(endpoint, challenge, scope)

    async def aclose(self) -> None:
        """Ends what is under way."""
        await self._pings.cancel()
        await self._fetches.cancel()

    def _same(self, endpoint: Endpoint, challenge: Challenge, scope: str, used: Grant) -> bool:
        if challenge.scheme != "bearer" or used.key is None:
            return used.challenge is not None and used.challenge.scheme == challenge.scheme
        return token_key(endpoint, challenge, scope) == used.key

    def _remember(self, endpoint: Endpoint, path: str, challenge: Challenge, scope: str) -> None:
        """Keeps a challenge for its repository, unless the host's own leads to the same."""
        known = self._hosts.get(endpoint.registry)
        by_host = known and (known.scheme, known.realm, known.service, scope_for(known, path, of_request=False))
        if by_host == (challenge.scheme, challenge.realm, challenge.service, scope):
            self._repositories.pop((endpoint.registry, path), None)
        else:
            self._repositories[endpoint.registry, path] = challenge

    async def _ping(self, endpoint: Endpoint) -> Challenge | None:
        """What the host wants of everyone. Its scope is of no use: GHCR's is a placeholder."""
        answer = await self._ask(Outgoing(endpoint, "GET", endpoint.url.copy_with(path="/v2/"), _PING_BYTES))
        problem = refusal(answer, "/v2/", "repository", self._politeness.now())
        if problem is not None and (problem.retryable or answer.host != endpoint.registry):
            raise problem
        offered = choose(parse_challenges(answer.headers.get_list("www-authenticate")))
        self._hosts[endpoint.registry] = offered if answer.status == 401 else None
        return self._hosts[endpoint.registry]

    async def _grant(self, endpoint: Endpoint, challenge: Challenge, scope: str) -> Grant:
        if challenge.scheme != "bearer":
            credentials = await self._lookup(endpoint)
            if credentials is None:
                message = f"{endpoint.registry} wants a user name and password, and none are configured"
                raise Unauthorized(message, registry=endpoint.registry)
            return Grant({"Authorization": basic(credentials)}, challenge)
        key = token_key(endpoint, challenge, scope)
        token = self._tokens.get(key)
        if token is None or not token.is_fresh(time.monotonic()):
            token = await self._fetches.run(key, lambda: self._fetch(endpoint, key))
        return _bearer(challenge, key, token)

    async def _fetch(self, endpoint: Endpoint, key: TokenKey) -> Token:
        answer = await self._ask(token_request(endpoint, key, await self._lookup(endpoint)))
        what = f"a token for {endpoint.registry}"
        problem = refusal(answer, what, "repository", self._politeness.now())
        if problem is not None:
            if answer.status in {400, 401, 403, 404}:
                raise Unauthorized(problem.message, registry=endpoint.registry)
            raise problem
        token = parse_token(answer.body, endpoint.registry, time.monotonic())
        self._keep(key, token)
        return token

    def _keep(self, key: TokenKey, token: Token) -> None:
        if len(self._tokens) >= MOST_TOKENS:
            now = time.monotonic()
            self._tokens = {known: kept for known, kept in self._tokens.items() if kept.is_fresh(now)}
        while len(self._tokens) >= MOST_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        self._tokens[key] = token

    async def _lookup(self, endpoint: Endpoint) -> Credentials | None:
        configured = endpoint.access.credentials
        if configured is not None or self._credentials is None:
            return configured
        return await self._credentials(endpoint.credential_key)


def _bearer(challenge: Challenge, key: TokenKey, token: Token) -> Grant:
    return Grant({"Authorization": f"Bearer {token.value}"}, challenge, key, token)
