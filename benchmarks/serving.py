"""Serving from memory, against a bare ASGI application that sends the same bytes on the same server.

Both run under uvicorn with uvloop and httptools, each in a process of its own, asked in turns; medians of several
rounds of the server's CPU time per request, so that neither the client's cost nor a neighbour's load flatters us.
"""

import asyncio
import multiprocessing
import re
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn

from app.db import open_database
from app.main import create_app
from app.schema import upgrade
from app.settings import Settings
from benchmarks.ratio import Ratio
from tests.history.seed import add_series, add_tag, seed_many

ROUNDS = 7
REQUESTS = 1200
CONNECTIONS = 8
POINTS = 2000
NOW = datetime(2026, 9, 1, tzinfo=UTC)
SERIES = "/api/v1/series?image=debian&tag=bookworm"
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_ETAG = re.compile(rb'etag: ("[^"]+")', re.IGNORECASE)

App = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One request and what it is compared with."""

    name: str
    path: str
    headers: str
    target: float


CASES = (
    Case(f"series of {POINTS} points, warm, gzip", SERIES, "accept-encoding: gzip\r\n", 3.0),
    Case(f"series of {POINTS} points, warm, plain", SERIES, "", 3.0),
    Case("index page of images, warm, gzip", "/", "accept-encoding: gzip\r\n", 3.0),
    Case("200 images as JSON, warm, gzip", "/api/v1/images?limit=200", "accept-encoding: gzip\r\n", 3.0),
)


def run() -> list[Ratio]:
    """Every case's time as a multiple of the bare application's, and the 304 of the first one."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_folder()))
        url = f"sqlite:///{folder}/bench.db"
        upgrade(url)
        asyncio.run(_fill(url))
        ours = stack.enter_context(_serving(_tarewatch, url))
        answers = asyncio.run(_fetch_all(ours.port))
        bare = stack.enter_context(_serving(_bare, {case.name: _body(answers[case.name]) for case in CASES}))
        return asyncio.run(_compare(ours, bare, answers))


@contextmanager
def _folder() -> Iterator[str]:
    folder = tempfile.mkdtemp()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


async def _fill(url: str) -> None:
    database = open_database(url)
    async with database.writing() as session:
        await seed_many(session, NOW, tags=200, builds=20)
        tag = await add_tag(session, "debian:bookworm", NOW - timedelta(days=POINTS))
        changes = [(NOW - timedelta(days=POINTS - n), 28_000_000 + n * 1117 % 900_000) for n in range(POINTS)]
        await add_series(session, tag, "linux/amd64", changes, layers=1)
    await database.close()


def _tarewatch(url: str) -> App:
    return create_app(Settings(_env_file=None), open_database(url), clock=lambda: NOW)


def _bare(bodies: Mapping[str, bytes]) -> App:
    """The least that an ASGI application can do."""
    answers = {
        f"/{index}": (
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
            },
            {"type": "http.response.body", "body": body},
        )
        for index, body in enumerate(bodies.values())
    }

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        start, body = answers[scope["path"]]
        await send(start)
        await send(body)

    return app


@dataclass(frozen=True, slots=True)
class Server:
    """Another process that serves on a port of this machine."""

    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """What its main thread has used so far; where Linux's schedstat is missing, the wall clock stands in."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9
        except OSError:
            return time.perf_counter()


@contextmanager
def _serving(make: Callable[[Any], App], argument: object) -> Iterator[Server]:
    """A server in another process."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(listener, make, argument), daemon=True)
    process.start()
    try:
        assert process.pid is not None
        yield Server(listener.getsockname()[1], process.pid)
    finally:
        process.terminate()
        process.join(5)
        listener.close()


def _serve(listener: socket.socket, make: Callable[[Any], App], argument: object) -> None:
    config = uvicorn.Config(
        make(argument), loop="uvloop", http="httptools", access_log=False, log_level="warning", lifespan="auto"
    )
    uvicorn.Server(config).run(sockets=[listener])


async def _fetch_all(port: int) -> dict[str, bytes]:
    return {case.name: await _fetch(port, _request(case.path, case.headers)) for case in CASES}


async def _fetch(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = await _ask(reader, writer, request)
    writer.close()
    return answer


def _request(path: str, headers: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: bench\r\naccept: */*\r\n{headers}\r\n".encode()


def _body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bytes:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


async def _compare(ours: Server, bare: Server, answers: Mapping[str, bytes]) -> list[Ratio]:
    ratios = []
    for index, case in enumerate(CASES):
        assert answers[case.name].startswith(b"HTTP/1.1 200"), answers[case.name][:200]
        plain = _request(f"/{index}", case.headers)
        value = await _ratio((ours, _request(case.path, case.headers)), (bare, plain))
        ratios.append(Ratio(case.name, value, case.target))
    etag = _ETAG.search(answers[CASES[0].name])
    assert etag
    headers = f"{CASES[0].headers}if-none-match: {etag[1].decode()}\r\n"
    value = await _ratio((ours, _request(SERIES, headers)), (bare, _request("/0", headers)))
    return [*ratios, Ratio("304 against the bare whole answer", value, 1.0)]


async def _ratio(ours: tuple[Server, bytes], baseline: tuple[Server, bytes]) -> float:
    """The median over rounds of ours / baseline, asked in turns so that the machine's moods hit both."""
    await _spent(*ours, requests=200)
    await _spent(*baseline, requests=200)
    return statistics.median([await _spent(*ours) / await _spent(*baseline) for _ in range(ROUNDS)])


async def _spent(server: Server, request: bytes, requests: int = REQUESTS) -> float:
    """The server's CPU seconds for so many requests over a few connections."""
    links = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CONNECTIONS)]
    started = server.cpu_seconds()
    await asyncio.gather(*(_repeat(link, request, requests // CONNECTIONS) for link in links))
    seconds = server.cpu_seconds() - started
    for _, writer in links:
        writer.close()
    return seconds


async def _repeat(link: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes, times: int) -> None:
    for _ in range(times):
        await _ask(*link, request)


if __name__ == "__main__":
    for figure in run():
        print(figure)
