"""What a status means: an answer -> the error it stands for (distribution-spec, "Error Codes")."""

from datetime import datetime
from typing import Any

from app.registry.errors import (
    BadDocument,
    Denied,
    Missing,
    NotFound,
    ProtocolError,
    RateLimited,
    RegistryError,
    ServerError,
    Unauthorized,
    shown_host,
)
from app.registry.rate_limits import is_pull_limit, parse_retry_after, pull_window_seconds
from app.registry.strict_json import load_object
from app.registry.wire import Answer

_SERVER_TROUBLE = frozenset({408, 425})


def refusal(answer: Answer, what: str, missing: Missing, now: datetime) -> RegistryError | None:
    """The error that answer stands for; None for a success. `what` was asked for, `missing` is what a 404 means."""
    status, host = answer.status, answer.host
    if 200 <= status < 300:
        return None
    code, said = _said(answer.body)
    message = f"{shown_host(host)} answered {status} for {what}" + (f": {said}" if said else "")
    match status:
        case 401:
            return Unauthorized(f"{message} (missing, private, or wrong credentials)", registry=host)
        case 403:
            return Denied(message, registry=host)
        case 404 | 410:
            return NotFound(message, missing="repository" if code == "NAME_UNKNOWN" else missing, registry=host)
        case 429:
            return _rate_limited(answer, message, now)
    return _trouble(answer, message, now)


def _trouble(answer: Answer, message: str, now: datetime) -> RegistryError:
    if answer.status >= 500 or answer.status in _SERVER_TROUBLE:
        wait = parse_retry_after(answer.headers, answer.body, now)
        return ServerError(message, registry=answer.host, retry_after=wait)
    return ProtocolError(message, registry=answer.host)


def _rate_limited(answer: Answer, message: str, now: datetime) -> RateLimited:
    if is_pull_limit(answer.headers, answer.body, now):
        wait: float | None = pull_window_seconds(answer.headers, answer.body, now)
        return RateLimited(message, pull_limit=True, registry=answer.host, retry_after=wait)
    wait = parse_retry_after(answer.headers, answer.body, now)
    return RateLimited(message, pull_limit=False, registry=answer.host, retry_after=wait)


def _said(body: bytes) -> tuple[str, str]:
    """Code and message of the first error in a registry's error document; empty if it is none."""
    try:
        errors = load_object(body, "error").get("errors")
    except BadDocument:
        return "", ""
    first: Any = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", ""
    code, message = first.get("code"), first.get("message")
    return (code if isinstance(code, str) else "")[:60], (message if isinstance(message, str) else "")[:200]
