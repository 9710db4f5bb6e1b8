"""Finished answers kept in process, in front of all routing: a hit costs a look into a dict.

Kept until the database's revision moves (`clear`), but a minute at most, since "30 days ago" moves with the clock.
Only answers for anonymous GETs are kept; HEAD, 304, gzip and the headers of `security` are done here for all.
What is too long to be held (`_STREAMED`) passes by as it comes, with those headers only.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from app.web.answers import EMPTY_BODY, Answer, Message, finish
from app.web.security import PREFLIGHT, RawHeaders, cors_headers, is_api, secured, security_headers

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Key = tuple[str, bytes, bytes, str]

SESSION_COOKIE = "tarewatch_session"
_STREAMED = "/api/v1/export."
_FRESH_SECONDS = 60.0
_LIVE_SECONDS = {"/status": 5.0, "/api/v1/status": 5.0, "/metrics": 5.0}
_DEFAULT_CACHE_CONTROL = (b"cache-control", b"no-cache")  # may be kept, but asks again with its ETag each time


class AnswerCache:
    """The answers by scheme, host, path and query; oldest out first when they outgrow `max_bytes`."""

    def __init__(self, *, max_bytes: int = 64 * 2**20, clock: Callable[[], float] = time.monotonic) -> None:
        self._answers: dict[Key, Answer] = {}
        self._held_bytes = 0
        self._max_bytes = max_bytes
        self._clock = clock
        self.generation = 0

    def get(self, key: Key) -> Answer | None:
        """The answer, if it is still fresh."""
        answer = self._answers.get(key)
        return answer if answer is not None and self._clock() < answer.expires_at else None

    def put(self, key: Key, answer: Answer, generation: int) -> None:
        """Keep an answer that was begun in this generation; one that a change overtook is let go."""
        if generation != self.generation or answer.held_bytes > self._max_bytes // 4:
            return
        self._drop(key)
        answer.expires_at = self._clock() + _LIVE_SECONDS.get(key[3], _FRESH_SECONDS)
        self._answers[key] = answer
        self._held_bytes += answer.held_bytes
        while self._held_bytes > self._max_bytes:
            self._drop(next(iter(self._answers)))

    def clear(self) -> None:
        """Something changed: nothing kept is true for sure any more."""
        self._answers.clear()
        self._held_bytes = 0
        self.generation += 1

    def _drop(self, key: Key) -> None:
        if (old := self._answers.pop(key, None)) is not None:
            self._held_bytes -= old.held_bytes


class _Asked:
    """What one pass over the request's headers tells."""

    __slots__ = ("gzipped", "host", "if_none_match", "known")

    def __init__(self, headers: RawHeaders) -> None:
        self.gzipped = False
        self.known = False  # the answer may depend on who asks
        self.host = self.if_none_match = b""
        for name, value in headers:
            if name == b"if-none-match":
                self.if_none_match = value
            elif name == b"accept-encoding":
                self.gzipped = b"gzip" in value and b"gzip;q=0" not in value.replace(b" ", b"")
            elif name == b"host":
                self.host = value
            elif name == b"authorization" or (name == b"cookie" and SESSION_COOKIE.encode() in value):
                self.known = True


class CachedAnswers:
    """The outermost ASGI layer around an application."""

    def __init__(self, app: App, cache: AnswerCache) -> None:
        self._app = app
        self._cache = cache
        self._making: dict[Key, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A kept answer at once; else the application's, finished and kept."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await self._write(scope, receive, send)
            return
        if scope["path"].startswith(_STREAMED):
            await self._app(scope, receive, _Passing(scope, send).send)
            return
        asked = _Asked(scope["headers"])
        key = (scope["scheme"], asked.host, scope["query_string"], scope["path"])
        answer = None if asked.known else self._cache.get(key)
        if answer is None and not asked.known:
            answer = await self._shared(key)
        if answer is None:
            answer = await self._made(scope, receive, send, None if asked.known else key)
        if answer is None:
            return
        if asked.if_none_match and answer.is_current(asked.if_none_match):
            await send(answer.not_modified)
            await send(EMPTY_BODY)
            return
        start, body = answer.messages(gzipped=asked.gzipped)
        await send(start)
        await send(EMPTY_BODY if scope["method"] == "HEAD" else body)

    async def _shared(self, key: Key) -> Answer | None:
        """What another request for the same is making just now, so that a crowd after a change costs one answer."""
        if (making := self._making.get(key)) is None:
            return None
        await making.wait()
        return self._cache.get(key)

    async def _made(self, scope: Scope, receive: Receive, send: Send, key: Key | None) -> Answer | None:
        """The application's answer if it is a whole 200; anything else is passed on, and None returned."""
        generation = self._cache.generation
        passing = _Collect(scope, send)
        with self._announced(key):
            # HEAD is GET without the body, for every route alike.
            await self._app({**scope, "method": "GET"}, receive, passing.send)
            return self._finished(passing, key, generation)

    @contextmanager
    def _announced(self, key: Key | None) -> Iterator[None]:
        """While open, others wait for this answer; those who came too late to be first make their own."""
        if key is None or key in self._making:
            yield
            return
        done = self._making[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._making[key]
            done.set()

    def _finished(self, passing: "_Collect", key: Key | None, generation: int) -> Answer | None:
        if passing.headers is None:
            return None
        answer = finish(passing.headers, b"".join(passing.parts))
        names = dict(passing.headers)
        if key is not None and b"set-cookie" not in names and b"no-store" not in names.get(b"cache-control", b""):
            self._cache.put(key, answer, generation)
        return answer

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Not a read: a preflight is answered here; after anything else what was kept may be old."""
        if scope["method"] == "OPTIONS" and is_api(scope["path"]):
            headers = [*PREFLIGHT, *security_headers(scope["scheme"])]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send(EMPTY_BODY)
            return
        passing = _Passing(scope, send)
        await self._app(scope, receive, passing.send)
        if passing.status < 400:  # a stranger's refused attempts empty nothing
            self._cache.clear()


class _Collect:
    """Holds a 200 answer back until it is whole (`headers`, `parts`); passes every other one on as it comes."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.headers: RawHeaders | None = None
        self.parts: list[bytes] = []
        self._scheme = scope["scheme"]
        self._cors = cors_headers(scope["method"], scope["path"])
        self._head = scope["method"] == "HEAD"
        self._send = send

    async def send(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            headers = [*secured(message["headers"], self._scheme), *self._cors]
            if message["status"] == 200:
                missing = b"cache-control" not in dict(headers)
                self.headers = [*headers, _DEFAULT_CACHE_CONTROL] if missing else headers
                return
            message = {**message, "headers": headers}
        elif self.headers is not None:
            self.parts.append(message.get("body", b""))
            return
        elif self._head:
            message = {**message, "body": b""}
        await self._send(message)


class _Passing:
    """Passes an answer on with the headers that all have, and remembers its `status`."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status = 0
        self._scheme = scope["scheme"]
        self._cors = cors_headers(scope["method"], scope["path"])
        self._send = send

    async def send(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*secured(message["headers"], self._scheme), *self._cors]}
        await self._send(message)
