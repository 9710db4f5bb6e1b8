"""History on day one by Docker Hub's web API: exact bytes and dates, no pulls, a request for a hundred tags."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backfill.gather import Memory, Wanted
from app.db import Database
from app.imitation.faults import Fault
from app.imitation.hub import changed_page, endless_pages, shut_out
from app.imitation.hub_entries import HubOptions
from app.models import Origin
from app.registry.errors import ApiBlocked, RegistryError
from tests.backfill.gathering import collect, history, hub_stage
from tests.backfill.worlds import document, push_alpine, push_debian, push_python, push_ubuntu


async def test_debian_has_years_on_its_first_evening(database: Database) -> None:
    """One build for each dated sibling with its bytes and push time: no pull, a request for every hundred tags."""
    async with hub_stage(database) as stage:
        pushed = push_debian(stage.world, gap=7)
        listed = 2 * len(pushed["bookworm"]) + 2
        await collect(stage, "debian", ["bookworm-slim"])
        for platform, more in (("linux/amd64", 0), ("linux/arm64", 1000)):
            found = await history(stage, "bookworm-slim", platform)
            assert [(one.at, one.compressed_bytes) for one in found] == [
                (push.at, push.compressed_bytes + more) for push in pushed["bookworm-slim"]
            ]
            assert {one.origin for one in found} == {Origin.SIBLING}
            assert [one.source for one in found] == [push.name for push in pushed["bookworm-slim"]]
            assert all(one.pushed_at == one.at for one in found)
        assert len(pushed["bookworm-slim"]) == 159
        assert stage.registry.pulls == 0
        assert len(stage.hub.requests) == -(-listed // 100)


async def test_a_second_run_changes_nothing(database: Database) -> None:
    """What is known is told again, and stays as it is."""
    async with hub_stage(database) as stage:
        push_debian(stage.world)
        await collect(stage, "debian", ["bookworm-slim"])
        before = await history(stage, "bookworm-slim")
        stage.clock.now += timedelta(hours=1)
        await collect(stage, "debian", ["bookworm-slim"])
        assert await history(stage, "bookworm-slim") == before


async def test_one_listing_serves_many_tags(sqlite_database: Database) -> None:
    """bookworm and bookworm-slim share one; where there are many, one of the whole repository may be cheaper."""
    async with hub_stage(sqlite_database) as stage:
        push_debian(stage.world)
        await collect(stage, "debian", ["bookworm", "bookworm-slim"])
        assert len(stage.hub.requests) == 3, "two pages, and the entry of bookworm, which they do not hold"
        stage.hub.forget_requests()
        push_alpine(stage.world)
        await collect(stage, "alpine", ["3.20", "3.21", "3.22"])
        assert len(stage.hub.requests) == 2, "six by themselves"
        assert [one.compressed_bytes for one in await history(stage, "3.21")] == [
            3_600_003,
            3_600_004,
            3_600_005,
            3_600_007,
        ]


async def test_many_tags_are_had_from_one_listing(sqlite_database: Database) -> None:
    """A pattern's tags do not cost a request each; where nothing narrows the search, the whole list is read at once."""
    async with hub_stage(sqlite_database) as stage:
        releases = push_alpine(stage.world)
        await collect(stage, "alpine", [push.name for push in releases])
        assert len(stage.hub.requests) == 2, "a look at the count, and the listing"
        assert {one.origin for one in await history(stage, "3.21.4")} == {Origin.HUB}
        stage.hub.forget_requests()
        await collect(stage, "alpine", ["latest", "3.22"])
        assert len(stage.hub.requests) == 1


async def test_a_tag_over_many_lines_only_rises(sqlite_database: Database) -> None:
    """alpine:latest did not go back to 3.21.4 when that came out beside 3.22."""
    async with hub_stage(sqlite_database) as stage:
        push_alpine(stage.world)
        await collect(stage, "alpine", ["latest"])
        names = [one.source for one in await history(stage, "latest")]
        assert names == ["3.20.0", "3.20.1", "3.20.3", "3.21.0", "3.21.2", "3.21.3", "3.22.0", "3.22.1", "3.22.2"]


