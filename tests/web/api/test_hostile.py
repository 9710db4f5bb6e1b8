"""Whatever a request holds, the answer is ours: never a 500, never an echo that a browser would run."""

from urllib.parse import quote_from_bytes

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOSTILE = (
    b"\x00",
    b"a\x00b",
    b"\r\nset-cookie: x=1",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"x" * 10_000,
    b"../../etc/passwd",
    b"<script>alert(1)</script>",
    b"' OR 1=1 --",
    b"%25%00",
    b"9" * 400,
    b"-1",
    b"1e9999",
    b"NaN",
    "\u202e\u0130".encode(),
    b"__proto__",
    b"*",
    b"",
)
ROUTES = {
    "/api/v1/images": ("search", "platform", "sort", "order", "limit", "cursor"),
    "/api/v1/tags?image=debian": ("tag", "limit", "cursor"),
    "/api/v1/tags": ("image",),
    "/api/v1/series?image=debian": ("tag", "platform", "since", "until"),
    "/api/v1/series": ("image",),
    "/api/v1/builds?image=debian": ("tag", "platform", "limit", "cursor"),
    "/api/v1/builds": ("image", "cursor"),
}
PATHS = ("/api/v1/builds/{}", "/api/v1/manifests/{}", "/api/v1/watches/{}", "/static/{}", "/{}")


def _addresses(value: bytes) -> list[str]:
    text = quote_from_bytes(value, safe="")
    queries = [
        f"{route}{'&' if '?' in route else '?'}{name}={text}" for route, names in ROUTES.items() for name in names
    ]
    return [*queries, *(path.format(text) for path in PATHS)]


async def _asked(client: httpx.AsyncClient, address: str) -> None:
    answer = await client.get(address)
    assert answer.status_code < 500, address[:200]
    assert "set-cookie" not in answer.headers
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", address[:200]
        assert len(answer.content) < 3000, address[:200]
    else:
        assert not answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_values_in_every_place(client: httpx.AsyncClient, value: bytes) -> None:
    """Each parameter of each route meets each value."""
    for address in _addresses(value):
        if address != "/":
            await _asked(client, address)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=st.binary(max_size=40))
async def test_any_bytes_in_a_reference(client: httpx.AsyncClient, value: bytes) -> None:
    """No bytes in a reference, a cursor or a search break us."""
    text = quote_from_bytes(value, safe="")
    for address in (f"/api/v1/series?image={text}", f"/api/v1/builds?cursor={text}", f"/api/v1/images?search={text}"):
        await _asked(client, address)


@pytest.mark.parametrize("name", ["if-none-match", "accept", "accept-encoding", "cookie", "origin", "authorization"])
@pytest.mark.parametrize("value", [b"\xff\xfe", b'"' * 5000, b",,,;q=x", b"tarewatch_session=a.b.c", b"Bearer \xff"])
async def test_hostile_headers(client: httpx.AsyncClient, name: str, value: bytes) -> None:
    """Nor do headers."""
    answer = await client.get("/api/v1/images?limit=1", headers={name.encode(): value})
    assert answer.status_code in {200, 304}
    refused = await client.delete("/api/v1/watches/1", headers={name.encode(): value})
    assert refused.status_code == 401
