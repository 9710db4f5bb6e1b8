"""Puts imitation registries on loopback ports, inside this process or in one of its own."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ssl import SSLContext
from typing import Any, cast
from urllib.request import ProxyHandler, build_opener
from urllib.request import Request as HttpRequest

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.imitation.wire import Answer, App, Receive, Scope, Send, text_answer

CLOCK_PATH = "/_imitation/clock"


class SettableClock:
    """A clock that stands where it was put."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class _Protocol(HttpToolsProtocol):
    """uvicorn's, except that faults can reach the connection, and that it keeps no access log."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.access_log = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"]["transport"] = self.transport


@asynccontextmanager
async def serve(app: App, port: int = 0, tls: SSLContext | None = None) -> AsyncIterator[str]:
    """Serve an ASGI application on loopback at once; gives its URL. Leaving drops every connection."""
    config = Config(cast("Any", app), log_config=None, lifespan="off", ws="none", timeout_keep_alive=75)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Protocol(config, state, {}), "127.0.0.1", port, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await _drop(state)


async def _drop(state: ServerState) -> None:
    for connection in list(state.connections):
        connection.shutdown()
        if connection.transport is not None:
            connection.transport.abort()
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)


def with_clock_control(app: App, clock: SettableClock) -> App:
    """The application, and `PUT /_imitation/clock` with an ISO time as its body to set `clock`."""

    async def controlled(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != CLOCK_PATH:
            await app(scope, receive, send)
            return
        answer = text_answer(200, clock.now.isoformat())
        if scope["method"] == "PUT":
            answer = _set_clock(clock, (await receive())["body"])
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.full_headers()})
        await send({"type": "http.response.body", "body": answer.body})

    return controlled


def _set_clock(clock: SettableClock, body: bytes) -> Answer:
    try:
        now = datetime.fromisoformat(body.decode())
    except ValueError:
        return text_answer(400, "not an ISO 8601 time")
    if now.tzinfo is None:
        return text_answer(400, "a time zone is needed")
    clock.now = now.astimezone(UTC)
    return text_answer(200, clock.now.isoformat())


async def serve_until_stdin_ends(apps: Mapping[str, App]) -> None:
    """Serve each application on a port of its own, print `{name: url}` on one line, end with whoever started it."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(serve(app)) for name, app in apps.items()}
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.read()


@dataclass(frozen=True, slots=True)
class ServedProcess:
    """Imitation registries in a process of their own: their URLs by registry host."""

    urls: Mapping[str, str]
    pid: int

    def set_clock(self, now: datetime) -> None:
        """Move the registries' clock; blocks for a local round trip."""
        url = next(iter(self.urls.values())) + CLOCK_PATH
        request = HttpRequest(url, data=now.isoformat().encode(), method="PUT")  # noqa: S310 our own loopback URL
        with build_opener(ProxyHandler({})).open(request, timeout=10):  # a proxy would not reach our loopback
            pass


@contextmanager
def start_process(arguments: Sequence[str] = ()) -> Iterator[ServedProcess]:
    """Run `python -m app.imitation` until the block ends, or until this process does, however it ends."""
    command = [sys.executable, "-m", "app.imitation", *arguments]
    # A session of its own: Ctrl+C in the terminal is for whoever started it, whose end then ends it.
    with subprocess.Popen(  # noqa: S603 fixed words
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise RuntimeError(f"the imitation registry did not start (exit code {process.wait(10)})")
        try:
            yield ServedProcess(json.loads(line), process.pid)
        finally:
            process.communicate(timeout=10)  # closes its stdin, which ends it
