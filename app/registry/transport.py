"""An httpx transport in which a host's concurrency slots are its connections.

A pool that serves many connections scans all of them for every request; here a request takes a slot and with it one
warm connection, the last one used. Addresses are checked where they are connected to (`addresses`).
"""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import httpcore
import httpx

from app.registry.access import DEFAULT_CONCURRENCY, RegistryAccess, endpoint_of, origin
from app.registry.addresses import GuardedBackend, Policy

KEEPALIVE_SECONDS = 30.0
_MOST_LANES = 64

_OriginKey = tuple[str, str, int | None]

_ERRORS: list[tuple[type[Exception], type[httpx.TransportError]]] = [
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.TimeoutException, httpx.ReadTimeout),
    (httpcore.RemoteProtocolError, httpx.RemoteProtocolError),
    (httpcore.ProtocolError, httpx.LocalProtocolError),
    (httpcore.NetworkError, httpx.ReadError),
]


@dataclass(slots=True)
class _Lane:
    """One host's slots and idle connections, the most recently used last."""

    origin: httpcore.Origin
    tls: ssl.SSLContext | None
    backend: GuardedBackend
    slots: asyncio.Semaphore
    users: int = 0
    idle: list[httpcore.AsyncHTTPConnection] = field(default_factory=list)

    async def take(self) -> tuple[httpcore.AsyncHTTPConnection, bool]:
        """A connection, and whether it has been used before."""
        while self.idle:
            connection = self.idle.pop()
            if connection.is_available() and not connection.has_expired():
                return connection, True
            await connection.aclose()
        return self.fresh(), False

    def fresh(self) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            self.origin, self.tls, keepalive_expiry=KEEPALIVE_SECONDS, network_backend=self.backend
        )

    async def close_idle(self) -> None:
        while self.idle:
            await self.idle.pop().aclose()


@dataclass(frozen=True, slots=True)
class _Site:
    """What the operator said of one origin."""

    slots: int
    ca_file: Path | None


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over checked addresses, at most `max_concurrency` requests at a time to each host.

    Request extensions: "policy" (a `Policy`, PUBLIC_ONLY without it), "ca_file" for hosts that are no registry's own,
    "waiting", a function giving a context manager that is entered while the request waits for a slot, and "go_ahead",
    a function called once it has one, which may raise a RegistryError to have the request not sent at all.
    """

    def __init__(self, registries: Mapping[str, RegistryAccess]) -> None:
        self._sites: dict[_OriginKey, _Site] = {}
        for endpoint in (endpoint_of(registry, registries) for registry in registries):
            self._sites[origin(endpoint.url)] = _Site(endpoint.access.max_concurrency, endpoint.access.ca_file)
        self._tls: dict[Path | None, ssl.SSLContext] = {}
        self._lanes: OrderedDict[tuple[_OriginKey, Policy, Path | None], _Lane] = OrderedDict()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One exchange; the slot is given back when the response is closed."""
        lane = self._lane(request)
        lane.users += 1
        try:
            await self._forget_unused()
            await _slot(lane, request.extensions.get("waiting", nullcontext))
            try:
                request.extensions.get("go_ahead", _always)()
                response, connection = await _exchange(lane, request)
            except BaseException:
                lane.slots.release()
                raise
        except BaseException:
            lane.users -= 1
            raise
        stream = _SlotStream(response.stream, lane, connection)
        return httpx.Response(
            response.status, headers=response.headers, stream=stream, extensions=dict(response.extensions)
        )

    async def aclose(self) -> None:
        """Closes what is idle; what is in use closes with its response."""
        for lane in self._lanes.values():
            await lane.close_idle()
        self._lanes.clear()

    def _lane(self, request: httpx.Request) -> _Lane:
        policy: Policy = request.extensions.get("policy", Policy.PUBLIC_ONLY)
        place = origin(request.url)
        site = self._sites.get(place, _Site(DEFAULT_CONCURRENCY, request.extensions.get("ca_file")))
        key = (place, policy, site.ca_file)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = self._new_lane(request.url, policy, site)
        return lane

    def _new_lane(self, url: httpx.URL, policy: Policy, site: _Site) -> _Lane:
        scheme, _, port = origin(url)
        place = httpcore.Origin(scheme.encode("ascii"), url.raw_host, port or 0)
        tls = self._context(site.ca_file) if scheme == "https" else None
        return _Lane(place, tls, GuardedBackend(policy), asyncio.Semaphore(site.slots))

    def _context(self, ca_file: Path | None) -> ssl.SSLContext:
        """Built once per CA file: loading the system's certificates takes tens of milliseconds."""
        if ca_file not in self._tls:
            context = ssl.create_default_context()
            if ca_file is not None:
                context.load_verify_locations(ca_file)
            self._tls[ca_file] = context
        return self._tls[ca_file]

    async def _forget_unused(self) -> None:
        """Keeps the number of hosts bounded that redirects can make us remember."""
        if len(self._lanes) <= _MOST_LANES:
            return
        unused = [key for key, lane in self._lanes.items() if lane.users == 0]
        for lane in [self._lanes.pop(key) for key in unused[: len(self._lanes) - _MOST_LANES]]:
            await lane.close_idle()


def _always() -> None:
    pass


async def _slot(lane: _Lane, waiting: Callable[[], AbstractContextManager[object]]) -> None:
    if lane.slots.locked():
        with waiting():
            await lane.slots.acquire()
    else:
        await lane.slots.acquire()


async def _exchange(lane: _Lane, request: httpx.Request) -> tuple[httpcore.Response, httpcore.AsyncHTTPConnection]:
    """Sends the request; once more on a new connection if a kept one turns out to be closed."""
    wire_request = httpcore.Request(
        request.method.encode("ascii"),
        httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        ),
        headers=request.headers.raw,
        content=request.stream,
        extensions={"timeout": request.extensions.get("timeout", {})},
    )
    connection, used_before = await lane.take()
    with _as_httpx(request):
        try:
            return await _on(connection, wire_request), connection
        except (httpcore.RemoteProtocolError, httpcore.NetworkError):
            if not used_before or request.method not in {"GET", "HEAD"}:
                raise
        connection = lane.fresh()
        return await _on(connection, wire_request), connection


async def _on(connection: httpcore.AsyncHTTPConnection, request: httpcore.Request) -> httpcore.Response:
    try:
        return await connection.handle_async_request(request)
    except BaseException:
        await connection.aclose()
        raise


@contextmanager
def _as_httpx(request: httpx.Request | None = None) -> Iterator[None]:
    try:
        yield
    except tuple(kind for kind, _ in _ERRORS) as problem:
        kind = next(to for of, to in _ERRORS if isinstance(problem, of))
        raise kind(str(problem), request=request) from problem


class _SlotStream(httpx.AsyncByteStream):
    """A response's body; closing it gives the slot back, and the connection if it can be used again."""

    def __init__(self, stream: object, lane: _Lane, connection: httpcore.AsyncHTTPConnection) -> None:
        self._stream = stream
        self._lane: _Lane | None = lane
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, AsyncIterable)  # noqa: S101  httpcore types it more loosely
        with _as_httpx():
            async for part in self._stream:
                yield part

    async def aclose(self) -> None:
        lane, self._lane = self._lane, None
        if lane is None:
            return
        try:
            if hasattr(self._stream, "aclose"):
                await self._stream.aclose()
            if self._connection.is_idle():
                lane.idle.append(self._connection)
            else:
                await self._connection.aclose()
        finally:
            lane.users -= 1
            lane.slots.release()
