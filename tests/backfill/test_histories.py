"""Tag histories that registries keep: Quay's, Google's map, Chainguard's, the OCI's draft; and their absence."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.backfill.gather import Memory, Wanted
from app.db import Database
from app.imitation.documents import Document, sha256
from app.imitation.faults import Behaviour, Fault, altered, huge_body, json_body, status
from app.imitation.options import CHAINGUARD, DISTRIBUTION, GCR, QUAY, Options
from app.imitation.registry import ImitationRegistry
from app.imitation.wire import Answer
from app.models import Origin
from app.registry.errors import AnswerInvalid, RegistryError, ServerError
from app.watchlist.patterns import PatternTemplate, TagPattern
from app.watchlist.siblings import Catalogue, Family, Rule
from tests.backfill.gathering import CATALOGUE, collect, history
from tests.backfill.worlds import document
from tests.conftest import NOW
from tests.polling.conftest import Stage, make_stage

OCI = replace(DISTRIBUTION, tag_history=3)
KINDS = [
    ("quay.io", "quay.io/fedora/fedora-minimal", QUAY),
    ("cgr.dev", "cgr.dev/chainguard/wolfi-base", CHAINGUARD),
    ("registry.example", "registry.example/team/base", OCI),
]
each_kind = pytest.mark.parametrize(("host", "image", "options"), KINDS, ids=["quay", "chainguard", "oci"])


@asynccontextmanager
async def stage_of(database: Database, host: str, options: Options) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield await make_stage(stack, database, {host: options})


def push_weekly(registry: ImitationRegistry, image: str, tag: str = "latest", weeks: int = 8) -> list[datetime]:
    """Reproducible images, dated 1970 by their own word, a week apart; when each was pushed."""
    at = [NOW - timedelta(weeks=weeks - week) for week in range(weeks)]
    for week, moment in enumerate(at):
        registry.world.push(image.partition("/")[2], tag, document(f"{tag} {week}", 20_000_000 + week), at=moment)
    return at


@each_kind
async def test_a_history_is_told(database: Database, host: str, image: str, options: Options) -> None:
    """Every document that the tag named, from when it came to name it, with the bytes of its manifests."""
    async with stage_of(database, host, options) as stage:
        registry = stage.registries[host]
        at = push_weekly(registry, image)
        push_weekly(registry, image, "other", 3)
        await collect(stage, image, ["latest"])
        for platform, more in (("linux/amd64", 0), ("linux/arm64", 1000)):
            found = await history(stage, "latest", platform)
            assert [(one.at, one.compressed_bytes) for one in found] == [
                (moment, 20_000_000 + more + week) for week, moment in enumerate(at)
            ]
            assert {one.origin for one in found} == {Origin.HISTORY}
            assert all(one.pushed_at == one.at for one in found)
        assert await history(stage, "other") == []


@each_kind
async def test_what_is_known_is_not_read_again(
    sqlite_database: Database, host: str, image: str, options: Options
) -> None:
    """A second run asks for the history, and for no document."""
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        push_weekly(registry, image)
        await collect(stage, image, ["latest"])
        before = await history(stage, "latest")
        registry.forget_requests()
        await collect(stage, image, ["latest"])
        assert await history(stage, "latest") == before
        assert registry.counts().get("manifest_get", 0) == 0


@each_kind
async def test_a_tag_that_was_gone_for_a_while(
    sqlite_database: Database, host: str, image: str, options: Options
) -> None:
    """A deletion is no build; a digest that comes back is known from its first time."""
    async with stage_of(sqlite_database, host, options) as stage:
        world, path = stage.registries[host].world, image.partition("/")[2]
        made = document("a", 20_000_000)
        world.push(path, "latest", made, at=NOW - timedelta(days=9))
        world.remove(path, "latest", at=NOW - timedelta(days=6))
        world.push(path, "latest", made, at=NOW - timedelta(days=3))
        await collect(stage, image, ["latest"])
        assert [one.at for one in await history(stage, "latest")] == [NOW - timedelta(days=9)]


@each_kind
async def test_only_wanted_platforms(sqlite_database: Database, host: str, image: str, options: Options) -> None:
    """Manifests of others are not read."""
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        push_weekly(registry, image)
        await collect(stage, image, [Wanted("latest", ("linux/arm64",))])
        assert await history(stage, "latest", "linux/amd64") == []
        assert len(await history(stage, "latest", "linux/arm64")) == 8
        assert registry.counts()["manifest_get"] == 2 * 8


@pytest.mark.parametrize(("kind", "entries", "requests"), [(0, 230, 3), (2, 10, 1 + 4)], ids=["quay", "oci"])
async def test_long_histories_have_pages(sqlite_database: Database, kind: int, entries: int, requests: int) -> None:
    """Of Quay's a hundred entries at a time, of the draft's as many as the registry likes."""
    host, image, options = KINDS[kind]
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        path, made = image.partition("/")[2], [document(f"{n}", 20_000_000 + n) for n in range(2)]
        for n in range(entries):
            registry.world.push(path, "latest", made[n % 2], at=NOW - timedelta(days=entries - n))
        await collect(stage, image, ["latest"])
        assert len([one for one in registry.requests if "history" in one.path or "/api/" in one.path]) == requests
        assert [one.at for one in await history(stage, "latest")] == [
            NOW - timedelta(days=entries - n) for n in range(2)
        ]
        assert registry.counts()["manifest_get"] == 6, "each document once"


async def test_google_tells_the_present_and_siblings(sqlite_database: Database) -> None:
    """The documents that tags name now, from their upload on; of those without a tag it cannot tell whose they were."""
    image = "gcr.io/distroless/static-debian12"
    async with stage_of(sqlite_database, "gcr.io", GCR) as stage:
        registry = stage.registries["gcr.io"]
        at = push_weekly(registry, image, "nonroot")
        await collect(stage, image, ["nonroot", "debug"])
        assert [(one.at, one.origin) for one in await history(stage, "nonroot")] == [(at[-1], Origin.HISTORY)]
        assert await history(stage, "debug") == []
        assert registry.counts()["tags_list"] == 1


async def test_google_times_of_zero(sqlite_database: Database) -> None:
    """Without an upload time the image's own word counts, and 1970 is none."""
    async with stage_of(sqlite_database, "us-docker.pkg.dev", GCR) as stage:
        registry = stage.registries["us-docker.pkg.dev"]
        made = document("a", 20_000_000, created=NOW - timedelta(days=3))
        registry.world.push("p/r/good", "latest", made, at=NOW)
        registry.world.push("p/r/bad", "latest", document("b", 20_000_000), at=NOW)
        registry.faults.append(Fault("GET", "tags/list", _without_upload_times()))
        for name in ("good", "bad"):
            await collect(stage, f"us-docker.pkg.dev/p/r/{name}", ["latest"])
        found = await history(stage, "latest")
        assert [one.at for one in found] == [NOW - timedelta(days=3)]


