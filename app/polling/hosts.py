"""How a registry did in a round: kept for the pages, and for the next start of the program."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database, insert_or_pass
from app.history.observations import Deferred, Failed, Observation
from app.models import Host
from app.polling.round import Polling
from app.registry.errors import ApiBlocked
from app.registry.politeness import PULL_LIMIT, RATE_LIMITED, Politeness, Quota

LONGEST_BACK_OFF = timedelta(minutes=15)


@dataclass(slots=True)
class Outcome:
    """Answers and failures of one round on one registry. A refusal of one tag is an answer of the host."""

    answered: int = 0
    failures: int = 0
    deferred: int = 0
    last: Failed | None = None

    @property
    def asked(self) -> bool:
        """Whether there was anything to ask it."""
        return bool(self.answered or self.failures or self.deferred)

    def add(self, observations: Iterable[Observation]) -> None:
        """Count what one repository's tags gave."""
        for seen in observations:
            if isinstance(seen, Deferred):
                self.deferred += 1
            elif isinstance(seen, Failed) and seen.host_level:
                self.failures += 1
                self.last = seen
            else:
                self.answered += 1


async def remember_host(session: AsyncSession, polling: Polling, name: str, outcome: Outcome) -> None:
    """Write down the registry's health, quota and pause."""
    host = await session.get(Host, name, with_for_update=True)
    if host is None:
        await session.execute(insert_or_pass(session, Host).values(name=name, failures=0))
        host = await session.get_one(Host, name, with_for_update=True)
    if outcome.answered:
        _is_well(host, polling)
    elif outcome.last is not None:
        _is_failing(host, polling, outcome.last)
    _note_state(host, polling)
    await session.flush()


def _is_well(host: Host, polling: Polling) -> None:
    host.ok_at = polling.clock()
    host.failures, host.failing_since = 0, None
    host.error_code = host.error_message = None
    host.retry_at = host.paused_until = host.pause_reason = None


def _is_failing(host: Host, polling: Polling, last: Failed) -> None:
    """Nothing got through: leave the whole registry alone for a while, ever longer."""
    now = polling.clock()
    host.failures += 1
    host.failing_since = host.failing_since or now
    host.error_code, host.error_message = last.error_code, last.error_message
    wait = polling.schedule.after_failure(
        host.failures, retryable=True, interval=LONGEST_BACK_OFF, retry_after=last.retry_after
    )
    host.retry_at = now + wait


def _note_state(host: Host, polling: Polling) -> None:
    state = polling.client.host_state(host.name)
    if state.pause_reason == PULL_LIMIT:
        host.pulls_paused_until = state.paused_until
    elif state.pause_reason == RATE_LIMITED:
        host.paused_until = state.paused_until
        host.pause_reason = "the registry asked us to slow down (429 Too Many Requests)"
    elif state.pause_reason == ApiBlocked.code:
        host.paused_until, host.pause_reason = state.paused_until, "it shuts us out; the registry is asked instead"
    elif state.paused_until is not None:  # it does not answer: the client leaves it alone for a moment
        host.retry_at = max(host.retry_at or state.paused_until, state.paused_until)
    if state.quota is not None:
        host.quota_limit, host.quota_remaining = state.quota.limit, state.quota.remaining
        host.quota_window_seconds, host.quota_seen_at = state.quota.window_seconds, state.quota.seen_at


async def restore_hosts(database: Database, politeness: Politeness) -> None:
    """Take up the pauses and quotas that an earlier process wrote down."""
    async with database.reading() as session:
        for host in await session.scalars(select(Host)):
            quota = None
            if host.quota_limit is not None and host.quota_remaining is not None and host.quota_seen_at is not None:
                quota = Quota(
                    host.quota_limit, host.quota_remaining, host.quota_window_seconds or 0, None, host.quota_seen_at
                )
            politeness.restore(host.name, host.pulls_paused_until, PULL_LIMIT, quota)
            politeness.restore(host.name, host.paused_until, RATE_LIMITED)
