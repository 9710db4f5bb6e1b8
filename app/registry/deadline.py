"""A time budget for a whole call that does not run while the call waits its turn."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.registry.errors import Deadline


class Budget:
    """What is left of a call's time. Waiting for a slot or for a token that others fetch is not its own doing."""

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()

    def remaining(self) -> float:
        """Seconds left; infinite while waiting."""
        when = self._timeout.when()
        return float("inf") if when is None else when - self._loop.time()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stops the clock inside."""
        remaining = self.remaining()
        if remaining == float("inf"):
            yield
            return
        self._timeout.reschedule(None)
        try:
            yield
        finally:
            if not self._timeout.expired():
                self._timeout.reschedule(self._loop.time() + remaining)


@asynccontextmanager
async def deadline(seconds: float, what: str, registry: str) -> AsyncIterator[Budget]:
    """A budget of seconds; past it everything inside is cancelled and Deadline raised."""
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            yield Budget(timeout)
    except TimeoutError:
        if not timeout.expired():
            raise
        raise Deadline(f"{what} took longer than {seconds:g} s", registry=registry) from None
