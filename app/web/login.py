"""Who may change watches: the admin token as a bearer of the API, or behind a login with a signed cookie."""

import hashlib
import hmac
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic, time
from typing import Annotated

from fastapi import Depends, Form, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from itsdangerous import BadData, URLSafeTimedSerializer

from app.settings import Settings
from app.web.cache import SESSION_COOKIE
from app.web.problems import Problem

SESSION_LIFETIME = timedelta(hours=12)
_ATTEMPTS = 5
_ATTEMPTS_WINDOW_SECONDS = 300.0
_ATTEMPTS_REMEMBERED = 1000  # addresses; beyond it the oldest is forgotten
_ENDED_REMEMBERED = 1000  # sessions; only who has the admin token can open that many

bearer = HTTPBearer(auto_error=False, scheme_name="adminToken", description="The value of TAREWATCH_ADMIN_TOKEN.")


@dataclass(slots=True)
class Attempts:
    """Wrong tokens per address in the last five minutes."""

    _failed: dict[str, deque[float]] = field(default_factory=dict)

    def wait_seconds(self, address: str) -> float:
        """How long this address must wait before it may try again; 0 when it may now."""
        failed = self._recent(address)
        return failed[0] + _ATTEMPTS_WINDOW_SECONDS - monotonic() if len(failed) >= _ATTEMPTS else 0.0

    def note_failure(self, address: str) -> None:
        """Count a wrong token."""
        failed = self._recent(address)
        failed.append(monotonic())
        self._failed[address] = failed
        while len(self._failed) > _ATTEMPTS_REMEMBERED:
            del self._failed[next(iter(self._failed))]

    def _recent(self, address: str) -> deque[float]:
        failed = self._failed.get(address, deque(maxlen=_ATTEMPTS))
        while failed and failed[0] < monotonic() - _ATTEMPTS_WINDOW_SECONDS:
            failed.popleft()
        return failed


@dataclass(slots=True)
class Ended:
    """Sessions that were logged out, until they would have expired.

    Known to this process only: where several serve, a copied cookie stays good in the others for its twelve hours.
    """

    _until: dict[str, float] = field(default_factory=dict)

    def add(self, session: str) -> None:
        """This session is over."""
        now = time()  # as the cookie counts its age
        self._until = {one: until for one, until in self._until.items() if until > now}
        self._until[session] = now + SESSION_LIFETIME.total_seconds()
        if len(self._until) > _ENDED_REMEMBERED:
            del self._until[next(iter(self._until))]

    def __contains__(self, session: str) -> bool:
        return session in self._until


@dataclass(frozen=True, slots=True)
class Gate:
    """Checks tokens and signs sessions; one per application, on `app.state.gate`."""

    token: str | None = field(repr=False)
    key: str = field(repr=False)
    attempts: Attempts = field(default_factory=Attempts)
    ended: Ended = field(default_factory=Ended)

    @classmethod
    def of(cls, settings: Settings) -> "Gate":
        """The gate for these settings; without a secret key sessions end with the process."""
        token = settings.admin_token.get_secret_value() if settings.admin_token else None
        key = settings.secret_key.get_secret_value() if settings.secret_key else secrets.token_urlsafe(32)
        return cls(token, key)

    def check(self, given: str, address: str) -> None:
        """Nothing for the right token; else a Problem. Both are compared by their hashes, in constant time."""
        if self.token is None:
            raise Problem("no-admin-token", "No admin token configured.", "Set TAREWATCH_ADMIN_TOKEN and start again.")
        if (wait := self.attempts.wait_seconds(address)) > 0:
            detail = "Too many wrong tokens came from your address."
            raise Problem("too-many-attempts", detail, headers={"Retry-After": str(int(wait) + 1)})
        if not hmac.compare_digest(_hashed(given), _hashed(self.token)):
            self.attempts.note_failure(address)
            raise _wrong("The admin token is wrong.")

    def new_session(self) -> str:
        """A cookie's value: who holds it gave this very token; a changed token ends it."""
        return self._signer("session").dumps({"token": self._mark(), "id": secrets.token_urlsafe(12)})

    def session(self, cookie: str | None) -> str | None:
        """The id of a session that is still good, else None."""
        seconds = int(SESSION_LIFETIME.total_seconds())
        try:
            found = self._signer("session").loads(cookie or "", max_age=seconds)
        except BadData:
            return None
        good = self.token is not None and hmac.compare_digest(found["token"], self._mark())
        good = good and found["id"] not in self.ended
        return str(found["id"]) if good else None

    def form_token(self, session: str) -> str:
        """What a form of this session must send along."""
        return hmac.new(self.key.encode(), f"form:{session}".encode(), hashlib.sha256).hexdigest()

    def _signer(self, salt: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.key, salt=f"tarewatch-{salt}")

    def _mark(self) -> str:
        return hmac.new(self.key.encode(), f"token:{self.token}".encode(), hashlib.sha256).hexdigest()[:32]


