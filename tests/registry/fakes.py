"""Registries to test against: one of functions (no sockets), and one of raw bytes on a real socket."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.registry.client import RegistryClient, open_client
from app.registry.politeness import Politeness
from app.registry.reference import Repository

REPOSITORY = Repository("registry.example", "team/app")
Handler = Callable[[httpx.Request], httpx.Response]


class NoJitter(random.Random):
    """Waits as short as the jitter allows."""

    def uniform(self, a: float, b: float) -> float:
        return a


def patient() -> Politeness:
    """A politeness that retries at once."""
    return Politeness(rng=NoJitter())


@dataclass
class Wiretap:
    """Every request that was sent, and what answers them."""

    handler: Handler
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.handler(request)

    def log(self) -> list[str]:
        """The requests as "GET https://host/path", queries left out."""
        return [f"{request.method} {request.url.copy_with(query=None)}" for request in self.requests]

    def sent(self, ending: str) -> list[str | None]:
        """The Authorization headers of requests whose path ends so."""
        return [r.headers.get("authorization") for r in self.requests if r.url.path.endswith(ending)]


@asynccontextmanager
async def client_of(handler: Handler, **options: Any) -> AsyncIterator[tuple[RegistryClient, Wiretap]]:
    """A client whose every request goes to handler."""
    tap = Wiretap(handler)
    settings: dict[str, Any] = {"registries": {}, "user_agent": "tarewatch/test", "politeness": patient(), **options}
    async with open_client(transport=httpx.MockTransport(tap), **settings) as client:
        yield client, tap


def answers(*responses: httpx.Response) -> Handler:
    """Pings are answered 200, everything else by responses in turn."""
    queue: Iterator[httpx.Response] = iter(responses)
    return lambda request: httpx.Response(200) if request.url.path == "/v2/" else next(queue)


Behaviour = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(behaviour: Behaviour) -> AsyncIterator[int]:
    """The port of a server that hands each request's head to behaviour; pings are answered properly."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b" /v2/ " in head:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                else:
                    await behaviour(head, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def client_at(port: int, **options: Any) -> AsyncIterator[tuple[RegistryClient, Repository]]:
    """A client over real sockets, and a repository of the registry at port."""
    settings: dict[str, Any] = {"registries": {}, "user_agent": "tarewatch/test", "politeness": patient(), **options}
    async with open_client(**settings) as client:
        yield client, Repository(f"127.0.0.1:{port}", "team/app")
