"""Trying again: a few times, with full jitter, never beyond the call's deadline."""

import asyncio
from collections.abc import Awaitable, Callable

from app.registry.deadline import Budget
from app.registry.errors import RegistryError
from app.registry.politeness import Politeness
from app.registry.wire import Answer


async def persist(
    once: Callable[[], Awaitable[Answer]],
    judge: Callable[[Answer], RegistryError | None],
    politeness: Politeness,
    budget: Budget,
    tries: int,
) -> Answer:
    """The first answer that is a success, or a refusal that no retry mends; else the last error is raised."""
    attempt = 0
    while True:
        try:
            answer = await once()
            problem = judge(answer)
            if problem is None or not problem.retryable:
                return answer
        except RegistryError as error:
            problem = error
        attempt += 1
        wait = politeness.wait_before_retry(problem, attempt) if attempt < tries else None
        if wait is None or wait >= budget.remaining():
            politeness.gave_up(problem)
            raise problem
        await asyncio.sleep(wait)
