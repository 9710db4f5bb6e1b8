"""Everything that can go wrong with a registry.

    RegistryError
    ├── NotReached: no usable HTTP answer came
    │   ├── Unreachable        dns, refused, tls, timeout or network
    │   ├── Deadline           the whole request took too long
    │   └── HostPaused         not asked: the host is paused until a known time
    ├── Refused: the registry said no
    │   ├── Unauthorized       401 even with a fresh token: missing or private
    │   ├── Denied             403
    │   ├── NotFound           no such repository, manifest or blob
    │   ├── RateLimited        429; `pull_limit` tells the pull quota from abuse protection
    │   ├── ApiBlocked         Docker Hub's web API shuts us out, for hours perhaps, whatever status it says so with
    │   └── ServerError        5xx, 408, 425
    ├── CredentialHelperFailed docker-credential-* did not answer
    ├── UnsafeTarget: we said no
    │   ├── UnsafeAddress      a private, loopback or link-local address that the operator did not name
    │   ├── UnsafeRedirect     https to http, or a scheme that is not HTTP
    │   └── TooManyRedirects   or a loop
    └── BadAnswer: what came is unusable
        ├── BodyTooLarge, BodyTruncated, DigestMismatch, PaginationEndless, ProtocolError
        └── BadDocument
            ├── ManifestInvalid    malformed, contradictory or beyond our limits
            ├── AnswerInvalid      the same of what is no manifest: lists of tags, histories
            ├── SchemaUnsupported  schema 1 has no layer sizes
            └── NotAnImage         an artifact, a signature, an attestation

Every error has `code` (stable kebab-case, stored and shown), a `message` that is safe to show (no secrets, no control
characters, bounded), `retryable` ("can a later try help?"), `retry_after` (seconds, when the registry said so)
and `registry`: the registry's name or, where the trouble is another host's to which it led us, that host and its port
behind an "@", as in "@cdn.example": no registry's name looks like that. `reference.ReferenceInvalid` is apart: there
the caller's text is at fault, not a registry.
"""

import re
from datetime import datetime
from typing import Literal

MESSAGE_LIMIT = 300

_URL_SECRETS = re.compile(
    r"(?P<scheme>https?://)(?:[^\s/@'\"]*@)?(?P<place>[^\s?#'\"]*)(?P<query>[?#][^\s'\"]*)?", re.IGNORECASE
)
_AUTHORIZATION = re.compile(r"\b(?P<scheme>bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")

Cause = Literal["dns", "refused", "tls", "timeout", "network"]
Missing = Literal["manifest", "repository", "blob", "resource"]


def shown_host(host: str) -> str:
    """A `registry` attribute as people know the host: "@cdn.example" -> "cdn.example"."""
    return host.removeprefix("@")


