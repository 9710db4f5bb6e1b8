"""Who may change things, and how wrong tokens end."""

from datetime import timedelta
from typing import Annotated

import httpx
import pytest
import time_machine
from fastapi import FastAPI, Form, Request, Response
from pydantic import SecretStr

from app.db import Database
from app.main import create_app
from app.settings import Settings
from app.web.cache import SESSION_COOKIE
from app.web.login import (
    SESSION_LIFETIME,
    AdminForm,
    Attempts,
    Ended,
    Gate,
    PageAdmin,
    close_session,
    gate_of,
    open_session,
)
from tests.conftest import NOW
from tests.web.conftest import ADMIN_TOKEN, BEARER

SAME_SITE = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def app(settings: Settings, seeded: Database) -> FastAPI:
    """The application with the smallest pages that use the login."""
    app = create_app(settings, seeded, clock=lambda: NOW)

    @app.post("/test/login")
    async def log_in(request: Request, token: Annotated[str, Form()]) -> Response:
        answer = Response(status_code=204)
        open_session(request, answer, token)
        return answer

    @app.get("/test/admin")
    async def admin(request: Request, session: PageAdmin) -> dict[str, str]:
        return {"csrf": gate_of(request).form_token(session)}

    @app.post("/test/change", dependencies=[AdminForm])
    async def change() -> dict[str, bool]:
        return {"changed": True}

    @app.post("/test/logout", dependencies=[AdminForm])
    async def log_out(request: Request) -> Response:
        answer = Response(status_code=204)
        close_session(request, answer)
        return answer

    return app


async def _logged_in(client: httpx.AsyncClient) -> str:
    """Log in; the form token of the session."""
    answer = await client.post("/test/login", data={"token": ADMIN_TOKEN}, headers=SAME_SITE)
    assert answer.status_code == 204, answer.text
    return str((await client.get("/test/admin")).json()["csrf"])


async def test_login_opens_a_guarded_session(client: httpx.AsyncClient) -> None:
    """The cookie is out of reach of scripts and other sites, and holds no token."""
    assert (await client.get("/test/admin")).status_code == 401
    answer = await client.post("/test/login", data={"token": f" {ADMIN_TOKEN}\n"}, headers=SAME_SITE)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age=43200" in cookie
    assert "Secure" not in cookie
    assert ADMIN_TOKEN not in cookie
    assert (await client.get("/test/admin")).status_code == 200


async def test_cookie_is_secure_over_https(app: FastAPI) -> None:
    """Over https the cookie never leaves it."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://testserver") as client:
        answer = await client.post("/test/login", data={"token": ADMIN_TOKEN}, headers=SAME_SITE)
    assert "Secure" in answer.headers["set-cookie"]


async def test_form_needs_the_token_of_its_session(client: httpx.AsyncClient) -> None:
    """A form without the token, or with that of another session, changes nothing."""
    first = await _logged_in(client)
    second = await _logged_in(client)
    for csrf in ("", first, "é"):
        refused = await client.post("/test/change", data={"csrf": csrf}, headers=SAME_SITE)
        assert (refused.status_code, refused.json()["code"]) == (403, "cross-site")
    assert (await client.post("/test/change", data={"csrf": second}, headers=SAME_SITE)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://testserver"},
    ],
)
async def test_other_sites_are_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Neither a login nor a change is accepted from another site, whatever token it sends."""
    csrf = await _logged_in(client)
    login = await client.post("/test/login", data={"token": ADMIN_TOKEN}, headers=headers)
    change = await client.post("/test/change", data={"csrf": csrf}, headers=headers)
    assert (login.status_code, change.status_code) == (403, 403)


