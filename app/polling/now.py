"""Poll on demand: the given references, or everything, without waiting for the schedule."""

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy import select, update

from app.history.waiting import due_hosts as hosts_with_details
from app.models import Host, Repository, Tag
from app.polling.claim import release
from app.polling.details import read_details
from app.polling.poll import Progress, Report, poll_host
from app.polling.round import Polling
from app.registry.reference import Repository as RepositoryName
from app.registry.reference import split_pattern
from app.watchlist.coverage import matching_tags
from app.watchlist.spec import UnknownWatch


async def tags_named(polling: Polling, references: Iterable[str]) -> dict[str, list[int]]:
    """The ids of the watched tags that these references or patterns name, by registry; with none, of all.

    UnknownWatch names the first reference that no watch covers, ReferenceInvalid one that is malformed.
    """
    found: dict[str, list[int]] = {}
    wanted: list[tuple[RepositoryName | None, str, str]] = [(*split_pattern(text), text) for text in references]
    for repository, pattern, text in wanted or [(None, "*", "")]:
        rows = await _watched(polling, repository)
        names = set(matching_tags([name for _, _, name in rows], pattern, len(rows))[0])
        chosen = [(host, tag_id) for host, tag_id, name in rows if name in names]
        if not chosen and text:
            raise UnknownWatch(f"{text} is not watched: `tarewatch watch add {text}` first")
        for host, tag_id in chosen:
            found.setdefault(host, []).append(tag_id)
    return found


async def _watched(polling: Polling, repository: RepositoryName | None) -> Sequence[tuple[str, int, str]]:
    query = select(Repository.host, Tag.id, Tag.name).join(Tag, Tag.repository_id == Repository.id).where(Tag.watched)
    if repository is not None:
        query = query.where(Repository.host == repository.registry, Repository.path == repository.path)
    async with polling.database.reading() as session:
        return (await session.execute(query)).all()


async def poll_now(polling: Polling, tags: dict[str, list[int]], progress: Progress | None = None) -> Report:
    """Look at these tags now, the registries side by side; then read what waited, as far as the quota goes."""
    await _make_due(polling, tags)
    reports = await asyncio.gather(*(poll_host(polling, host, ids, progress) for host, ids in tags.items()))
    async with polling.database.reading() as session:
        waiting = await hosts_with_details(session, polling.clock())
    await asyncio.gather(*(read_details(polling, host) for host in waiting if host in tags))
    return Report.of(reports)


async def give_back(polling: Polling) -> None:
    """Give back what an interrupted poll holds; nothing to do after one that ended."""
    async with polling.database.writing() as session:
        await release(session, polling.owner)


async def _make_due(polling: Polling, tags: dict[str, list[int]]) -> None:
    """A person who asks is not put off by our own back-off after a failure; the registry's own pause stands."""
    now = polling.clock()
    async with polling.database.writing() as session:
        for host, ids in tags.items():
            await session.execute(update(Tag).where(Tag.id.in_(ids)).values(next_check_at=now))
            await session.execute(update(Host).where(Host.name == host).values(retry_at=None))
