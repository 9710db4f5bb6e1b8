"""Siblings where no web API tells them: listed, asked one by one, read as far as the pulls go, and resumed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.backfill.complete import Completing, complete
from app.backfill.dating import Dating
from app.backfill.stored import stored_sources
from app.backfill.told import Asking, Memory, Told, Wanted
from app.db import Database
from app.imitation.faults import Fault, reset, status
from app.imitation.options import DISTRIBUTION, Options
from app.imitation.registry import ImitationRegistry
from app.models import Origin
from app.polling.look import looking_at
from app.registry.errors import RateLimited, RegistryError, ServerError
from app.registry.reference import Repository
from tests.backfill.gathering import CATALOGUE, collect, history, store
from tests.backfill.worlds import document
from tests.conftest import NOW
from tests.polling.conftest import ROOMY, Stage, make_stage

UBI = "registry.access.redhat.com/ubi9/ubi-minimal"
LIMITED = replace(ROOMY, pull_limit=40)


@asynccontextmanager
async def stage_of(database: Database, host: str, options: Options = DISTRIBUTION) -> AsyncIterator[Stage]:
    """One registry."""
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, database, {host: options})


def of(stage: Stage, host: str) -> ImitationRegistry:
    return stage.registries[host]


def push_dated(
    registry: ImitationRegistry, repository: str, names: Sequence[str], *, created: Sequence[datetime | None] = ()
) -> None:
    """Siblings a month apart, made when `created` says, else when they were pushed, the newest the last."""
    for number, name in enumerate(names):
        at = NOW - timedelta(days=30 * (len(names) - number))
        stated = created[number] if created else at
        made = document(name, 30_000_000 + number, created=stated or datetime(1970, 1, 1, tzinfo=UTC))
        registry.world.push(repository, name, made, at=at)


async def _until_short(stage: Stage) -> RateLimited | None:
    """Gather what the pulls allow; the error that says that there is more."""
    try:
        await collect(stage, "ubuntu", ["noble"])
    except RateLimited as limited:
        return limited
    return None


async def test_dated_by_their_own_word(sqlite_database: Database) -> None:
    """The registry states no times: the configs do, and no push is claimed."""
    host = "registry.access.redhat.com"
    async with stage_of(sqlite_database, host) as stage:
        names = [f"9.{minor}-{1_740_000_000 + minor * 2_592_000}" for minor in range(5)]
        push_dated(of(stage, host), "ubi9/ubi-minimal", [*names, "9.4", "9.4-1740000000-source"])
        await collect(stage, UBI, ["latest"])
        found = await history(stage, "latest")
        assert [(one.source, one.compressed_bytes) for one in found] == [
            (n, 30_000_000 + k) for k, n in enumerate(names)
        ]
        assert [one.at for one in found] == [NOW - timedelta(days=30 * (7 - number)) for number in range(5)]
        assert {one.origin for one in found} == {Origin.SIBLING}


async def test_reproducible_dates_are_none(sqlite_database: Database) -> None:
    """1970, and one date for all, are constants of the builder: the days in names count, and without them nothing."""
    host = "mcr.microsoft.com"
    async with stage_of(sqlite_database, host) as stage:
        days = [f"3.0.2026{month:02}10" for month in range(1, 6)]
        constant = datetime(2020, 2, 2, tzinfo=UTC)
        push_dated(of(stage, host), "azurelinux/base/core", days, created=[None, None, constant, constant, constant])
        await collect(stage, "mcr.microsoft.com/azurelinux/base/core", ["3.0"])
        assert [one.at for one in await history(stage, "3.0")] == [
            datetime(2026, m, 10, tzinfo=UTC) for m in range(1, 6)
        ]
        patches = [f"8.0.{patch}-alpine" for patch in range(4)]
        push_dated(
            of(stage, host), "dotnet/aspnet", patches, created=[None, constant, constant, NOW - timedelta(days=40)]
        )
        await collect(stage, "mcr.microsoft.com/dotnet/aspnet", ["8.0-alpine"])
        assert [one.source for one in await history(stage, "8.0-alpine")] == ["8.0.3-alpine"]


async def test_what_the_pulls_do_not_cover_follows(database: Database) -> None:
    """Newest first, the important platforms first; the run says that there is more, and later ones go on from there."""
    async with stage_of(database, "docker.io", LIMITED) as stage:
        names = [f"noble-{NOW - timedelta(days=30 * n):%Y%m%d}" for n in range(20, 0, -1)]
        push_dated(stage.registry, "library/ubuntu", names)
        found: list[int] = []
        for _ in range(8):
            before = stage.registry.pulls
            stage.registry.forget_requests()
            limited = await _until_short(stage)
            assert limited is None or (limited.pull_limit and limited.retry_after)
            assert stage.registry.pulls - before <= 20, "half of the limit is left to others"
            found.append(len(await history(stage, "noble")))
            stage.clock.now += timedelta(hours=7)
        assert limited is None
        assert found[0] >= 6
        assert found == sorted(found)
        assert found[-1] == 20
        assert [one.source for one in await history(stage, "noble")] == names
        assert len(await history(stage, "noble", "linux/arm64")) == 20
        assert stage.registry.counts().get("manifest_get", 0) == 0, "all is known: nothing is read again"


async def test_known_documents_cost_nothing(sqlite_database: Database) -> None:
    """Manifests that polling has read are not read again."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        push_dated(stage.registry, "library/ubuntu", ["noble-20260610", "noble-20260710"])
        made = stage.world.resolve("library/ubuntu", "noble-20260710", NOW)
        assert made is not None
        stage.push("noble", made, "library/ubuntu")
        await stage.watch("ubuntu:noble")
        await stage.poll()
        before = stage.registry.pulls
        await collect(stage, "ubuntu", ["noble"])
        assert stage.registry.pulls - before == 1 + 3, "of the one that is known only the index"