@pytest.mark.parametrize("headers", [{}, {"origin": "http://testserver"}, {"sec-fetch-site": "none"}])
async def test_own_pages_and_programs_are_accepted(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Our own origin, an address typed in, or a program that sends neither header."""
    csrf = await _logged_in(client)
    assert (await client.post("/test/change", data={"csrf": csrf}, headers=headers)).status_code == 200


async def test_logout_ends_the_session(client: httpx.AsyncClient) -> None:
    """The browser's cookie is gone."""
    csrf = await _logged_in(client)
    await client.post("/test/logout", data={"csrf": csrf}, headers=SAME_SITE)
    assert SESSION_COOKIE not in client.cookies
    assert (await client.get("/test/admin")).status_code == 401


async def test_a_copied_cookie_ends_with_the_session(client: httpx.AsyncClient) -> None:
    """Who kept a copy of the cookie is logged out too; another session of the admin goes on."""
    await _logged_in(client)
    other = client.cookies[SESSION_COOKIE]
    csrf = await _logged_in(client)
    copied = client.cookies[SESSION_COOKIE]
    await client.post("/test/logout", data={"csrf": csrf}, headers=SAME_SITE)
    for cookie, status in ((copied, 401), (other, 200)):
        client.cookies.set(SESSION_COOKIE, cookie)
        assert (await client.get("/test/admin")).status_code == status
        client.cookies.clear()


def test_ended_sessions_are_forgotten_in_time() -> None:
    """They are remembered as long as their cookies live, and not without bound."""
    ended = Ended()
    with time_machine.travel(NOW, tick=False) as clock:
        ended.add("yesterday's")
        clock.shift(SESSION_LIFETIME - timedelta(seconds=1))
        ended.add("new")
        assert "yesterday's" in ended
        clock.shift(timedelta(seconds=2))
        ended.add("newer")
        assert "yesterday's" not in ended
        assert "new" in ended
    for number in range(1500):
        ended.add(f"session {number}")
    assert "session 1499" in ended
    assert "session 0" not in ended


def test_sessions_end(settings: Settings) -> None:
    """After twelve hours, with another admin token, another secret key, or a changed letter."""
    gate = Gate.of(settings)
    with time_machine.travel(NOW, tick=False) as clock:
        cookie = gate.new_session()
        assert gate.session(cookie)
        for name in ("admin_token", "secret_key"):
            other = settings.model_copy(update={name: SecretStr("another-secret-of-length")})
            assert Gate.of(other).session(cookie) is None
        assert Gate.of(settings.model_copy(update={"admin_token": None})).session(cookie) is None
        assert gate.session("x" + cookie) is None
        assert gate.session(None) is None
        clock.shift(SESSION_LIFETIME + timedelta(seconds=1))
        assert gate.session(cookie) is None


async def test_wrong_tokens_are_slowed_down(client: httpx.AsyncClient) -> None:
    """Five wrong tokens of one address, by whatever way, close it for a while: even to the right one."""
    for _ in range(4):
        wrong = await client.post("/test/login", data={"token": "wrong"}, headers=SAME_SITE)
        assert (wrong.status_code, wrong.headers["www-authenticate"]) == (401, 'Bearer realm="tarewatch"')
    assert (await client.delete("/api/v1/watches/1", headers={"authorization": "Bearer wrong"})).status_code == 401
    for attempt in (
        await client.post("/test/login", data={"token": ADMIN_TOKEN}, headers=SAME_SITE),
        await client.delete("/api/v1/watches/1", headers=BEARER),
    ):
        assert attempt.status_code == 429
        assert 0 < int(attempt.headers["retry-after"]) <= 301


def test_attempts_are_forgiven_and_forgotten() -> None:
    """One address does not close another; the memory is bounded."""
    attempts = Attempts()
    for number in range(3000):
        attempts.note_failure(f"address {number}")
    for _ in range(5):
        attempts.note_failure("guesser")
    assert attempts.wait_seconds("guesser") > 0
    assert attempts.wait_seconds("address 2999") == 0
    assert len(attempts._failed) <= 1000


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic abc"},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer \u00e9".encode()},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/watches"), ("PATCH", "/watches/1"), ("DELETE", "/watches/1")])
async def test_api_writes_need_the_token(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    """Every write of the API asks for the bearer; a session's cookie is no substitute, so no other site can write."""
    await _logged_in(client)
    answer = await client.request(method, f"/api/v1{path}", headers=headers, json={"image": "a", "paused": True})
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials-wrong")
