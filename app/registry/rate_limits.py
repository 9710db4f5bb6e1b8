"""What answers say about limits: `Retry-After` in all its forms, `RateLimit-*` quotas, which limit was hit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

PULL_WINDOW_SECONDS = 6 * 3600.0  # the Hub's window, where it does not say
LONGEST_SECONDS = 7 * 86400.0
_LARGEST = 2**31 - 1  # what a database column of counts holds

_NUMBER = re.compile(r"\d{1,12}(?:\.\d{1,9})?", re.ASCII)
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_IN_BODY = re.compile(r"retry-after:\s*((?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)", re.IGNORECASE)
_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_POLICY = re.compile(r"\s*(-?\d{1,12})\s*(?:;[^,]*?\bw=(\d{1,9}))?", re.ASCII)
_FIRST_TIMESTAMP = 1_000_000_000  # a number beyond it is a unix time and no span of seconds


@dataclass(frozen=True, slots=True)
class Quota:
    """Pulls that a registry still allows us: `remaining` of `limit` per `window_seconds`, as seen at `seen_at`.

    No number exceeds 2^31 - 1; where the registry states no window, `window_seconds` is the Hub's six hours.
    `source` is whom the registry counts (an address, a user). Other users of the same address share it.
    """

    limit: int
    remaining: int
    window_seconds: int
    source: str | None
    seen_at: datetime
    reset_seconds: int | None = None


def parse_retry_after(headers: Mapping[str, str], body: bytes, now: datetime) -> float | None:
    """Seconds to wait, from 0 to a week; None if the answer does not say.

    Forms: seconds, an HTTP date, a unix time (the Hub's `X-Retry-After`), and GHCR's "retry-after: 331us" in the body.
    """
    for name in ("retry-after", "x-retry-after"):
        seconds = _from_header(headers.get(name), now)
        if seconds is not None:
            return seconds
    match = _IN_BODY.search(body[:4096].decode("utf-8", "replace"))
    if match is None:
        return None
    return _bounded(sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(match[1].lower())))


def _from_header(value: str | None, now: datetime) -> float | None:
    if value is None:
        return None
    value = value.strip()
    if _NUMBER.fullmatch(value):
        number = float(value)
        return _bounded(number - now.timestamp() if number >= _FIRST_TIMESTAMP else number)
    try:
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return _bounded((moment - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_SECONDS)


def parse_quota(headers: Mapping[str, str], now: datetime) -> Quota | None:
    """The pull quota in `RateLimit-Limit`/`-Remaining` ("100;w=21600"); None without them, which means unlimited."""
    limit_header, remaining_header = headers.get("ratelimit-limit"), headers.get("ratelimit-remaining")
    if limit_header is None or remaining_header is None:
        return None
    limit, remaining = _policy(limit_header), _policy(remaining_header)
    if limit is None or remaining is None:
        return None
    reset = _NUMBER.fullmatch(headers.get("ratelimit-reset", "").strip())
    return Quota(
        limit=_count(limit[0]),
        remaining=_count(remaining[0]),
        window_seconds=_count(limit[1] or remaining[1] or int(PULL_WINDOW_SECONDS)),
        source=(headers.get("docker-ratelimit-source") or "")[:100] or None,
        seen_at=now,
        reset_seconds=int(_bounded(float(reset[0]))) if reset else None,
    )


def _count(number: int) -> int:
    """The Hub has been seen to answer a negative number."""
    return min(max(number, 0), _LARGEST)


def _policy(header: str) -> tuple[int, int | None] | None:
    """Number and window of the first policy in a list that states a window, else of the first."""
    matches = [match for part in header[:1000].split(",") if (match := _POLICY.match(part))]
    stated = next((match for match in matches if match[2]), matches[0] if matches else None)
    return None if stated is None else (int(stated[1]), int(stated[2]) if stated[2] else None)


def is_pull_limit(headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Whether a 429 is about the pull quota: it links to where to buy more, or says that none remain."""
    quota = parse_quota(headers, now)
    return b"increase-rate-limit" in body or (quota is not None and quota.remaining == 0)


def pull_window_seconds(headers: Mapping[str, str], body: bytes, now: datetime) -> float:
    """How long the pull quota stays used up: as the registry says, else its window, else the Hub's six hours."""
    said = parse_retry_after(headers, body, now)
    if said is not None:
        return said
    quota = parse_quota(headers, now)
    if quota is None:
        return PULL_WINDOW_SECONDS
    if quota.reset_seconds is not None:
        return float(quota.reset_seconds)
    return _bounded(quota.window_seconds)
