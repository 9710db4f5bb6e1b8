"""Every error has one shape, says what to do, and tells nothing of our insides."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from app.db import Database, open_database
from app.main import create_app
from app.settings import Settings
from app.web.problems import PROBLEM_JSON
from tests.web.conftest import BEARER

Opened = Callable[[URL], AbstractAsyncContextManager[Database]]
DIGEST = "sha256:" + "0" * 64


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The answer is a problem document of this status and code, with the headers of every answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM_JSON
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    document: dict[str, object] = answer.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"] == f"urn:tarewatch:problem:{code}"
    assert document["title"]
    assert document["detail"]
    return document


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/nothing", 404, "page-unknown"),
        ("/api/v1/series?image=nothing", 404, "image-unknown"),
        ("/api/v1/series?image=debian&tag=nothing", 404, "image-unknown"),
        ("/api/v1/builds/99999999", 404, "build-unknown"),
        ("/api/v1/builds/9223372036854775808", 422, "parameter-invalid"),
        ("/api/v1/builds/one", 422, "parameter-invalid"),
        (f"/api/v1/manifests/{DIGEST}", 404, "manifest-unknown"),
        ("/api/v1/manifests/sha256:XYZ", 400, "reference-invalid"),
        ("/api/v1/watches/99999999", 404, "watch-unknown"),
        ("/api/v1/series", 422, "parameter-invalid"),
        ("/api/v1/series?image=Debian", 400, "reference-invalid"),
        ("/api/v1/series?image=debian&tag=-x", 400, "reference-invalid"),
        ("/api/v1/series?image=debian:a&tag=b", 400, "reference-invalid"),
        ("/api/v1/series?image=debian&platform=amd64", 422, "parameter-invalid"),
        ("/api/v1/series?image=debian&since=yesterday", 422, "parameter-invalid"),
        ("/api/v1/series?image=debian&since=0001-01-01T00:00:00%2B14:00", 422, "parameter-invalid"),
        ("/api/v1/builds?tag=bookworm", 422, "parameter-invalid"),
        ("/api/v1/images?limit=1001", 422, "parameter-invalid"),
        ("/api/v1/images?limit=0", 422, "parameter-invalid"),
        ("/api/v1/images?sort=colour", 422, "parameter-invalid"),
        ("/api/v1/images?platform=linux%2Famd64%0d%0aX:1", 422, "parameter-invalid"),
        ("/api/v1/images?search=%00", 400, "request-unreadable"),
        ("/api/v1/images?search=" + "x" * 10_000, 422, "parameter-invalid"),
        ("/api/v1/series?image=" + "x" * 10_000, 400, "reference-invalid"),
        ("/api/v1/series?image=debian%0d%0aset-cookie:x", 400, "reference-invalid"),
        ("/api/v1/series?image=http://debian", 400, "reference-invalid"),
        ("/api/v1/images?cursor=!!!", 400, "cursor-invalid"),
        ("/api/v1/images?cursor=" + "A" * 5000, 400, "cursor-invalid"),
        ("/api/v1/builds?cursor=WyJpbWFnZXM6aW1hZ2U6RmFsc2UiLDFd", 400, "cursor-invalid"),
        ("/api/v1/builds?cursor=WyJidWlsZHMiXQ", 400, "cursor-invalid"),
        ("/static/../pyproject.toml", 404, "page-unknown"),
        ("/static/%2e%2e/pyproject.toml", 404, "page-unknown"),
        ("/static/none.css", 404, "page-unknown"),
    ],
)
async def test_bad_requests_are_problems(client: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    """Whatever is wrong with a request, the answer is a small problem document."""
    answer = await client.get(path)
    assert_problem(answer, status, code)
    assert len(answer.content) < 2000


async def test_reference_errors_name_the_part(client: httpx.AsyncClient) -> None:
    """A wrong reference is answered with which part of it is wrong, and what is allowed there."""
    document = assert_problem(await client.get("/api/v1/series?image=debian&tag=a/b"), 400, "reference-invalid")
    assert document["part"] in {"tag", "repository"}
    assert "128 characters" in str(document["detail"]) or "lower-case" in str(document["detail"])


async def test_parameter_errors_name_parameter_and_allowed(client: httpx.AsyncClient) -> None:
    """Which parameter, what it was, what it may be."""
    document = assert_problem(await client.get("/api/v1/images?limit=5000"), 422, "parameter-invalid")
    assert document["errors"] == [
        {
            "parameter": "limit",
            "in": "query",
            "message": "Input should be less than or equal to 1000",
            "allowed": {"le": 1000},
            "given": "5000",
        }
    ]


async def test_unknown_image_suggests_close_ones(client: httpx.AsyncClient) -> None:
    """A typing error gets a did-you-mean, for programs and people."""
    document = assert_problem(await client.get("/api/v1/series?image=debain&tag=bookworm"), 404, "image-unknown")
    assert document["suggestions"] == ["debian"]
    assert document["hint"] == "Did you mean debian?"


async def test_wrong_method_names_all_right_ones(client: httpx.AsyncClient) -> None:
    """`Allow` has every method of the path, also where different routes take them."""
    answer = await client.put("/api/v1/watches/1")
    assert_problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"


@pytest.mark.parametrize("declared", [True, False])
async def test_big_body_is_refused(client: httpx.AsyncClient, declared: bool) -> None:
    """More than 64 KiB are not read, whether or not their length is declared."""
    content = b" " * 70_000

    async def chunks() -> object:
        for start in range(0, len(content), 7_000):
            yield content[start : start + 7_000]

    headers = {"content-type": "application/json"} | BEARER
    answer = await client.post("/api/v1/watches", content=content if declared else chunks(), headers=headers)  # type: ignore[arg-type]  # an async generator is fine
    assert_problem(answer, 413, "body-too-large")


async def test_people_get_a_page(client: httpx.AsyncClient) -> None:
    """A browser is answered in HTML, with the same status."""
    answer = await client.get("/nothing", headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_unexpected_errors_tell_nothing(app: FastAPI, client: httpx.AsyncClient, accept: str) -> None:
    """A bug answers 500 without a word of ours in it, and with the security headers."""

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret insides")

    answer = await client.get("/broken", headers={"accept": accept})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_database_failure_is_503(client: httpx.AsyncClient, seeded: Database) -> None:
    """A database that does not answer is our temporary trouble, not the client's fault; healthz stays up."""
    async with seeded.writing() as session:
        await session.execute(text("DROP TABLE builds"))
        await session.execute(text("DROP TABLE workers"))
    for path in ("/api/v1/builds", "/readyz"):
        answer = await client.get(path)
        assert_problem(answer, 503, "database-unusable")
        assert "retry-after" in answer.headers
    assert (await client.get("/healthz")).status_code == 200


