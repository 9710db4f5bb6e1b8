"""Docker Hub's two limits: counted pulls per window, and requests of any kind per minute."""

from datetime import datetime, timedelta

from app.imitation.options import Options
from app.imitation.wire import Answer, Headers, error, text_answer


class Pulls:
    """Counts manifest GETs per address or account in fixed windows that open with the first pull."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.windows: dict[str, tuple[datetime, int]] = {}
        self.total = 0

    def limit(self, account: str | None) -> int | None:
        return self.options.account_pull_limit if account else self.options.pull_limit

    def used(self, source: str, now: datetime) -> int:
        started, used = self.windows.get(source, (now, 0))
        return used if now < started + timedelta(seconds=self.options.window_seconds) else 0

    def take(self, source: str, account: str | None, now: datetime) -> bool:
        """Count one pull; False when there is none left, and then nothing is counted."""
        used, limit = self.used(source, now), self.limit(account)
        if limit is not None and used >= limit:
            return False
        started = self.windows[source][0] if used else now
        self.windows[source] = (started, used + 1)
        self.total += 1
        return True

    def headers(self, source: str, account: str | None, now: datetime) -> Headers:
        """What Hub tells on GET and HEAD; nothing where there is no limit."""
        limit = self.limit(account)
        if limit is None:
            return []
        window, left = self.options.window_seconds, limit - self.used(source, now)
        return [
            (b"ratelimit-limit", b"%d;w=%d" % (limit, window)),
            (b"ratelimit-remaining", b"%d;w=%d" % (left, window)),
            (b"docker-ratelimit-source", source.encode()),
        ]


def pull_limit_reached(headers: Headers) -> Answer:
    """The refusal of a pull; the link, not the sentence, is what tells it from the abuse limit."""
    message = "You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
    return error(429, "TOOMANYREQUESTS", message, headers=headers)


class Traffic:
    """Counts requests of every kind per address and minute."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.minutes: dict[str, tuple[datetime, int]] = {}

    def refusal(self, address: str, now: datetime) -> Answer | None:
        limit = self.options.requests_per_minute
        if limit is None:
            return None
        started, seen = self.minutes.get(address, (now, 0))
        if now >= started + timedelta(minutes=1):
            started, seen = now, 0
        self.minutes[address] = (started, seen + 1)
        return text_answer(429, self.options.abuse_body) if seen >= limit else None