def _hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _wrong(detail: str) -> Problem:
    return Problem("credentials-wrong", detail, headers={"WWW-Authenticate": 'Bearer realm="tarewatch"'})


def gate_of(request: Request) -> Gate:
    """The application's gate."""
    gate: Gate = request.app.state.gate
    return gate


def session_of(request: Request) -> str | None:
    """The id of the admin's session, None for everybody else. A page that depends on it must not be kept."""
    return gate_of(request).session(request.cookies.get(SESSION_COOKIE))


def form_token_of(request: Request) -> str | None:
    """What a form on this page must send along, None for everybody but the admin."""
    session = session_of(request)
    return None if session is None else gate_of(request).form_token(session)


async def _require_bearer(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> None:
    gate = gate_of(request)
    if credentials is None and gate.token is not None:
        raise _wrong("Send the admin token: `Authorization: Bearer ...`.")
    gate.check(credentials.credentials if credentials else "", _address(request))


async def _require_session(request: Request) -> str:
    gate = gate_of(request)
    if gate.token is None:
        gate.check("", _address(request))
    if (session := session_of(request)) is None:
        raise Problem("credentials-wrong", "Log in with the admin token first.", "The login is at /login.")
    return session


async def _require_form(
    request: Request,
    session: Annotated[str, Depends(_require_session)],
    csrf: Annotated[str, Form(max_length=100)] = "",
) -> None:
    refuse_other_sites(request)
    if not hmac.compare_digest(csrf.encode(), gate_of(request).form_token(session).encode()):
        raise Problem("cross-site", "The form's token does not fit your session.", "Load the page again.")


ApiAdmin = Depends(_require_bearer)  # for routes of the API
PageAdmin = Annotated[str, Depends(_require_session)]  # for pages: the session's id, for `form_token`
AdminForm = Depends(_require_form)  # for what forms of those pages send, `csrf` among it


def refuse_other_sites(request: Request) -> None:
    """A Problem unless the browser says that the request comes from our own pages, or it is no browser."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    foreign = site not in {None, "same-origin", "none"}
    if site is None and origin is not None:
        foreign = origin != f"{request.url.scheme}://{request.headers.get('host', '')}"
    if foreign:
        raise Problem("cross-site", "Forms are accepted from our own pages only.")


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def open_session(request: Request, answer: Response, token: str) -> None:
    """Check the token (a Problem if it is wrong, or came too often wrong) and give the browser a session.

    A login form has no session to bind a form token to: that it is our own form is what `refuse_other_sites` checks.
    """
    refuse_other_sites(request)
    gate = gate_of(request)
    gate.check(token.strip(), _address(request))
    answer.set_cookie(
        SESSION_COOKIE,
        gate.new_session(),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        httponly=True,
        secure=request.url.scheme == "https",
        samesite="strict",
    )


def close_session(request: Request, answer: Response) -> None:
    """End the session, here and in the browser; see `Ended` for what other processes know of it."""
    if (session := session_of(request)) is not None:
        gate_of(request).ended.add(session)
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
