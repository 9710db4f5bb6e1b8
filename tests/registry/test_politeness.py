"""Pauses, quota and back-off of each host, apart from all others."""

from datetime import UTC, datetime, timedelta

import pytest

from app.registry.errors import HostPaused, NotFound, RateLimited, RegistryError, ServerError, Unreachable
from app.registry.politeness import MOST_FOREIGN_HOSTS, Politeness
from app.registry.rate_limits import Quota

START = datetime(2026, 11, 23, tzinfo=UTC)


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def politeness(clock: Clock) -> Politeness:
    return Politeness(clock=clock)


def test_a_pull_limit_stops_pulls_only(politeness: Politeness, clock: Clock) -> None:
    """HEADs do not count, so they go on; the pause ends by itself."""
    politeness.gave_up(RateLimited("x", pull_limit=True, registry="docker.io", retry_after=60))
    politeness.check("docker.io", pull=False)
    with pytest.raises(HostPaused) as paused:
        politeness.check("docker.io", pull=True)
    assert (paused.value.until, paused.value.reason) == (START + timedelta(seconds=60), "pull-limit")
    assert paused.value.retry_after == 60
    assert politeness.state("docker.io").pause_reason == "pull-limit"
    clock.advance(60)
    politeness.check("docker.io", pull=True)
    assert politeness.state("docker.io").paused_until is None


def test_abuse_protection_stops_everything(politeness: Politeness) -> None:
    """But only at that host."""
    politeness.gave_up(RateLimited("x", pull_limit=False, registry="docker.io", retry_after=30))
    with pytest.raises(HostPaused):
        politeness.check("docker.io", pull=False)
    politeness.check("ghcr.io", pull=True)


def test_a_pause_is_never_shortened(politeness: Politeness) -> None:
    """A later, shorter one changes nothing."""
    politeness.pause("docker.io", 100, "rate-limited")
    politeness.pause("docker.io", 10, "rate-limited")
    assert politeness.state("docker.io").paused_until == START + timedelta(seconds=100)


def test_failures_in_a_row_pause_a_host(politeness: Politeness, clock: Clock) -> None:
    """Four calls in vain; an answer in between starts the count anew; each further failure waits longer."""
    down = Unreachable("x", cause="refused", registry="dead.example")
    for _ in range(3):
        politeness.gave_up(down)
    politeness.observe("dead.example", {})
    for _ in range(3):
        politeness.gave_up(down)
    politeness.check("dead.example", pull=True)
    politeness.gave_up(down)
    with pytest.raises(HostPaused, match="unreachable-refused"):
        politeness.check("dead.example", pull=False)
    clock.advance(15)
    politeness.check("dead.example", pull=False)
    politeness.gave_up(down)
    paused_until = politeness.state("dead.example").paused_until
    assert paused_until is not None
    assert timedelta(seconds=15) <= paused_until - clock.now <= timedelta(seconds=30)


def test_restore(politeness: Politeness) -> None:
    """What an earlier process knew is known again."""
    quota = Quota(100, 3, 21600, None, START)
    politeness.restore("docker.io", START + timedelta(hours=1), "pull-limit", quota)
    state = politeness.state("docker.io")
    assert (state.paused_until, state.pause_reason, state.quota) == (START + timedelta(hours=1), "pull-limit", quota)
    politeness.check("docker.io", pull=False)


@pytest.mark.parametrize("reason", ["rate-limited", "unreachable-dns", "said an earlier process", None])
def test_restore_of_a_whole_pause(politeness: Politeness, clock: Clock, reason: str | None) -> None:
    """Any reason but the pull limit stops everything, until the time that was known, at that host alone."""
    politeness.restore("docker.io", START + timedelta(hours=1), reason)
    with pytest.raises(HostPaused) as paused:
        politeness.check("docker.io", pull=False)
    assert (paused.value.reason, paused.value.retry_after) == (reason or "rate-limited", 3600)
    politeness.check("ghcr.io", pull=True)
    clock.advance(3600)
    politeness.check("docker.io", pull=False)


def test_both_pauses_can_be_restored(politeness: Politeness, clock: Clock) -> None:
    """The longer one of pulls outlives the other."""
    politeness.restore("docker.io", START + timedelta(hours=2), "pull-limit")
    politeness.restore("docker.io", START + timedelta(hours=1), "rate-limited")
    clock.advance(3600)
    politeness.check("docker.io", pull=False)
    with pytest.raises(HostPaused):
        politeness.check("docker.io", pull=True)


def test_foreign_hosts_are_forgotten(politeness: Politeness) -> None:
    """However many a registry leads us to; registries never are, and a host that is paused goes last."""
    politeness.observe("docker.io", {"ratelimit-limit": "100;w=60", "ratelimit-remaining": "7;w=60"})
    politeness.pause("@cdn.example", 60, "rate-limited")
    for number in range(3 * MOST_FOREIGN_HOSTS):
        politeness.observe(f"@h{number}.example", {})
    with pytest.raises(HostPaused, match=r"^cdn\.example is paused"):
        politeness.check("@cdn.example", pull=False)
    for number in range(MOST_FOREIGN_HOSTS):
        politeness.pause(f"@p{number}.example", 60, "rate-limited")
    politeness.check("@cdn.example", pull=False)
    assert politeness.state("docker.io").quota is not None


def test_quota_is_kept(politeness: Politeness) -> None:
    """Until an answer brings another; answers without the headers leave it."""
    politeness.observe("docker.io", {"ratelimit-limit": "100;w=60", "ratelimit-remaining": "7;w=60"})
    politeness.observe("docker.io", {})
    quota = politeness.state("docker.io").quota
    assert quota is not None
    assert quota.remaining == 7


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (ServerError("x"), True),
        (ServerError("x", retry_after=3), True),
        (ServerError("x", retry_after=60), False),
        (Unreachable("x", cause="refused"), True),
        (Unreachable("x", cause="tls"), False),
        (RateLimited("x", pull_limit=False, retry_after=0.001), True),
        (RateLimited("x", pull_limit=False), False),
        (RateLimited("x", pull_limit=True, retry_after=1), False),
        (NotFound("x"), False),
        (HostPaused("x", until=START, reason="x", now=START), False),
    ],
)
def test_what_is_tried_again(politeness: Politeness, error: RegistryError, retried: bool) -> None:
    """Passing troubles are, with full jitter; what a second try cannot mend, or only much later, is not."""
    waits = [politeness.wait_before_retry(error, attempt) for attempt in (1, 2, 9)]
    assert all((wait is not None) is retried for wait in waits)
    floor = error.retry_after or 0.0
    assert all(wait is None or floor <= wait <= floor + 8 for wait in waits)
