"""Finished answers as ready-made ASGI messages: the whole, its gzip variant, and the 304."""

import gzip
import hashlib
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from app.web.security import RawHeaders

Message = MutableMapping[str, Any]

_GZIP_FROM_BYTES = 500
_GZIP_LEVEL = 6
_COMPRESSIBLE = (
    b"text/",
    b"application/json",
    b"application/problem+json",
    b"image/svg+xml",
    b"application/javascript",
)
_KEPT_IN_304 = {b"etag", b"cache-control", b"vary", b"content-location", b"date", b"expires"}


@dataclass(slots=True)
class Answer:
    """A whole 200 answer, ready to be sent any number of times; `held_bytes` is what keeping it costs."""

    etag: bytes
    gzip_etag: bytes | None
    start: Message
    body: Message
    gzip_start: Message | None
    gzip_body: Message | None
    not_modified: Message
    held_bytes: int
    expires_at: float = 0.0

    def is_current(self, if_none_match: bytes) -> bool:
        """Whether the client's copy, by any of its entity tags, is this answer (RFC 9110, section 13.1.2)."""
        if if_none_match in (self.etag, self.gzip_etag):  # the usual case, without parsing
            return True
        given = {tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")}
        return b"*" in given or self.etag in given or self.gzip_etag in given

    def messages(self, *, gzipped: bool) -> tuple[Message, Message]:
        """Start and body; the plain ones when there is no gzip variant."""
        if gzipped and self.gzip_start is not None and self.gzip_body is not None:
            return self.gzip_start, self.gzip_body
        return self.start, self.body


EMPTY_BODY: Message = {"type": "http.response.body", "body": b""}


def finish(headers: RawHeaders, body: bytes) -> Answer:
    """The answer with strong entity tags of its content; each variant has a tag of its own."""
    plain, packed = _without(headers, {b"etag", b"content-length"}), _gzip(headers, body)
    digest = hashlib.blake2b(body, digest_size=16).hexdigest().encode()
    etag, gzip_etag = b'"' + digest + b'"', b'"' + digest + b'-gzip"'
    if packed is not None:
        plain.append((b"vary", b"Accept-Encoding"))
    gzip_headers = [*plain, (b"content-encoding", b"gzip")]
    return Answer(
        etag=etag,
        gzip_etag=gzip_etag if packed is not None else None,
        start=_start(200, plain, etag, len(body)),
        body=_body(body),
        gzip_start=_start(200, gzip_headers, gzip_etag, len(packed)) if packed is not None else None,
        gzip_body=_body(packed) if packed is not None else None,
        not_modified=_not_modified(plain, etag),
        held_bytes=len(body) + len(packed or b"") + 2000,
    )


def _gzip(headers: RawHeaders, body: bytes) -> bytes | None:
    names = dict(headers)
    if len(body) < _GZIP_FROM_BYTES or b"content-encoding" in names:
        return None
    if not names.get(b"content-type", b"").startswith(_COMPRESSIBLE):
        return None
    packed = gzip.compress(body, _GZIP_LEVEL, mtime=0)
    return packed if len(packed) < len(body) else None


def _without(headers: RawHeaders, names: set[bytes]) -> RawHeaders:
    return [(name, value) for name, value in headers if name not in names]


def _start(status: int, headers: RawHeaders, etag: bytes, length: int) -> Message:
    complete = [*headers, (b"etag", etag), (b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": status, "headers": complete}


def _not_modified(headers: RawHeaders, etag: bytes) -> Message:
    """The 304's few headers; those about security were said with the copy that the client holds."""
    kept = [(name, value) for name, value in headers if name in _KEPT_IN_304 or name.startswith(b"access-control-")]
    return {"type": "http.response.start", "status": 304, "headers": [*kept, (b"etag", etag)]}


def _body(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content}
