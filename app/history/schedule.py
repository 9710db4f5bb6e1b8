"""When to look again: jittered intervals, and growing waits for what fails."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

_FIRST_RETRY = timedelta(minutes=1)
_LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rhythm of looks. `jitter` 0.1 spreads an interval over 90 to 110 % of itself."""

    interval: timedelta = timedelta(hours=6)
    jitter: float = 0.1
    rng: random.Random = field(default_factory=random.Random)

    def regular(self, interval_seconds: int | None) -> timedelta:
        """Until the next look at a healthy tag; None: the default interval."""
        return self._spread(self._interval(interval_seconds))

    def after_failure(
        self, failures: int, *, retryable: bool, interval_seconds: int | None = None, retry_after: float | None = None
    ) -> timedelta:
        """Until the next try, after `failures` failures in a row.

        What may mend itself is tried soon, then ever later, at most a day apart and no more often than asked to.
        What a retry cannot mend waits for its interval, doubled with each failure up to a day.
        """
        start = _FIRST_RETRY if retryable else self._interval(interval_seconds)
        wait = min(start * 2 ** min(max(failures - 1, 0), 16), max(_LONGEST, start))
        return max(self._spread(wait), timedelta(seconds=min(retry_after or 0, 7 * 86_400)))

    def _interval(self, seconds: int | None) -> timedelta:
        return self.interval if seconds is None else timedelta(seconds=seconds)

    def _spread(self, wait: timedelta) -> timedelta:
        return wait * (1 + self.jitter * self.rng.uniform(-1, 1))
