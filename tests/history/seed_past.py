"""Pasts that others tell of, written by the one writer of the past: siblings before the first look, imports alone."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.history.past import PastBuild, PastManifest, add_past
from app.models import Origin
from app.registry.reference import Repository
from tests.history.seed import DAY, MB, add_series, add_tag, digest_of

PLATFORMS = ("linux/amd64", "linux/arm64")
_DEBIANS = ("jessie", "stretch", "buster", "bullseye", "bookworm", "trixie")


async def seed_past(session: AsyncSession, now: datetime) -> None:
    """Three tags that others tell of.

    python:3.12-slim: two years of siblings, which moved from bookworm to trixie 300 days ago, watched for 20 days.
    debian:stable: eleven years of siblings with five moves, watched since three hours ago, nothing new since.
    redis:3.2: an import that ends nine years ago, never watched.
    """
    seen = now - 20 * DAY
    python = await add_tag(session, "python:3.12-slim", seen, checked_at=now)
    for index, platform in enumerate(PLATFORMS):
        changes = [(seen, 43_100_000 + index * MB), (now - 6 * DAY, 43_250_000 + index * MB)]
        await add_series(session, python, platform, changes)
    facts = [*_python(now), *_debian(now), *_redis(now)]
    stable = await add_tag(session, "debian:stable", now - DAY / 8, checked_at=now)
    await add_series(session, stable, PLATFORMS[0], [(now - DAY / 8, 55_310_000)])
    await add_past(session, facts, now)


def _sibling(name: str, tag: str, platform: str, at: datetime, amount: int, source: str) -> PastBuild:
    manifest = PastManifest(digest_of(f"{name} {source} {platform}"), amount)
    return PastBuild(Repository.parse(name), tag, platform, at, manifest, Origin.SIBLING, pushed_at=at, source=source)


def _python(now: datetime) -> Iterator[PastBuild]:
    for number in range(52):
        at = now - (720 - 13 * number) * DAY
        base, amount = ("bookworm", 45_600_000) if number < 33 else ("trixie", 42_700_000)
        for index, platform in enumerate(PLATFORMS):
            grown = amount + number * 9_000 + index * MB
            source = f"3.12.{number // 5}-slim-{base}" + (f"-{number}" if number % 5 else "")
            yield _sibling("python", "3.12-slim", platform, at + index * DAY / 40, grown, source)


def _debian(now: datetime) -> Iterator[PastBuild]:
    for number in range(132):
        at = now - (4000 - 30 * number) * DAY
        line = number // 24
        source = f"{_DEBIANS[line]}-{at:%Y%m%d}"
        yield _sibling("debian", "stable", PLATFORMS[0], at, 51 * MB + line * 900_000 - number % 24 * 20_000, source)


def _redis(now: datetime) -> Iterator[PastBuild]:
    for number, amount in enumerate((76_261_015, 76_300_110, 36_621_853, 36_700_004)):
        at = now - (3700 - 120 * number) * DAY
        manifest = PastManifest(digest_of(f"redis {number}"), amount)
        source = "repo-info 09a10190dfd5"
        yield PastBuild(Repository.parse("redis"), "3.2", PLATFORMS[0], at, manifest, Origin.IMPORT, source=source)
