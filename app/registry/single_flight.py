"""Many callers, one flight: whoever asks for a key while it is being fetched gets the same result."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    """Runs at most one fetch per key at a time. A caller that gives up does not take the others down with it."""

    def __init__(self) -> None:
        self._flights: dict[Key, asyncio.Task[Value]] = {}

    async def run(self, key: Key, fetch: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        """The result of the fetch under way, or of a new one."""
        task = self._flights.get(key)
        if task is None:
            task = self._flights[key] = asyncio.create_task(fetch())
            task.add_done_callback(lambda done: self._landed(key, done))
        try:
            return await asyncio.shield(task)
        except Exception as problem:
            # One exception for all who wait: without this its traceback would grow with each of them.
            raise problem.with_traceback(None)  # noqa: B904  the same exception, not another

    def _landed(self, key: Key, task: asyncio.Task[Value]) -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen: nobody may be waiting any more

    async def cancel(self) -> None:
        """Ends what is under way."""
        tasks: list[Awaitable[Value]] = []
        for task in self._flights.values():
            task.cancel()
            tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)
