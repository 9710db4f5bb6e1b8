"""The state of the collecting."""

from datetime import datetime, timedelta

from sqlalchemy import update

from app.db import Database
from app.history.health import revision, status
from app.models import Tag, Worker
from tests.history.seed import DAY, bump_revision


async def test_hosts_say_state_cause_and_next_try(seeded: Database, now: datetime) -> None:
    """Each registry of a watched tag is listed with how it is, why, and when it is asked next."""
    async with seeded.reading() as session:
        hosts = {host.name: host for host in (await status(session, now)).hosts}
    assert {name: host.state for name, host in hosts.items()} == {
        "docker.io": "ok",
        "ghcr.io": "paused",
        "mcr.microsoft.com": "unmet",
        "quay.io": "failing",
    }
    assert hosts["quay.io"].cause == "quay.io: no such host name"
    assert hosts["quay.io"].next_try_at == now + DAY / 4
    assert hosts["ghcr.io"].cause == "429: pull limit reached"
    quota = hosts["docker.io"].quota
    assert quota is not None
    assert (quota.limit, quota.remaining) == (100, 7)


async def test_pause_delays_the_next_try_and_ends_by_itself(seeded: Database, now: datetime) -> None:
    """A pause that is over is not shown."""
    async with seeded.reading() as session:
        later = {host.name: host for host in (await status(session, now + timedelta(hours=2))).hosts}
    assert later["ghcr.io"].state == "ok"
    assert later["ghcr.io"].paused_until is None


async def test_counts_failures_and_queue(seeded: Database, now: datetime) -> None:
    """What fails, is gone, waits or was never looked at is counted and named."""
    async with seeded.reading() as session:
        found = await status(session, now)
    assert (found.counts.tags, found.counts.failing_tags, found.counts.gone_tags, found.counts.new_tags) == (
        10,
        1,
        1,
        1,
    )
    assert [(tag.image, tag.status) for tag in found.failing] == [
        ("grafana/grafana", "failing"),
        ("ghcr.io/owner/tool", "gone"),
    ]
    assert [(one.reason, one.priority, one.count) for one in found.pending] == [("quota", 0, 1)]
    assert [(one.image, one.truncated) for one in found.warnings] == [("debian", True)]


async def test_lag_is_the_wait_of_the_most_overdue_tag(seeded: Database, now: datetime) -> None:
    """Nothing due: no lag. Else the time since the oldest due tag should have been looked at."""
    async with seeded.writing() as session:
        before = await status(session, now)
        await session.execute(update(Tag).values(next_check_at=now - timedelta(hours=2)).where(Tag.name == "3.20"))
        after = await status(session, now)
    assert (before.due_tags, before.lag) == (0, timedelta())
    assert (after.due_tags, after.lag) == (1, timedelta(hours=2))


async def test_silent_worker_is_dead(seeded: Database, now: datetime) -> None:
    """Three minutes without a heartbeat end a worker."""
    async with seeded.writing() as session:
        alive = await status(session, now)
        await session.execute(update(Worker).values(beat_at=now - timedelta(minutes=3)))
        dead = await status(session, now)
    assert [worker.alive for worker in (*alive.workers, *dead.workers)] == [True, False]


async def test_revision_grows_and_empty_database_has_a_status(database: Database, now: datetime) -> None:
    """The first look at an empty database works; a writer's bump is seen."""
    async with database.writing() as session:
        empty = await status(session, now)
        await bump_revision(session)
        assert await revision(session) == empty.revision + 1
    assert (empty.hosts, empty.counts.tags, empty.last_check_at) == ((), 0, None)
