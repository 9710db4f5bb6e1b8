"""What is remembered of each host: pauses, quota, failures in a row; and how long to wait before another try.

The concurrency slots of a host are its connections: see `transport`.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.registry.errors import ApiBlocked, HostPaused, RateLimited, RegistryError, Unreachable
from app.registry.rate_limits import Quota, parse_quota, parse_retry_after

__all__ = ["HostState", "Politeness", "Quota", "parse_quota", "parse_retry_after"]

PULL_LIMIT = "pull-limit"
RATE_LIMITED = "rate-limited"

_BACKOFF_SECONDS = 0.5
_LONGEST_BACKOFF_SECONDS = 8.0
_SHORT_SECONDS = 5.0  # a Retry-After up to this is waited out, a longer one pauses the host
_ABUSE_SECONDS = 60.0
_FAILURES_TO_PAUSE = 4
_UNREACHABLE_SECONDS = 15.0
_LONGEST_UNREACHABLE_SECONDS = 300.0
MOST_FOREIGN_HOSTS = 1_000


@dataclass(frozen=True, slots=True)
class HostState:
    """A host as the status page shows it. A pause for "pull-limit" stops pulls only; HEADs go on."""

    paused_until: datetime | None = None
    pause_reason: str | None = None
    quota: Quota | None = None


@dataclass(slots=True)
class _Host:
    """`pulls` stops requests that count as pulls, `everything` all of them."""

    pulls: tuple[datetime, str] | None = None
    everything: tuple[datetime, str] | None = None
    quota: Quota | None = None
    failures: int = 0


class Politeness:
    """Per-host state, kept apart so that one host's trouble never slows another.

    Hosts go by a registry's name, or for others by "@" and the host ("@cdn.example"); of these it forgets the idle.
    """

    def __init__(
        self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC), rng: random.Random | None = None
    ) -> None:
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311  jitter, not a secret
        self._hosts: dict[str, _Host] = {}

    def now(self) -> datetime:
        """The clock's time, aware UTC."""
        return self._clock()

    def check(self, host: str, *, pull: bool) -> None:
        """Raises HostPaused if a request, or a pull, must not be made now."""
        known = self._hosts.get(host)
        if known is None:
            return
        now = self._clock()
        for pause in (known.everything, known.pulls if pull else None):
            if pause is not None and pause[0] > now:
                raise HostPaused(host, until=pause[0], reason=pause[1], now=now)

    def observe(self, host: str, headers: Mapping[str, str]) -> None:
        """Notes that the host answered, and the quota in its headers."""
        known = self._known(host)
        known.failures = 0
        if "ratelimit-limit" in headers:
            known.quota = parse_quota(headers, self._clock()) or known.quota

    def pause(self, host: str, seconds: float, reason: str) -> None:
        """Stops requests to the host for a while; never shortens a pause."""
        self._set(host, self._clock() + timedelta(seconds=seconds), reason)

    def _set(self, host: str, until: datetime, reason: str) -> None:
        known = self._known(host)
        if reason == PULL_LIMIT:
            known.pulls = max(known.pulls or (until, reason), (until, reason))
        else:
            known.everything = max(known.everything or (until, reason), (until, reason))

    def _known(self, host: str) -> _Host:
        if host not in self._hosts:
            if host.startswith("@"):
                self._forget_foreign()
            self._hosts[host] = _Host()
        return self._hosts[host]

    def _forget_foreign(self) -> None:
        """Keeps the number of hosts bounded that redirects can make us remember: the paused ones go last."""
        foreign = [host for host in self._hosts if host.startswith("@")]
        if len(foreign) < MOST_FOREIGN_HOSTS:
            return
        idle = [host for host in foreign if self.state(host).paused_until is None]
        for host in idle or foreign[:1]:
            del self._hosts[host]

    def restore(
        self, registry: str, pause_until: datetime | None, reason: str | None, quota: Quota | None = None
    ) -> None:
        """Takes up what an earlier process knew. "pull-limit" stops pulls; any other reason, or none, every request."""
        if pause_until is not None:
            self._set(registry, pause_until, reason or RATE_LIMITED)
        if quota is not None:
            self._known(registry).quota = quota

    def state(self, registry: str) -> HostState:
        """The host's pause, the wider one if there are two, and its quota."""
        known = self._hosts.get(registry)
        if known is None:
            return HostState()
        now = self._clock()
        for pause in (known.everything, known.pulls):
            if pause is not None and pause[0] > now:
                return HostState(pause[0], pause[1], known.quota)
        return HostState(quota=known.quota)

    def wait_before_retry(self, error: RegistryError, attempt: int) -> float | None:
        """Seconds to wait (full jitter) before trying again in the same call; None if that would not help."""
        if isinstance(error, HostPaused) or not error.retryable:
            return None
        if error.retry_after is not None and error.retry_after > _SHORT_SECONDS:
            return None
        if isinstance(error, RateLimited) and (error.pull_limit or error.retry_after is None):
            return None
        ceiling = min(_LONGEST_BACKOFF_SECONDS, _BACKOFF_SECONDS * 2.0**attempt)
        return (error.retry_after or 0.0) + self._rng.uniform(0.0, ceiling)

    def gave_up(self, error: RegistryError) -> None:
        """Notes the error that ended a call: limits pause the host they came from, so do failures in a row."""
        host = error.registry
        if host is None:
            return
        if isinstance(error, RateLimited):
            seconds = _ABUSE_SECONDS if error.retry_after is None else error.retry_after
            reason = PULL_LIMIT if error.pull_limit else RATE_LIMITED
            self.pause(host, seconds if error.pull_limit else max(seconds, _SHORT_SECONDS), reason)
        elif isinstance(error, ApiBlocked):
            self.pause(host, _ABUSE_SECONDS if error.retry_after is None else error.retry_after, error.code)
        elif isinstance(error, Unreachable):
            self._failed(host, error)

    def _failed(self, host: str, error: Unreachable) -> None:
        """A host that cannot be reached is left alone for longer and longer, so that it costs the others nothing."""
        known = self._known(host)
        known.failures += 1
        beyond = known.failures - _FAILURES_TO_PAUSE
        if beyond >= 0:
            ceiling = min(_LONGEST_UNREACHABLE_SECONDS, _UNREACHABLE_SECONDS * 2.0 ** min(beyond, 10))
            self.pause(host, self._rng.uniform(ceiling / 2, ceiling), error.code)
