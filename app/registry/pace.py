"""Staying far below a limit of requests per minute: a pace of our own, and what the answers' headers say is left."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

MINUTE = 60.0
LONGEST_WAIT = 90.0

_COUNT = re.compile(r"-?\d{1,9}", re.ASCII)
_UNIX_TIME = re.compile(r"\d{9,11}", re.ASCII)


@dataclass(slots=True)
class Pace:
    """At most `per_minute` requests in any minute; none while less than half of the host's own limit is left.

    The other half is for the other users of our address. `turn` waits where that helps within 90 seconds.
    """

    per_minute: int | None = 90
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _sent: deque[float] = field(default_factory=deque, init=False)
    _resume_at: float = field(default=0.0, init=False)

    async def turn(self) -> None:
        """Return when the next request may be made, which is counted."""
        while (wait := self._wait()) > 0:
            await self.sleep(wait)
        self._sent.append(self.monotonic())

    def _wait(self) -> float:
        now = self.monotonic()
        while self._sent and self._sent[0] <= now - MINUTE:
            self._sent.popleft()
        full = self.per_minute is not None and len(self._sent) >= self.per_minute
        return max(self._sent[0] + MINUTE - now if full else 0.0, self._resume_at - now)

    def note(self, headers: Mapping[str, str], now: datetime) -> None:
        """Take in `X-RateLimit-Limit`, `-Remaining` and `-Reset`, a unix time; without them nothing is learnt."""
        limit, remaining = (_number(headers, name) for name in ("x-ratelimit-limit", "x-ratelimit-remaining"))
        if limit is None or remaining is None or remaining >= limit / 2:
            return
        reset = _UNIX_TIME.fullmatch(headers.get("x-ratelimit-reset", "").strip())
        seconds = float(reset[0]) - now.timestamp() if reset else MINUTE
        self._resume_at = max(self._resume_at, self.monotonic() + min(max(seconds, 0.0), LONGEST_WAIT))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    match = _COUNT.fullmatch(headers.get(name, "").strip())
    return int(match[0]) if match else None