@asynccontextmanager
async def crowded(url: URL) -> AsyncIterator[Database]:
    """A database whose only connection is taken."""
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    sessions = async_sessionmaker(engine)
    async with engine.connect():
        yield Database(engine, sessions, sessions, nullcontext())
    await engine.dispose()


@asynccontextmanager
async def absent(_url: URL) -> AsyncIterator[Database]:
    """A database that nobody serves."""
    database = open_database("postgresql://secret-user:secret-word@127.0.0.1:1/secret-name")
    yield database
    await database.close()


@pytest.mark.parametrize("opened", [crowded, absent])
@pytest.mark.parametrize(("path", "accept"), [("/", "text/html"), ("/api/v1/images", "*/*")])
async def test_no_connection_is_503(
    app: FastAPI, client: httpx.AsyncClient, opened: Opened, path: str, accept: str
) -> None:
    """More who ask than connections, or a database that is away: come back in five seconds, and nothing about why."""
    async with opened(app.state.database.engine.url) as app.state.database:
        answer = await client.get(path, headers={"accept": accept})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "The history cannot be read now." in answer.text
    assert not [word for word in ("secret", "127.0.0.1", "QueuePool", "sqlalche") if word in answer.text]


@pytest.mark.parametrize(
    "image", ['"\\ud800"', '"\\udfff:\\ud800x"', "1e400", "9" * 60, f"[{'[' * 50}{']' * 50}]", "{}"]
)
async def test_any_json_has_a_readable_answer(client: httpx.AsyncClient, image: str) -> None:
    """What JSON can say and UTF-8 or a 64-bit number cannot is wrong, not our fault."""
    headers = {"content-type": "application/json"} | BEARER
    answer = await client.post("/api/v1/watches", content=f'{{"image": {image}}}', headers=headers)
    assert_problem(answer, 422, "parameter-invalid")


async def test_no_admin_token_is_403(settings: Settings, seeded: Database) -> None:
    """Without an admin token nobody is admin, not even with an empty one."""
    app = create_app(settings.model_copy(update={"admin_token": None}), seeded)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as client:
        for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Bearer None"}):
            assert_problem(await client.delete("/api/v1/watches/1", headers=headers), 403, "no-admin-token")


def test_secrets_are_not_shown(app: FastAPI, settings: Settings) -> None:
    """What prints the gate prints no token."""
    token = settings.admin_token or SecretStr("")
    assert token.get_secret_value() not in repr(app.state.gate)