async def test_one_document_is_read_once_for_its_tags(sqlite_database: Database) -> None:
    """24.04 and noble have the same siblings: no document of theirs costs two pulls, in this run or another."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        names = [f"noble-2025{month:02}10" for month in range(1, 13)]
        push_dated(stage.registry, "library/ubuntu", names)
        await collect(stage, "ubuntu", ["24.04", "noble"])
        assert stage.registry.pulls == 3 * len(names)
        assert await history(stage, "24.04") == await history(stage, "noble")
        assert len(await history(stage, "24.04")) == len(names)
        await collect(stage, "ubuntu", ["noble", "24.04"])
        assert stage.registry.pulls == 3 * len(names)


async def test_other_platforms_follow(sqlite_database: Database) -> None:
    """When another platform is wanted by name, its past is read too."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        push_dated(stage.registry, "library/ubuntu", ["noble-20260610", "noble-20260710"])
        await collect(stage, "ubuntu", [Wanted("noble", ("linux/amd64",))])
        assert await history(stage, "noble", "linux/arm64") == []
        await collect(stage, "ubuntu", [Wanted("noble", ("linux/amd64", "linux/arm64"))])
        assert len(await history(stage, "noble", "linux/arm64")) == 2


async def test_copies_know_their_original_s_moves(sqlite_database: Database) -> None:
    """public.ecr.aws serves the official images: ubuntu:latest went over to resolute there, too."""
    host = "public.ecr.aws"
    async with stage_of(sqlite_database, host) as stage:
        names = ["noble-20260305", "noble-20260402", "resolute-20260405", "resolute-20260506", "noble-20260601"]
        push_dated(of(stage, host), "docker/library/ubuntu", names)
        await collect(stage, "public.ecr.aws/docker/library/ubuntu", ["latest"])
        found = await history(stage, "latest")
        assert {one.source for one in found} == set(names) - {"noble-20260601"}
        assert [one.at for one in found if one.source == "resolute-20260405"] == [datetime(2026, 5, 4, tzinfo=UTC)]


