"""Means of the tests of polling with Docker Hub's web API."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.imitation.faults import Fault
from app.imitation.hub import changed_page
from app.imitation.hub_entries import HubOptions
from app.models import Build, PendingDetail
from tests.polling.conftest import Stage, debian

UNLIMITED = HubOptions(per_minute=None)
Entry = dict[str, Any]


async def fill(stage: Stage, number: int, repository: str = "debian") -> None:
    """`number` watched tags, pushed a minute after each other, and seen."""
    await stage.watch(f"{repository}:v*")
    for n in range(number):
        at = stage.clock.now + timedelta(minutes=n)
        document = debian(1_000_000 + n, attestations=False)
        stage.world.push(f"library/{repository}", f"v{n:03}", document, at=at)
    stage.clock.now += timedelta(minutes=number)
    await stage.expand()
    await stage.poll(hours=1)


def asked(stage: Stage) -> dict[str, int]:
    """Requests since the last poll began: of the web API, and of the registry by kind, tokens and pings left out."""
    kinds = Counter(stage.registry.counts()) + Counter({"web": len(stage.hub.requests)})
    return {kind: number for kind, number in kinds.items() if kind not in {"token", "ping"}}


def break_page(stage: Stage, name: str, **fields: object) -> None:
    """From now on the web API says this of a tag on its pages."""

    def change(document: Entry) -> None:
        for entry in document.get("results", [document]):
            if entry["name"] == name:
                entry.update(fields)

    stage.hub.faults.append(Fault("GET", "/tags", changed_page(change)))


async def pending(stage: Stage) -> set[tuple[str, int]]:
    async with stage.database.reading() as session:
        rows = await session.execute(select(PendingDetail.reason, PendingDetail.priority))
        return {(reason, priority) for reason, priority in rows}


async def pushed(stage: Stage) -> set[datetime | None]:
    async with stage.database.reading() as session:
        return set(await session.scalars(select(Build.pushed_at)))
