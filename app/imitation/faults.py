"""Ways in which a registry can be ill or evil. A fault is put in front of the registry's own answer."""

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime

from app.imitation.wire import JSON, Answer, Headers, Receive, Request, Send, error


class Exchange:
    """One request and the means to answer it: politely, in pieces, or through the bare transport."""

    def __init__(self, request: Request, answer: Callable[[Request], Answer], receive: Receive, send: Send) -> None:
        self.request = request
        self.status = 0
        self._answer = answer
        self._receive = receive
        self._send = send

    def answer(self) -> Answer:
        """What the registry would say if it were well."""
        return self._answer(self.request)

    async def reply(self, answer: Answer) -> None:
        await self.start(answer.status, answer.full_headers())
        await self.part(answer.body, more=False)

    async def start(self, status: int, headers: Headers) -> None:
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def part(self, data: bytes, *, more: bool = True) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    @property
    def transport(self) -> asyncio.Transport:
        """The TCP connection; only there when served by `serve`."""
        transport: asyncio.Transport = self.request.scope["state"]["transport"]
        return transport

    @property
    def closing(self) -> bool:
        """Whether the client has gone; unknown, so False, when not served by `serve`."""
        transport = self.request.scope.get("state", {}).get("transport")
        return transport is not None and transport.is_closing()

    async def gone(self) -> None:
        """Return once the connection is closed, by either side."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def head(self, answer: Answer) -> bytes:
        """Status line and headers as they go over the wire, for behaviours that write bytes themselves."""
        self.status = answer.status
        lines = [b"HTTP/1.1 %d -" % answer.status, *(b"%s: %s" % pair for pair in answer.full_headers())]
        return b"\r\n".join([*lines, b"", b""])


Behaviour = Callable[[Exchange], Awaitable[None]]


@dataclass(slots=True)
class Fault:
    """Requests of `method` ("*" for any) whose path and query match `path` meet `behaviour`, at most `times`.

    Requests that lack a needed token are still refused first, unless `before_auth`.
    """

    method: str
    path: str  # a regular expression, searched
    behaviour: Behaviour
    times: int | None = None
    before_auth: bool = False
    met: int = field(default=0, init=False)

    def meets(self, method: str, target: str) -> bool:
        if self.times is not None and self.met >= self.times:
            return False
        return self.method in ("*", method) and re.search(self.path, target) is not None


# Answers of one's own choice


def reply(answer: Answer) -> Behaviour:
    """Always this answer."""

    async def behave(exchange: Exchange) -> None:
        await exchange.reply(answer)

    return behave


def status(code: int, body: bytes = b"", headers: Headers | None = None) -> Behaviour:
    return reply(Answer(code, headers or [], body))


def json_body(body: bytes | str, content_type: str | None = None) -> Behaviour:
    """200 with this body: malformed JSON, invalid UTF-8, `tags: null`, anything."""
    header = JSON if content_type is None else (b"content-type", content_type.encode())
    return status(200, body.encode() if isinstance(body, str) else body, [header])


def head_not_allowed() -> Behaviour:
    return status(405, headers=[(b"allow", b"GET")])


def redirect(location: str, code: int = 307) -> Behaviour:
    return status(code, headers=[(b"location", location.encode())])


def redirect_loop() -> Behaviour:
    """Redirects to the same path with another query, for ever."""

    async def behave(exchange: Exchange) -> None:
        path, _, hop = exchange.request.target.partition("?hop=")
        await exchange.reply(Answer(307, [(b"location", b"%s?hop=%d" % (path.encode(), int(hop or 0) + 1))]))

    return behave


def token_realm(realm: str, scheme: str = "Bearer") -> Behaviour:
    """401 that sends for the token to `realm`. To be put `before_auth`."""
    challenge = f'{scheme} realm="{realm}",service="evil"'
    refusal = error(401, "UNAUTHORIZED", "authentication required", headers=[(b"www-authenticate", challenge.encode())])
    return reply(refusal)


# The registry's own answer, altered


def altered(change: Callable[[Answer], Answer]) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.reply(change(exchange.answer()))

    return behave


def without_headers(*names: str) -> Behaviour:
    dropped = {name.lower().encode() for name in names}
    return altered(lambda a: replace(a, headers=[pair for pair in a.headers if pair[0] not in dropped]))


def with_header(name: str, value: str) -> Behaviour:
    """The answer with one header set: a lying digest, another content type, a foreign Link."""
    key = name.lower().encode()

    def change(answer: Answer) -> Answer:
        return replace(answer, headers=[*(p for p in answer.headers if p[0] != key), (key, value.encode())])

    return altered(change)


def other_bytes(change: Callable[[bytes], bytes]) -> Behaviour:
    """A changed body under the digest of the true one."""
    return altered(lambda answer: replace(answer, body=change(answer.body)))


def gzip_bomb(inflated_bytes: int) -> Behaviour:
    """A small compressed body that grows when it is decoded."""
    body = gzip.compress(b" " * inflated_bytes)
    return altered(lambda a: replace(a, headers=[*a.headers, (b"content-encoding", b"gzip")], body=body))


# Tag lists without end


def endless_tags(per_page: int = 100) -> Behaviour:
    """Every page is full of new names and links to another."""

    async def behave(exchange: Exchange) -> None:
        path, page = exchange.request.path, int(exchange.request.query().get("page", ["0"])[0])
        names = [f"v{page * per_page + n}" for n in range(per_page)]
        link = (b"link", f'<{path}?page={page + 1}>; rel="next"'.encode())
        await exchange.reply(Answer(200, [JSON, link], json.dumps({"name": "x", "tags": names}).encode()))

    return behave


def circular_tags() -> Behaviour:
    """The next page is this page."""

    async def behave(exchange: Exchange) -> None:
        link = (b"link", f'<{exchange.request.target}>; rel="next"'.encode())
        await exchange.reply(Answer(200, [JSON, link], b'{"name":"x","tags":["a"]}'))

    return behave


# Come back later

RETRY_FORMS = ("none", "seconds", "date", "unix", "body")


def come_back(code: int, form: str, seconds: int, now: datetime) -> Behaviour:
    """429 or 503 that says how long to wait: in seconds, as an HTTP date, as Hub's X-Retry-After, or in the body."""
    until = now + timedelta(seconds=seconds)
    headers: dict[str, Headers] = {
        "seconds": [(b"retry-after", b"%d" % seconds)],
        "date": [(b"retry-after", format_datetime(until, usegmt=True).encode())],
        "unix": [(b"x-retry-after", b"%d" % until.timestamp())],
    }
    message = f"retry-after: {seconds}s, allowed: 44000/minute" if form == "body" else "slow down"
    return reply(error(code, "TOOMANYREQUESTS", message, headers=headers.get(form, [])))