async def test_one_lost_sibling_stops_no_other(sqlite_database: Database) -> None:
    """A tag that is listed and gone, and one that is no image, are left out."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        names = ["noble-20260510", "noble-20260610", "noble-20260710"]
        push_dated(stage.registry, "library/ubuntu", names)
        gone = stage.world.resolve("library/ubuntu", names[1], NOW)
        assert gone is not None
        del stage.world.repositories["library/ubuntu"].documents[gone.children[0].digest]
        await collect(stage, "ubuntu", ["noble"])
        assert [one.source for one in await history(stage, "noble")] == [names[0], names[2]]
        assert [one.source for one in await history(stage, "noble", "linux/arm64")] == names


async def test_what_ails_for_now_is_tried_again(sqlite_database: Database) -> None:
    """A document or manifest that the registry fails to give stops no other; the run says so, a later one has it."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        names = ["noble-20260510", "noble-20260610", "noble-20260710"]
        push_dated(stage.registry, "library/ubuntu", names)
        ailing = stage.world.resolve("library/ubuntu", names[1], NOW)
        assert ailing is not None
        for reference in ("noble-20260710", ailing.children[0].digest):
            stage.registry.faults.append(Fault("*", f"manifests/{reference}", status(500)))
        with pytest.raises(ServerError):
            await collect(stage, "ubuntu", ["noble"])
        assert [one.source for one in await history(stage, "noble")] == names[:1]
        assert [one.source for one in await history(stage, "noble", "linux/arm64")] == names[:2]
        stage.registry.faults.clear()
        await collect(stage, "ubuntu", ["noble"])
        assert [one.source for one in await history(stage, "noble")] == names


async def test_what_came_to_nothing_is_not_asked_again(sqlite_database: Database) -> None:
    """A sibling that is gone, or has no date, does not cost a pull in every run of a process."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        push_dated(stage.registry, "library/node", ["22.0.0-alpine", "22.1.0-alpine"], created=[None, NOW])
        memory = Memory()
        for pulls in (6, 6):
            await collect(stage, "node", ["22-alpine"], memory=memory)
            assert stage.registry.pulls == pulls
        assert [one.source for one in await history(stage, "22-alpine")] == ["22.1.0-alpine"]


async def test_a_silent_registry_is_an_error(sqlite_database: Database) -> None:
    """What was read before it fell silent is kept."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        names = [f"noble-2025{month:02}10" for month in range(1, 13)]
        push_dated(stage.registry, "library/ubuntu", names)
        stage.registry.faults.append(Fault("HEAD", "noble-202501", reset()))
        with pytest.raises(RegistryError):
            await collect(stage, "ubuntu", ["noble"])
        assert [one.source for one in await history(stage, "noble")] == names[1:]


async def test_a_run_reads_so_much_and_no_more(sqlite_database: Database) -> None:
    """The newest documents of many, and how many are left; the next run goes on from there."""
    async with stage_of(sqlite_database, "docker.io", ROOMY) as stage:
        names = [f"noble-2025{month:02}10" for month in range(1, 13)]
        push_dated(stage.registry, "library/ubuntu", names)
        repository, wanted = Repository("docker.io", "library/ubuntu"), [Wanted("noble")]
        asking = Asking(stage.polling.client, None, CATALOGUE, stage.clock.now)
        told = [Told(wanted[0], Origin.SIBLING, name, None) for name in reversed(names)]
        for left in (7, 2, 0):
            now = Completing(
                asking,
                stage.database,
                looking_at(stage.polling, "docker.io"),
                repository,
                Dating(asking),
                most_documents=5,
            )
            stored = await stored_sources(stage.database, repository, wanted)
            async for builds in complete(now, told, stored):
                await store(stage, builds)
            assert (now.left, now.short) == (left, 0)
            assert [one.source for one in await history(stage, "noble")] == names[left:]


async def test_tags_without_siblings_ask_nothing(sqlite_database: Database) -> None:
    """Repositories that nobody knows siblings of are not listed."""
    async with stage_of(sqlite_database, "ghcr.io") as stage:
        push_dated(of(stage, "ghcr.io"), "example/app", ["1.0.1", "1.0.2"])
        assert await collect(stage, "ghcr.io/example/app", ["1.0"]) == []
        assert of(stage, "ghcr.io").counts().get("tags_list", 0) == 0
