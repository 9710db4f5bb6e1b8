"""`Retry-After`, quotas, and which limit a 429 is about."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.rate_limits import (
    PULL_WINDOW_SECONDS,
    Quota,
    is_pull_limit,
    parse_quota,
    parse_retry_after,
    pull_window_seconds,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
PULLS_BODY = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"https://www.docker.com/increase-rate-limit"}]}'


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, b"", None),
        ({"Retry-After": "7"}, b"", 7.0),
        ({"Retry-After": " 1.5 "}, b"", 1.5),
        ({"Retry-After": "Mon, 23 Nov 2026 12:01:00 GMT"}, b"", 60.0),
        ({"Retry-After": "Mon, 23 Nov 2026 11:00:00 GMT"}, b"", 0.0),
        ({"X-Retry-After": str(int(NOW.timestamp()) + 30)}, b"", 30.0),
        ({"Retry-After": "soon"}, b"", None),
        ({"Retry-After": "-5"}, b"", None),
        ({"Retry-After": "9" * 12}, b"", 7 * 86400.0),
        ({"Retry-After": "9" * 400}, b"", None),
        ({}, "retry-after: 331\u00b5s, allowed: 44000/minute".encode(), 331e-6),
        ({}, b"Retry-After: 1m30s", 90.0),
        ({}, b"retry-after: 250ms", 0.25),
        ({"Retry-After": "2"}, b"retry-after: 9s", 2.0),
    ],
)
def test_retry_after(headers: dict[str, str], body: bytes, seconds: float | None) -> None:
    """Seconds, dates, unix times and the form in GHCR's body are understood, garbage is not, all are bounded."""
    found = parse_retry_after(httpx.Headers(headers), body, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


def quota(**headers: str) -> Quota | None:
    return parse_quota(httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}), NOW)


def test_the_hubs_quota() -> None:
    """As Docker documents the headers."""
    found = quota(ratelimit_limit="100;w=21600", ratelimit_remaining="20;w=21600", docker_ratelimit_source="192.0.2.1")
    assert found == Quota(100, 20, 21600, "192.0.2.1", NOW)


@pytest.mark.parametrize(
    ("limit", "remaining", "expected"),
    [
        ("100", "5", (100, 5, 21600)),
        ("100;w=0", "5;w=0", (100, 5, 21600)),
        ("9999999999;w=60", "999999999999", (2**31 - 1, 2**31 - 1, 60)),
        ("10, 100;w=60", "3", (100, 3, 60)),
        ("100;burst=5;w=60", "-4;w=60", (100, 0, 60)),
        ("lots", "5", None),
        ("100", "", None),
    ],
)
def test_odd_quotas(limit: str, remaining: str, expected: tuple[int, int, int] | None) -> None:
    """Lists of policies and negative numbers are read, huge ones clamped, six hours taken where no window is said."""
    found = quota(ratelimit_limit=limit, ratelimit_remaining=remaining)
    assert (found and (found.limit, found.remaining, found.window_seconds)) == expected


def test_no_headers_mean_no_quota() -> None:
    """Which is unlimited, not zero."""
    assert quota() is None


@pytest.mark.parametrize(
    ("headers", "body", "pulls"),
    [
        ({}, PULLS_BODY, True),
        ({"ratelimit-limit": "100;w=60", "ratelimit-remaining": "0;w=60"}, b"", True),
        ({}, b"Too Many Requests", False),
        ({"ratelimit-limit": "100;w=60", "ratelimit-remaining": "9;w=60"}, b"Too Many Requests", False),
    ],
)
def test_two_kinds_of_429(headers: dict[str, str], body: bytes, pulls: bool) -> None:
    """The pull limit links to where to buy more or shows that none are left; anything else is abuse protection."""
    assert is_pull_limit(httpx.Headers(headers), body, NOW) is pulls


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "9", "ratelimit-limit": "1;w=60", "ratelimit-remaining": "0"}, 9.0),
        ({"ratelimit-reset": "33", "ratelimit-limit": "1;w=60", "ratelimit-remaining": "0"}, 33.0),
        ({"ratelimit-limit": "1;w=60", "ratelimit-remaining": "0"}, 60.0),
        ({"ratelimit-limit": "1;w=999999999", "ratelimit-remaining": "0"}, 7 * 86400.0),
        ({"ratelimit-limit": "1", "ratelimit-remaining": "0"}, PULL_WINDOW_SECONDS),
        ({}, PULL_WINDOW_SECONDS),
    ],
)
def test_the_window(headers: dict[str, str], seconds: float) -> None:
    """How long to leave pulls alone: what is said, else the reset, else the window, else six hours; a week at most."""
    assert pull_window_seconds(httpx.Headers(headers), b"", NOW) == seconds


@given(st.text(max_size=40), st.binary(max_size=60))
def test_any_answer_is_readable(text: str, body: bytes) -> None:
    """No header or body raises."""
    headers = {"retry-after": text, "ratelimit-limit": text, "ratelimit-remaining": text, "ratelimit-reset": text}
    found = parse_retry_after(headers, body, NOW)
    assert found is None or 0 <= found <= 7 * 86400
    assert parse_quota(headers, NOW) is None or any(character in "0123456789" for character in text)