async def test_ubuntu_latest_goes_over_to_another_release(sqlite_database: Database) -> None:
    """Noble until 2026-05-04; then the resolute that was the newest at that moment, and those that came after."""
    async with hub_stage(sqlite_database) as stage:
        pushed = push_ubuntu(stage.world)
        await collect(stage, "ubuntu", ["latest"])
        found = await history(stage, "latest")
        switch = datetime(2026, 5, 4, tzinfo=UTC)
        known = datetime(2024, 8, 23, tzinfo=UTC)  # from here on; before it may have been jammy still
        noble = [push for push in pushed["noble"] if known <= push.at < switch]
        before = [push for push in pushed["noble"] if push.at < known][-1]
        resolute = [push for push in pushed["resolute"] if push.at >= switch]
        old = [push for push in pushed["resolute"] if push.at < switch][-1]
        assert [one.source for one in found] == [push.name for push in (before, *noble, old, *resolute)]
        assert [one.at for one in found if one.source == old.name] == [switch]
        assert len(resolute) >= 4


async def test_a_generic_tag_names_its_release_line(sqlite_database: Database) -> None:
    """3.12.11-slim is known by the alias that says what it stands on."""
    async with hub_stage(sqlite_database) as stage:
        push_python(stage.world)
        await collect(stage, "python", ["3.12-slim"])
        names = [one.source for one in await history(stage, "3.12-slim")]
        assert names[9:] == [
            "3.12.9-slim-bookworm",
            "3.12.10-slim-bookworm",
            "3.12.11-slim-trixie",
            "3.12.12-slim-trixie",
        ]
        assert len(names) == 13


async def test_own_entry_without_siblings(sqlite_database: Database) -> None:
    """A tag that has none has at least its present, from when it was pushed; what the Hub does not have, nothing."""
    async with hub_stage(sqlite_database) as stage:
        at = datetime(2026, 8, 1, 3, tzinfo=UTC)
        stage.world.push("library/fedora", "44", document("44", 60_000_000), at=at)
        await collect(stage, "fedora", ["44", "43"])
        assert [(one.at, one.origin) for one in await history(stage, "44")] == [(at, Origin.HUB)]
        assert await history(stage, "43") == []


async def test_only_wanted_platforms(sqlite_database: Database) -> None:
    """Of the others nothing is told, nor is a sibling that has none of them asked about any further."""
    async with hub_stage(sqlite_database) as stage:
        pushed = push_debian(stage.world)
        found = await collect(
            stage, "debian", [Wanted("bookworm-slim", ("linux/arm64",)), Wanted("trixie", ("linux/riscv64",))]
        )
        assert {one.platform for one in found} == {"linux/arm64"}
        assert len({one.manifest.digest for one in found}) == len(pushed["bookworm-slim"])
        assert stage.registry.pulls == 0


async def test_attestations_and_gaps_of_the_api(sqlite_database: Database) -> None:
    """Attestations are no platforms. Without push times the days in the names count, and no push is claimed."""
    options = HubOptions(
        shows_attestations=True, null=frozenset({"tag_last_pushed", "last_updated", "images.last_pushed"})
    )
    async with hub_stage(sqlite_database, options) as stage:
        pushed = push_debian(stage.world)
        found = await collect(stage, "debian", ["bookworm-slim"])
        assert {one.platform for one in found} == {"linux/amd64", "linux/arm64"}
        assert [one.at.date() for one in await history(stage, "bookworm-slim")] == [
            push.at.date() for push in pushed["bookworm-slim"]
        ]
        assert {one.pushed_at for one in found} == {None}


@pytest.mark.parametrize("missing", ["images.size", "images.digest", "images"])
async def test_what_the_api_leaves_out_is_read(sqlite_database: Database, missing: str) -> None:
    """Bytes or digests that it does not state are read from the registry; the dates are its own."""
    options = HubOptions(null=frozenset({missing}))
    async with hub_stage(sqlite_database, options) as stage:
        pushed = push_debian(stage.world, ("bookworm",), gap=200)
        await collect(stage, "debian", ["bookworm-slim"])
        assert [(one.at, one.compressed_bytes) for one in await history(stage, "bookworm-slim")] == [
            (push.at, push.compressed_bytes) for push in pushed["bookworm-slim"]
        ]
        assert stage.registry.pulls == 3 * len(pushed["bookworm-slim"]), "an index and two manifests each"


async def test_endless_pages_end(sqlite_database: Database) -> None:
    """A listing that never ends is given up after fifty pages; what it held of sense counts."""
    async with hub_stage(sqlite_database) as stage:
        push_debian(stage.world)
        stage.hub.faults.append(Fault("GET", r".*/tags\?.*", endless_pages()))
        await collect(stage, "debian", ["bookworm-slim"])
        assert len([one for one in stage.hub.requests if "page=" in one.path]) == 50
        assert [one.origin for one in await history(stage, "bookworm-slim")] == [Origin.HUB]