def _without_upload_times() -> Behaviour:
    def change(answer: Answer) -> Answer:
        return replace(answer, body=answer.body.replace(b'"timeUploadedMs":"', b'"timeUploadedMs":"-'))

    return altered(change)


async def test_chainguard_goes_further_back(sqlite_database: Database) -> None:
    """A thousand entries come to one request: the older ones by another."""
    host, image, options = KINDS[1]
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        made = [document(f"{n}", 20_000_000 + n) for n in range(3)]
        registry.world.push("chainguard/wolfi-base", "latest", made[2], at=NOW - timedelta(days=2000))
        for n in range(1_400):
            registry.world.push("chainguard/wolfi-base", "latest", made[n % 2], at=NOW - timedelta(days=1_400 - n))
        await collect(stage, image, ["latest"])
        asked = [one.path for one in registry.requests if "_chainguard" in one.path]
        assert len(asked) == 2
        assert (await history(stage, "latest"))[0].at == NOW - timedelta(days=2000)


async def test_a_registry_without_any(sqlite_database: Database) -> None:
    """It is asked once whether it has the draft's history, with n=0; a "forbidden" speaks of one repository only."""
    for answer, asked in ((404, "a"), (400, "a"), (200, "a"), (403, "ab")):
        async with stage_of(sqlite_database, "registry.example", DISTRIBUTION) as stage:
            registry, memory = stage.registries["registry.example"], Memory()
            registry.faults.append(Fault("GET", "_oci", status(answer, b"<html>not JSON</html>")))
            for name in ("a", "b"):
                await collect(stage, f"registry.example/{name}", ["latest"], memory=memory)
            assert [one.path for one in registry.requests if "_oci" in one.path] == [
                f"/v2/{name}/_oci/tag-history/latest?n=0" for name in asked
            ]


async def test_private_repositories_of_quay(sqlite_database: Database) -> None:
    """Quay's API shows public ones only: that is no failure."""
    async with stage_of(sqlite_database, "quay.io", QUAY) as stage:
        assert await collect(stage, "quay.io/corp/secret", ["latest"]) == []


async def test_what_fell_out_of_the_time_machine(sqlite_database: Database) -> None:
    """Documents that are gone are left out, and the rest is told."""
    host, image, options = KINDS[0]
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        at = push_weekly(registry, image)
        contents = registry.world.repositories["fedora/fedora-minimal"]
        first = contents.tags["latest"].digests[0]
        assert first is not None
        kept: dict[str, Document] = contents.documents
        registry.faults.append(Fault("GET", f"manifests/{first}", status(404)))
        await collect(stage, image, ["latest"])
        assert len(kept) > 8
        assert [one.at for one in await history(stage, "latest")] == at[1:]


