"""A small world, a clock that stands still, and plain httpx to ask with."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import httpx
import pytest

from app.imitation import media
from app.imitation.documents import image, index
from app.imitation.options import DISTRIBUTION, Options
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import SettableClock, serve
from app.imitation.world import World

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
ACCEPT = {"accept": ", ".join(media.FOUR)}
MANIFEST = "/v2/library/debian/manifests/bookworm-slim"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def world() -> World:
    """debian:bookworm-slim for two platforms, attested."""
    world = World()
    platforms = [image(name, [(28_000_000, "ADD rootfs"), "CMD bash"]) for name in ("linux/amd64", "linux/arm64")]
    world.push("library/debian", "bookworm-slim", index(platforms, attestations=True), at=NOW)
    return world


class Served:
    """An imitation registry on a port, and a client that talks to it."""

    def __init__(self, registry: ImitationRegistry, http: httpx.AsyncClient) -> None:
        self.registry = registry
        self.http = http

    async def token(self, repository: str = "library/debian") -> dict[str, str]:
        """Headers with a fresh token for the repository."""
        query = {"service": self.registry.options.service, "scope": f"repository:{repository}:pull"}
        answer = await self.http.get("/token", params=query)
        return {"authorization": f"Bearer {answer.json()['token']}"}


Start = Callable[..., Awaitable[Served]]


@pytest.fixture
async def start(world: World, clock: SettableClock) -> AsyncIterator[Start]:
    """Start a registry with these options and give a client of it."""
    async with AsyncExitStack() as stack:

        async def start_one(options: Options = DISTRIBUTION) -> Served:
            registry = ImitationRegistry(world, clock, options)
            url = await stack.enter_async_context(serve(registry))
            http = httpx.AsyncClient(base_url=url, timeout=5, headers=ACCEPT, trust_env=False)
            return Served(registry, await stack.enter_async_context(http))

        yield start_one