def _all_in_future(page: dict[str, Any]) -> None:
    for result in page["results"]:
        result["tag_last_pushed"] = result["last_updated"] = "2099-01-01T00:00:00Z"


def _nonsense(page: dict[str, Any]) -> None:
    for number, result in enumerate(page["results"]):
        for one in result["images"]:
            one["size"] = [-1, "many", 2**70, 1.5, None][number % 5]


async def test_impossible_dates_are_none(sqlite_database: Database) -> None:
    """Nothing is dated in the future: the days in the names are believed instead."""
    async with hub_stage(sqlite_database) as stage:
        push_debian(stage.world)
        stage.hub.faults.append(Fault("GET", r".*/tags\?.*", changed_page(_all_in_future)))
        found = await collect(stage, "debian", ["bookworm-slim"])
        assert found
        assert all(one.at < stage.clock.now for one in found)


async def test_impossible_bytes_are_read_instead(sqlite_database: Database) -> None:
    """Negative, huge and worded sizes are as good as none."""
    async with hub_stage(sqlite_database) as stage:
        pushed = push_debian(stage.world, ("bookworm",), gap=200)
        stage.hub.faults.append(Fault("GET", r".*/tags\?.*", changed_page(_nonsense)))
        await collect(stage, "debian", ["bookworm-slim"])
        assert [one.compressed_bytes for one in await history(stage, "bookworm-slim")] == [
            push.compressed_bytes for push in pushed["bookworm-slim"]
        ]


async def test_a_block_is_said_and_ends_with_time(sqlite_database: Database) -> None:
    """Shut out by the API, the run ends with that, and not with hundreds of pulls; a later one finds everything."""
    async with hub_stage(sqlite_database) as stage:
        push_debian(stage.world)
        stage.hub.faults.append(Fault("GET", r".*/tags\?.*", shut_out()))
        with pytest.raises(ApiBlocked):
            await collect(stage, "debian", ["bookworm-slim"])
        assert stage.registry.pulls == 0
        stage.hub.faults.clear()
        stage.clock.now += timedelta(hours=7)
        await collect(stage, "debian", ["bookworm-slim"])
        assert len(await history(stage, "bookworm-slim")) == 53


async def test_private_repositories_are_asked_at_the_registry(sqlite_database: Database) -> None:
    """What the API does not show is listed by the registry, and read within the pulls."""
    async with hub_stage(sqlite_database, HubOptions(private=frozenset({"library/debian"}))) as stage:
        pushed = push_debian(stage.world, ("bookworm",), gap=200)
        found = await collect(stage, "debian", ["bookworm-slim"])
        assert len({one.source for one in found}) == len(pushed["bookworm-slim"])
        assert {one.pushed_at for one in found} == {None}


async def test_an_interrupted_run_keeps_what_it_has(sqlite_database: Database) -> None:
    """The API ails at the second listing: the first tag's past is kept, and the run says why there may be more."""
    async with hub_stage(sqlite_database) as stage:
        pushed = push_debian(stage.world)
        stage.hub.faults.append(Fault("GET", r".*name=trixie.*", shut_out(500)))
        with pytest.raises(RegistryError):
            await collect(stage, "debian", ["bookworm-slim", "trixie-slim"])
        assert len(await history(stage, "bookworm-slim")) == len(pushed["bookworm-slim"])
        assert await history(stage, "trixie-slim") == []


async def test_the_probe_for_a_tag_history_is_made_once(sqlite_database: Database) -> None:
    """A registry that does not know the draft is not asked again in the next days."""
    async with hub_stage(sqlite_database) as stage:
        push_debian(stage.world, gap=200)
        push_ubuntu(stage.world)
        push_alpine(stage.world)
        memory = Memory()
        for image in ("debian", "ubuntu", "alpine"):
            await collect(stage, image, ["latest"], memory=memory)
        assert len([one for one in stage.registry.requests if "tag-history" in one.path and one.status == 404]) == 1
        stage.clock.now += timedelta(days=8)
        await collect(stage, "debian", ["latest"], memory=memory)
        assert len([one for one in stage.registry.requests if "tag-history" in one.path and one.status == 404]) == 2
