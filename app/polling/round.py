"""What every stage of polling is handed: the database, the client, the rhythm, and the time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.db import Database
from app.history.schedule import Schedule
from app.registry.client import RegistryClient
from app.registry.hub import HubApi

LEASE = timedelta(minutes=3)  # renewed by the worker's heartbeat; after a crash others wait this long


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Held:
    """Ids of the rows that this process works on: only their leases are renewed, so that none outlives its work."""

    tags: set[int] = field(default_factory=set)
    details: set[int] = field(default_factory=set)
    backfills: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Polling:
    """One process's means of polling. `owner` names it in leases; `pull_reserve` counted pulls are left to others.

    `hub`: Docker Hub's web API, None where it is not to be asked.
    """

    database: Database
    client: RegistryClient
    owner: str
    schedule: Schedule = field(default_factory=Schedule)
    pull_reserve: int = 20
    tags_per_watch: int = 500
    clock: Callable[[], datetime] = utc_now
    held: Held = field(default_factory=Held)
    hub: HubApi | None = None
