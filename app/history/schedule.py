"""When to look again: jittered intervals, and growing waits for what fails."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

from app.history.observations import Target

_FIRST_RETRY = timedelta(minutes=1)
_LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rhythm of looks. `jitter` 0.1 spreads an interval over 90 to 110 % of itself."""

    interval: timedelta = timedelta(hours=6)
    jitter: float = 0.1
    rng: random.Random = field(default_factory=random.Random)

    def regular(self, interval_seconds: int | None, on_default: bool = False) -> timedelta:
        """Until the next look at a healthy tag; None: the default interval, which with `on_default` bounds it."""
        return self._spread(self._interval(interval_seconds, on_default))

    def after_failure(
        self, failures: int, *, retryable: bool, interval: timedelta | None = None, retry_after: float | None = None
    ) -> timedelta:
        """Until the next try, after `failures` failures in a row; `interval` None: the default one.

        What may mend itself is tried after a minute, then ever later, up to the interval. What a retry cannot mend
        waits for its interval, doubled with each failure, up to a day. A registry that names a time is obeyed.
        """
        usual = self.interval if interval is None else interval
        start, longest = (_FIRST_RETRY, usual) if retryable else (usual, max(_LONGEST, usual))
        wait = min(start * 2 ** min(max(failures - 1, 0), 16), longest)
        return max(self._spread(wait), timedelta(seconds=min(retry_after or 0, 7 * 86_400)))

    def usual(self, target: Target) -> timedelta:
        """The interval of a tag."""
        return self._interval(target.interval_seconds, target.on_default)

    def _interval(self, seconds: int | None, on_default: bool) -> timedelta:
        if seconds is None:
            return self.interval
        stated = timedelta(seconds=seconds)
        return min(stated, self.interval) if on_default else stated

    def _spread(self, wait: timedelta) -> timedelta:
        return wait * (1 + self.jitter * self.rng.uniform(-1, 1))