DIGEST = sha256(b"x")
QUAY_ENTRY = {"name": "latest", "manifest_digest": DIGEST, "start_ts": 1_700_000_000}
HOSTILE: list[tuple[int, Any]] = [
    (0, {"tags": [QUAY_ENTRY | {"start_ts": value} for value in (-1, 0, 10**18, 4_000_000_000, "1", None, True, 1.5)]}),
    (0, {"tags": [None, 7, [], {}, QUAY_ENTRY | {"name": "other"}, QUAY_ENTRY | {"manifest_digest": "sha256:x"}]}),
    (1, {"history": [None, 7, {}, {"digest": DIGEST}, {"digest": 7, "updateTimestamp": "2026-01-01T00:00:00Z"}]}),
    (1, {"history": [{"digest": DIGEST, "updateTimestamp": t} for t in ("", "soon", "2099-01-01T00:00:00Z")]}),
    (2, {"manifests": [None, {}, {"annotations": 7}, {"digest": DIGEST, "annotations": {}}]}),
    (2, {"manifests": [{"digest": DIGEST, "annotations": {
        "org.opencontainers.distribution.tag.timestamp": "2099-01-01T00:00:00Z",
        "org.opencontainers.distribution.tag.event": "created"}}]}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "answer"), HOSTILE)
async def test_nonsense_is_left_out(sqlite_database: Database, kind: int, answer: dict[str, Any]) -> None:
    """Entries of other types, without dates, in the future, before time began: nothing comes of them."""
    host, image, options = KINDS[kind]
    async with stage_of(sqlite_database, host, options) as stage:
        stage.registries[host].faults.append(Fault("GET", "history|/api/", json_body(json.dumps(answer))))
        assert await collect(stage, image, ["latest"]) == []


@each_kind
@pytest.mark.parametrize(
    "behaviour",
    [json_body("{}"), json_body("[]"), json_body("{"), huge_body(64 * 1024 * 1024)],
    ids=["empty", "list", "broken", "huge"],
)
async def test_unusable_answers(
    sqlite_database: Database, host: str, image: str, options: Options, behaviour: Behaviour
) -> None:
    """They are said to be such; of a registry that is only probed they mean that it keeps no history."""
    async with stage_of(sqlite_database, host, options) as stage:
        stage.registries[host].faults.append(Fault("GET", "history|/api/", behaviour))
        with nullcontext() if options is OCI else pytest.raises(RegistryError):
            assert await collect(stage, image, ["latest"]) == []


@each_kind
@pytest.mark.parametrize(
    ("behaviour", "raised"),
    [
        (status(404), nullcontext()),
        (json_body("{}"), pytest.raises(AnswerInvalid)),
        (status(500), pytest.raises(ServerError)),
    ],
    ids=["404", "garbage", "500"],
)
async def test_one_ailing_tag_costs_no_other_its_past(
    sqlite_database: Database,
    host: str,
    image: str,
    options: Options,
    behaviour: Behaviour,
    raised: AbstractContextManager[object],
) -> None:
    """What was told before it is kept, and those behind it are asked about too."""
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        for tag in ("a", "b", "c"):
            push_weekly(registry, image, tag)
        registry.faults.append(Fault("GET", "history/b|specificTag=b", behaviour))
        with raised:
            await collect(stage, image, ["a", "b", "c"])
        assert [len(await history(stage, tag)) for tag in ("a", "b", "c")] == [8, 0, 8]


async def test_an_ill_registry_is_not_asked_about_every_tag(sqlite_database: Database) -> None:
    """Three tags in a row that it fails at are enough."""
    host, image, options = KINDS[0]
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        registry.faults.append(Fault("GET", "/api/", status(500)))
        with pytest.raises(ServerError):
            await collect(stage, image, [f"v{number}" for number in range(10)])
        asked = {one.path for one in registry.requests if "/api/" in one.path}
        assert len(asked) == 3


async def test_endless_pages_end(sqlite_database: Database) -> None:
    """A history that always has more is given up after twenty pages."""
    host, image, options = KINDS[0]
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        registry.faults.append(Fault("GET", "/api/", json_body('{"tags": [{"name": "x"}], "has_additional": true}')))
        assert await collect(stage, image, ["latest"]) == []
        assert len([one for one in registry.requests if "/api/" in one.path]) == 20


async def test_a_failing_source_stops_no_other(sqlite_database: Database) -> None:
    """Quay's API ails; the siblings are told by the registry all the same, and the run says what failed."""
    own = Family(
        ("quay.io/fedora/fedora-minimal",), (Rule(TagPattern.parse("latest"), PatternTemplate.parse(r"r\d+")),)
    )
    catalogue = Catalogue((own, *CATALOGUE.families), CATALOGUE.moves)
    host, image, options = KINDS[0]
    async with stage_of(sqlite_database, host, options) as stage:
        registry = stage.registries[host]
        made = document("r1", 20_000_000, created=datetime(2026, 5, 1, tzinfo=UTC))
        registry.world.push("fedora/fedora-minimal", "r1", made, at=NOW - timedelta(days=9))
        registry.faults.append(Fault("GET", "/api/", json_body("{}")))
        with pytest.raises(AnswerInvalid):
            await collect(stage, image, ["latest"], catalogue)
        assert [one.source for one in await history(stage, "latest")] == ["r1"]
