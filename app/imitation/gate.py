"""Who may read what: challenges, the token endpoint, Basic credentials (distribution spec, "token" and "scope")."""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.imitation.options import Options
from app.imitation.wire import Answer, Request, error, json_answer
from app.imitation.world import World

Clock = Callable[[], datetime]
PING = ""  # the repository of a request that concerns none


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token is good for."""

    repositories: frozenset[str]
    account: str | None
    expires_at: datetime


class Gate:
    """Issues tokens and refuses requests. `token_origin` moves the token endpoint to another address."""

    def __init__(self, options: Options, world: World, clock: Clock) -> None:
        self.options = options
        self.world = world
        self.clock = clock
        self.token_origin: str | None = None
        self.grants: dict[str, Grant] = {}

    def refusal(self, request: Request, repository: str) -> Answer | None:
        """401 with a challenge, or None where the request may pass."""
        if self.options.challenge == "none":
            return None
        scheme, _, value = request.header(b"authorization").partition(" ")
        if self.options.challenge == "basic":
            return None if self._account(scheme, value) else self._basic_challenge()
        if scheme.lower() == "bearer":
            return self._judge_token(request, repository, value)
        if repository and self.options.public_without_token and self._readable(repository, None):
            return None
        return self._challenge(request, repository)

    def account(self, request: Request) -> str | None:
        """The account that a request acts for, None for anybody."""
        scheme, _, value = request.header(b"authorization").partition(" ")
        if scheme.lower() == "bearer":
            grant = self.grants.get(value)
            return grant.account if grant else None
        return self._account(scheme, value)

    def token(self, request: Request) -> Answer:
        """The token endpoint: what may not be read is left out of the grant, without an error."""
        scheme, _, value = request.header(b"authorization").partition(" ")
        account = self._account(scheme, value)
        if scheme and account is None:
            return json_answer({"details": "incorrect username or password"}, status=401)
        wanted = [_repository(scope) for scope in _scopes(request)]
        granted = frozenset(name for name in wanted if self._readable(name, account))
        if self.options.token_refused and any(name not in granted for name in wanted):
            return error(403, "DENIED", "requested access to the resource is denied")
        return self._issue(granted, account)

    def _issue(self, repositories: frozenset[str], account: str | None) -> Answer:
        now = self.clock()
        text = secrets.token_urlsafe(24)
        self.grants[text] = Grant(repositories, account, now + timedelta(seconds=self.options.token_seconds or 60))
        told: dict[str, object] = {"token": text}
        if self.options.token_seconds is not None:
            issued_at = now.strftime("%Y-%m-%dT%H:%M:%SZ")
            told |= {"access_token": text, "expires_in": self.options.token_seconds, "issued_at": issued_at}
        return json_answer(told)

    def _judge_token(self, request: Request, repository: str, token: str) -> Answer | None:
        grant = self.grants.get(token)
        if grant is None or grant.expires_at <= self.clock():
            return self._challenge(request, repository, "invalid_token")
        if repository and not self._covers(grant, repository):
            return self._challenge(request, repository, "insufficient_scope")
        return None

    def _covers(self, grant: Grant, repository: str) -> bool:
        if self.options.tokens_bound:
            return repository in grant.repositories
        return self._readable(repository, grant.account)

    def _readable(self, repository: str, account: str | None) -> bool:
        if repository not in self.world.repositories:
            return False
        return account is not None or repository not in self.options.private

    def _account(self, scheme: str, value: str) -> str | None:
        if scheme.lower() != "basic":
            return None
        try:
            name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = self.options.accounts.get(name)
        return name if known is not None and secrets.compare_digest(known, password) else None

    def _challenge(self, request: Request, repository: str, fault: str = "") -> Answer:
        scope = f"repository:{repository}:pull" if repository else self.options.ping_scope
        realm = f"{self.token_origin or request.origin}/token"
        parts = [f'realm="{realm}"', f'service="{self.options.service}"']
        parts += [f'scope="{scope}"'] * bool(scope) + [f'error="{fault}"'] * bool(fault)
        headers = [(b"www-authenticate", ("Bearer " + ",".join(parts)).encode("latin-1"))]
        detail = [{"Type": "repository", "Class": "", "Name": repository, "Action": "pull"}] if repository else None
        hidden = self.options.bare_401 and repository
        return error(401, "UNAUTHORIZED", "authentication required", detail, [] if hidden else headers)

    def _basic_challenge(self) -> Answer:
        headers = [(b"www-authenticate", b'Basic realm="Registry Realm"')]
        return error(401, "UNAUTHORIZED", "authentication required", headers=headers)


def _scopes(request: Request) -> list[str]:
    """Scopes may be repeated, or several in one parameter with spaces between."""
    return [scope for value in request.query().get("scope", []) for scope in value.split()]


def _repository(scope: str) -> str:
    """The name in `repository:<name>:<actions>`, which may be `repository(plugin):...`."""
    return scope.partition(":")[2].rpartition(":")[0]