# Bodies that do not keep their word


def huge_body(total_bytes: int, *, declared: bool = False) -> Behaviour:
    """A body without end in sight, with or without an honest Content-Length."""

    async def behave(exchange: Exchange) -> None:
        length = [(b"content-length", b"%d" % total_bytes)] if declared else []
        await exchange.start(200, [JSON, *length])
        await _stream(exchange, (b" " * min(65_536, total_bytes - at) for at in range(0, total_bytes, 65_536)))

    return behave


def drip(seconds_per_byte: float) -> Behaviour:
    """The true answer, one byte at a time."""

    async def behave(exchange: Exchange) -> None:
        answer = exchange.answer()
        await exchange.start(answer.status, answer.full_headers())
        await _stream(exchange, (bytes([byte]) for byte in answer.body), seconds_per_byte)

    return behave


async def _stream(exchange: Exchange, parts: Iterable[bytes], pause: float = 0) -> None:
    for part in parts:
        await exchange.part(part)
        await asyncio.sleep(pause)
        if exchange.closing:
            return
    await exchange.part(b"", more=False)


def truncated(keep: float = 0.5) -> Behaviour:
    """An honest Content-Length, then the connection is closed after a part of the body."""

    async def behave(exchange: Exchange) -> None:
        answer = exchange.answer()
        part = answer.body[: int(len(answer.body) * keep)]
        exchange.transport.write(exchange.head(answer) + part)
        exchange.transport.close()
        await exchange.gone()

    return behave


def wrong_length(difference: int) -> Behaviour:
    """A Content-Length off by `difference` while the connection stays open."""

    async def behave(exchange: Exchange) -> None:
        answer = exchange.answer()
        length = (b"content-length", b"%d" % (len(answer.body) + difference))
        exchange.transport.write(exchange.head(replace(answer, headers=[*answer.headers, length])) + answer.body)
        await exchange.gone()

    return behave


def raw(data: bytes) -> Behaviour:
    """These bytes in place of an HTTP answer, then the connection is closed."""

    async def behave(exchange: Exchange) -> None:
        exchange.transport.write(data)
        exchange.transport.close()
        await exchange.gone()

    return behave


# No answer


def hang() -> Behaviour:
    """Accepts the request and says nothing until the client goes away."""

    async def behave(exchange: Exchange) -> None:
        await exchange.gone()

    return behave


def late(seconds: float) -> Behaviour:
    """The true answer after a pause: network latency, or a slow registry."""

    async def behave(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.reply(exchange.answer())

    return behave


def reset() -> Behaviour:
    """The connection is reset without an answer."""

    async def behave(exchange: Exchange) -> None:
        connection = exchange.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST instead of FIN
        exchange.transport.abort()
        await exchange.gone()

    return behave
