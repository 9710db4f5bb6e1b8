"""What every template has at hand."""

from datetime import UTC, datetime

import httpx
import pytest
from jinja2 import UndefinedError

from app.web.templates import environment, short_digest, static_url, url, when


def test_addresses_are_encoded() -> None:
    """Whatever a tag is called, it stays one parameter; None is left out, lists are repeated."""
    assert url("/image", image="a/b", tag="x&y=#<", after=None) == "/image?image=a%2Fb&tag=x%26y%3D%23%3C"
    assert url("/image", platform=["linux/amd64", "b"]) == "/image?platform=linux%2Famd64&platform=b"
    assert url("/status") == "/status"


async def test_static_files_may_be_kept_for_ever(client: httpx.AsyncClient) -> None:
    """The address carries the content's hash, and the server agrees with it."""
    for name in ("app.css", "chart.js", "theme.js", "times.js", "icon.svg"):
        answer = await client.get(static_url(name))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


def test_times_are_exact_and_machine_readable() -> None:
    """Without JavaScript the moment stands there in UTC; with it, times.js finds what to make relative."""
    moment = datetime(2026, 9, 1, 8, 5, tzinfo=UTC)
    assert when(moment) == '<time datetime="2026-09-01T08:05:00+00:00">1 Sep 2026, 08:05 UTC</time>'
    assert "data-relative" in when(moment, relative=True)
    assert when(None) == "never"


def test_digests_are_cut_where_people_recognise_them() -> None:
    """Twelve digits, as Docker shows them."""
    assert short_digest("sha256:" + "ab" * 32) == "sha256:abababababab"


def test_unknown_names_and_markup_are_no_surprise() -> None:
    """A misspelt variable is an error, not an empty place; text is escaped."""
    with pytest.raises(UndefinedError):
        environment().from_string("{{ nothing_of_the_kind }}").render()
    assert environment().from_string("{{ text }}").render(text="<b>") == "&lt;b&gt;"