def safe_text(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """One printable line of at most `limit` characters, URLs without credentials and query, tokens blotted out."""
    text = _UNPRINTABLE.sub(" ", text[: limit * 8])
    text = _URL_SECRETS.sub(_public_url, text)
    text = _AUTHORIZATION.sub(lambda match: f"{match['scheme']} [redacted]", text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _public_url(match: re.Match[str]) -> str:
    return match["scheme"] + match["place"] + ("?..." if match["query"] else "")


class RegistryError(Exception):
    """Root of the tree above."""

    code: str = "registry-error"
    retryable: bool = False

    def __init__(self, message: str, *, registry: str | None = None, retry_after: float | None = None) -> None:
        self.message = safe_text(message)
        self.registry = registry
        self.retry_after = retry_after
        super().__init__(self.message)


class NotReached(RegistryError):
    """No usable HTTP answer came."""

    retryable = True


class Unreachable(NotReached):
    """The connection could not be made or broke; `cause` says where. A TLS failure will not mend itself."""

    def __init__(self, message: str, *, cause: Cause = "network", registry: str | None = None) -> None:
        super().__init__(message, registry=registry)
        self.cause = cause
        self.code = f"unreachable-{cause}"
        self.retryable = cause != "tls"


class Deadline(NotReached):
    """The request as a whole, redirects and retries included, took longer than allowed."""

    code = "deadline"


class HostPaused(NotReached):
    """Nothing was asked: the host is paused until `until` because of `reason`."""

    code = "host-paused"

    def __init__(self, registry: str, *, until: datetime, reason: str, now: datetime) -> None:
        seconds = max(0.0, (until - now).total_seconds())
        message = f"{shown_host(registry)} is paused until {until:%Y-%m-%d %H:%M:%S} UTC ({reason})"
        super().__init__(message, registry=registry, retry_after=seconds)
        self.until = until
        self.reason = reason


class Refused(RegistryError):
    """The registry said no."""


class Unauthorized(Refused):
    """401 even with a fresh token: the repository is missing, private, or the credentials are wrong."""

    code = "unauthorized"


class Denied(Refused):
    """403."""

    code = "denied"


class NotFound(Refused):
    """404; `missing` says what: the manifest (the tag is gone), the repository, a blob, or another resource."""

    def __init__(self, message: str, *, missing: Missing = "manifest", registry: str | None = None) -> None:
        super().__init__(message, registry=registry)
        self.missing = missing
        self.code = f"{missing}-not-found"


class RateLimited(Refused):
    """429. `pull_limit`: the pull quota is used up (hours); otherwise protection against abuse (seconds to minutes)."""

    retryable = True

    def __init__(
        self, message: str, *, pull_limit: bool, registry: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, registry=registry, retry_after=retry_after)
        self.pull_limit = pull_limit
        self.code = "pull-limit" if pull_limit else "rate-limited"


class ApiBlocked(Refused):
    """A web API answers as if there were nothing, or forbids everything: that says nothing of any tag."""

    code = "api-blocked"
    retryable = True


class ServerError(Refused):
    """5xx, 408 or 425."""

    code = "server-error"
    retryable = True


class CredentialHelperFailed(RegistryError):
    """A docker-credential-* program is missing, failed or took too long."""

    code = "credential-helper-failed"


class UnsafeTarget(RegistryError):
    """A place that we do not follow a registry to."""


class UnsafeAddress(UnsafeTarget):
    """A loopback, private, link-local or otherwise special address that the operator did not name."""

    code = "unsafe-address"


class UnsafeRedirect(UnsafeTarget):
    """A redirect, token realm or next page from https to http, or to something that is not HTTP at all."""

    code = "unsafe-redirect"


class TooManyRedirects(UnsafeTarget):
    """More hops than allowed, or a loop."""

    code = "too-many-redirects"


class BadAnswer(RegistryError):
    """What came is unusable."""


class BodyTooLarge(BadAnswer):
    """The body is, or says it is, larger than we read."""

    code = "body-too-large"


class BodyTruncated(BadAnswer):
    """The connection ended before the body did."""

    code = "body-truncated"
    retryable = True


class DigestMismatch(BadAnswer):
    """The bytes are not those that the digest promises."""

    code = "digest-mismatch"


class PaginationEndless(BadAnswer):
    """The list of tags goes round in circles or never ends."""

    code = "pagination-endless"


class ProtocolError(BadAnswer):
    """The answer breaks HTTP or the distribution-spec."""

    code = "protocol-error"


class BadDocument(BadAnswer):
    """The document came whole, but cannot be used."""


class ManifestInvalid(BadDocument):
    """Malformed, contradictory, or beyond our limits."""

    code = "manifest-invalid"


class AnswerInvalid(BadDocument):
    """An answer of a registry's other resources, or of a web API, that is malformed or beyond our limits."""

    code = "answer-invalid"


class SchemaUnsupported(BadDocument):
    """Docker schema 1: it states no layer sizes, and registries have dropped it."""

    code = "schema-unsupported"


class NotAnImage(BadDocument):
    """A valid document that is no container image: an artifact, a signature, an attestation, a Helm chart."""

    code = "not-an-image"
