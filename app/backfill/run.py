"""Fetch the past that was asked for, repository by repository, and write it down chunk by chunk."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from app.backfill.claim import Asked, Claim, claim_repository
from app.backfill.outcome import Trouble, finish, note_added, put_off
from app.backfill.report import TagReport
from app.backfill.told import Wanted
from app.history.past import PastBuild, add_past
from app.models import bump_revision
from app.polling.round import Polling
from app.registry.errors import RegistryError
from app.registry.reference import Repository

log = logging.getLogger(__name__)
FACTS_PER_CHUNK = 5_000
SECONDS_PER_CHUNK = 5.0  # what took long to get may have cost pulls: a crash must not lose it
_SIDE_BY_SIDE = 2  # repositories of one registry: a slow one does not hold up all the others

Gather = Callable[[Repository, Sequence[Wanted]], AsyncIterator[list[PastBuild]]]
Progress = Callable[[Repository, int, int], None]


@dataclass(frozen=True, slots=True)
class Backfilling:
    """One process's means of backfilling: `gather` asks the sources. Without `automatic` only what people ask for."""

    polling: Polling
    gather: Gather
    automatic: bool = True


class LeaseLost(Exception):
    """Somebody else fetches this by now."""


@dataclass(slots=True)
class _Work:
    """One claim, and what came of it so far."""

    run: Backfilling
    claim: Claim
    progress: Progress
    reports: dict[str, TagReport] = field(init=False)

    def __post_init__(self) -> None:
        self.reports = {row.wanted.tag: TagReport(self.claim.repository, row.wanted.tag) for row in self.claim.rows}


def _silent(repository: Repository, repositories: int, builds: int) -> None:
    """Nobody watches."""


async def backfill_host(
    run: Backfilling, host: str, only: Sequence[int] | None = None, progress: Progress = _silent
) -> list[TagReport]:
    """Work off what is due of one registry, some repositories side by side; `only`: none but these tags.

    `progress` hears of repositories done and builds added as they come.
    """
    found = await asyncio.gather(*(_work_off(run, host, only, progress) for _ in range(_SIDE_BY_SIDE)))
    return [report for reports in found for report in reports]


async def _work_off(run: Backfilling, host: str, only: Sequence[int] | None, progress: Progress) -> list[TagReport]:
    reports: list[TagReport] = []
    while (claim := await _claim(run, host, only)) is not None:
        work = _Work(run, claim, progress)
        run.polling.held.backfills.update(claim.ids)
        try:
            await _apart(work)
        finally:
            run.polling.held.backfills.difference_update(claim.ids)
        progress(claim.repository, 1, 0)
        reports += work.reports.values()
    return reports


async def _claim(run: Backfilling, host: str, only: Sequence[int] | None) -> Claim | None:
    polling = run.polling
    async with polling.database.writing() as session:
        return await claim_repository(
            session, host, polling.owner, polling.clock(), only=only, automatic=run.automatic or only is not None
        )


async def _apart(work: _Work) -> None:
    """One repository, whatever comes of it: the others go on."""
    try:
        await _fetch(work)
        await _finish(work)
    except LeaseLost:
        _say(work, Trouble("lease-lost", "another worker has taken it over", counts=False), {})
    except RegistryError as error:
        await _put_off(work, Trouble.of(error))
    except Exception as error:  # a bug met in one repository must not stop the others
        log.exception("fetching the past of %s failed", work.claim.repository)
        message = f"a bug in Tarewatch: {type(error).__name__}; the log has more"
        await _put_off(work, Trouble("internal-error", message, counts=True))


async def _fetch(work: _Work) -> None:
    """Ask the sources, and write down what they tell, a few thousand facts or seconds at a time."""
    told = work.run.gather(work.claim.repository, [row.wanted for row in work.claim.rows])
    waiting, since = list[PastBuild](), monotonic()
    try:
        async for facts in told:
            waiting += facts
            if len(waiting) >= FACTS_PER_CHUNK or monotonic() - since >= SECONDS_PER_CHUNK:
                await _store(work, waiting)
                waiting, since = [], monotonic()
    except RegistryError:  # what was told before it is true all the same
        await _store(work, waiting)
        raise
    finally:
        if isinstance(told, AsyncGenerator):  # it may hold a connection
            await told.aclose()
    await _store(work, waiting)


async def _store(work: _Work, facts: Sequence[PastBuild]) -> None:
    """One transaction for each tag, and for each few thousand facts of it, so that nobody waits for long."""
    of_tag: defaultdict[str, list[PastBuild]] = defaultdict(list)
    for fact in facts:
        of_tag[fact.tag].append(fact)
    for row in work.claim.rows:
        mine = of_tag[row.wanted.tag]
        for start in range(0, len(mine), FACTS_PER_CHUNK):
            await _store_tag(work, row, mine[start : start + FACTS_PER_CHUNK])


async def _store_tag(work: _Work, row: Asked, facts: Sequence[PastBuild]) -> None:
    polling, report = work.run.polling, work.reports[row.wanted.tag]
    async with polling.database.writing() as session:
        added = await add_past(session, facts, polling.clock(), bump=False)
        if not await note_added(session, row, added.new, polling.owner, polling.clock()):
            raise LeaseLost
        await bump_revision(session)  # after the row: who asks for a past changes the two in this order
    report.found += len(facts)
    report.add(added)
    work.progress(work.claim.repository, 0, added.new)


async def _finish(work: _Work) -> None:
    polling = work.run.polling
    found = {row.id: work.reports[row.wanted.tag].found for row in work.claim.rows}
    async with polling.database.writing() as session:
        await finish(session, work.claim.rows, found, polling.owner, polling.clock())


async def _put_off(work: _Work, trouble: Trouble) -> None:
    """Say on the rows what is wrong, and try again later; should even that fail, their lease ends."""
    polling = work.run.polling
    try:
        async with polling.database.writing() as session:
            until = await put_off(session, work.claim.rows, trouble, polling)
    except SQLAlchemyError:
        log.exception("giving back the backfill of %s failed", work.claim.repository)
        until = {}
    _say(work, trouble, until)


def _say(work: _Work, trouble: Trouble, until: Mapping[int, datetime]) -> None:
    for row in work.claim.rows:
        report = work.reports[row.wanted.tag]
        report.error_code, report.error_message, report.failed = trouble.code, trouble.message, trouble.counts
        report.next_try_at = until.get(row.id)
