"""The transport: a host's slots are its connections."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.registry.access import RegistryAccess
from app.registry.addresses import Policy
from app.registry.errors import UnsafeAddress
from app.registry.transport import GuardedTransport

OWN = {"policy": Policy.OWN_HOST}


class Counting:
    """A server that counts connections and requests in progress."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.seconds = seconds
        self.now = self.most = self.connections = 0
        self.requests: Counter[str] = Counter()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.now += 1
                self.most = max(self.most, self.now)
                self.requests[head.split()[0].decode()] += 1
                await asyncio.sleep(self.seconds)
                self.now -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + b"ok" * (not head.startswith(b"HEAD")))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@asynccontextmanager
async def counting(seconds: float = 0.02) -> AsyncIterator[Counting]:
    state = Counting(seconds)
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()


def client(registries: dict[str, RegistryAccess] | None = None) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=GuardedTransport(registries or {}), timeout=30, trust_env=False)


@pytest.mark.parametrize("slots", [None, 1, 7])
async def test_slots_bound_requests_and_connections(slots: int | None) -> None:
    """Four by default, as configured otherwise; connections are kept and never more than that."""
    async with counting() as server:
        name = f"127.0.0.1:{server.port}"
        registries = {name: RegistryAccess(max_concurrency=slots)} if slots else {}
        async with client(registries) as http:
            await asyncio.gather(*(http.head(server.url, extensions=OWN) for _ in range(40)))
    assert (server.most, server.connections) == (slots or 4, slots or 4)
    assert server.requests == {"HEAD": 40}


async def test_one_request_after_another_uses_one_connection() -> None:
    """The warm one."""
    async with counting(0) as server, client() as http:
        for method in ("GET", "HEAD") * 5:
            await http.request(method, server.url, extensions=OWN)
    assert server.connections == 1


async def test_cancelled_requests_give_their_slots_back() -> None:
    """Whether they were waiting or under way."""
    async with counting(30) as server, client() as http:
        tasks = [asyncio.create_task(http.get(server.url, extensions=OWN)) for _ in range(12)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.seconds = 0
        async with asyncio.timeout(5):
            await asyncio.gather(*(http.get(server.url, extensions=OWN) for _ in range(12)))


async def test_failed_connections_give_their_slots_back() -> None:
    """A host that is down does not use up its slots."""
    async with counting() as server:
        pass
    async with client() as http:
        for _ in range(6):
            with pytest.raises(httpx.ConnectError):
                await http.get(server.url, extensions=OWN)


async def test_private_addresses_need_permission() -> None:
    """Without a policy a request may go to public addresses only."""
    async with counting() as server, client() as http:
        with pytest.raises(UnsafeAddress):
            await http.get(server.url)
        assert server.connections == 0
