"""`/login` and `/admin`: watches are changed only by whoever has the token, and mistakes keep what was typed."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.web.conftest import ADMIN_TOKEN
from tests.web.pages.reading import Element, fetch, parse

Send = Callable[[str, dict[str, str]], Awaitable[httpx.Response]]


@pytest.fixture
async def csrf(client: httpx.AsyncClient) -> str:
    """A session, and the token that its forms carry."""
    answer = await client.post("/login", data={"token": ADMIN_TOKEN, "next": "/admin"})
    assert answer.status_code == 303
    return (await fetch(client, "/admin")).all("input", name="csrf")[0].attributes["value"]


@pytest.fixture
def send(client: httpx.AsyncClient, csrf: str) -> Send:
    """Post one of the admin page's forms."""

    async def post(action: str, fields: dict[str, str]) -> httpx.Response:
        return await client.post(f"/admin/{action}", data={"csrf": csrf, **fields}, headers={"accept": "text/html"})

    return post


async def watch_row(client: httpx.AsyncClient, name: str) -> Element | None:
    """The row of a watch, None if it is not listed."""
    rows = (await fetch(client, "/admin")).all("tbody")[0].all("tr")
    return next((row for row in rows if row.one("th").text.startswith(name)), None)


async def test_without_a_session_admin_leads_to_the_login(client: httpx.AsyncClient) -> None:
    """The list is for the operator; nobody else sees a form."""
    answer = await client.get("/admin")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/admin")


async def test_a_wrong_token_keeps_you_on_the_form(client: httpx.AsyncClient) -> None:
    """It says what is wrong, and sets no cookie."""
    answer = await client.post("/login", data={"token": "wrong"})
    assert answer.status_code == 401
    assert "wrong" in parse(answer.text).one("p", role="alert").text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_the_login_leads_to_our_own_pages_only(client: httpx.AsyncClient, target: str) -> None:
    """A link cannot use the login to send people elsewhere."""
    answer = await client.post("/login", data={"token": ADMIN_TOKEN, "next": target})
    assert answer.headers["location"] == "/admin"


async def test_admin_pages_are_never_kept(client: httpx.AsyncClient, csrf: str) -> None:
    """Neither by us nor by a browser's cache."""
    for address in ("/admin", "/login"):
        assert (await client.get(address)).headers["cache-control"] == "no-store"


async def test_a_watch_is_added_paused_resumed_and_removed(client: httpx.AsyncClient, send: Send) -> None:
    """The whole life of a watch, each step shown on the page."""
    fields = {"image": "node:22-*", "platforms": "linux/amd64, linux/arm64", "interval": "30m"}
    assert (await send("add", fields)).headers["location"] == "/admin?done=add"
    row = await watch_row(client, "node:22-*")
    assert row is not None
    assert "linux/amd64, linux/arm64" in row.text
    assert "30 minutes" in row.text
    watch = {"watch": row.all("input", name="watch")[0].attributes["value"]}
    await send("pause", watch)
    assert "paused" in (await watch_row(client, "node:22-*") or row).text
    await send("resume", watch)
    assert "active" in (await watch_row(client, "node:22-*") or row).text
    await send("remove", watch)
    assert await watch_row(client, "node:22-*") is None


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"image": "Debian:x"}, "image"),
        ({"image": "debian:bookworm-slim"}, "image"),
        ({"image": ""}, "image"),
        ({"image": "node", "platforms": "lin ux//"}, "platforms"),
        ({"image": "node", "interval": "soon"}, "interval"),
    ],
)
async def test_mistakes_keep_what_was_typed(send: Send, fields: dict[str, str], wrong: str) -> None:
    """The field is marked, the reason stands beside it, and nothing has to be typed again."""
    answer = await send("add", fields)
    assert answer.status_code == 422
    page = parse(answer.text)
    assert page.one("input", id=wrong).attributes["aria-invalid"] == "true"
    assert page.one("p", id=f"{wrong}-wrong").text
    for name, value in fields.items():
        assert page.one("input", id=name).attributes["value"] == value


async def test_typed_markup_is_text(send: Send) -> None:
    """What comes back in the form is an attribute's value and a message, never markup."""
    answer = await send("add", {"image": '"><script>alert(1)</script>'})
    page = parse(answer.text)
    assert page.one("input", id="image").attributes["value"] == '"><script>alert(1)</script>'
    assert all("alert" not in script.text for script in page.all("script"))


async def test_forms_of_other_sites_change_nothing(client: httpx.AsyncClient, csrf: str) -> None:
    """A missing form token, or a foreign origin, is refused."""
    assert (await client.post("/admin/add", data={"image": "node:22"})).status_code == 403
    foreign = {"origin": "https://evil.example"}
    answer = await client.post("/admin/add", data={"image": "node:22", "csrf": csrf}, headers=foreign)
    assert answer.status_code == 403
    assert await watch_row(client, "node:22") is None


async def test_a_watch_that_is_gone_already(send: Send) -> None:
    """Two people remove the same watch: the second is told, and sees the list."""
    answer = await send("remove", {"watch": "99999"})
    assert answer.status_code == 422
    assert "there is no watch 99999" in parse(answer.text).one("div", role="alert").text


async def test_logging_out_ends_the_session(client: httpx.AsyncClient, csrf: str) -> None:
    """The next look at the admin page asks for the token again."""
    await client.post("/logout", data={"csrf": csrf})
    assert (await client.get("/admin")).status_code == 303
