"""Headers that every answer carries: nothing is loaded from elsewhere, framed, sniffed or told to other sites."""

RawHeaders = list[tuple[bytes, bytes]]

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

# For a drawing opened as a page of its own: its one <style> is inside, and nothing else may run or load.
IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_ALWAYS: RawHeaders = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
_HTTPS: RawHeaders = [*_ALWAYS, (b"strict-transport-security", b"max-age=31536000")]
# Reads are public and carry no credentials, so any page may make them. A star needs no `Vary: Origin`.
_CORS: RawHeaders = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link, Retry-After"),
]
PREFLIGHT: RawHeaders = [
    *_CORS,
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"Accept, If-None-Match"),
    (b"access-control-max-age", b"86400"),
]


def is_api(path: str) -> bool:
    """Whether programs rather than people ask for this path."""
    return path.startswith("/api/") or path in {"/openapi.json", "/healthz", "/readyz", "/metrics"}


def security_headers(scheme: str) -> RawHeaders:
    """What every answer carries; HSTS only over https."""
    return _HTTPS if scheme == "https" else _ALWAYS


def secured(headers: RawHeaders, scheme: str) -> RawHeaders:
    """An answer's headers with those of every answer; a policy that the route itself has set stays."""
    given = {name for name, _ in headers}
    return [*headers, *(header for header in security_headers(scheme) if header[0] not in given)]


def cors_headers(method: str, path: str) -> RawHeaders:
    """Reads of the API are open to pages of every origin; writes are not."""
    return _CORS if method in {"GET", "HEAD"} and is_api(path) else []
